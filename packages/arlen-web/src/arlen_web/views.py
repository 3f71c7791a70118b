"""Views: pages out of Jinja2 templates, escaped always, strict always."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from weakref import ref

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.utils import missing, object_type_repr

from arlen_core.errors import StartupError
from arlen_web.failures import Spot, TemplateFault, annotate, explain
from arlen_web.scope import bound, entered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jinja2 import Template

    from arlen_core.context import Context
    from arlen_web.bytecode import Bytecode

__all__ = ["SUFFIXES", "Missing", "Views"]

SUFFIXES = frozenset({"html", "htm", "xhtml", "xml", "svg", "txt", "md", "json", "jinja"})
"""Files of a template folder that are templates."""


class Missing(StrictUndefined):
    """A value that is not there. Whatever is done with it is an error that says what was meant, perhaps."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint or not isinstance(name, str):
            return super()._undefined_message
        if owner is missing:
            return f"{name!r} is not defined: pass it to render(), or write {name}|default(...) when it may be absent"
        known = list(owner) if isinstance(owner, dict) else [each for each in dir(owner) if not each.startswith("_")]
        near = get_close_matches(name, [each for each in known if isinstance(each, str)], 1)
        return f"{object_type_repr(owner)} has no {name!r}" + (f": did you mean {near[0]!r}?" if near else "")


class Views:
    """All templates of an application.

    Every value is escaped, in every kind of template; `|safe` and `Markup` say otherwise. A value that is not there is
    an error, in production as in development: a page that silently lacks a price or a name is worse than none.

    Args:
        folders: where templates are, the application's own first.
        reload: look at the files for every page, as in development.
        bytecode: where compiled templates are kept, if at all.

    Attributes:
        env: the Jinja2 environment, to add filters and tests to.
        watch: what makes a page, by the name of its template and the values, in place of the environment; `None` when
            nobody wants to know how long it takes.
    """

    def __init__(self, folders: Sequence[Path], *, reload: bool = False, bytecode: Bytecode | None = None) -> None:
        self.folders = [folder.resolve() for folder in folders]
        self._bytecode = bytecode
        self.watch: Callable[[str, Mapping[str, Any]], str] | None = None
        self._loader = FileSystemLoader([str(folder) for folder in self.folders])
        self.env = Environment(
            loader=self._loader,
            autoescape=True,
            undefined=Missing,
            auto_reload=reload,
            bytecode_cache=bytecode,
            cache_size=-1,  # as many as there are files
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def add_folder(self, folder: Path) -> None:
        """Look for templates in another folder too, after those that are known."""
        self.folders.append(folder.resolve())
        self._loader.searchpath.append(str(folder.resolve()))

    def add_helpers(self, helpers: Mapping[str, tuple[Callable[..., Any], bool]], reserved: Sequence[str] = ()) -> None:
        """Let templates call functions by name; one marked `True` gets the context of the page first.

        Raises `StartupError` when a name is one of `reserved`.
        """
        for name, (function, wants) in helpers.items():
            if name in reserved:
                raise StartupError(f"the helper {name!r} would hide one that templates have", fix="choose another name")
            self.env.globals[name] = bound(function) if wants else function

    def render(self, context: Context, template: str, values: Mapping[str, Any]) -> str:
        """Make a page.

        Args:
            context: of the request; templates see it as `ctx`, and its request as `request`.
            template: "notes/show" is the file `notes/show.html`; another suffix is written out.
            values: what the template sees besides.

        Raises what the template raises, with its file, line and text as a note, and `TemplateNotFound`.
        """
        with entered(context):
            return self.text(template, {"ctx": context, "request": context.request, **values})

    def text(self, template: str, values: Mapping[str, Any]) -> str:
        """Render a template without a request, for a mail or a file; helpers that need a request raise."""
        name = _named(template)
        try:
            if self.watch is not None:
                return self.watch(name, values)
            return self.env.get_template(name).render(values)
        except Exception as error:
            if isinstance(error, TemplateNotFound) and error.name == name:
                error.add_note(self._advice(name))
            annotate(error, self.folders)
            raise

    def cached(self, name: str) -> Template | None:
        """Return the template as it was compiled before, which need not be how its file is now; `None` if never."""
        cache = self.env.cache or {}
        found: Template | None = cache.get((ref(self._loader), name))
        return found

    def names(self) -> list[str]:
        """Return the names of all templates, sorted."""
        return [name for name in self.env.list_templates() if name.rpartition(".")[2] in SUFFIXES]

    def file(self, name: str) -> str:
        """Return the file of a template, or "" when there is none."""
        for folder in self.folders:
            if (folder / name).is_file():
                return str(folder / name)
        return ""

    def source(self, name: str) -> str:
        """Return the text of a template; raises `TemplateNotFound`."""
        return self._loader.get_source(self.env, name)[0]

    def compile(self) -> int:
        """Compile every template now and return how many; raises `TemplateFault` naming file and line of a bad one."""
        names = self.names()
        for name in names:
            try:
                self.env.get_template(name)
            except TemplateSyntaxError as error:
                spot = Spot(error.filename or self.file(name), error.lineno, error.name or name)
                raise TemplateFault(explain(error), spot, fix="correct the template") from error
            except UnicodeDecodeError as error:
                raise TemplateFault("is not UTF-8", Spot(self.file(name), 1, name), fix="save it as UTF-8") from error
        if self._bytecode is not None:
            self._bytecode.prune((name, self.file(name)) for name in names)
        return len(names)

    def _advice(self, name: str) -> str:
        near = get_close_matches(name, self.names(), 1)
        looked = ", ".join(str(folder) for folder in self.folders)
        return f"looked in {looked}" + (f"; did you mean {near[0]!r}?" if near else "")


def _named(template: str) -> str:
    return template if template.rpartition(".")[2] in SUFFIXES else f"{template}.html"
