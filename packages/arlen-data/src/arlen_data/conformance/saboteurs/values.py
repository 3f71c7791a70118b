"""Databases that lose something of a value."""

from __future__ import annotations

import json
from datetime import UTC, date, timedelta, timezone
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from arlen_data.conformance.wrapped import Wrapped, caught_by, result
from arlen_data.errors import DatabaseError, DecodeError
from arlen_data.lanes import Lane
from arlen_data.results import Result
from arlen_data.values import Array, Json

__all__ = [
    "ArrayTexts",
    "BytesForTexts",
    "CutTexts",
    "Empties",
    "FloatDecimals",
    "FloatParameters",
    "GuessedArrays",
    "JsonTexts",
    "LocalMoments",
    "LostNulls",
    "Mutable",
    "NaiveMoments",
    "NoNumbers",
    "Nullified",
    "Nuls",
    "Numbers",
    "RoundedDurations",
    "RoundedFloats",
    "ShiftedMoments",
    "Signless",
    "TextTimes",
    "TextUuids",
    "Unnamed",
    "Wraparound",
    "WrongTimes",
]


@caught_by("test_ty01_integers_keep_their_limits")
class Wraparound(Wrapped):
    """Integers wrap around."""

    about = r"ty01_\w+"

    def outgoing(self, value: Any) -> Any:
        """Cut it to 64 bits."""
        return (value + 2**63) % 2**64 - 2**63


@caught_by("test_ty02_floats_keep_every_bit")
class RoundedFloats(Wrapped):
    """Floats are cut to what people read."""

    about = "ty02"

    def incoming(self, value: Any) -> Any:
        """Round it."""
        return float(f"{value:.6e}") if isinstance(value, float) else value


@caught_by("test_ty02_floats_beyond_numbers")
class Signless(Wrapped):
    """A zero loses its sign."""

    about = "ty02"

    def outgoing(self, value: Any) -> Any:
        """Take the sign."""
        return value or 0.0


@caught_by("test_ty02_floats_beyond_numbers_are_refused")
class NoNumbers(Wrapped):
    """What is no number becomes null."""

    about = "ty02"

    def outgoing(self, value: Any) -> Any:
        """Lose it."""
        return value if isfinite(value) else None


@caught_by("test_ty03_decimals_keep_every_digit")
class FloatDecimals(Wrapped):
    """Decimals go through floats."""

    about = "ty03"

    def incoming(self, value: Any) -> Any:
        """Go through a float."""
        return Decimal(float(value))


@caught_by("test_ty03_decimals_are_refused")
class FloatParameters(Wrapped):
    """Decimals become floats."""

    about = "ty03"

    def outgoing(self, value: Any) -> Any:
        """Make a float."""
        return float(value)


@caught_by("test_ty04_texts_keep_every_character")
class Empties(Wrapped):
    """An empty text becomes null."""

    about = "ty04"

    def outgoing(self, value: Any) -> Any:
        """Lose it."""
        return value or None


@caught_by("test_ty05_nul_in_a_text_is_refused")
class Nuls(Wrapped):
    """A NUL is taken out of a text."""

    about = "ty05"

    def outgoing(self, value: Any) -> Any:
        """Take it out."""
        return value.replace("\0", "")


@caught_by("test_ty05_nul_in_a_text_is_kept")
class CutTexts(Wrapped):
    """A text ends at a NUL."""

    about = "ty05"

    def incoming(self, value: Any) -> Any:
        """Cut it."""
        return value.partition("\0")[0]


@caught_by("test_ty06_bytes_stay_bytes")
class Mutable(Wrapped):
    """Bytes come back as something like bytes."""

    about = "ty06"

    def incoming(self, value: Any) -> Any:
        """Change the type."""
        return bytearray(value) if isinstance(value, bytes) else value


@caught_by("test_ty07_truth_is_a_bool")
class Numbers(Wrapped):
    """Truth is 0 or 1."""

    about = "ty07"

    def incoming(self, value: Any) -> Any:
        """Make a number."""
        return int(value) if isinstance(value, bool) else value


