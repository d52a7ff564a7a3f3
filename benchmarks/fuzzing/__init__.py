"""Actions that no policy should write, and what must hold of the judge's answers: see benchmarks/fuzz.py."""
