"""Wheels: compiled ones of arlen-core and arlen-server, unpacked where an interpreter finds them before the source."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from tools.bench.environments import Absent, make

__all__ = ["CACHE", "PACKAGES", "build", "built", "compiler", "environment", "home", "site"]

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".bench" / "compiled"
PACKAGES = ("arlen-core", "arlen-server")
"""What is compiled, each after those whose types it needs."""


def compiler() -> str | None:
    """Return the C compiler that Python extensions are built with, or `None` when this machine has none."""
    wanted = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return shutil.which(wanted.split()[0])


def site(cache: Path = CACHE) -> Path:
    """Return the folder that holds the compiled packages, for this version of Python."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return cache.absolute() / f"home-{sys.implementation.cache_tag}" / "lib" / python / "site-packages"


def home(cache: Path = CACHE) -> Path:
    """Build, and return where an environment with the compiled packages would have its interpreter.

    There is none: they are borrowed, with the interpreter that runs this. Raises `Absent` as `build` does.
    """
    return build(cache).parents[2] / "bin" / "python"


def built(cache: Path = CACHE) -> bool:
    """Whether the compiled packages are there, made of the source as it is now."""
    mark = site(cache) / "source"
    return mark.is_file() and mark.read_text() == _mark()


def build(cache: Path = CACHE) -> Path:
    """Build both wheels unless they are there; return the folder in which they are unpacked.

    Raises `Absent` when there is no C compiler, or when compiling failed, with what was said.
    """
    folder, mark = site(cache), _mark()
    if built(cache):
        return folder
    if compiler() is None:
        raise Absent("there is no C compiler (fix: install gcc or clang, or set CC)")
    python = make("build", cache, Path(__file__).parent)
    shutil.rmtree(folder, ignore_errors=True)
    wheels = cache.absolute() / f"wheels-{sys.implementation.cache_tag}"
    shutil.rmtree(wheels, ignore_errors=True)
    for package in PACKAGES:
        _wheel(python, package, wheels)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    (folder / "source").write_text(mark)
    return folder


def environment(cache: Path = CACHE) -> dict[str, str]:
    """Return the environment of a process that shall import the compiled packages."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site(cache)), str(ROOT)])}


def _wheel(python: Path, package: str, wheels: Path) -> None:
    command = [str(python), "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    sources = os.pathsep.join(str(ROOT / "packages" / each / "src") for each in PACKAGES)
    variables = {**os.environ, "ARLEN_COMPILE": "1", "MYPYPATH": sources}
    with tempfile.TemporaryDirectory(prefix="arlen-compiled-") as folder:  # of one moment, whoever goes on editing
        shutil.copytree(ROOT / "packages" / package, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("tests"))
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(f"{package} could not be compiled: {(done.stdout + done.stderr).strip()[-2000:]}")


def _mark() -> str:
    """Return what tells one state of the source from another."""
    found = hashlib.sha256(sys.version.encode())
    for package in PACKAGES:
        folder = ROOT / "packages" / package
        for path in (folder / "pyproject.toml", folder / "compiled.py", *sorted(folder.glob("src/**/*.py"))):
            found.update(path.read_bytes())
    return found.hexdigest()
