"""Negotiation: which of the forms on offer suits the client best (RFC 9110 §12)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from arlen_core.errors import HTTPError
from arlen_core.media import type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arlen_core.requests import Request

__all__ = ["LIMIT", "Preference", "accepts", "choose", "encoding", "negotiate", "preferences"]

LIMIT = 4096
"""Longest Accept header in characters that is read; a longer one counts as absent."""

_word = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_members = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+').findall
_range = re.compile(rf"{_word}(?:/{_word})?").fullmatch
_param = re.compile(rf'[ \t]*;[ \t]*(?:({_word})=({_word}|"(?:[^"\\]|\\.)*"))?').match
_weight = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?").fullmatch


class Preference(Struct, frozen=True):
    """One member of an Accept header: what is asked for, how much (0 to 1), and its parameters."""

    value: str
    quality: float = 1.0
    params: frozenset[tuple[str, str]] = frozenset()


def preferences(header: str) -> list[Preference]:
    """Read an Accept, Accept-Encoding or Accept-Language header; members that cannot be read are left out.

    >>> [(each.value, each.quality) for each in preferences("text/html, */*;q=0.5, ;;")]
    [('text/html', 1.0), ('*/*', 0.5)]
    """
    return list(_parse(header)) if len(header) <= LIMIT else []


def accepts(header: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type of `offered` that an Accept header wants most, or `None` when it wants none of them.

    The weight of a type is that of the most specific member which matches it. Of equal weights, the type that
    was named more exactly wins, then the first offered. An absent, empty or unreadable header accepts everything.

    >>> accepts("text/*;q=0.5, application/json", ["text/html", "application/json"])
    'application/json'
    >>> accepts("image/png", ["text/html"]) is None
    True
    """
    wanted = _wanted(header)
    if not wanted:
        return offered[0] if offered else None
    best, top = None, (0.0, -1)
    for each in offered:
        rank = _rank(each, wanted)
        if rank[0] > 0 and rank > top:
            best, top = each, rank
    return best


def choose(request: Request, offered: Sequence[str]) -> str | None:
    """Choose one of the formats on offer, or `None` when none suits.

    Args:
        request: its suffix (`/notes/7.json`) decides; without one, its Accept header; without that, the first offered.
        offered: format names of `arlen_core.media.FORMATS` or media types, the preferred one first.

    >>> from arlen_core.requests import Request
    >>> choose(Request(headers=[(b"accept", b"application/json")]), ["html", "json"])
    'json'
    """
    if request.format:
        return request.format if request.format in offered else None
    for name, _ in request.raw:
        if name == b"accept":
            break
    else:
        return offered[0] if offered else None
    types = [type_of(each) for each in offered]
    best = accepts(_joined(request, "accept"), types)
    return None if best is None else offered[types.index(best)]


def negotiate(request: Request, offered: Sequence[str]) -> str:
    """Choose as `choose` does; raises `HTTPError` 406, code `not_acceptable`, naming the formats (RFC 9110 §15.5.7)."""
    best = choose(request, offered)
    if best is None:
        raise HTTPError(406, f"this is available as {', '.join(offered)} only", code="not_acceptable")
    return best


def encoding(header: str | None, offered: Sequence[str] = ("zstd", "br", "gzip")) -> str | None:
    """Return the content coding of `offered` that an Accept-Encoding header wants most; `None` is no coding.

    Of equal weights the first offered wins, so put the best there. An absent header, or a longer one than `LIMIT`,
    gets no coding.

    >>> encoding("gzip;q=0.8, br"), encoding("*"), encoding(None), encoding("gzip;q=0")
    ('br', 'zstd', None, None)
    """
    weights: dict[str, float] = {}
    for each in preferences(header or ""):
        weights.setdefault("gzip" if each.value == "x-gzip" else each.value, each.quality)
    rest = weights.get("*", 0.0)
    best, top = None, 0.0
    for name in offered:
        if (weight := weights.get(name, rest)) > top:
            best, top = name, weight
    return None if weights.get("identity", 0.0) > top else best


@lru_cache(256)  # clients send few different headers, again and again
def _parse(header: str) -> tuple[Preference, ...]:
    found = (_read(member.strip(" \t")) for member in _members(header))
    return tuple(each for each in found if each is not None)


def _read(member: str) -> Preference | None:
    value, semicolon, _ = member.partition(";")
    if not _range(value.rstrip(" \t")):
        return None
    params: list[tuple[str, str]] = []
    at = len(value) if semicolon else len(member)
    while at < len(member):
        found = _param(member, at)
        if found is None:
            return None
        at = found.end()
        if found[1] and found[1].lower() == "q":
            return _weighed(value, found[2], params)
        if found[1]:
            params.append((found[1].lower(), _unquoted(found[2])))
    return _weighed(value, "1", params)


def _weighed(value: str, weight: str, params: list[tuple[str, str]]) -> Preference | None:
    if not _weight(weight):
        return None
    return Preference(value.rstrip(" \t").lower(), float(weight), frozenset(params))


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return text.lower()


def _wanted(header: str | None) -> list[Preference]:
    return [each for each in preferences(header or "") if "/" in each.value or each.value == "*"]


def _rank(offer: str, wanted: list[Preference]) -> tuple[float, int]:
    """Return the weight for an offer and how exactly it was named; the most exact member decides."""
    media, params = _split(offer)
    found = (0.0, -1)
    for each in wanted:
        exact = _exactness(each, media, params)
        if exact > found[1]:
            found = (each.quality, exact)
    return found


def _exactness(want: Preference, media: str, params: frozenset[tuple[str, str]]) -> int:
    if want.value in {"*/*", "*"}:
        return 0 if not want.params else -1
    if want.value == media:
        # every text here is UTF-8, so a client that asks for it means what it gets
        missing = want.params - params - {("charset", "utf-8")}
        return -1 if missing else 2 + len(want.params & params)
    return 1 if want.value.endswith("/*") and media.startswith(want.value[:-1]) and not want.params else -1


def _split(offer: str) -> tuple[str, frozenset[tuple[str, str]]]:
    read = _read(offer)
    return (offer.lower(), frozenset()) if read is None else (read.value, read.params)


def _joined(request: Request, name: str) -> str | None:
    values = request.headers.all(name)
    return ", ".join(values) if values else None
