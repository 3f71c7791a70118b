"""`arlen get`: a request to the application, without a server."""

from __future__ import annotations

import asyncio
import base64
import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_cli.apps import load_app, quiet
from arlen_cli.catalog import OWN
from arlen_core.commands import CommandError, Result

if TYPE_CHECKING:
    from arlen_core.replies import Reply

__all__ = ["Get", "command"]


class Get:
    """Start the application, send one request, print the answer, stop. Exits 1 for a status of 400 or more."""

    name = "get"
    help = OWN["get"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add the path, and what `curl` calls the same."""
        parser.add_argument("path", metavar="PATH", help="path and query, such as '/notes?q=tea'")
        parser.add_argument("-X", "--method", default="", help="GET by default, POST with data")
        parser.add_argument(
            "-H", "--header", action="append", default=[], metavar="'NAME: VALUE'", help="again for more"
        )
        parser.add_argument("-d", "--data", help="the body; @FILE reads it from a file")
        parser.add_argument("-t", "--type", default="application/json", help="media type of the data; JSON by default")
        parser.add_argument("-i", "--include", action="store_true", help="print status and headers too")
        parser.add_argument("-L", "--follow", action="store_true", help="follow redirects")

    def run(self, args: Namespace) -> Result:
        """Return `response`: `http_status`, `headers`, `media`, and `body` as text, or in Base64 as `body_base64`."""
        if not args.path.startswith("/"):
            raise CommandError("usage", f"{args.path!r} is no path", fix=f"write /{args.path}", exit=2)
        headers, data = _headers(args.header), _data(args.data)
        if args.data is not None:
            headers.setdefault("content-type", args.type)
        os.environ.setdefault("ARLEN_LOG__ACCESS", "false")  # the answer itself is shown
        method = (args.method or ("GET" if args.data is None else "POST")).upper()
        app = load_app(args)
        with quiet():
            reply = asyncio.run(_send(app, method, args.path, headers=headers, body=data, follow=args.follow))
        return Result({"response": _document(reply)}, _text(reply, include=args.include), exit=int(reply.status >= 400))


command = Get()


async def _send(app: Any, method: str, path: str, **options: Any) -> Reply:
    from arlen_core.testing import Client  # only this command needs it

    async with Client(app) as client:
        return await client.request(method, path, **options)


def _headers(lines: list[str]) -> dict[str, str]:
    made = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise CommandError("usage", f"{line!r} is no header", fix="write it as 'Name: value'", exit=2)
        made[name.strip().lower()] = value.strip()
    return made


def _data(text: str | None) -> bytes:
    if text is None or not text.startswith("@"):
        return (text or "").encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise CommandError(
            "no_file", f"{text[1:]}: {error.strerror}", fix="name a file that is there", exit=2
        ) from error


def _document(reply: Reply) -> dict[str, Any]:
    made = {"http_status": reply.status, "url": reply.url, "headers": list(reply.headers.items()), "media": reply.media}
    try:
        return {**made, "body": reply.body.decode()}
    except UnicodeDecodeError:
        return {**made, "body_base64": base64.b64encode(reply.body).decode()}


def _text(reply: Reply, *, include: bool) -> str:
    body = reply.body.decode(errors="replace")
    if not include:
        return body.removesuffix("\n")
    head = "\n".join([str(reply.status), *(f"{name}: {value}" for name, value in reply.headers.items())])
    return f"{head}\n\n{body}".rstrip("\n")
