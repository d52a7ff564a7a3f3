"""`sqlopt gallery` as a person runs it, and the page that it has left in docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from sqlopt_curricula.generator.pessimisers import PESSIMISERS
from sqlopt_curricula.generator.shapes import SHAPES

PAGE = Path(__file__).parents[2] / "docs" / "gallery.md"
TEXT = PAGE.read_text(encoding="utf-8")


def gallery(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("sqlopt")), "gallery", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_page_in_docs_is_what_the_command_writes_now(tmp_path: Path) -> None:
    named = re.search(r"with SQLite (\d+(?:\.\d+)+)\.", TEXT)
    assert named is not None
    if named[1] != apsw.sqlite_lib_version():
        pytest.skip(f"the page was made with SQLite {named[1]}; this is {apsw.sqlite_lib_version()}")
    out = tmp_path / "new" / "gallery.md"
    done = gallery("--out", out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == PAGE.read_bytes(), "write docs/gallery.md anew: sqlopt gallery"


def test_every_shape_has_one_section_with_a_query_and_its_fast_form() -> None:
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
    assert list(sections) == [*(shape.NAME for shape in SHAPES), "The pessimisers"]
    for shape in SHAPES:
        assert (shape.__doc__ or "").splitlines()[0] in sections[shape.NAME]
        assert sections[shape.NAME].count("```sql\n") == 2
        assert re.search(r"[\d,]+ -> [\d,]+ steps, an effective speedup of \d+\.\d\d: \*\*", sections[shape.NAME])


def test_every_pessimiser_has_one_line_with_an_example() -> None:
    table = TEXT.partition("## The pessimisers\n")[2]
    names = re.findall(r"^\| `(\w+)` \| .+\. \| `.+ -> .+` \|$", table, re.MULTILINE)
    assert names == [pessimiser.NAME for pessimiser in PESSIMISERS]


def test_a_bad_out_is_one_sentence_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, why in ((tmp_path, "it is a folder"), (tmp_path / "file" / "page.md", "cannot be written: ")):
        done = gallery("--out", out)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"sqlopt: the page {out} cannot be written: ")
        assert why in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_bad_domain_is_one_sentence() -> None:
    done = gallery("--domain", "shp")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sqlopt: unknown domain 'shp': it is one of shop, social")
