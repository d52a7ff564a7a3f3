"""How many plausible mistakes in a rewrite does `verify` find? See survey.py."""
