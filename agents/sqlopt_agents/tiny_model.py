"""A tiny chat model with random weights, made on the spot: to try local fine-tuning with no download and no GPU.

What it writes is nonsense; what it shows is that the loop runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from sqlopt_env.types import SqlOptError

from .local_sft import without_bars

_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIAL = ("<|im_start|>", "<|im_end|>", "<|pad|>")


def make_tiny_model(out: Path, texts: Iterable[str], *, seed: int = 0, vocabulary: int = 800, width: int = 64) -> Path:
    """Saves a Qwen2 model of two layers and a byte-level tokenizer that is trained on `texts`; returns the folder.

    Raises SqlOptError where transformers is missing.
    """
    try:
        import torch
        from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

        tokenizers = import_module("tokenizers")  # which comes with transformers
    except ImportError as error:
        raise SqlOptError(f"a tiny model needs transformers: pip install 'sqlopt-env[trl]' ({error})") from None
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = byte_level(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL),
        initial_alphabet=byte_level.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    start, end, pad = _SPECIAL
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=start, eos_token=end, pad_token=pad, chat_template=_TEMPLATE
    )
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    with without_bars():
        model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out
