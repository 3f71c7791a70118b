"""A hatch plugin: the daily environment holds exactly what the lock says, and follows it when it changes."""

from pathlib import Path
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

__all__ = ["Pins"]


class Pins(EnvironmentCollectorInterface):
    """Replace the dependencies of the default environment, and so of all that inherit from it, with pins."""

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        """Read the pins of tools/lock.txt; without a lock the declared ranges stay."""
        lock = Path(self.root) / "tools" / "lock.txt"
        if lock.is_file():
            lines = lock.read_text(encoding="utf-8").splitlines()
            config["default"]["dependencies"] = [
                line.removesuffix("\\").strip() for line in lines if line and not line.startswith(("#", " "))
            ]
