"""Sets of training examples that are shipped: chosen out of training runs, joined, judged again, and described.

`sqlopt data make`, `sqlopt data check` and `sqlopt combine` are thin shells around this; scripts may use it as they do.
"""
