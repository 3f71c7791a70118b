"""Exceptions: the changes that are wanted although they break clients, each with a reason and until when it holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from arlen_core.commands import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arlen_openapi.changes import Change

__all__ = ["Allowance", "Judged", "judge", "read"]

_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")


class Allowance(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of an exceptions file.

    Attributes:
        rule: the rule that may be broken.
        place: where, exactly as the report says it; a `*` at the end stands for whatever follows.
        reason: why, for those who read it later.
        until: the last release for which it holds, as in `info.version` of the newer document.
    """

    rule: str
    place: str
    reason: str
    until: str

    def covers(self, change: Change) -> bool:
        """Return whether it is about this change."""
        if self.place.endswith("*"):
            return self.rule == change.rule and change.place.startswith(self.place[:-1])
        return (self.rule, self.place) == (change.rule, change.place)


class Judged(Struct, frozen=True):
    """The changes that count, those that are excepted, and the exceptions that cover nothing or have ended."""

    counted: tuple[Change, ...]
    excepted: tuple[Change, ...]
    unused: tuple[Allowance, ...]
    expired: tuple[Allowance, ...]


class _File(Struct, forbid_unknown_fields=True):
    exception: list[Allowance] = []


def read(text: str, name: str) -> tuple[Allowance, ...]:
    """Return the entries of an exceptions file.

    Args:
        text: TOML, with a table `[[exception]]` for each.
        name: what the error calls the file.

    Raises:
        CommandError: it is no such file, or an entry has no reason or no release; the code is "exceptions_invalid".
    """
    try:
        found = msgspec.toml.decode(text, type=_File).exception
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _invalid(f"{name}: {error}") from error
    for each in found:
        if not each.reason.strip():
            raise _invalid(f"{name}: the exception for {each.rule} at {each.place} has no reason")
        if _release(each.until) is None:
            raise _invalid(f"{name}: {each.until!r} is no release, such as 1.4.0")
    return tuple(found)


def judge(changes: Sequence[Change], allowances: Sequence[Allowance], version: str) -> Judged:
    """Take out the changes that are excepted.

    Args:
        changes: all of them.
        allowances: what is excepted.
        version: the release that the newer document describes.

    Raises:
        CommandError: there are exceptions, and the release cannot be compared; the code is "version_invalid".

    >>> from arlen_openapi.changes import Change
    >>> gone = Change("operation-removed", "breaking", "GET /old", "it is gone")
    >>> allowed = Allowance("operation-removed", "GET /old", "nobody calls it", "2.0")
    >>> judge([gone], [allowed], "1.9.3").counted
    ()
    >>> judge([gone], [allowed], "2.1").expired == (allowed,)
    True
    """
    now = _release(version)
    if allowances and now is None:
        raise CommandError(
            "version_invalid", f"{version!r} is no release: exceptions need one", fix="set info.version, such as 1.4.0"
        )
    expired = tuple(each for each in allowances if (_release(each.until) or ()) < (now or ()))
    holding = [each for each in allowances if each not in expired]
    excepted = tuple(change for change in changes if any(each.covers(change) for each in holding))
    unused = tuple(each for each in holding if not any(each.covers(change) for change in changes))
    counted = tuple(change for change in changes if change not in excepted)
    return Judged(counted, excepted, unused, expired)


def _release(text: str) -> tuple[int, ...] | None:
    found = _RELEASE.match(text)
    if found is None:
        return None
    numbers = [int(each) for each in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _invalid(reason: str) -> CommandError:
    fix = 'write [[exception]] with rule = "...", place = "...", reason = "..." and until = "1.4.0"'
    return CommandError("exceptions_invalid", reason, fix=fix)
