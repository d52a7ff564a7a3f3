"""Kept trajectories as chats to learn from: the prompt that the policy saw, and the answer that was worth keeping."""

from __future__ import annotations

from sqlopt_env.observation import observation_to_messages
from sqlopt_env.trajectory import Trajectory

from .few_shot import Example


def prompt_of(trajectory: Trajectory) -> list[dict[str, str]]:
    """System and user message, without examples: a policy that has learnt needs none."""
    return observation_to_messages(trajectory.observation)


def answer_of(trajectory: Trajectory) -> dict[str, str]:
    """The assistant's message: the script that the judge read, in the JSON object that the prompt asks for."""
    return Example.of(trajectory).messages(trajectory.observation["schema"])[-1]
