"""What an evaluation is worth."""

from __future__ import annotations

import pytest

from sqlopt_env import Evaluation, Rewrite, SqlOptError
from sqlopt_env.reward import reward_function
from sqlopt_env.types import OUTCOMES


def evaluation(outcome: str, speedup: float | None = None, effective: float | None = None) -> Evaluation:
    return Evaluation(
        task_id="t",
        outcome=outcome,  # type: ignore[arg-type]
        reason="",
        rewrite=Rewrite(""),
        speedup=speedup,
        effective_speedup=speedup if effective is None else effective,
    )


@pytest.mark.parametrize(
    ("outcome", "effective", "reward"),
    [
        ("improved", 10.0, 1.0),
        ("improved", 2.0, 0.30103),
        ("improved", 1000.0, 3.0),
        ("improved", 1e9, 3.0),
        ("improved", 0.5, 0.0),
        ("equivalent", 1.2, 0.0),
        ("unverified", None, 0.0),
        ("refuted", None, -1.0),
        ("forbidden", None, -1.0),
        ("invalid", None, -1.0),
        ("crashed", None, -1.0),
        ("timeout", None, -0.5),
        ("memory", None, -0.5),
    ],
)
def test_log_pays_the_effective_speedup(outcome: str, effective: float | None, reward: float) -> None:
    assert reward_function("log")(evaluation(outcome, effective)) == pytest.approx(reward, abs=1e-5)


def test_log_charges_the_indexes() -> None:
    assert reward_function("log")(evaluation("improved", speedup=100.0, effective=10.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(("speedup", "reward"), [(1.0, 0.30103), (9.0, 1.0), (100.0, 1.0), (0.5, 0.17609)])
def test_quill_is_the_earlier_formula(speedup: float, reward: float) -> None:
    assert reward_function("quill")(evaluation("equivalent", speedup)) == pytest.approx(reward, abs=1e-5)


@pytest.mark.parametrize(
    ("speedup", "reward"), [(2.0, 1.25), (1.99, 1.0), (1.0, 1.0), (0.5, 0.75), (0.25, 0.5), (0.1, 0.25)]
)
def test_r_ves_has_birds_tiers(speedup: float, reward: float) -> None:
    assert reward_function("r-ves")(evaluation("improved", speedup)) == reward


@pytest.mark.parametrize("name", ["quill", "r-ves"])
def test_the_others_pay_nothing_for_failure(name: str) -> None:
    for outcome in set(OUTCOMES) - {"improved", "equivalent"}:
        assert reward_function(name)(evaluation(outcome)) == 0.0


def test_any_callable_will_do() -> None:
    assert reward_function(lambda e: 7.0)(evaluation("refuted")) == 7.0


def test_an_unknown_reward_is_named() -> None:
    with pytest.raises(SqlOptError, match="unknown reward 'speed'"):
        reward_function("speed")
