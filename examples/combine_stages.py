"""Both stages' datasets in one, in a script: what `sqlopt combine` does, with a mix of one's own for a trainer."""

import sys
from collections import Counter
from pathlib import Path

from sqlopt_env import SqlOptError
from sqlopt_env.cli.datasets.combining import combined_of, read_stage, write_combined


def main(data: Path, out: Path, mix: float) -> None:
    sources = [data / "stage1", data / "stage2"]
    combined = combined_of(read_stage(sources[0]), read_stage(sources[1]), mix)
    write_combined(combined, sources, out, "python examples/combine_stages.py")
    weights = Counter[str]()
    for example in combined.examples:
        weights[example["optimization_type"]] += example["weight"]
    for name, weight in weights.most_common():
        print(f"{name}: {weight / len(combined.examples):.1%} of the weight")
    print(f"{len(combined.examples)} examples in {out / 'training_data.json'}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"), Path("runs/combined"), mix=0.5)
    except SqlOptError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
