"""The folder of a training run: what is written there, when, and how a run goes on after a kill.

`run.json` marks the folder as ours and holds the configuration; `trajectories.jsonl` and `confirmations.jsonl` are
appended to as results come; `metrics.json`, `training_data.json`, `policy.json` and `checkpoint_<n>.json` are
replaced in one step each.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlopt_env.trajectory import Trajectory, TrajectoryLog
from sqlopt_env.types import SqlOptError

from .keeping import form
from .policy import Policy, TrainablePolicy, failures_told

_FORMAT = "sqlopt run 1"


class RunFolder:
    """Open for writing while it is entered; `trajectories` holds what was read back.

    `config` is what must agree for a run to be resumed. Raises SqlOptError for a folder that is not a run's, for one
    that holds a run when `resume` is False, and for one of another configuration.
    """

    def __init__(self, path: Path, config: dict[str, Any], versions: dict[str, str], *, resume: bool) -> None:
        self.path = path
        self.trajectories: dict[tuple[int, str, int, int], Trajectory] = {}
        self._confirmations: dict[tuple[str, str], Trajectory] = {}  # by the form of what was confirmed
        self._stack = ExitStack()
        existing = self._claim(resume)
        if existing is not None:
            self._compare(existing, config, versions)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._log = self._stack.enter_context(TrajectoryLog(path / "trajectories.jsonl"))
            self._confirmed = self._stack.enter_context(TrajectoryLog(path / "confirmations.jsonl"))
            if existing is None:
                self.write_json("run.json", {"format": _FORMAT, "config": config, "versions": versions})
        except OSError as error:
            self._stack.close()
            raise SqlOptError(f"the folder {path} cannot be written: {error.strerror}") from None
        self.trajectories = {trajectory.key: trajectory for trajectory in self._log.read()}
        self._confirmations = {self._first_form(second): second for second in self._confirmed.read()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, trajectory: Trajectory) -> None:
        self._log.append(trajectory)
        self.trajectories[trajectory.key] = trajectory

    def add_confirmation(self, second: Trajectory) -> None:
        """`second` has the key of the trajectory that it measures again."""
        self._confirmed.append(second)
        self._confirmations[self._first_form(second)] = second

    def confirmation(self, trajectory: Trajectory) -> Trajectory | None:
        """The second measurement of this trajectory's rewrite, or of one that differs from it only in its dress."""
        return self._confirmations.get(form(trajectory))

    def _first_form(self, second: Trajectory) -> tuple[str, str]:
        """Of the trajectory that was measured again: a second evaluation that was cut off may not know its rewrite."""
        return form(self.trajectories.get(second.key, second))

    def seconds(self) -> dict[int, float]:
        """What iterations took, by their number, as far as an earlier process wrote it down."""
        try:
            told = json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))
            return {int(line["iteration"]): float(line["seconds"]) for line in told["iterations"]}
        except (OSError, ValueError, KeyError, TypeError):  # it is only told, and may have been edited
            return {}

    def write_json(self, name: str, value: Any) -> None:
        def write(path: Path) -> None:
            text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
            path.write_bytes(text.encode("utf-8", "backslashreplace"))  # a lone surrogate as JSON's own escape

        self._replace(name, write)

    def save_policy(self, name: str, policy: Policy) -> None:
        """Saves a trainable policy under the name; others have nothing to save."""
        if isinstance(policy, TrainablePolicy):
            with failures_told("in save()"):
                self._replace(name, policy.save)

    def _replace(self, name: str, write: Callable[[Path], None]) -> None:
        """Writes beside the file and moves it there, so that a reader and a kill meet a whole file."""
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=self.path)
        os.close(handle)
        try:
            write(Path(temporary))
            os.chmod(temporary, 0o644)
            os.replace(temporary, self.path / name)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _claim(self, resume: bool) -> dict[str, Any] | None:
        """What `run.json` says; None where the folder is new or empty."""
        if not self.path.exists():
            return None
        if not self.path.is_dir():
            raise SqlOptError(f"{self.path} is a file: choose a folder for the run")
        names: Sequence[str] = [entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")]
        if "run.json" not in names:
            # A kill between the first two files of a run leaves empty logs, which are ours.
            if all(name.endswith(".jsonl") and not (self.path / name).stat().st_size for name in names):
                return None
            raise SqlOptError(f"the folder {self.path} holds files that are not of a run: choose another --out")
        if not resume:
            raise SqlOptError(f"the folder {self.path} holds a run: go on with --resume, or choose another --out")
        try:
            data: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            if data["format"] != _FORMAT or not isinstance(data["config"], dict):
                raise ValueError(data["format"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SqlOptError(f"{self.path / 'run.json'} is not of this version: choose another --out") from error
        return data

    def _compare(self, existing: dict[str, Any], config: dict[str, Any], versions: dict[str, str]) -> None:
        for what, then, now in (
            ("", existing["config"], config),
            ("the version of ", existing["versions"], versions),
        ):
            for name in {**then, **now}:
                if then.get(name) != now.get(name):
                    raise SqlOptError(
                        f"the run in {self.path} was begun with {what}{name} = {_short(then.get(name))}, not"
                        f" {_short(now.get(name))}: a resumed run must agree"
                    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
