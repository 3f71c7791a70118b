"""Lines: one log record as text or as JSON, with secrets masked and nothing that could pass for another line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from time import time
from typing import Any

import msgspec

from arlen_core.clock import Clock, SystemClock
from arlen_core.vault import MASK, Secret, masked

__all__ = ["Stamp", "hide", "json_line", "printable", "text_line"]

DEPTH = 8
"""How deep inside a value secrets are looked for; what lies deeper is left out."""

_encode = msgspec.json.Encoder(enc_hook=masked).encode
_login = re.compile(r"""(://[^/\s:@]*:)[^/\s"'<>]+@""")
_unprintable = re.compile(r"[^ -~]")
_plain = re.compile(r"[!#-<>-\[\]-~]+").fullmatch  # no spaces, quotes, backslashes and equals signs
_THOUSAND = tuple(f"{each:03d}Z" for each in range(1000))  # half the price of formatting a number in each line
_NEAR = 250_000  # nanoseconds
_words = frozenset(
    {
        *("access_key", "api_key", "apikey", "authorization", "cookie", "cookies", "credential", "credentials"),
        *("encryption_key", "jwt", "passphrase", "passwd", "password", "private_key", "pwd", "secret", "secret_key"),
        *("secrets", "session_id", "session_key", "set_cookie", "signing_key", "token", "tokens"),
    }
)


class Stamp:
    """Writes the wall time as `2026-11-22T08:00:00.123Z`; formats only once a second.

    Args:
        clock: where the time comes from.

    >>> from arlen_core.clock import VirtualClock
    >>> Stamp(VirtualClock())()
    '2026-01-01T00:00:00.000Z'
    """

    __slots__ = ("_exact", "_fresh", "_last", "_second", "_text", "_wall")

    def __init__(self, clock: Clock | None = None) -> None:
        self._exact = clock is not None and not isinstance(clock, SystemClock)
        self._wall = partial(_seconds, clock) if clock is not None and self._exact else time
        self._second = -1
        self._text = self._last = ""
        self._fresh = 0

    def __call__(self) -> str:
        """Return the text for this moment."""
        now = self._wall()
        second = int(now)
        if second != self._second:
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._second = second
        return self._text + _THOUSAND[int((now - second) * 1000)]

    def near(self, tick: int) -> str:
        """Return the text for this moment, or one made at most a quarter of a millisecond ago.

        Args:
            tick: of `time.perf_counter_ns`, now.
        """
        if tick >= self._fresh or self._exact:
            self._last = self()
            self._fresh = tick + _NEAR
        return self._last


def _seconds(clock: Clock) -> float:
    return clock.now().timestamp()


def printable(text: str) -> str:
    r"""Return the text with every character escaped that a terminal or a log reader might obey.

    >>> print(printable("two\nlines \x1b[31m"))
    two\nlines \x1b[31m
    """
    return text if text.isprintable() else _unprintable.sub(_escaped, text)


def hide(name: str, value: Any, more: frozenset[str] = frozenset(), depth: int = DEPTH) -> Any:
    """Return the value with secrets masked, by their type, by their name, or as the password of a URL.

    Args:
        name: the key it stands under; "token", "client_secret" and "Set-Cookie" are such names.
        value: anything.
        more: more names, in lower case with underscores.
        depth: how deep to look.

    >>> hide("order", {"id": 7, "card_token": "4111"})
    {'id': 7, 'card_token': '********'}
    """
    if isinstance(value, Secret) or (value and _secret(name, more)):
        return MASK
    if isinstance(value, str):
        return _login.sub(rf"\1{MASK}@", value) if "://" in value and "@" in value else value
    if isinstance(value, Mapping):
        inside = value.items() if depth else ()
        return {str(key): hide(str(key), each, more, depth - 1) for key, each in inside}
    if isinstance(value, list | tuple | set | frozenset):
        return [hide("", each, more, depth - 1) for each in value] if depth else []
    return value


def json_line(record: Mapping[str, Any]) -> bytes:
    r"""Return the record as one line of JSON; what JSON has no form for becomes text.

    >>> json_line({"event": "paid", "amount": 3, "by": {1}})
    b'{"event":"paid","amount":3,"by":[1]}\n'
    """
    try:
        data = _encode(record)
    except Exception:  # noqa: BLE001  # huge integers, lone surrogates, broken __str__: a log line must come out
        data = _encode({printable(str(key)): _encodable(value) for key, value in record.items()})
    if data.isascii() and b"\x7f" not in data:
        return data + b"\n"
    return _json_safe(data.decode()).encode() + b"\n"


def text_line(record: Mapping[str, Any], *, color: bool = False) -> bytes:
    r"""Return the record as one line for people; an exception follows on lines of its own, each marked with a bar.

    >>> text_line({"timestamp": "08:30", "level": "info", "event": "paid", "by": "Ada L."})
    b'08:30 info     paid by="Ada L."\n'
    """
    rest = dict(record)
    stamp, level, event = rest.pop("timestamp", ""), str(rest.pop("level", "")), str(rest.pop("event", ""))
    exception = rest.pop("exception", "")
    shown = "".join(f" {printable(str(key))}={_quoted(value)}" for key, value in rest.items())
    head = f"{_COLORS.get(level, '')}{level:<8}\x1b[0m" if color else f"{level:<8}"
    below = "".join(f"  | {printable(line)}\n" for line in str(exception).splitlines())
    return f"{stamp} {head} {printable(event)}{shown}\n{below}".encode(errors="backslashreplace")


_COLORS = {
    "debug": "\x1b[2m",
    "info": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[1;31m",
}


def _secret(name: str, more: frozenset[str]) -> bool:
    key = name.lower().replace("-", "_")
    last, _, tail = key.rpartition("_")
    two = f"{last.rpartition('_')[2]}_{tail}"
    return not _words.isdisjoint((key, tail, two)) or not more.isdisjoint((key, tail, two))


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else _shown(value)
    return text if _plain(text) else printable(_encode(text).decode() if _valid(text) else repr(text))


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        try:
            return _encode(value).decode()
        except Exception:  # noqa: BLE001  # as above
            return printable(repr(value))
    try:
        return printable(str(value))
    except Exception:  # noqa: BLE001  # as above
        return f"<{type(value).__name__}>"


def _encodable(value: Any) -> Any:
    try:
        _encode(value)
    except Exception:  # noqa: BLE001  # as above
        return _shown(value)
    return value


def _valid(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _json_safe(text: str) -> str:
    return "".join(each if each.isprintable() else _unicode(each) for each in text)


def _unicode(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else repr(character)[1:-1]
