"""Loading: find and import an application by name, or by where applications usually are."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from arlen_core.errors import StartupError

__all__ = ["LoadError", "load", "target"]

_FILES = ("app.py", "main.py")
_SKIPPED = frozenset(
    {"build", "config", "dist", "docs", "examples", "public", "scripts", "static", "templates", "test", "tests"}
)


class LoadError(StartupError):
    """The application could not be loaded.

    Attributes:
        stage: "find", "import" or "attribute".
        file, line, column: where, as far as it is known.
        output: the traceback of the failure, beginning in the application's own files; "" when there is none,
            and when the exception is a `StartupError`, which says all there is to say.
    """

    def __init__(
        self,
        stage: str,
        reason: str,
        *,
        fix: str = "",
        file: str = "",
        line: int = 0,
        column: int = 0,
        output: str = "",
    ) -> None:
        super().__init__(reason, fix=fix, code=f"load_{stage}_failed")
        self.stage, self.file, self.line, self.column, self.output = stage, file, line, column, output


def load(name: str | None = None, root: Path | None = None, environ: Mapping[str, str] | None = None) -> Any:
    r"""Import and return the application.

    Args:
        name: "module:attribute", or "module" for its attribute `app`, or a file such as "board.py"; by default what
            `ARLEN_APP` says, else `app` of app.py, of main.py, or of the only package in the folder that has one.
        root: the application's folder, the current one by default; it (or its `src`) goes first on `sys.path`.
        environ: the variables; those of the process by default.

    Raises `LoadError` with file, line, reason and fix; its cause is the original exception.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "notes_app.py").write_text("from arlen_core import App\napp = App(__name__)\n")
    >>> load("notes_app", folder).title
    'notes_app'
    """
    root = (root or Path.cwd()).resolve()
    module, attribute = target(name, root, environ)
    _reach(root, module)
    return _pick(_imported(module, root), attribute)


def target(name: str | None, root: Path, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Return the module and the attribute that `load` would take; `LoadError` when nothing is there."""
    wanted = name or (os.environ if environ is None else environ).get("ARLEN_APP")
    if not wanted:
        return _usual(root), "app"
    module, _, attribute = wanted.partition(":")
    if module.endswith(".py"):
        module = module.removesuffix(".py").removeprefix("./").replace("/", ".")
    if not all(part.isidentifier() for part in f"{module}.{attribute or 'app'}".split(".")):
        raise LoadError("find", f"{wanted!r} does not name an application", fix='write it as "module:attribute"')
    return module, attribute or "app"


def _usual(root: Path) -> str:
    for base in _bases(root):
        for file in _FILES:
            if (base / file).is_file():
                return file.removesuffix(".py")
        found = [each.parent.name for each in sorted(base.glob("*/app.py")) if _package(each.parent)]
        if len(found) == 1:
            return f"{found[0]}.app"
        if found:
            names = ", ".join(f"{each}.app" for each in found)
            raise LoadError(
                "find", f"there are several applications in {root}: {names}", fix=f"name one: {found[0]}.app:app"
            )
    fix = "go to the application's folder, or name it: --app module:attribute, or ARLEN_APP"
    raise LoadError("find", f"there is no app.py, main.py or package with an app.py in {root}", fix=fix)


def _package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file() and folder.name not in _SKIPPED


def _bases(root: Path) -> list[Path]:
    return [base for base in (root, root / "src") if base.is_dir()]


def _reach(root: Path, module: str) -> None:
    top = module.partition(".")[0]
    for base in reversed(_bases(root)):
        if str(base) in sys.path:
            sys.path.remove(str(base))
        sys.path.insert(0, str(base))
    there = PathFinder.find_spec(top, [str(base) for base in _bases(root)])
    loaded = getattr(sys.modules.get(top), "__spec__", None)
    if there and loaded and there.origin and there.origin != loaded.origin:
        reason = f"another module {top!r} is loaded already, from {loaded.origin}, not from {there.origin}"
        raise LoadError("find", reason, fix="rename the application's module, or load one application a process")


def _imported(module: str, root: Path) -> Any:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise _absent(module, root) from error
        raise _broken(module, root, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(module, root, error) from error


def _absent(module: str, root: Path) -> LoadError:
    names = [each.stem for base in _bases(root) for each in [*base.glob("*.py"), *base.glob("*/__init__.py")]]
    near = get_close_matches(module, names, 1)
    fix = f"did you mean {near[0]!r}?" if near else "check the name, and that you are in the application's folder"
    return LoadError("find", f"there is no module {module!r} in {root}", fix=fix)


def _broken(module: str, root: Path, error: BaseException) -> LoadError:
    file, line, column = _place(error, root)
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    reason = f"{module} failed to import at {file}:{line}: {said}" if file else f"{module} failed to import: {said}"
    fix = f"install {error.name}, or correct the import" if isinstance(error, ModuleNotFoundError) else ""
    output = "".join(traceback.format_exception(type(error), error, _own(error.__traceback__, root)))
    if isinstance(error, StartupError):  # it says what is wrong; where in the framework that was found helps nobody
        reason, fix, output = reason.removesuffix(f" (fix: {error.fix})"), error.fix, ""
    return LoadError("import", reason, fix=fix, file=file, line=line, column=column, output=output)


def _place(error: BaseException, root: Path) -> tuple[str, int, int]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0, error.offset or 0
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if Path(each.filename).is_relative_to(root)] or frames
    last = own[-1]
    return (last.filename, last.lineno or 0, (last.colno or 0) + 1) if not last.filename.startswith("<") else ("", 0, 0)


def _own(trace: Any, root: Path) -> Any:
    while trace is not None and not Path(trace.tb_frame.f_code.co_filename).is_relative_to(root):
        trace = trace.tb_next
    return trace


def _pick(module: Any, attribute: str) -> Any:
    file = getattr(module, "__file__", "") or ""
    found = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if hasattr(found, "handle") and hasattr(found, "start"):
        return found
    apps = [name for name, value in vars(module).items() if hasattr(value, "handle") and not isinstance(value, type)]
    fix = f'did you mean "{module.__name__}:{apps[0]}"?' if apps else f"write `{attribute} = App(__name__)` in it"
    what = (
        f"has no attribute {attribute!r}" if found is None else f"has {attribute!r}, but it is a {type(found).__name__}"
    )
    raise LoadError("attribute", f"{module.__name__} ({file}) {what}, not an application", fix=fix, file=file)
