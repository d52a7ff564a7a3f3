"""Who may import whom: the rooms of the house keep their doors."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "sqlopt_env": ROOT / "sqlopt_env",
    "sqlopt_agents": ROOT / "agents" / "sqlopt_agents",
    "sqlopt_curricula": ROOT / "curricula" / "sqlopt_curricula",
}
# For a module or room: the modules of the project that it may import, itself always.
ALLOWED = {
    "sqlopt_env.types": set(),
    "sqlopt_env.sqlite": {"sqlopt_env.types"},
    "sqlopt_env.workers": {"sqlopt_env.types", "sqlopt_env.sqlite.snapshot"},
    "sqlopt_env.equivalence": {"sqlopt_env.types", "sqlopt_env.sqlite"},
    "sqlopt_env.trees": {"sqlopt_env.types", "sqlopt_env.sqlite"},
    "sqlopt_env.databases": {"sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.paths"},
    "sqlopt_env.preparation": {
        "sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.workers", "sqlopt_env.equivalence",
    },
    "sqlopt_env.nearby": {
        "sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.workers", "sqlopt_env.equivalence",
        "sqlopt_env.preparation",
    },
    "sqlopt_env.workbench": {
        "sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.workers", "sqlopt_env.equivalence",
        "sqlopt_env.preparation", "sqlopt_env.nearby",
    },
    "sqlopt_env.measurement": {"sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.preparation"},
    "sqlopt_env.survey": {"sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.equivalence.shape"},
    "sqlopt_env.appraisal": {
        "sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.workers", "sqlopt_env.equivalence",
        "sqlopt_env.preparation", "sqlopt_env.workbench",
    },
    "sqlopt_env.trial": {
        "sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.workers", "sqlopt_env.equivalence",
        "sqlopt_env.preparation", "sqlopt_env.workbench", "sqlopt_env.measurement", "sqlopt_env.survey",
        "sqlopt_env.appraisal", "sqlopt_env.readability",
    },
    "sqlopt_env.readability": {"sqlopt_env.types", "sqlopt_env.sqlite"},
    "sqlopt_env.examination": {
        "sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.workers", "sqlopt_env.equivalence",
        "sqlopt_env.workbench",
    },
    "sqlopt_env.verification": {"sqlopt_env.types", "sqlopt_env.workers"},
    "sqlopt_env.chat": {"sqlopt_env.types", "sqlopt_env.jsonlines"},
    "sqlopt_env.augmentation": {
        "sqlopt_env.types", "sqlopt_env.sqlite", "sqlopt_env.workers", "sqlopt_env.workbench", "sqlopt_env.databases",
        "sqlopt_env.action", "sqlopt_env.judge", "sqlopt_env.observation", "sqlopt_env.reward",
    },
}  # fmt: skip


def modules() -> list[tuple[str, Path]]:
    found = []
    for package, folder in ROOMS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            found.append((".".join(parts).removesuffix(".__init__"), path))
    return found


def imported(name: str, path: Path) -> set[str]:
    """The project's modules that a module imports, wherever in it the statement stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base} if node.module else {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ROOMS}


def inside(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_what_its_room_may_know(name: str, path: Path) -> None:
    package = name.split(".")[0]
    for target in imported(name, path):
        other = target.split(".")[0]
        if inside(name, "sqlopt_env.cli") or name == "sqlopt_env.__main__":  # which is the command line
            continue
        assert not inside(target, "sqlopt_env.cli"), f"{name} imports the command line"
        assert other in (package, "sqlopt_env"), f"{name} imports {target}"
        for room, allowed in ALLOWED.items():
            if inside(name, room):
                known = any(inside(target, place) for place in {room, *allowed})
                assert known, f"{name} imports {target}, which {room} does not know"


def test_the_environment_is_light() -> None:
    import subprocess
    import sys

    program = (
        "import sys, sqlopt_env; print([n for n in ('openai', 'torch', 'pandas', 'sqlopt_agents') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"
