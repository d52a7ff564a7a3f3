"""The parts of benchmarks/curriculum.py: what is compared, the training, the examination, the figures, the plot."""
