"""Conditional logit (McFadden 1974): which option is taken, given the features of all of them.

p(option) = exp(w . x_option) / sum over the decision's options of exp(w . x).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Choice: TypeAlias = tuple[Vector, int, float]  # features (options, columns), the option taken, its weight

_STEPS, _RATE = 400, 0.1


def shares(features: Vector, weights: Vector) -> Vector:
    """The probability of each option, shape (options,)."""
    scores = features @ weights
    powers = np.exp(scores - np.max(scores))
    result: Vector = powers / powers.sum()
    return result


def fit(choices: Sequence[Choice], base: Vector, l2: Vector) -> Vector:
    """Weights that maximise sum(weight * log p(taken)) / sum(weight) - sum(l2 * (w - base)^2).

    The problem is concave; Adam (Kingma & Ba 2015) with a fixed number of steps from `base` comes near enough. Without
    choices the answer is `base`.
    """
    if not choices:
        return base.copy()
    features = np.concatenate([rows for rows, _, _ in choices])
    sizes = np.array([len(rows) for rows, _, _ in choices])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    taken = starts + np.array([index for _, index, _ in choices])
    weight = np.array([share for _, _, share in choices])
    weight = weight / weight.sum()
    per_row = np.repeat(weight, sizes)
    wanted: Vector = features[taken].T @ weight
    w = base.copy()
    first, second = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, _STEPS + 1):
        scores = features @ w
        powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        p = powers / np.repeat(np.add.reduceat(powers, starts), sizes)
        gradient = wanted - features.T @ (p * per_row) - 2 * l2 * (w - base)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        w = w + _RATE * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
    return w
