"""Regexes: what a regular expression in a route template may hold, so that no request can make it slow."""

from __future__ import annotations

import re

__all__ = ["LIMIT", "refusal"]

LIMIT = 255
"""The longest segment, in characters, that a regular expression is tried on."""

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\(\?.?|\(|\)|\{\d*,?\d*\}|.", re.DOTALL)


def refusal(pattern: str) -> str:
    """Say why `pattern` may not be used, or "".

    Refused are groups that repeat and hold an alternative or a part of changing length (`(a+)+`, `(a|aa)*`): these
    take exponential time on some input. So are backreferences, look-around, named groups and flags. What is left
    takes at most polynomial time, and the input is bounded by `LIMIT`.

    >>> refusal("[A-Z]{3}")
    ''
    >>> refusal("(a+)+")
    'a group that repeats may not hold an alternative or a part of changing length'
    """
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"the regular expression is wrong: {error}"
    if reason := _scan(_TOKEN.findall(pattern)):
        return reason
    return "the regular expression matches the empty text" if re.fullmatch(pattern, "") else ""


def _scan(tokens: list[str]) -> str:
    # one flag a group that is open: does it hold an alternative or a part of changing length
    loose = [False]
    for piece, after in zip(tokens, [*tokens[1:], ""], strict=True):
        if reason := _forbidden(piece):
            return reason
        if piece[0] == "(":
            loose.append(False)
        elif piece == ")":
            inner = loose.pop()
            if inner and after[:1] in {"*", "+", "{"}:
                return "a group that repeats may not hold an alternative or a part of changing length"
            loose[-1] |= inner
        elif piece == "|" or _varies(piece):
            loose[-1] = True
    return ""


def _forbidden(piece: str) -> str:
    if piece[0] == "/" or piece == "\\/":
        return "a placeholder is matched against one segment, so it cannot hold a slash"
    if piece.startswith("(?") and piece != "(?:":
        return f"groups that begin with {piece!r} are not supported"
    if piece[0] == "\\" and piece[1:].isdigit():
        return "backreferences are not supported"
    return ""


def _varies(piece: str) -> bool:
    return piece in {"*", "+", "?"} or (piece[0] == "{" and "," in piece)