@caught_by("test_ty08_uuids")
class TextUuids(Wrapped):
    """UUIDs come back as texts."""

    about = "ty08"

    def incoming(self, value: Any) -> Any:
        """Make a text."""
        return str(value) if isinstance(value, UUID) else value


@caught_by("test_ty09_json")
class Nullified(Wrapped):
    """JSON's null becomes SQL's."""

    about = r"ty09_\d"

    def outgoing(self, value: Any) -> Any:
        """Mistake it."""
        return None if value == Json(None) else value


@caught_by("test_ty09_json_is_refused")
class JsonTexts(Wrapped):
    """JSON becomes a text that nobody decodes."""

    about = "ty09"

    def outgoing(self, value: Any) -> Any:
        """Make a text."""
        return json.dumps(value.value if isinstance(value, Json) else value)


@caught_by("test_ty10_arrays")
class LostNulls(Wrapped):
    """Nulls are lost out of arrays."""

    about = "ty10"

    def incoming(self, value: Any) -> Any:
        """Lose them."""
        return [each for each in value if each is not None] if isinstance(value, list) else value


@caught_by("test_ty10_a_bare_list_is_no_array")
class GuessedArrays(Wrapped):
    """A bare list is taken for an array."""

    about = "ty10"

    def outgoing(self, value: Any) -> Any:
        """Guess."""
        return Array(value) if isinstance(value, list) else value


@caught_by("test_ty10_arrays_are_refused")
class ArrayTexts(Wrapped):
    """An array becomes a text that nobody decodes."""

    about = "ty10"

    def outgoing(self, value: Any) -> Any:
        """Make a text."""
        return str(value.value)


@caught_by("test_ty11_moments_are_aware_and_in_utc")
class NaiveMoments(Wrapped):
    """Moments come back without a zone."""

    about = "ty11"

    def incoming(self, value: Any) -> Any:
        """Lose the zone."""
        return value.replace(tzinfo=None)


@caught_by("test_ty11_a_moment_without_a_zone_is_never_shifted")
class ShiftedMoments(Wrapped):
    """A moment without a zone is taken as one of some other place."""

    about = "ty11_naive"

    def outgoing(self, value: Any) -> Any:
        """Shift it."""
        return value.replace(tzinfo=UTC) - timedelta(hours=2)


@caught_by("test_ty11_the_zone_of_a_session_changes_no_moment")
class LocalMoments(Wrapped):
    """Moments come back in the zone of the session."""

    about = "ty11_zone"

    def incoming(self, value: Any) -> Any:
        """Change the zone."""
        return value.astimezone(timezone(timedelta(hours=5)))


@caught_by("test_ty12_dates_times_and_durations")
class RoundedDurations(Wrapped):
    """Durations lose their microseconds."""

    about = "ty12"

    def incoming(self, value: Any) -> Any:
        """Round it."""
        return timedelta(value.days, value.seconds) if isinstance(value, timedelta) else value


@caught_by("test_ty12_dates_and_times_are_kept_or_refused")
class TextTimes(Wrapped):
    """Times become texts that nobody decodes."""

    about = r"ty12_\w+"

    def outgoing(self, value: Any) -> Any:
        """Make a text."""
        return f"at {value}"


@caught_by("test_ty13_times_that_python_cannot_hold")
class WrongTimes(Wrapped):
    """What Python cannot hold becomes the last of all days."""

    about = r"select v from ty13_\w+"

    async def ask(self, lane: Lane, sql: str, params: Any) -> Result:
        """Make it up."""
        return result(("v",), (date.max,), affected=1)


@caught_by("test_ty14_types_that_a_database_defines")
class BytesForTexts(Wrapped):
    """What has no type of its own comes back as raw bytes."""

    about = "d, p, r from ty14"

    def incoming(self, value: Any) -> Any:
        """Give the bytes."""
        return value.encode() if isinstance(value, str) else value


@caught_by("test_ty15_what_cannot_be_held_is_named")
class Unnamed(Wrapped):
    """A value that cannot be held does not say where it is."""

    about = "ty15"

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Keep it a secret."""
        return DecodeError("a value does not fit") if isinstance(error, DecodeError) else error
