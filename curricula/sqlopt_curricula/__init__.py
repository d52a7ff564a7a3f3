"""What comes next: curricula hand out tasks; an agent takes any iterable of them."""

from .stages import Stage1

__all__ = ["Stage1"]
