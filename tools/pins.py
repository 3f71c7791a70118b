"""A hatch plugin: the environments follow the lock and the packages, so that hatch.toml need not repeat them."""

from pathlib import Path
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

__all__ = ["Pins"]


class Pins(EnvironmentCollectorInterface):
    """Give the default environment, and those that inherit from it, pins; give `alone` every package."""

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        """Read tools/lock.txt (without it the declared ranges stay) and the names of the packages."""
        lock = Path(self.root) / "tools" / "lock.txt"
        if lock.is_file():
            lines = lock.read_text(encoding="utf-8").splitlines()
            config["default"]["dependencies"] = [
                line.removesuffix("\\").strip() for line in lines if line and not line.startswith(("#", " "))
            ]
        names = sorted(path.parent.name for path in Path(self.root).glob("packages/*/pyproject.toml"))
        config["alone"]["matrix"][0]["pkg"] = [name.removeprefix("arlen-") for name in names]
