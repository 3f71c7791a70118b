"""Debug: the page that a developer sees when a handler raises; never shown in production."""

from __future__ import annotations

import linecache
import secrets
import traceback
from html import escape
from typing import TYPE_CHECKING

from arlen_core.negotiation import choose
from arlen_core.problems import describe, wrap
from arlen_core.responses import Response, json

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["report"]

AROUND = 4
"""Lines of source shown before and after the one that failed."""

FRAMES = 40
"""Most frames that are shown, the innermost ones."""

_STYLE = """
:root { color-scheme: light dark; --edge: #8884; --bad: #c22; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 2rem 1rem; }
h1 { font-size: 1.3rem; margin: 0; } h1 b { color: var(--bad); }
.where { opacity: .75; margin: .2rem 0 1.5rem; }
details { border: 1px solid var(--edge); border-radius: 8px; margin: .5rem 0; overflow: hidden; }
summary { cursor: pointer; padding: .5rem .8rem; } summary code { opacity: .75; }
pre { margin: 0; padding: .6rem 0; overflow-x: auto; background: #8881; font: 13px/1.5 ui-monospace, monospace; }
pre span { display: block; padding: 0 .8rem; } pre .at { background: #c223; border-left: 3px solid var(--bad); }
"""


def report(request: Request, error: Exception) -> Response:
    """Answer 500 with the exception, its frames and their source: HTML or JSON as the client prefers.

    Values of variables are not shown: they may be secrets.
    """
    kind = choose(request, ["application/problem+json", "json", "html", "txt"])
    if kind == "txt":
        return Response(_bytes("".join(traceback.format_exception(error))), 500, media="text/plain; charset=utf-8")
    if kind != "html":
        members = describe(request, wrap(error)) | {"exception": _name(error), "message": _text(error)}
        members["frames"] = [{"file": f, "line": n, "function": name} for f, n, name in _frames(error)]
        answer = json(members, 500)
        answer.headers.set("content-type", "application/problem+json")
        return answer
    return _page(request, error)


def _page(request: Request, error: Exception) -> Response:
    nonce = secrets.token_urlsafe(16)
    shown = [_frame(*each, last=n == 0) for n, each in enumerate(reversed(_frames(error)))]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(_name(error))}</title>'
        f'<style nonce="{nonce}">{_STYLE}</style>'
        f"<h1><b>{escape(_name(error))}</b> {escape(_text(error))}</h1>"
        f'<p class="where">{escape(request.method)} {escape(request.path)} &middot; request {escape(request.id)}</p>'
        + (f"<p>Caused by <b>{escape(_name(cause))}</b> {escape(_text(cause))}</p>" if cause else "")
        + "".join(shown)
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    return Response(_bytes(body), 500, media="text/html; charset=utf-8", headers={"content-security-policy": policy})


def _frames(error: BaseException) -> list[tuple[str, int, str]]:
    # templates rewrite their traceback to the template's own file and line, so they come out right here
    found = [(each.filename, each.lineno or 0, each.name) for each in traceback.extract_tb(error.__traceback__)]
    return found[-FRAMES:]


def _frame(file: str, line: int, function: str, *, last: bool) -> str:
    rows = []
    for number in range(max(1, line - AROUND), line + AROUND + 1):
        text = linecache.getline(file, number)
        if text:
            mark = ' class="at"' if number == line else ""
            rows.append(f"<span{mark}>{number:5}  {escape(text.rstrip())}</span>")
    opened = " open" if last else ""
    head = f"<summary>{escape(function)} <code>{escape(file)}:{line}</code></summary>"
    return f"<details{opened}>{head}<pre>{''.join(rows)}</pre></details>"


def _text(error: BaseException) -> str:
    try:
        return _bytes(str(error)).decode()
    except Exception:  # noqa: BLE001  # somebody's __str__ is broken too
        return "(it has no text)"


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")  # the name of a file may be no UTF-8


def _name(error: BaseException) -> str:
    return type(error).__qualname__
