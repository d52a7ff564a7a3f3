"""Puts the shipped data into wheels, but not into editable installs.

An editable install reads `data/` from the checkout; a copy inside site-packages would go stale there.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("seed_data.json", "heldout/tasks.json")


class DataBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            for name in SHIPPED:
                build_data["force_include"][str(Path(self.root, "data", name))] = f"sqlopt_env/data/{name}"
