"""What does `verify` say of labelled pairs, and what did simpler checks say of the same ones?

    python benchmarks/verdicts.py [FOLDER] [--budget 1.0] [--json FILE]

FOLDER holds *.jsonl files, an object a line: `schema`, `q1`, `q2`, `label` (equivalent or inequivalent), and where
there are any `id` and `indexes`. Without it, the cases of the tests. The simpler checks, on rows made for the schema:

    sorted    equal sorted rows on one friendly database: 300 to 900 rows a table, no NULLs, no two with one name
    set       equal sets of rows on the same
    3 bags    equal bags of rows on three: one friendly, one with NULLs and keys that dangle, one empty

They hold floats to be the same to nine digits, and what they cannot run in two seconds they accept, as they did.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import apsw
from mutations.oracle import split
from mutations.rows import Mood, RandomRows
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sqlopt_env import verify

CASES = Path(__file__).parents[1] / "tests" / "fixtures" / "verdicts"
FRIENDLY = Mood((300, 900), nulls=0, near=0.4, repeat=0, few=60, unique_names=True)
HOSTILE = Mood((300, 900), nulls=0.15, near=0.4, repeat=0.2, few=60)
EMPTY = Mood((0, 0), 0, 0, 0, 1)
SECONDS = 2.0
CHECKS = ("verify", "sorted", "set", "3 bags")


@dataclass(frozen=True)
class Pair:
    file: str
    id: str
    schema: str
    original: str
    rewrite: str
    right: bool


@dataclass(frozen=True)
class Answer:
    pair: Pair
    check: str
    status: str  # verify's, or tested or refuted
    seconds: float
    reason: str = ""
    witness: str = ""


def pairs_in(folder: Path) -> Iterator[Pair]:
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            data = json.loads(line)
            script = "\n".join([*(f"{index.rstrip(' ;')};" for index in data.get("indexes") or []), data["q2"]])
            name = data.get("id", f"{path.stem}-{number}")
            yield Pair(path.stem, name, data["schema"], data["q1"], script, data["label"] == "equivalent")


def own_pairs() -> Iterator[Pair]:
    schemas = tomllib.loads((CASES / "schemas.toml").read_text(encoding="utf-8"))
    for path in sorted(CASES.glob("*.toml")):
        for query in tomllib.loads(path.read_text(encoding="utf-8")).get("query", []):
            for label in ("equivalent", "inequivalent"):
                for why, rewrite in query.get(label, []):
                    schema, original = schemas[query["schema"]], query["original"]
                    yield Pair(path.stem, why, schema, original, rewrite, label == "equivalent")


def verified(pair: Pair, budget: float) -> Answer:
    verdict = verify(pair.schema, pair.original, pair.rewrite, budget=budget)
    return Answer(pair, "verify", verdict.status, verdict.seconds, verdict.reason, verdict.witness)


def simple(pair: Pair) -> Iterator[Answer]:
    """What the simpler checks say."""
    start = time.perf_counter()
    one, other = results(pair, FRIENDLY)
    for check, same in (("sorted", sorted(one) == sorted(other)), ("set", set(one) == set(other))):
        yield Answer(pair, check, "tested" if same else "refuted", time.perf_counter() - start)
    bags = [(one, other), results(pair, HOSTILE), results(pair, EMPTY)]
    same = all(Counter(one) == Counter(other) for one, other in bags)
    yield Answer(pair, CHECKS[3], "tested" if same else "refuted", time.perf_counter() - start)


def results(pair: Pair, mood: Mood) -> tuple[list[str], list[str]]:
    """Both queries' rows; twice the same where the original cannot be run."""
    connection = apsw.Connection(":memory:")
    connection.execute(pair.schema).fetchall()
    connection.pragma("foreign_keys", True)
    RandomRows(connection, f"{pair.original}\n{pair.rewrite}").fill(random.Random(1), mood)
    deadline = time.monotonic() + SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 20_000)
    try:
        expected = [comparable(row) for row in connection.execute(pair.original)]
        *indexes, query = split(pair.rewrite)
        for index in indexes:
            connection.execute(index)
        return expected, [comparable(row) for row in connection.execute(query)]
    except apsw.InterruptError:
        return [], []
    except apsw.Error:
        return [], ["fails"]


def comparable(row: tuple[apsw.SQLiteValue, ...]) -> str:
    return repr([f"{float(v):.9g}" if isinstance(v, int | float) else repr(v) for v in row])


def table(answers: list[Answer]) -> Table:
    shown = Table(title="Verdicts on labelled pairs", title_justify="left")
    for column in ("file", "check"):
        shown.add_column(column)
    for column in ("right accepted", "right refused", "proved", "wrong refuted", "wrong accepted", "undecided"):
        shown.add_column(column, justify="right")
    for column in ("median ms", "p95 ms", "max ms"):
        shown.add_column(column, justify="right")
    for file in [*sorted({answer.pair.file for answer in answers}), None]:
        for check in CHECKS:
            shown.add_row(
                file or "all", check, *figures([a for a in answers if a.check == check and file in (None, a.pair.file)])
            )
        shown.add_section()
    return shown


def figures(answers: list[Answer]) -> list[str]:
    counts = Counter((answer.pair.right, answer.status) for answer in answers)
    proved, right = counts[True, "proved"], sum(answer.pair.right for answer in answers)
    undecided = sum(count for (_, status), count in counts.items() if status in ("unknown", "invalid"))
    times = sorted(answer.seconds * 1000 for answer in answers)
    return [
        str(proved + counts[True, "tested"]),
        str(counts[True, "refuted"]),
        f"{proved / right:.0%}" if right and answers[0].check == "verify" else "-",
        str(counts[False, "refuted"]),
        str(counts[False, "proved"] + counts[False, "tested"]),
        str(undecided),
        *(f"{value:,.0f}" for value in (median(times), times[int(len(times) * 0.95)], times[-1])),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--budget", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console(width=130)
    pairs = list(own_pairs() if arguments.folder is None else pairs_in(arguments.folder))
    verified(pairs[0], arguments.budget)  # starts the worker
    answers = []
    for pair in track(pairs, f"{len(pairs):,} pairs", console=Console(stderr=True)):
        answers += [verified(pair, arguments.budget), *simple(pair)]
    console.print(table(answers))
    for answer in answers:
        accepted = answer.status in ("proved", "tested")
        if answer.check == "verify" and accepted is not answer.pair.right:
            kind = f"{answer.status}, though {'right' if answer.pair.right else 'wrong'}"
            text = f"{answer.pair.file} {answer.pair.id}: {kind}. {answer.reason}\n{answer.witness}".rstrip()
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(answer) for answer in answers], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
