"""Supervised fine-tuning on this machine, with TRL: kept trajectories and a model folder in, a model folder out.

The loss is ReST-EM's: the log-likelihood of the kept answers given their prompts, each answer with weight one, nothing
on the prompt itself (Singh et al. 2023, section 3). A GPU is used where there is one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlopt_env.trajectory import Trajectory
from sqlopt_env.types import SqlOptError

from .chat_examples import answer_of, prompt_of

_RECORD = "sqlopt.json"  # in a model's folder; written last, so that a folder with it is whole
_FORMAT = "sqlopt local fine-tuning 1"


@dataclass(frozen=True, slots=True)
class SFTSettings:
    """`batch` examples make a step, one of them at a time in memory; longer ones than `max_length` tokens are left out,
    for cut answers would be learnt as cut."""

    epochs: float = 3.0
    learning_rate: float = 1e-5
    batch: int = 8
    max_length: int = 8192
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("max_length", 1), ("seed", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise SqlOptError(f"{name} must be a whole number of at least {least}, not {value!r}")
        for name in ("epochs", "learning_rate"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < 1e6):
                raise SqlOptError(f"{name} must be a number above 0, not {value!r}")


@dataclass(frozen=True, slots=True)
class Trained:
    """`losses` has the loss of every step, in nats a token of the answers; `left_out` examples were too long."""

    folder: Path
    losses: tuple[float, ...]
    examples: int
    left_out: int


def fine_tune(
    model: str, trajectories: Sequence[Trajectory], out: Path, settings: SFTSettings | None = None
) -> Trained:
    """Fine-tunes a model (a folder, or a name on the Hugging Face hub) and saves it with its tokenizer in `out`.

    A folder that was made of the same model, data and settings is taken as it is, so that a run that is resumed trains
    nothing twice; one that was left half done is made anew. Raises SqlOptError where TRL is missing, for a model that
    cannot be loaded or has no chat template, and for another folder.
    """
    settings = settings or SFTSettings()
    data = _dataset(trajectories)
    if not data:
        raise SqlOptError("there is nothing to fine-tune on: no trajectory was kept")
    key = key_of(model, trajectories, settings)
    finished = _finished(out, key)
    if finished is not None:
        return finished
    working = out.with_name(f".{out.name}.training")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    try:
        trained = _train(model, data, working, out, settings)
        record: dict[str, Any] = {"format": _FORMAT, "key": key, "model": model, "settings": asdict(settings)}
        record |= {"losses": trained.losses, "examples": trained.examples, "left_out": trained.left_out}
        (working / _RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        os.rename(working, out)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return trained


def key_of(model: str, trajectories: Sequence[Trajectory], settings: SFTSettings) -> str:
    """A short hash of all that decides what a fine-tuned model becomes."""
    path = Path(model)
    where = str(path.resolve()) if path.is_dir() else model
    text = json.dumps([where, _dataset(trajectories), asdict(settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _dataset(trajectories: Sequence[Trajectory]) -> list[dict[str, Any]]:
    return [{"prompt": prompt_of(each), "completion": [answer_of(each)]} for each in trajectories]


def _finished(out: Path, key: str) -> Trained | None:
    """What the folder holds; None where there is none. Raises SqlOptError for what is not of this key."""
    if not out.exists():
        return None
    try:
        record: dict[str, Any] = json.loads((out / _RECORD).read_text(encoding="utf-8"))
        if record["format"] == _FORMAT and record["key"] == key:
            return Trained(out, tuple(record["losses"]), record["examples"], record["left_out"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise SqlOptError(f"the folder {out} holds something else than this fine-tuned model: choose another one")


def _train(model: str, data: list[dict[str, Any]], working: Path, out: Path, settings: SFTSettings) -> Trained:
    try:
        import torch
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise SqlOptError(f"local fine-tuning needs TRL: pip install 'sqlopt-env[trl]' ({error})") from None
    tokenizer = tokenizer_of(model)
    fitting = [each for each in data if _length(tokenizer, each) <= settings.max_length]
    if not fitting:
        raise SqlOptError(f"all {len(data)} examples are longer than max_length, {settings.max_length} tokens")
    arguments = SFTConfig(
        output_dir=str(working / "trainer"),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=min(settings.batch, len(fitting)),
        max_length=settings.max_length,
        completion_only_loss=True,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        seed=settings.seed,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=True,
    )
    from transformers import PrinterCallback

    with without_bars():
        try:
            trainer = SFTTrainer(model, arguments, train_dataset=Dataset.from_list(fitting), processing_class=tokenizer)
        except (OSError, ValueError) as error:
            raise SqlOptError(f"the model {model} cannot be loaded: {_line(error)}") from None
        trainer.remove_callback(PrinterCallback)  # the losses are returned
        try:
            trainer.train()
        except torch.OutOfMemoryError as error:
            raise SqlOptError(
                f"the GPU has too little memory: take a smaller max_length or model ({_line(error)})"
            ) from None
        trainer.save_model(str(working))
    tokenizer.save_pretrained(str(working))
    shutil.rmtree(working / "trainer", ignore_errors=True)
    losses = tuple(float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry)
    return Trained(out, losses, len(fitting), len(data) - len(fitting))


def tokenizer_of(model: str) -> Any:
    """The tokenizer of a model that was taught to chat. Raises SqlOptError for any other model."""
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise SqlOptError(f"local models need transformers: pip install 'sqlopt-env[trl]' ({error})") from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError, KeyError) as error:
        raise SqlOptError(f"the model {model} cannot be loaded: {_line(error)}") from None
    if tokenizer.chat_template is None:
        raise SqlOptError(f"the model {model} has no chat template: take one that was taught to follow instructions")
    return tokenizer


@contextmanager
def without_bars() -> Iterator[None]:
    """transformers and datasets draw no progress bars of their own into ours."""
    import datasets
    from transformers.utils import logging

    loading, mapping = logging.is_progress_bar_enabled(), not datasets.are_progress_bars_disabled()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if loading:
            logging.enable_progress_bar()
        if mapping:
            datasets.enable_progress_bars()


def _length(tokenizer: Any, example: dict[str, Any]) -> int:
    """Tokens of the prompt and the answer."""
    chat = tokenizer.apply_chat_template([*example["prompt"], *example["completion"]], tokenize=False)
    return len(tokenizer(chat, add_special_tokens=False)["input_ids"])


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
