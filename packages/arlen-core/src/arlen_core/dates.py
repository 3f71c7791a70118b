"""Dates: the time format of HTTP headers (RFC 9110 §5.6.7), without regard to the locale."""

from __future__ import annotations

import re
from calendar import timegm
from time import gmtime

__all__ = ["format_date", "parse_date"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = (
    re.compile(rf"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<year>[0-9]{{4}}) {_CLOCK} GMT"),
    re.compile(rf"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-(?P<month>[A-Z][a-z]{{2}})-(?P<year>[0-9]{{2}}) {_CLOCK} GMT"),
    re.compile(rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ 0-9][0-9]) {_CLOCK} (?P<year>[0-9]{{4}})"),
)


def format_date(seconds: float) -> str:
    """Write a Unix time in seconds as an HTTP date; the fraction is dropped.

    >>> format_date(784111777)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    year, month, day, hour, minute, second, weekday, _, _ = gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def parse_date(text: str) -> int | None:
    """Read an HTTP date in any of its three forms as a Unix time in seconds, or `None` when it is none.

    The name of the day is not checked. A year of two digits is taken as the RFC says: never more than 50 years ahead.

    >>> parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), parse_date("soon")
    (784111777, None)
    """
    for form in _FORMS:
        if match := form.fullmatch(text.strip()):
            return _seconds(match)
    return None


def _seconds(match: re.Match[str]) -> int | None:
    month = _NUMBERS.get(match["month"], 0)
    day, hour, minute, second = (int(match[part]) for part in ("day", "hour", "minute", "second"))
    year = _year(match["year"])
    if not month or not 1 <= day <= _LENGTHS[month - 1] or hour > 23 or minute > 59 or second > 60:
        return None
    return timegm((year, month, day, hour, minute, second))


def _year(digits: str) -> int:
    if len(digits) == 4:
        return int(digits)
    now = gmtime().tm_year
    year = now - now % 100 + int(digits)
    return year - 100 if year > now + 50 else year
