"""ReST-EM's M-step as a fine-tuning job of an OpenAI-compatible server: upload, start, wait, switch the model.

A job costs money that no request log counts, so what was begun is remembered in a small file before it is waited for:
a run that is killed and resumed waits for its job instead of paying for another, and what is done is not done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlopt_env.trajectory import Trajectory
from sqlopt_env.types import SqlOptError

from .chat_examples import answer_of, prompt_of
from .openai_policy import OpenAIPolicy
from .policy import Policy
from .transformers_policy import TransformersPolicy

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.fine_tuning import FineTuningJob

STATE = "fine_tuning.json"
FEWEST = 10  # examples of a file: OpenAI takes no fewer, and fewer ones are repeated
_FORMAT = "sqlopt fine-tuning 1"
_FAILURES = 10  # of polls, one after the other, until the server is given up
_ENDED_BADLY = ("failed", "cancelled")


class FineTuningJobs:
    """Makes policies by fine-tuning jobs, and keeps what it began in the file `state`.

    `timeout` seconds after which it is no longer waited for a job, which goes on at the server and is waited for again
    at the next call; `poll` the first and the longest pause between looks at it.
    """

    def __init__(
        self,
        state: Path,
        *,
        timeout: float = 86_400.0,
        poll: tuple[float, float] = (0.5, 60.0),
        epochs: int | None = None,
    ) -> None:
        self._state, self._timeout, self._poll, self._epochs = state, timeout, poll, epochs

    def __call__(self, policy: OpenAIPolicy, trajectories: Sequence[Trajectory]) -> OpenAIPolicy:
        """The policy on its own model, fine-tuned on kept trajectories; for equal ones the same model again.

        Raises SqlOptError where the server offers no fine-tuning, where the job fails or is cancelled (the next call
        begins another one), and where it takes too long.
        """
        if not trajectories:
            raise SqlOptError("there is nothing to fine-tune on: no trajectory was kept")
        data = training_file(trajectories)
        client = policy.client.raw
        settings = [str(client.base_url), policy.model, self._epochs, data.decode()]
        key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
        known = self._read().get(key, {})
        if "model" not in known:
            job = _Job(client, lambda **values: self._remember(key, values), self._timeout, self._poll)
            known = {"model": job.run(policy.model, data, f"sqlopt-{key}.jsonl", self._epochs, known)}
        return policy.with_model(known["model"])

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            held = json.loads(self._state.read_text(encoding="utf-8"))
            if held["format"] != _FORMAT:
                raise ValueError(held["format"])
            jobs: dict[str, dict[str, str]] = held["jobs"]
            return jobs
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SqlOptError(f"{self._state} does not hold fine-tuning jobs: {error}") from None

    def _remember(self, key: str, values: dict[str, str]) -> None:
        """In one step, so that a kill leaves the file of before or of after."""
        jobs = {**self._read(), key: values}
        self._state.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._state.with_name(f".{self._state.name}.writing")
        temporary.write_text(json.dumps({"format": _FORMAT, "jobs": jobs}, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, self._state)


class _Job:
    """One job, from the upload to its model. `remember` replaces what is known of it."""

    def __init__(
        self, client: OpenAI, remember: Callable[..., None], timeout: float, poll: tuple[float, float]
    ) -> None:
        self._client, self._remember, self._timeout, self._poll = client, remember, timeout, poll

    def run(self, model: str, data: bytes, name: str, epochs: int | None, known: dict[str, str]) -> str:
        """The name of the fine-tuned model. `known` is what an earlier run remembered."""
        from openai import OpenAIError

        try:
            job = self._waited_for(self._begun(known) or self._new(model, data, name, epochs))
        except OpenAIError as error:
            raise self._sentence(error) from None
        if job.status in _ENDED_BADLY or not job.fine_tuned_model:
            self._remember()  # the next run begins another one
            reason = _line(job.error.message) if job.error is not None and job.error.message else "no reason was given"
            ended = "was cancelled" if job.status == "cancelled" else "failed"
            raise SqlOptError(f"the fine-tuning job {job.id} {ended}: {reason}")
        self._remember(job=job.id, model=job.fine_tuned_model)
        return job.fine_tuned_model

    def _begun(self, known: dict[str, str]) -> FineTuningJob | None:
        """The job of an earlier run; also of one that was killed before it could write the job down."""
        from openai import APIStatusError, NotFoundError

        jobs = self._client.fine_tuning.jobs
        try:
            if "job" in known:
                return jobs.retrieve(known["job"])
        except NotFoundError:
            return None
        try:
            recent = jobs.list(limit=20).data if "file" in known else []
        except APIStatusError:  # of a server that keeps no list
            return None
        return next((job for job in recent if job.training_file == known["file"]), None)

    def _new(self, model: str, data: bytes, name: str, epochs: int | None) -> FineTuningJob:
        file = self._client.files.create(file=(name, data), purpose="fine-tune").id
        self._remember(file=file)
        return self._client.fine_tuning.jobs.create(
            model=model,
            training_file=file,
            suffix="sqlopt",
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs or "auto"}}},
        )

    def _waited_for(self, job: FineTuningJob) -> FineTuningJob:
        """The job when it has ended. A server that cannot be reached for a while is asked again."""
        from openai import APIConnectionError, InternalServerError, RateLimitError

        self._remember(file=job.training_file, job=job.id)
        start, (pause, longest), failures = time.monotonic(), self._poll, 0
        while job.status not in ("succeeded", *_ENDED_BADLY):
            left = self._timeout - (time.monotonic() - start)
            if left <= 0:
                raise SqlOptError(
                    f"the fine-tuning job {job.id} is still {job.status} after {self._timeout:g} seconds: it goes on at"
                    " the server, and the same command waits for it again"
                )
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, longest)
            try:
                job = self._client.fine_tuning.jobs.retrieve(job.id)
                failures = 0
            except (APIConnectionError, InternalServerError, RateLimitError):
                failures += 1
                if failures == _FAILURES:
                    raise
        return job

    def _sentence(self, error: Exception) -> SqlOptError:
        server = str(self._client.base_url).rstrip("/")
        status = getattr(error, "status_code", None)
        if status in (404, 405, 501):
            return SqlOptError(
                f"the server {server} offers no fine-tuning: take the variant few-shot, or a model on this machine"
                " (sqlopt_agents.transformers_policy)"
            )
        reason = _line(f"status {status}: {error}" if status else f"{error}").replace(self._client.api_key, "***")
        return SqlOptError(f"fine-tuning at {server} failed: {reason}")


def training_file(trajectories: Sequence[Trajectory]) -> bytes:
    """OpenAI's chat format for supervised fine-tuning, a line for each trajectory, at least FEWEST lines."""
    chats = [{"messages": [*prompt_of(each), answer_of(each)]} for each in trajectories]
    lines = [json.dumps(chat, ensure_ascii=False) + "\n" for chat in chats]
    repeats = -(-FEWEST // len(lines)) if lines else 0
    return "".join(lines * max(1, repeats)).encode("utf-8", "replace")


def fine_tuner(base: Policy, folder: Path) -> Callable[[Policy, Sequence[Trajectory]], Policy]:
    """What fine-tunes such a policy in a run that keeps its files in `folder`, a job at a server or on this machine.

    Raises SqlOptError for a policy that is no language model.
    """
    if isinstance(base, TransformersPolicy):
        return lambda policy, kept: _local(policy, folder).fit(kept)
    if isinstance(base, OpenAIPolicy):
        jobs = FineTuningJobs(folder / STATE)
        return lambda policy, kept: jobs(_of_server(policy), kept)
    raise SqlOptError(f"the variant fine-tuning is for language models, not for {type(base).__name__}: take rest-em")


def _local(policy: Policy, folder: Path) -> TransformersPolicy:
    assert isinstance(policy, TransformersPolicy)
    return policy.in_folder(folder / "models")


def _of_server(policy: Policy) -> OpenAIPolicy:
    assert isinstance(policy, OpenAIPolicy)
    return policy


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."
