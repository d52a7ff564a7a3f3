"""What comes next: curricula hand out tasks; an agent takes any iterable of them."""

from .adaptive import Adaptive
from .difficulty import Difficulty
from .epochs import Epochs
from .grades import Grade, grade_of, graded
from .mixtures import WeightedMix
from .sequential import Sequential
from .stage1 import Stage1
from .stage2 import Stage2

__all__ = [
    "Adaptive",
    "Difficulty",
    "Epochs",
    "Grade",
    "Sequential",
    "Stage1",
    "Stage2",
    "WeightedMix",
    "grade_of",
    "graded",
]
