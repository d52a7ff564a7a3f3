"""A language model behind any OpenAI-compatible server as a policy. Its M-step is the pool of few-shot examples.

The judge's feedback and counterexample stand in the observation of later turns, and so in the prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self

import numpy as np

from sqlopt_env.action import parse_action
from sqlopt_env.chat import AnswerFormat, ChatClient, ServerFailed
from sqlopt_env.observation import Observation, observation_to_messages
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import SqlOptError

from .few_shot import Example, chosen
from .rules.base import KINDS

_FORMAT = "sqlopt openai policy 1"
_LARGEST_SEED = 2**31

ANSWER = {
    "type": "object",
    "properties": {
        "explanation": {"type": "string"},
        "optimized_query": {"type": "string"},
        "optimization_type": {"type": "string", "enum": list(KINDS)},
    },
    "required": ["explanation", "optimized_query", "optimization_type"],
    "additionalProperties": False,
}


class OpenAIPolicy:
    """Asks `model` for rewrites; `few_shot` examples of the pool go before the task.

    The other settings are those of `sqlopt_env.chat.ChatClient`. With a `log`, equal seeds and answers already paid
    for give the same proposals. `propose` may be called from threads; `concurrency` of them are of use.

    Raises SqlOptError as the client does: for a missing key and settings out of range before anything runs; later
    ServerFailed where the server does not answer, and CostReached before `max_cost` is passed.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        few_shot: int = 3,
        answer_format: AnswerFormat = "json_schema",
        temperature: float | None = 1.0,
        max_tokens: int = 2048,
        timeout: float = 120.0,
        retries: int = 4,
        concurrency: int = 8,
        max_cost: float | None = None,
        prices: Mapping[str, Sequence[float]] | Path | None = None,
        log: Path | None = None,
        several: bool = True,
        send_seed: bool = True,
    ) -> None:
        if not model:
            raise SqlOptError("a language model needs its name, as in openai:gpt-4.1-mini")
        if type(few_shot) is not int or not 0 <= few_shot <= 100:
            raise SqlOptError(f"few_shot must be a whole number from 0 to 100, not {few_shot!r}")
        self._settings: dict[str, Any] = {
            "model": model,
            "base_url": base_url,
            "few_shot": few_shot,
            "answer_format": answer_format,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "timeout": timeout,
            "retries": retries,
            "concurrency": concurrency,
            "several": several,
            "send_seed": send_seed,
        }
        own = {name: value for name, value in self._settings.items() if name not in ("model", "few_shot")}
        self.client = ChatClient(model, **own, api_key=api_key, max_cost=max_cost, prices=prices, log=log)
        self.pool: tuple[Example, ...] = ()

    @property
    def model(self) -> str:
        return self.client.model

    @property
    def concurrency(self) -> int:
        return self.client.concurrency

    @property
    def spent(self) -> float:
        """Dollars so far, those in the log included; 0 for a model without a price."""
        return self.client.spent.dollars or 0.0

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        """`n` answers as the model wrote them; what is no rewrite in them is for the judge to refuse.

        A prompt that the server refuses, too long or filtered, while it has answered others, gives empty proposals: one
        task must not hold up all the others.
        """
        seed = int(rng.integers(_LARGEST_SEED))
        return [_proposal(text) for text in self._asked(observation, n, seed, None)]

    def propose_all(
        self, observations: Sequence[Observation], n: int, rngs: Sequence[np.random.Generator]
    ) -> list[list[Proposal]]:
        """What `propose` gives for each observation and its generator, by one file of the Batch API: at half the price,
        within a day. It needs a log, by which a run that was killed finds its batch again.
        """
        asked = [
            (self.messages(observation), n, int(rng.integers(_LARGEST_SEED)))
            for observation, rng in zip(observations, rngs, strict=True)
        ]
        return [[_proposal(text) for text in texts] for texts in self.client.ask_in_batch(asked, schema=ANSWER)]

    def greedy(self, observation: Observation) -> Proposal:
        """The answer at temperature 0."""
        return _proposal(self._asked(observation, 1, 0, 0.0)[0])

    def messages(self, observation: Observation) -> list[dict[str, str]]:
        """The prompt: instructions, examples from the least useful to the most, the task."""
        system, task = observation_to_messages(observation)
        examples = chosen(self.pool, observation, self._settings["few_shot"])
        shown = [message for example in reversed(examples) for message in example.messages(observation["schema"])]
        return [system, *shown, task]

    def fit(self, trajectories: Sequence[Trajectory]) -> Self:
        """The same model with these trajectories as its pool of examples, each once."""
        made = copy(self)
        made.pool = tuple(dict.fromkeys(Example.of(trajectory) for trajectory in trajectories))
        return made

    def with_model(self, model: str) -> Self:
        """The same policy on another model of the server, with one log and one account; without examples."""
        made = copy(self)
        made._settings = {**self._settings, "model": model}
        made.client = self.client.with_model(model)
        made.pool = ()
        return made

    def log_to(self, path: Path) -> None:
        """Chooses the request log, where none was chosen and nothing has been asked yet; else it does nothing."""
        self.client.log_to(path)

    def close(self) -> None:
        """Ends the waiting of every `propose` at once; the policy asks no more."""
        self.client.close()

    def save(self, path: Path) -> None:
        """Writes settings and pool, never the key, as one readable JSON file."""
        data = {"format": _FORMAT, "settings": self._settings, "pool": [example.to_dict() for example in self.pool]}
        path.write_bytes((json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))

    @classmethod
    def load(
        cls,
        path: Path,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        max_cost: float | None = None,
        prices: Path | None = None,
        log: Path | None = None,
    ) -> Self:
        """The policy that `save` wrote, at another address where one is given; raises SqlOptError for another file."""
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != _FORMAT:
                raise SqlOptError(f"{path} holds {data['format']!r}, not {_FORMAT!r}")
            settings = {**data["settings"], **({"base_url": base_url} if base_url else {})}
            pool = tuple(Example.from_dict(example) for example in data["pool"])
            made = cls(**settings, api_key=api_key, max_cost=max_cost, prices=prices, log=log)
        except FileNotFoundError:
            raise SqlOptError(f"there is no policy file {path}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SqlOptError(f"{path} is not a saved policy of a language model: {error}") from None
        made.pool = pool
        return made

    def _asked(self, observation: Observation, n: int, seed: int, temperature: float | None) -> list[str]:
        try:
            return self.client.ask(self.messages(observation), n=n, schema=ANSWER, seed=seed, temperature=temperature)
        except ServerFailed as error:
            if error.refused and self.client.spent.requests:
                return [""] * n
            raise


def _proposal(text: str) -> Proposal:
    rewrite = parse_action(text)
    return Proposal(text, (), rewrite.explanation, rewrite.optimization_type)
