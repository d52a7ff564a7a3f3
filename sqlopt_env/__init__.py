"""A reinforcement-learning environment for SQL optimisation whose reward can be trusted."""

import gymnasium as _gym

from .env import SQLOptimizeEnv
from .judge import Judge
from .observation import FEATURE_NAMES, observation_to_messages
from .spaces import SQLText
from .tasks import heldout_examples, load_tasks, seed_examples
from .types import Brief, Evaluation, Plan, Rewrite, Settings, SqlOptError, Task, Verdict
from .vector import SQLOptimizeVectorEnv
from .verification import verify
from .version import __version__

__all__ = [
    "FEATURE_NAMES",
    "Brief",
    "Evaluation",
    "Judge",
    "Plan",
    "Rewrite",
    "SQLOptimizeEnv",
    "SQLOptimizeVectorEnv",
    "SQLText",
    "Settings",
    "SqlOptError",
    "Task",
    "Verdict",
    "__version__",
    "heldout_examples",
    "load_tasks",
    "observation_to_messages",
    "seed_examples",
    "verify",
]

_gym.register(
    "SQLOptimize-v0",
    entry_point="sqlopt_env.env:SQLOptimizeEnv",
    vector_entry_point="sqlopt_env.vector:SQLOptimizeVectorEnv",
    nondeterministic=True,  # time is measured
)
_gym.register(
    "SQLOptimizeRules-v0",
    entry_point="sqlopt_agents.rules_env:SQLOptimizeRulesEnv",  # a text: nothing of the agents is imported here
    nondeterministic=True,
)
