"""A language model in this process as a policy, whose M-step is supervised fine-tuning on this machine.

E-step, M-step, E-step: the whole loop with one model folder and no server. For sampling at scale put the folder behind
a server such as vLLM and ask it through `OpenAIPolicy`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np

from sqlopt_env.action import parse_action
from sqlopt_env.observation import Observation, observation_to_messages
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import SqlOptError

from .local_sft import SFTSettings, fine_tune, key_of, tokenizer_of, without_bars

FORMAT = "sqlopt transformers policy 1"
_LARGEST_SEED = 2**31


class TransformersPolicy:
    """Samples rewrites from `model`: a folder, or a name on the Hugging Face hub.

    Fine-tuned models are saved in `folder`, named by the data that made them; `epochs`, `learning_rate`, `batch` and
    `max_length` are those of `SFTSettings`. The model is loaded at the first proposal, onto a GPU where there is one.

    Raises SqlOptError where transformers or TRL are missing, when they are first needed.
    """

    def __init__(
        self,
        model: str,
        *,
        folder: Path = Path("runs/models"),
        temperature: float = 1.0,
        max_new_tokens: int = 1024,
        epochs: float = 3.0,
        learning_rate: float = 1e-5,
        batch: int = 8,
        max_length: int = 8192,
        seed: int = 0,
    ) -> None:
        if not model:
            raise SqlOptError("a local language model needs its folder, or its name on the Hugging Face hub")
        if not (isinstance(temperature, int | float) and 0 <= temperature <= 10):
            raise SqlOptError(f"temperature must be a number from 0 to 10, not {temperature!r}")
        if type(max_new_tokens) is not int or max_new_tokens < 1:
            raise SqlOptError(f"max_new_tokens must be a whole number of at least 1, not {max_new_tokens!r}")
        self.model = str(model)
        self.folder = Path(folder)
        self.settings = SFTSettings(epochs, learning_rate, batch, max_length, seed)
        self._temperature, self._max_new_tokens = float(temperature), max_new_tokens
        self._guard = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def propose(self, observation: Observation, n: int, rng: np.random.Generator) -> list[Proposal]:
        """`n` answers as the model wrote them, empty ones where the prompt has no room in the model."""
        return self._proposals(observation, n, int(rng.integers(_LARGEST_SEED)), self._temperature)

    def greedy(self, observation: Observation) -> Proposal:
        """The likeliest next token each time."""
        return self._proposals(observation, 1, 0, 0.0)[0]

    def fit(self, trajectories: Sequence[Trajectory]) -> Self:
        """This model, fine-tuned on these trajectories; itself where there are none."""
        if not trajectories:
            return self
        self.unload()  # two models at once may be too much
        out = self.folder / key_of(self.model, trajectories, self.settings)
        made = self.in_folder(self.folder)
        made.model = str(fine_tune(self.model, trajectories, out, self.settings).folder)
        return made

    def in_folder(self, folder: Path) -> Self:
        """The same policy, which saves its fine-tuned models there."""
        made = copy(self)
        made.folder = folder
        made._guard, made._loaded = threading.Lock(), None
        return made

    def unload(self) -> None:
        """Gives the memory of the model back; the next proposal loads it again."""
        with self._guard:
            self._loaded = None

    def save(self, path: Path) -> None:
        """Writes where the model lies and how it is used, as one readable JSON file; not the model itself."""
        data = {
            "format": FORMAT,
            "model": self.model,
            "folder": str(self.folder),
            "temperature": self._temperature,
            "max_new_tokens": self._max_new_tokens,
            "sft": asdict(self.settings),
        }
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The policy that `save` wrote; raises SqlOptError for another file."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise SqlOptError(f"{path} holds {data['format']!r}, not {FORMAT!r}")
            own = {name: data[name] for name in ("temperature", "max_new_tokens")}
            return cls(str(data["model"]), folder=Path(data["folder"]), **own, **data["sft"])
        except FileNotFoundError:
            raise SqlOptError(f"there is no policy file {path}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SqlOptError(f"{path} is not a saved policy of a local language model: {error}") from None

    def _proposals(self, observation: Observation, n: int, seed: int, temperature: float) -> list[Proposal]:
        with self._guard:
            return [_proposal(text) for text in self._generated(observation, n, seed, temperature)]

    def _generated(self, observation: Observation, n: int, seed: int, temperature: float) -> list[str]:
        if self._loaded is None:
            self._loaded = _load(self.model)
        import torch

        tokenizer, model = self._loaded
        chat = tokenizer.apply_chat_template(
            observation_to_messages(observation), add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(model.device)
        length = chat["input_ids"].shape[1]
        if length + self._max_new_tokens > getattr(model.config, "max_position_embeddings", length + 10**9):
            return [""] * n
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        devices = [model.device] if model.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.no_grad():
            torch.manual_seed(seed)
            written = model.generate(
                **chat,
                **(sampling if temperature else {"do_sample": False}),
                num_return_sequences=n if temperature else 1,
                max_new_tokens=self._max_new_tokens,
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
            )
        texts: list[str] = tokenizer.batch_decode(written[:, length:], skip_special_tokens=True)
        return texts if temperature else texts * n


def _load(model: str) -> tuple[Any, Any]:
    """The tokenizer and the model, on a GPU where there is one."""
    tokenizer = tokenizer_of(model)
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with without_bars():
            loaded = AutoModelForCausalLM.from_pretrained(model, dtype="auto")
    except (OSError, ValueError) as error:
        raise SqlOptError(f"the model {model} cannot be loaded: {' '.join(str(error).split())[:200]}") from None
    return tokenizer, loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _proposal(text: str) -> Proposal:
    rewrite = parse_action(text)
    return Proposal(text, (), rewrite.explanation, rewrite.optimization_type)
