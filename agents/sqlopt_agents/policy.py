"""The protocol of a policy: a class with one method. A trainable one adds three."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import SqlOptError

__all__ = ["Policy", "Proposal", "TrainablePolicy", "make_policy"]


@runtime_checkable
class Policy(Protocol):
    """Proposes rewrites. `rng` is the only source of chance, so that a seed repeats the proposals."""

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        """`n` proposals for the task that the observation shows; equal ones are allowed."""
        ...


@runtime_checkable
class TrainablePolicy(Policy, Protocol):
    """A policy with an M-step."""

    def fit(self, trajectories: Sequence[Trajectory]) -> Self:
        """A new policy, fitted from the *initial* one on kept trajectories; this one stays as it is."""
        ...

    def save(self, path: Path) -> None:
        """Writes the policy to one file."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """The policy that `save` wrote; raises SqlOptError for another file."""
        ...


def make_policy(name: str) -> Policy:
    """`rules` (untrained), the path of a saved rule policy, or `package.module:Class` of your own.

    Raises SqlOptError for anything else.
    """
    from .rule_policy import RulePolicy

    if name == "rules":
        return RulePolicy()
    if name.endswith(".json"):
        return RulePolicy.load(Path(name))
    module, colon, attribute = name.partition(":")
    if not colon:
        raise SqlOptError(
            f"unknown policy {name!r}: give rules, a saved policy's .json file, or package.module:Class of your own"
        )
    try:
        policy = getattr(importlib.import_module(module), attribute)()
    except Exception as error:
        raise SqlOptError(f"the policy {name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(policy, Policy):
        raise SqlOptError(f"the policy {name} has no method propose(observation, n, rng)")
    return policy
