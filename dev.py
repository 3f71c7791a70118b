#!/usr/bin/env python3
"""Set everything up and run a verb: `python3 dev.py start`, `python3 dev.py test`; without a verb, list them all.

Needs Python 3.11 or later and pip, and a network the first time. Installs hatch and uv, as tools/boot.txt pins them,
into `.boot/` here (delete it to begin again), then runs `hatch run <verb>`. Whoever has hatch can call that instead.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python reads first
    sys.exit("dev.py: Python {}.{} is too old, 3.11 or later is needed".format(*sys.version_info))

import ssl
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BOOT = ROOT / ".boot"
HOME = BOOT / "hatch"
BIN = HOME / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CERTIFICATES = ssl.get_default_verify_paths()[:2]
PINS = ROOT / "tools" / "boot.txt"


def main(arguments: list[str]) -> None:
    """Run one verb in its environment."""
    verbs = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"]["default"]["scripts"]
    if not arguments or arguments[0] not in verbs:
        wrong = f"there is no verb {arguments[0]!r}; " if arguments and not arguments[0].startswith("-") else ""
        sys.exit(f"dev.py: {wrong}usage: python3 dev.py <verb> [options], where <verb> is one of: {', '.join(verbs)}")
    bootstrap()
    (BOOT / "config.toml").touch()  # hatch insists on the file that HATCH_CONFIG names
    say(f"hatch run {' '.join(arguments)}")
    command = [str(PYTHON), "-m", "hatch", "run", *arguments]
    os.chdir(ROOT)
    if os.name == "nt":
        sys.exit(subprocess.call(command, env=environment()))
    os.execve(command[0], command, environment())  # noqa: S606 - the point of this file


def environment() -> dict[str, str]:
    """Everything stays in `.boot/`, unless the caller says otherwise; hatch takes the Python that it runs on."""
    return {
        "HATCH_DATA_DIR": str(BOOT / "data"),
        "HATCH_CACHE_DIR": str(BOOT / "cache"),
        "HATCH_CONFIG": str(BOOT / "config.toml"),
        "UV_SYSTEM_CERTS": "1" if any(path and Path(path).exists() for path in CERTIFICATES) else "0",  # as pip does
        **os.environ,
        "HATCH_ENV_TYPE_VIRTUAL_UV_PATH": str(BIN / "uv"),
        "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)]),
    }


def bootstrap() -> None:
    """Install the pinned hatch and uv, unless they are there."""
    stamp = HOME / "stamp"
    wanted = hashlib.sha256(PINS.read_bytes() + sys.version.encode() + str(HOME).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    say(f"installing hatch and uv into {HOME.relative_to(ROOT)} (once)")
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        pip = create()
        options = ["--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes"]
        done = subprocess.call([*pip, "install", *options, "-r", str(PINS)], env={**os.environ, "PIP_USER": "0"})
    except OSError as error:
        sys.exit(f"dev.py: cannot write {HOME}: {error}")
    if done:
        sys.exit("dev.py: pip could not install tools/boot.txt, see above; without a network, point PIP_INDEX_URL or"
                 " PIP_FIND_LINKS at a mirror and run this again")  # fmt: skip
    stamp.write_text(wanted, encoding="utf-8")


def create() -> list[str]:
    """Make the virtual environment, and return the pip that installs into it."""
    own = importlib.util.find_spec("pip") is not None
    if not own and importlib.util.find_spec("ensurepip") is None:
        sys.exit(f"dev.py: {sys.executable} has no pip; install it, for example with `apt install python3-pip`")
    try:
        import venv
    except ImportError:
        skeleton()
    else:
        venv.create(HOME, with_pip=not own, symlinks=os.name != "nt")
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)] if own else [str(PYTHON), "-m", "pip"]


def skeleton() -> None:
    """Make a virtual environment by hand, for systems that ship Python without the venv module."""
    python = Path(sys.executable).resolve()
    BIN.mkdir(parents=True)
    PYTHON.symlink_to(python)
    (HOME / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n", "utf-8")


def say(line: str) -> None:
    """Print a line, before whatever runs next prints its own."""
    print(f"dev.py: {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
