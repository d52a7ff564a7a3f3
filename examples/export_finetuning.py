"""A dataset as chats to fine-tune on, in OpenAI's format: a line {"messages": [system, user, assistant]} an example.

An example of weight 2.4 is written twice, and a third time with the chance 0.4: fine-tuning servers know no weights.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sqlopt_agents.few_shot import Example

from sqlopt_env import SqlOptError
from sqlopt_env.cli.datasets.combining import read_stage
from sqlopt_env.cli.datasets.files import write_text
from sqlopt_env.observation import observation_to_messages


def messages(example: dict[str, str]) -> list[dict[str, str]]:
    """The prompt that a policy is asked with, and the answer that was kept."""
    seen = {"schema": example["schema"], "query": example["slow_query"], "plan": example["plan"], "feedback": ""}
    told = {name: example[name] for name in ("explanation", "optimization_type")}
    answer = Example(seen["schema"], seen["query"], seen["plan"], example["fast_query"], **told)
    return [*observation_to_messages(seen), answer.messages(seen["schema"])[-1]]


def main(source: Path, out: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        json.dumps({"messages": messages(example)})
        for example in read_stage(source)
        for _ in range(int(example.get("weight", 1.0) + rng.random()))
    ]
    write_text(out, "\n".join([*lines, ""]))
    print(f"{len(lines)} chats in {out}")


if __name__ == "__main__":
    source, out = [*sys.argv[1:], *["data/combined", "runs/openai_format.jsonl"][len(sys.argv) - 1 :]][:2]
    try:
        main(Path(source), Path(out))
    except SqlOptError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
