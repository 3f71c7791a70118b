"""Texts: the skeletons that generators fill in; files of the folder `skeletons`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

__all__ = ["fill", "tree"]

_ROOT = files("arlen_cli") / "skeletons"


def fill(name: str, values: Mapping[str, str]) -> str:
    """Return a skeleton with its `${names}` replaced."""
    return Template((_ROOT / f"{name}.txt").read_text(encoding="utf-8")).substitute(values)


def tree(name: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the filled text of every skeleton below a folder."""
    for path in _below(_ROOT / name, ""):
        yield path, fill(f"{name}/{path}", values)


def _below(folder: Traversable, path: str) -> Iterator[str]:
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            yield from _below(each, f"{path}{each.name}/")
        elif each.name.endswith(".txt"):
            yield path + each.name.removesuffix(".txt")
