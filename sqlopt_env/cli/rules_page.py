"""What a technique's docstring says, and the page of `sqlopt rules`: a section for each technique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from textwrap import fill

from sqlopt_agents.rules.base import KINDS, Rule

from .earnings import Earning

_INTRODUCTION = """\
# The techniques

A *technique* is one step of a rewrite: it applies at certain places of a query and yields another query, an index, or
both. The rule policy chooses among them; the judge tries what comes of it, whatever a technique promises. Each is one
file in `agents/sqlopt_agents/rules/`. This page is what

```sh
{command}
```

writes; `sqlopt rules` lists the same in a terminal.

{figures}
"""

_FIGURES = (
    "*Answers* counts those of {source} in which a technique took part, *alone* those without another one. *Speedup* is"
    " the median effective speedup of these whole answers: where others took part, it is theirs as well. A technique"
    " without answers was in none of them; it may still be right and of use elsewhere."
)


@dataclass(frozen=True, slots=True)
class Told:
    """The parts of a technique's docstring."""

    name: str
    kind: str
    sentence: str  # what it does
    example: str  # before and after, as lines
    validity: str  # when it is valid; for an unsound one, why it is not

    @property
    def valid_when(self) -> str:
        """The first sentence of the validity."""
        return self.validity.partition(". ")[0].rstrip(".") + "." if self.validity else ""


def told(rule: Rule) -> Told:
    """A first paragraph, an indented example, and the rest."""
    paragraphs = cleandoc(rule.__doc__ or "").split("\n\n")
    examples = [part for part in paragraphs[1:] if part.startswith("    ")]
    rest = [" ".join(part.split()) for part in paragraphs[1:] if not part.startswith("    ")]
    example = "\n\n".join("\n".join(line[4:] for line in part.splitlines()) for part in examples)
    return Told(rule.NAME, rule.KIND, " ".join(paragraphs[0].split()), example, " ".join(rest))


def page(
    command: str, source: str, rules: Sequence[Rule], unsound: Sequence[Rule], earned: Mapping[str, Earning]
) -> str:
    """The page as Markdown, the techniques by kind in the order of KINDS."""
    parts = [_INTRODUCTION.format(command=command, figures=fill(_FIGURES.format(source=source), 120))]
    ordered = [rule for kind in KINDS for rule in rules if kind == rule.KIND]
    lines = [_row(told(rule), earned.get(rule.NAME)) for rule in ordered]
    parts.append(
        "| technique | kind | what it does | answers | alone | speedup |\n|---|---|---|--:|--:|--:|\n" + "".join(lines)
    )
    for kind in KINDS:
        parts.append(f"## {kind.capitalize()}\n")
        parts += [_section(told(rule)) for rule in rules if kind == rule.KIND]
    if unsound:
        parts.append(
            "## Unsound\n\nThese change what a query returns. No policy takes them unless it is told to; they are here"
            " to test that learning drops them.\n"
        )
        parts += [_section(told(rule)) for rule in unsound]
    return "\n".join(parts)


def _row(technique: Told, earning: Earning | None) -> str:
    figures = "| - | - | - |" if earning is None else f"| {earning.answers} | {earning.alone} | {earning.speedup:.1f} |"
    return f"| [`{technique.name}`](#{technique.name}) | {technique.kind} | {_cell(technique.sentence)} {figures}\n"


def _section(technique: Told) -> str:
    example = f"\n```sql\n{technique.example}\n```\n" if technique.example else ""
    validity = f"\n{technique.validity}\n" if technique.validity else ""
    return f"### {technique.name}\n\n{technique.sentence}\n{example}{validity}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
