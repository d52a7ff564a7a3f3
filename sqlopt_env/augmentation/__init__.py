"""Examples under other names: the same queries over the same rows, with tables, columns and aliases renamed.

`renamed_script` renames SQL, `RowCheck` runs the original and the renamed query in worker processes and compares their
rows, and `plan` and `judged` make a variant of an example of training data. `sqlopt augment` is the shell around it.
"""

from .script import renamed_script

__all__ = ["renamed_script"]
