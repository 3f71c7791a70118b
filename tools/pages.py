"""One page of documentation while it is tested: its folder, its event loop, its names, and what runs in them."""

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import json as jsons
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["close_page", "console", "examine", "execute", "json", "names", "open_page", "shell", "toml", "write"]

PROGRAMS = {"arlen", "cat", "cd", "echo", "ls", "mkdir", "python"}
CHECK = doctest.OutputChecker()
FLAGS = doctest.ELLIPSIS
SECONDS = 60

Page = dict[str, Any]


def open_page(page: Page) -> None:
    """Give a page a temporary folder and an event loop."""
    runner = asyncio.Runner()
    runner.get_loop()
    page["__page__"] = (runner, Path(tempfile.mkdtemp(prefix="page-")).resolve(), None)


def close_page(page: Page) -> None:
    """Take them away, and the page's module with them."""
    runner, folder, module = page.pop("__page__")
    runner.close()
    shutil.rmtree(folder)
    if module is not None:
        sys.modules.pop(module.__name__, None)


def names(page: Page, path: str) -> dict[str, Any]:
    """Return the names of a page: those of a module of its own, so that annotations are found where they should be."""
    runner, folder, known = page["__page__"]
    module: ModuleType = known
    if known is None:
        module = ModuleType("page_" + "".join(c if c.isalnum() else "_" for c in Path(path).stem.lower()))
        module.__file__ = str(folder / "app.py")
        sys.modules[module.__name__] = module
        page["__page__"] = (runner, folder, module)
    return vars(module)


def write(text: str, name: str, page: Page) -> None:
    """Write a block to a file in the page's folder.

    Raises:
        ValueError: the path leaves the folder.
    """
    folder: Path = page["__page__"][1]
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{name} is outside the folder of the page")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def toml(text: str) -> None:
    """Parse TOML; a mistake raises `tomllib.TOMLDecodeError`."""
    tomllib.loads(text)


def json(text: str) -> None:
    """Parse JSON; a mistake raises `json.JSONDecodeError`."""
    jsons.loads(text)


def execute(text: str, path: str, line: int, space: dict[str, Any], page: Page) -> None:
    """Run a block of Python in the page's folder; tracebacks show the lines of the page."""
    source = "\n" * (line - 1) + text
    code = compile(source, path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with contextlib.chdir(page["__page__"][1]):
        _run(code, space, page["__page__"][0])


def examine(text: str, path: str, line: int, space: dict[str, Any], page: Page) -> str | None:
    """Run `>>>` examples, where `await` is allowed too; return the report of those that failed."""
    test = doctest.DocTestParser().get_doctest(text, {}, Path(path).name, path, line - 1)
    test.globs = space  # the parser would copy it
    report = io.StringIO()
    runner = doctest.DocTestRunner(checker=CHECK, verbose=False, optionflags=FLAGS)
    with contextlib.chdir(page["__page__"][1]), _awaiting(page["__page__"][0]):
        runner.run(test, compileflags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, out=report.write, clear_globs=False)
    return report.getvalue() or None


def console(text: str, page: Page) -> str | None:
    """Run each `$ command` and compare its output; return what differs."""
    for command, expected in _session(text):
        if problem := _command(command, expected, page):
            return problem
    return None


def shell(text: str, page: Page) -> str | None:
    """Run each line; return what failed."""
    lines = (line.strip() for line in text.replace("\\\n", " ").splitlines())
    return console("".join(f"$ {line}\n" for line in lines if line and not line.startswith("#")), page)


def _run(code: CodeType, space: dict[str, Any], runner: asyncio.Runner) -> None:
    if code.co_flags & inspect.CO_COROUTINE:
        runner.run(FunctionType(code, space)())
    else:
        exec(code, space)  # noqa: S102 - running the documentation is what this is for


@contextlib.contextmanager
def _awaiting(runner: asyncio.Runner) -> Iterator[None]:
    # doctest calls the built-in exec by name, so a global of that name in its module takes its place.
    replace: Callable[[CodeType, dict[str, Any]], None] = lambda code, space: _run(code, space, runner)  # noqa: E731
    vars(doctest)["exec"] = replace
    try:
        yield
    finally:
        del vars(doctest)["exec"]


def _session(text: str) -> Iterator[tuple[str, str]]:
    for part in ("\n" + text.replace("\\\n", " ")).split("\n$ ")[1:]:
        command, _, expected = part.partition("\n")
        yield command.strip(), expected


def _command(command: str, expected: str, page: Page) -> str | None:
    folder: Path = page["__page__"][1]
    if (program := command.split(maxsplit=1)[0]) not in PROGRAMS:
        return f"`{program}` is not run here: mark the block with <!-- not run: reason -->"
    here = page.setdefault("__here__", folder)
    if program == "cd":
        page["__here__"] = (here / command.split()[1]).resolve(strict=True)
        return None
    done = subprocess.run(  # noqa: S602 - a page may use pipes and quotes
        command, cwd=here, env=_environment(), shell=True, timeout=SECONDS, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        return f"`{command}` ended with {done.returncode}:\n{done.stdout}"
    wanted = expected if not expected or expected.endswith("\n") else expected + "\n"
    if wanted.strip() and not CHECK.check_output(wanted, done.stdout, FLAGS):
        return f"`{command}` printed:\n{done.stdout}\nand the page says:\n{wanted}"
    return None


def _environment() -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", os.defpath)])}
