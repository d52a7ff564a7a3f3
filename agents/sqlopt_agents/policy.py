"""The protocol of a policy: a class with one method. A trainable one adds three.

Any policy may also have attributes: `spent`, the dollars that it has cost so far, and `concurrency`, in how many
threads at a time it may be asked (1, if not said).
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import SqlOptError

__all__ = ["GreedyPolicy", "Policy", "Proposal", "TrainablePolicy", "greedy_of", "make_policy", "proposals_of"]


@runtime_checkable
class Policy(Protocol):
    """Proposes rewrites. `rng` is the only source of chance, so that a seed repeats the proposals."""

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        """`n` proposals for the task that the observation shows; equal ones are allowed."""
        ...


@runtime_checkable
class GreedyPolicy(Policy, Protocol):
    """A policy that can say what it thinks best."""

    def greedy(self, observation: Observation) -> Proposal:
        """Its one best answer, without chance."""
        ...


@runtime_checkable
class TrainablePolicy(Policy, Protocol):
    """A policy with an M-step."""

    def fit(self, trajectories: Sequence[Trajectory]) -> Self:
        """A new policy, fitted from this one on kept trajectories; this one stays as it is."""
        ...

    def save(self, path: Path) -> None:
        """Writes the policy to one file."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """The policy that `save` wrote; raises SqlOptError for another file."""
        ...


@contextmanager
def failures_told(doing: str) -> Iterator[None]:
    """Makes one sentence of what a policy of somebody's own raises while it is `doing` something."""
    try:
        yield
    except (SqlOptError, OSError):
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise SqlOptError(
            f"the policy failed {doing}: {type(error).__name__}: {error}"
            f" ({Path(frame.filename).name}, line {frame.lineno})"
        ) from error


def proposals_of(policy: Policy, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
    """What the policy proposes. Raises SqlOptError where that is not `n` proposals made of texts."""
    proposals = policy.propose(observation, n, rng)
    if not isinstance(proposals, list) or not all(_is_proposal(proposal) for proposal in proposals):
        raise SqlOptError("the policy's propose() must return a list of Proposal, made of texts")
    if len(proposals) != n:
        raise SqlOptError(f"the policy gave {len(proposals)} proposals where {n} were asked for")
    return proposals


def greedy_of(policy: Policy, observation: Observation) -> Proposal:
    """The policy's one best answer. Raises SqlOptError where it has none to give, or what it gives is no proposal."""
    if not isinstance(policy, GreedyPolicy):
        raise SqlOptError(f"the policy {type(policy).__name__} has no method greedy(observation): sample from it")
    proposal = policy.greedy(observation)
    if not _is_proposal(proposal):
        raise SqlOptError("the policy's greedy() must return a Proposal, made of texts")
    return proposal


def _is_proposal(value: object) -> bool:
    if not isinstance(value, Proposal):
        return False
    texts = (value.text, value.explanation, value.optimization_type, *value.techniques)
    return all(isinstance(text, str) for text in texts)


def make_policy(name: str, options: Mapping[str, str] | None = None) -> Policy:
    """The policy of that name: a baseline (`identity`, `random`, `advisor`, `sqlglot`, `advisor+sqlglot`), `rules` (the
    untrained rule policy), the path of a saved policy's .json file, `openai:MODEL`, or `package.module:Class` of your
    own.

    `options` are keyword arguments of its class as texts; each becomes what the class declares: a number, true or
    false, none, a path, a text. Raises SqlOptError for a name, an option or a value that is none, and says what there
    is.
    """
    from .making import made  # which knows all policies, and so this module

    return made(name, options or {})
