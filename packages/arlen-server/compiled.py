"""A build hook: with `ARLEN_COMPILE=1` the wheel holds the modules of the hot path compiled by mypyc, too.

Their names are in `pyproject.toml`. Without the variable nothing happens, and nothing is needed for it. This file is
the same in every package that has one, because a source distribution has to be complete.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["Compiled"]

VARIABLE = "ARLEN_COMPILE"
TOOLS = ["mypy[mypyc]>=2.4,<3"]
SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup

package, *files = sys.argv.pop(1).split(",")
flags = ["--ignore-missing-imports", *files]
setup(name=package, packages=[], ext_modules=mypycify(flags, opt_level="3", debug_level="0", group_name=package))
"""


class Compiled(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles in a folder of its own, so that the source tree stays as it is."""

    scratch: Path | None = None

    def dependencies(self) -> list[str]:
        """Return what compiling needs: mypyc, and for its types what the modules import."""
        return [*TOOLS, *self.metadata.core.dependencies] if self._wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and add what was made to the wheel."""
        if version == "editable" or not self._wanted():
            return
        package = self.metadata.name.replace("-", "_")
        self.scratch = scratch = Path(tempfile.mkdtemp(prefix="arlen-compiled-"))
        shutil.copytree(Path(self.root, "src", package), scratch / package)
        Path(scratch, "setup.py").write_text(SETUP, encoding="utf-8")
        files = ",".join([package, *(f"{package}/{name}.py" for name in self.config["modules"])])
        command = [sys.executable, "setup.py", files, "--quiet", "build_ext", "--inplace"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(scratch)
            message = f"{VARIABLE}=1: compiling failed; without the variable you get a pure wheel"
            raise RuntimeError(f"{message}\n{done.stdout}{done.stderr}")
        for path in (*scratch.glob("*"), *scratch.glob(f"{package}/*")):
            if path.suffix in {".so", ".pyd"}:
                build_data["force_include"][str(path)] = path.relative_to(scratch).as_posix()
        build_data["pure_python"], build_data["infer_tag"] = False, True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the wheel holds now."""
        if self.scratch is not None:
            shutil.rmtree(self.scratch)

    def _wanted(self) -> bool:
        return self.target_name == "wheel" and os.environ.get(VARIABLE) == "1"
