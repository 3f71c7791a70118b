"""Scalars: numbers, texts, bytes, truth and UUIDs come back as they went in, in value and in type."""

from __future__ import annotations

import math
from decimal import Decimal
from uuid import UUID

from arlen_conformance import promise
from arlen_data.conformance.aids import keeps, raises
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import DataError, Unsupported

__all__ = ["Scalars"]

_DIGITS = "1234567890123456789012345678901234567.890"
_TEXTS = (
    "plain",
    "a\tb\r\nc",
    "'quoted' \"twice\" \\ $1 %s ?",
    "\U0001f600\U0001f469‍\U0001f52c",
    "n̈o",
    "שלום",
    "\ufeff",
)


class Scalars:
    """TY01 to TY08."""

    @promise
    async def test_ty01_integers_keep_their_limits(self, adapter: Database) -> None:
        """Integers come back up to the limits of their types, and one beyond them is a `DataError`."""
        for name, bits in dialect(adapter).integers.items():
            await adapter.execute(f"create table ty01_{name} (v {name})")
            for value in (-(1 << bits), -1, 0, 1, (1 << bits) - 1):
                assert value == await keeps(adapter, f"ty01_{name}", value)
            for value in (1 << bits, -(1 << bits) - 1):
                with raises(DataError) as caught:
                    await adapter.execute(f"insert into ty01_{name} (v) values ($1)", value)  # noqa: S608
                assert "22003" == caught.error.sqlstate

    @promise
    async def test_ty02_floats_keep_every_bit(self, adapter: Database) -> None:
        """Floats come back bit by bit, the smallest and the greatest among them."""
        await adapter.execute(f"create table ty02 (v {dialect(adapter).real})")
        for value in (0.0, 0.1 + 0.2, -1e-300, 5e-324, 1.7976931348623157e308, 3.0):
            assert value.hex() == (await keeps(adapter, "ty02", value)).hex()

    @promise(needs=["infinity"])
    async def test_ty02_floats_beyond_numbers(self, adapter: Database) -> None:
        """Infinity, no number and a zero with a sign come back as they went in."""
        await adapter.execute(f"create table ty02 (v {dialect(adapter).real})")
        for value in (math.inf, -math.inf, math.nan, -0.0):
            assert value.hex() == (await keeps(adapter, "ty02", value)).hex()

    @promise(unless=["infinity"])
    async def test_ty02_floats_beyond_numbers_are_refused(self, adapter: Database) -> None:
        """Without `infinity`, a float that is infinite or no number is kept or refused; it never changes."""
        await adapter.execute(f"create table ty02 (v {dialect(adapter).real})")
        for value in (math.nan, math.inf, -math.inf):
            await _kept_or_refused(adapter, "ty02", value)

    @promise(needs=["numeric"])
    async def test_ty03_decimals_keep_every_digit(self, adapter: Database) -> None:
        """Decimals come back with all their digits, with zeros at the end, and as no number."""
        await adapter.execute(f"create table ty03 (v {dialect(adapter).numeric})")
        for digits in (_DIGITS, "1.10", "-0.000000000000000000000000000001", "0", "100", "NaN"):
            value = Decimal(digits)
            assert str(value) == str(await keeps(adapter, "ty03", value))

    @promise(unless=["numeric"])
    async def test_ty03_decimals_are_refused(self, adapter: Database) -> None:
        """Without `numeric`, a Decimal is kept or refused; it never becomes a float."""
        await adapter.execute(f"create table ty03 (v {dialect(adapter).numeric})")
        await _kept_or_refused(adapter, "ty03", Decimal(_DIGITS))

    @promise(heavy=True)
    async def test_ty04_texts_keep_every_character(self, adapter: Database) -> None:
        """Texts come back character by character; an empty one is not null, and a megabyte is no problem."""
        await adapter.execute("create table ty04 (v text)")
        for value in ("", *_TEXTS, "ä" * 1024 * 512):
            assert value == await keeps(adapter, "ty04", value)
        await adapter.execute("update ty04 set v = $1", "")
        assert 0 == await adapter.value("select count(*) from ty04 where v is null")

    @promise(unless=["nul_text"])
    async def test_ty05_nul_in_a_text_is_refused(self, adapter: Database) -> None:
        """Without `nul_text`, a text with a NUL is a `DataError`: it is neither cut nor stored."""
        await adapter.execute("create table ty05 (v text)")
        with raises(DataError):
            await adapter.execute("insert into ty05 (v) values ($1)", "a\0b")
        assert 0 == await adapter.value("select count(*) from ty05")

    @promise(needs=["nul_text"])
    async def test_ty05_nul_in_a_text_is_kept(self, adapter: Database) -> None:
        """A text with a NUL comes back whole."""
        await adapter.execute("create table ty05 (v text)")
        assert "a\0b" == await keeps(adapter, "ty05", "a\0b")

    @promise(heavy=True)
    async def test_ty06_bytes_stay_bytes(self, adapter: Database) -> None:
        """Bytes come back as bytes, all 256 values, none at all, and five megabytes; texts stay texts beside them."""
        await adapter.execute(f"create table ty06 (v {dialect(adapter).binary}, t text)")
        for value in (bytes(range(256)), b"", b"'\\x00", b"\xff\0" * (5 * 1024 * 512)):
            assert value == await keeps(adapter, "ty06", value)
        await adapter.execute("update ty06 set v = $1, t = $2", b"text", "text")
        assert (b"text", "text") == await adapter.one("select v, t from ty06")

    @promise
    async def test_ty07_truth_is_a_bool(self, adapter: Database) -> None:
        """A column of truth holds True, False and null, and gives just these."""
        await adapter.execute(f"create table ty07 (v {dialect(adapter).boolean})")
        for value in (True, False):
            assert value is await keeps(adapter, "ty07", value)
            assert 1 == await adapter.value("select count(*) from ty07 where v = $1", value)
        await adapter.execute("update ty07 set v = null")
        assert await adapter.value("select v from ty07") is None

    @promise
    async def test_ty08_uuids(self, adapter: Database) -> None:
        """A UUID comes back as one, and finds its row."""
        await adapter.execute(f"create table ty08 (v {dialect(adapter).uuid})")
        for value in (UUID(int=0), UUID("01890b2c-7e5d-7a3f-9b1e-0123456789ab"), UUID(int=(1 << 128) - 1)):
            assert value == await keeps(adapter, "ty08", value)
            assert 1 == await adapter.value("select count(*) from ty08 where v = $1", value)


async def _kept_or_refused(adapter: Database, table: str, value: float | Decimal) -> None:
    try:
        found = await keeps(adapter, table, value)
    except (Unsupported, DataError):
        return
    assert str(value) == str(found)
