"""The documentation as tests: every fenced block and every `>>>` example is run, parsed, or marked with a reason.

What happens to a block depends on its tag:

- `python`: run, with `await` allowed at the top level; blocks of one page share their names. A block of `>>>`
  examples is a doctest.
- `toml`, `json`: parsed.
- `console`: each `$ command` is run and the lines after it are its output (`...` stands for anything); `sh`: each line
  is run. Only a few harmless programs may be run.
- `text`, `html`, `jinja`, `http`, `css`, `js`, `sql`, `mermaid`: shown.

A comment before a block changes that: `<!-- not run: reason -->` leaves it alone, `<!-- file: path -->` writes it to
the page's own folder, where commands and code run. A block without a tag, or with another one, fails.
"""

import doctest
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.document import PythonDocument
from sybil.integration.pytest import SybilFile

from tools import pages

__all__ = ["Block", "blocks", "collector", "wanted"]

FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})(?P<tag>[^`]*)")
MARK = re.compile(r"<!--\s*(?P<mark>not run|file):\s*(?P<value>.*?)\s*-->")
EXAMPLE = doctest.DocTestParser()
Run = Callable[[Example], str | None]
SHOWN = {"text", "html", "jinja", "http", "css", "js", "sql", "mermaid"}


@dataclass(frozen=True)
class Block:
    """A piece of a document: its tag (empty for prose), first line (from 0), text without indentation, and mark."""

    tag: str
    line: int
    text: str
    mark: str = ""
    value: str = ""
    closed: bool = True


def blocks(text: str) -> Iterator[Block]:
    """Cut a text into its fenced blocks and the prose between them, in order."""
    lines = text.splitlines(keepends=True)
    start = at = 0
    while at < len(lines):
        if not (fence := FENCE.fullmatch(lines[at].rstrip())):
            at += 1
            continue
        yield Block("", start, "".join(lines[start:at]))
        end = _end(lines, at + 1, fence)
        yield _fenced(lines, at, end, fence)
        start = at = end + 1
    yield Block("", start, "".join(lines[start:]))


def _end(lines: list[str], at: int, fence: re.Match[str]) -> int:
    closing = re.compile(rf"\s*{fence['fence'][0]}{{{len(fence['fence'])},}}\s*")
    return next((i for i in range(at, len(lines)) if closing.fullmatch(lines[i])), len(lines))


def _fenced(lines: list[str], at: int, end: int, fence: re.Match[str]) -> Block:
    indent = len(fence["indent"])
    body = "".join(line[min(indent, len(line) - len(line.lstrip(" \t"))) :] for line in lines[at + 1 : end])
    before = next((line for line in reversed(lines[:at]) if line.strip()), "")
    found = MARK.fullmatch(before.strip())
    mark, value = (found["mark"], found["value"]) if found else ("", "")
    words = fence["tag"].split()
    return Block(words[0] if words else "?", at + 1, body, mark, value, closed=end < len(lines))


def wanted(path: Path, root: Path) -> bool:
    """Whether a file is documentation: the README files, `docs/`, and the docstrings of the packages."""
    if not path.is_relative_to(root):
        return False
    parts = path.relative_to(root).parts
    if parts[0] == "packages":
        return (path.suffix == ".py" and parts[2:3] == ("src",)) or parts[2:] == ("README.md",)
    return parts == ("README.md",) or (parts[0] == "docs" and path.suffix == ".md")


def collector(root: Path) -> Callable[[Path, pytest.Collector], SybilFile | None]:
    """Build the `pytest_collect_file` hook for a repository."""
    sybil = Sybil(
        parsers=[_parse], path=str(root), setup=pages.open_page, teardown=pages.close_page, fixtures=["leak_guard"]
    )

    def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SybilFile | None:
        if not wanted(file_path, root):
            return None
        return SybilFile.from_parent(parent, path=file_path, sybils=[sybil])

    return pytest_collect_file


def _parse(document: Document) -> Iterator[Region]:
    space: dict[str, object] = {}
    chain: list[tuple[Region, Run]] = []
    done: set[int] = set()
    offsets = [0]
    for line in document.text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    for block in blocks(document.text):
        if run := _evaluator(block):
            end = min(block.line + block.text.count("\n"), len(offsets) - 1)
            evaluator = partial(_after_the_others, chain, len(chain), done)
            region = Region(offsets[block.line], offsets[end], (block, space), evaluator)
            chain.append((region, run))
            yield region


def _after_the_others(chain: list[tuple[Region, Run]], index: int, done: set[int], example: Example) -> str | None:
    # A block needs those before it, and with parallel workers, or when it is chosen alone, they have not run here.
    # Their failures are theirs: each block is a test of its own.
    for number, (region, run) in enumerate(chain[:index]):
        if number not in done:
            done.add(number)
            line = example.line + region.parsed[0].line - example.parsed[0].line
            with suppress(Exception):
                run(Example(example.document, line, 1, region, example.namespace))
    done.add(index)
    return chain[index][1](example)


def _evaluator(block: Block) -> Run | None:
    if not block.tag:
        return _doctest if any(EXAMPLE.get_examples(block.text)) else None
    if not block.closed:
        return partial(_refuse, "the block is never closed")
    if block.mark:
        return _marked(block)
    if block.tag == "python" and block.text.lstrip().startswith(">>>"):
        return _doctest
    return RUN.get(block.tag) or (None if block.tag in SHOWN else partial(_refuse, _unknown()))


def _marked(block: Block) -> Run | None:
    if not block.value:
        return partial(_refuse, f"`{block.mark}` needs a reason or a path: <!-- {block.mark}: ... -->")
    return _write if block.mark == "file" else None


def _unknown() -> str:
    known = ", ".join(sorted([*RUN, *SHOWN]))
    return f"a block needs a tag that is known ({known}) or a line <!-- not run: reason --> before it"


def _refuse(message: str, _: Example) -> str:
    return message


def _names(example: Example, space: dict[str, object]) -> dict[str, object]:
    # A page is one program. A docstring starts with the names of its module, and shares nothing with the next.
    if not isinstance(example.document, PythonDocument):
        return pages.names(example.namespace, example.path)
    if not space:
        space.update(example.namespace)
    return space


def _python(example: Example) -> None:
    block, space = example.parsed
    pages.execute(block.text, example.path, example.line, _names(example, space), example.namespace)


def _doctest(example: Example) -> str | None:
    block, space = example.parsed
    return pages.examine(block.text, example.path, example.line, _names(example, space), example.namespace)


def _console(example: Example) -> str | None:
    return pages.console(example.parsed[0].text, example.namespace)


def _shell(example: Example) -> str | None:
    return pages.shell(example.parsed[0].text, example.namespace)


def _toml(example: Example) -> None:
    pages.toml(example.parsed[0].text)


def _json(example: Example) -> None:
    pages.json(example.parsed[0].text)


def _write(example: Example) -> None:
    block = example.parsed[0]
    pages.write(block.text, block.value, example.namespace)


RUN: dict[str, Run] = {
    "python": _python,
    "toml": _toml,
    "json": _json,
    "console": _console,
    "sh": _shell,
}
