"""Moments: times with and without a zone, durations, and times that Python cannot hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

from arlen_conformance import promise
from arlen_data.conformance.aids import keeps
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import DataError, DecodeError, InvalidArgument, Unsupported

__all__ = ["Moments"]

_KOLKATA = timezone(timedelta(hours=5, minutes=30))
_MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123_457, tzinfo=_KOLKATA)
_FAR = {
    "timestamptz": ("infinity", "-infinity", "20000-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC"),
    "timestamp": ("infinity", "20000-01-01 00:00:00"),
    "date": ("infinity", "-infinity", "20000-01-01", "0044-03-15 BC"),
    "time": ("24:00:00",),
    "interval": ("1 mon 3 days", "-1 years 2 mons -3 days 04:05:06.7", "infinity"),
}


class Moments:
    """TY11 to TY13."""

    @promise
    async def test_ty11_moments_are_aware_and_in_utc(self, adapter: Database) -> None:
        """A moment of any zone comes back as the same moment in UTC, to the microsecond."""
        await adapter.execute(f"create table ty11 (v {dialect(adapter).timestamptz})")
        for value in (_MOMENT, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)):
            found = await keeps(adapter, "ty11", value)
            assert value == found
            assert timedelta(0) == found.utcoffset()

    @promise
    async def test_ty11_a_moment_without_a_zone_is_never_shifted(self, adapter: Database) -> None:
        """A moment without a zone is refused, or taken as UTC whatever the machine's zone is."""
        await adapter.execute(f"create table ty11_naive (v {dialect(adapter).timestamptz})")
        value = datetime(2026, 7, 1, 12, 0)  # that is the point  # noqa: DTZ001
        try:
            await adapter.execute("insert into ty11_naive (v) values ($1)", value)
        except (DataError, InvalidArgument, Unsupported):
            return
        assert value.replace(tzinfo=UTC) == await adapter.value("select v from ty11_naive")

    @promise(needs=["temporal", "transactions"])
    async def test_ty11_the_zone_of_a_session_changes_no_moment(self, adapter: Database) -> None:
        """Moments come back in UTC in a session of another zone too."""
        await adapter.execute(f"create table ty11_zone (v {dialect(adapter).timestamptz})")
        async with adapter.transaction() as tx:
            await tx.execute(dialect(adapter).zone)
            await tx.execute("insert into ty11_zone (v) values ($1)", _MOMENT)
            found = await tx.value("select v from ty11_zone")
        assert (_MOMENT, timedelta(0)) == (found, found.utcoffset())

    @promise(needs=["temporal"])
    async def test_ty12_dates_times_and_durations(self, adapter: Database) -> None:
        """Dates, times with and without a zone, and durations come back as they went in."""
        words = dialect(adapter)
        for value, name in (
            (datetime(2026, 2, 28, 23, 59, 59, 999_999), words.moments["datetime"]),  # noqa: DTZ001
            (date(2026, 2, 28), words.moments["date"]),
            (date.min, words.moments["date"]),
            (date.max, words.moments["date"]),
            (time(23, 59, 59, 999_999), words.moments["time"]),
            (time(1, 2, 3, tzinfo=_KOLKATA), "timetz"),
            (timedelta(days=-3, seconds=7, microseconds=11), words.interval),
            (timedelta(days=40_000), words.interval),
        ):
            await adapter.execute(f"create table ty12 (v {name})")
            assert value == await keeps(adapter, "ty12", value)
            await adapter.execute("drop table ty12")

    @promise(unless=["temporal"])
    async def test_ty12_dates_and_times_are_kept_or_refused(self, adapter: Database) -> None:
        """Without `temporal`, a date, a time and a duration are kept or refused; they never change."""
        words = dialect(adapter)
        naive = datetime(2026, 2, 28, 23, 59, 59, 999_999)  # noqa: DTZ001
        values = {"datetime": naive, "date": date(2026, 2, 28), "time": time(23, 59, 59, 999_999)}
        kinds = words.moments | {"timedelta": words.interval}
        for name, value in (values | {"timedelta": timedelta(days=3, microseconds=11)}).items():
            await adapter.execute(f"create table ty12_{name} (v {kinds[name]})")
            try:
                assert value == await keeps(adapter, f"ty12_{name}", value)
            except (Unsupported, DataError, InvalidArgument):
                continue

    @promise(needs=["temporal"])
    async def test_ty13_times_that_python_cannot_hold(self, adapter: Database) -> None:
        """Infinity, years that Python lacks, 24:00 and months are a `DecodeError`, or are written back as they were."""
        for name, texts in _FAR.items():
            await adapter.execute(f"create table ty13_{name} (v {name})")
            for text in texts:
                await _faithful(adapter, name, text)


async def _faithful(adapter: Database, name: str, text: str) -> None:
    table = f"ty13_{name}"
    await adapter.execute(f"delete from {table}")  # noqa: S608
    await adapter.execute(f"insert into {table} (v) values ('{text}')")  # noqa: S608
    before = await adapter.value(f"select cast(v as text) from {table}")  # noqa: S608
    try:
        value = await adapter.value(f"select v from {table}")  # noqa: S608
    except DecodeError:
        return
    await adapter.execute(f"update {table} set v = $1", value)  # noqa: S608
    assert before == await adapter.value(f"select cast(v as text) from {table}")  # noqa: S608
