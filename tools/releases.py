"""The releases of a package, as far as this repository knows them: the git tags `<package>-v<version>`."""

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from packaging.version import Version

__all__ = ["versions", "wheel"]


def versions(name: str, root: Path) -> list[Version]:
    """Return the released versions of a package, oldest first."""
    lines = _git(root, "tag", "--list", f"{name}-v*").decode().split()
    return sorted(Version(line.removeprefix(f"{name}-v")) for line in lines)


def wheel(name: str, version: Version, root: Path) -> Path:
    """Build the wheel of a release from its tag, once, and return its path."""
    folder = root / ".wheels" / f"{name}-v{version}"
    if not (found := list(folder.glob("*.whl"))):
        archive = _git(root, "archive", f"{name}-v{version}", f"packages/{name}")
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        source = folder / "packages" / name
        command = [os.environ.get("HATCH_UV", "uv"), "build", "--quiet", "--wheel", f"--out-dir={folder}", str(source)]
        subprocess.run(command, check=True, cwd=root)
        found = list(folder.glob("*.whl"))
    return found[0]


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE).stdout
