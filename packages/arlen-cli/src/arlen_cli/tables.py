"""Tables: add a word to a list in a TOML file, and leave comments and layout as they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

__all__ = ["appended"]


def appended(text: str, section: str, key: str, word: str) -> str | None:
    r"""Return the text with `word` at the end of the list `key` of `[section]`; the same text when it is there.

    Every way that the file may be written in is tried; one counts when the file then says what it said before, and the
    new word. `None` when there is no such way.

    Raises `tomllib.TOMLDecodeError` when it is no TOML.

    >>> print(appended('[plugins]\nenabled = ["a"]  # one\n', "plugins", "enabled", "b"), end="")
    [plugins]
    enabled = ["a", "b"]  # one
    """
    wanted = tomllib.loads(text)
    table = wanted.setdefault(section, {})
    words = table.setdefault(key, []) if isinstance(table, dict) else None
    if not isinstance(words, list):
        return None
    if word in words:
        return text
    words.append(word)
    ways = _ways(text, section, key, _quoted(word))
    return next((made for made in ways if _says(made, wanted)), None)


def _ways(text: str, section: str, key: str, word: str) -> Iterator[str]:
    end = "\r\n" if "\r\n" in text else "\n"
    starts = [found.end() for found in re.finditer(rf"\b{key}[ \t]*=[ \t]*\[", text)]
    pairs = [(start, found.start()) for start in starts for found in re.finditer(r"\]", text) if found.start() >= start]
    for start, close in sorted(pairs, key=lambda pair: pair[1] - pair[0]):  # a list ends at the first bracket, mostly
        yield from _lists(text, start, close, word, end)
    line = f"{key} = [{word}]{end}"
    for found in re.finditer(rf"^[ \t]*\[[ \t]*{section}[ \t]*\][^\n]*(\n|\Z)", text, re.MULTILINE):
        yield text[: found.end()] + ("" if found[1] else end) + line + text[found.end() :]
    gap = "" if not text.strip() else end if text.endswith("\n") else end * 2
    yield f"{text}{gap}[{section}]{end}{line}"


def _lists(text: str, start: int, close: int, word: str, end: str) -> Iterator[str]:
    """Yield the text with a word more in the list between `start` and `close`, written in all ways that may fit."""
    body, rest = text[start:close], text[close:]
    if "\n" not in body:
        bare = body.strip().removesuffix(",").rstrip()
        yield f"{text[:start]}{bare}{', ' if bare else ''}{word}{rest}"
        return
    lines = body.rstrip(" \t")
    if not lines.endswith("\n"):
        yield f"{text[:start]}{lines}, {word}{rest}"
    indent = re.findall(r"\n([ \t]*)[\"']", body)
    new = f"{indent[-1] if indent else '  '}{word},{end}{body[len(lines) :]}"
    yield text[:start] + lines + new + rest
    for quote in reversed([found.end() for found in re.finditer("[\"']", lines)]):
        yield text[:start] + lines[:quote] + "," + lines[quote:] + new + rest


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
