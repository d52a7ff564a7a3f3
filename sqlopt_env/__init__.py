"""A reinforcement-learning environment for SQL optimisation whose reward can be trusted."""

from .judge import Judge
from .types import Brief, Evaluation, Plan, Rewrite, Settings, SqlOptError, Task, Verdict

__version__ = "0.1.0"
__all__ = ["Brief", "Evaluation", "Judge", "Plan", "Rewrite", "Settings", "SqlOptError", "Task", "Verdict"]
