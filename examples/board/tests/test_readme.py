"""The README: what it claims is so."""

import re
import shlex
from pathlib import Path

import pytest
from arlen import Client
from drafts import BOARD

pytestmark = pytest.mark.anyio

TEXT = (BOARD / "README.md").read_text("utf-8")
CALLS = re.findall(r"^(curl .*?) +# (\d{3})$", TEXT, re.MULTILINE | re.DOTALL)


def request(words: list[str]) -> tuple[str, str, dict[str, str], bytes]:
    """Return method, address, headers and body of a curl command."""
    method, url, headers, body = "", "", {"accept": "*/*"}, b""
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word in {"--json", "--data-binary"}:
            body = next(rest).encode()
            if word == "--json":
                headers |= {"content-type": "application/json", "accept": "application/json"}
        else:
            url = word.removeprefix("127.0.0.1:3000")
    return method or ("POST" if body else "GET"), url, headers, body


async def test_every_call_gets_its_status(full: Client) -> None:
    """One after the other, as somebody would try them."""
    assert len(CALLS) > 10
    for command, status in CALLS:
        method, url, headers, body = request(shlex.split(command))
        reply = await Client(full.app).request(method, url, headers=headers, body=body)
        assert int(status) == reply.status, command


def test_every_file_is_named() -> None:
    """The table is the table of contents."""
    table = TEXT.partition("## How it is made")[2]
    for file in [*BOARD.glob("*.py"), *BOARD.glob("*.sql")]:
        assert f"`{file.name}`" in table, file.name
    for folder in (each for each in BOARD.iterdir() if each.is_dir() and each.name[0] not in "._"):
        assert f"`{folder.name}/`" in table or folder.name in {"docs", "var"}, folder.name
    for file in (BOARD / "controllers").glob("[!_]*.py"):
        assert f"`{file.stem}`" in table or file.stem == "common", file.name


def test_every_picture_is_there() -> None:
    """And small enough for a page."""
    named = re.findall(r"\]\((docs/images/[a-z-]+\.(?:png|webp))\)", TEXT)
    assert sorted(named) == sorted(str(each.relative_to(BOARD)) for each in (BOARD / "docs" / "images").iterdir())
    assert all(Path(BOARD, each).stat().st_size < 200_000 for each in named)
