"""A contract: what every key-value store promises, and the stores that break it."""

from typing import Any

import pytest

from arlen_conformance import Contract, VirtualClock, promise

__all__ = ["Memory", "StoreContract"]


class StoreContract(Contract, name="store", version=2, capabilities=("expiry",)):
    """A store has `get(key)`, `set(key, value, seconds=None)` and `delete(key)`; keys are text, values are bytes."""

    @promise
    async def test_a_key_that_was_never_set(self, adapter: Any) -> None:
        """A key that was never set has no value."""
        assert await adapter.get("a") is None

    @promise
    async def test_the_last_value_counts(self, adapter: Any) -> None:
        """A key has the value that was set last."""
        await adapter.set("a", b"1")
        assert await adapter.get("a") == b"1"
        await adapter.set("a", b"2")
        assert await adapter.get("a") == b"2"

    @promise
    async def test_delete(self, adapter: Any) -> None:
        """A deleted key has no value, and to delete it again is no error."""
        await adapter.set("a", b"1")
        await adapter.delete("a")
        await adapter.delete("a")
        assert await adapter.get("a") is None

    @promise
    async def test_keys_are_exact(self, adapter: Any) -> None:
        """Any text is a key, and keys that differ in anything are different keys."""
        keys = ["a", "A", "a/b", "../a", "a.", "", " ", "é", "e\u0301", "\0", "x" * 1000]
        for key in keys:
            await adapter.set(key, key.encode())
        assert [await adapter.get(key) for key in keys] == [key.encode() for key in keys]

    @promise
    async def test_values_are_exact(self, adapter: Any) -> None:
        """Any bytes are a value, none and a million too."""
        for value in (b"", bytes(range(256)), b"\r\n", b"x" * 1_000_000):
            await adapter.set(f"of {len(value)} bytes", value)
            assert await adapter.get(f"of {len(value)} bytes") == value

    @promise(since=2, needs=["expiry"])
    async def test_expiry(self, adapter: Any, clock: VirtualClock) -> None:
        """A value that was set for some seconds is there until they have passed."""
        await adapter.set("a", b"1", 10)
        clock.shift(9)
        assert await adapter.get("a") == b"1"
        clock.shift(2)
        assert await adapter.get("a") is None

    @promise(since=2, unless=["expiry"])
    async def test_expiry_is_refused(self, adapter: Any) -> None:
        """A store that cannot forget refuses to keep a value for some seconds."""
        with pytest.raises(NotImplementedError):
            await adapter.set("a", b"1", 10)


class Memory:
    """The store that is right about everything, in memory."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.items: dict[str, tuple[bytes, float]] = {}

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        value, until = self.items.get(key, (None, 0.0))
        return value if self.clock.monotonic() < until else None

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Give a key a value, for some seconds or for ever."""
        self.items[key] = value, float("inf") if seconds is None else self.clock.monotonic() + seconds

    async def delete(self, key: str) -> None:
        """Take the value of a key away."""
        self.items.pop(key, None)


class Wrapped:
    """What saboteurs have in common: a good store inside."""

    def __init__(self, store: Memory) -> None:
        self.store = store
        self.seen: set[str] = set()

    async def get(self, key: str) -> bytes | None:
        """Do as the good store does."""
        return await self.store.get(key)

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Do as the good store does."""
        self.seen.add(key)
        await self.store.set(key, value, seconds)

    async def delete(self, key: str) -> None:
        """Do as the good store does."""
        await self.store.delete(key)


@StoreContract.saboteur("test_a_key_that_was_never_set")
class Empty(Wrapped):
    """Takes what was never set for something empty."""

    async def get(self, key: str) -> bytes | None:
        """Return nothing's empty value."""
        return await self.store.get(key) if key in self.seen else b""


@StoreContract.saboteur("test_the_last_value_counts")
class FirstWins(Wrapped):
    """Keeps the first value."""

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Set what is not there."""
        if await self.store.get(key) is None:
            await self.store.set(key, value, seconds)


@StoreContract.saboteur("test_delete")
class Keeps(Wrapped):
    """Deletes nothing."""

    async def delete(self, key: str) -> None:
        """Do nothing."""


@StoreContract.saboteur("test_delete")
class Strict(Wrapped):
    """Cannot delete what is not there."""

    async def delete(self, key: str) -> None:
        """Raise an error for a key that has no value."""
        if await self.store.get(key) is None:
            raise KeyError(key)
        await self.store.delete(key)


@StoreContract.saboteur("test_keys_are_exact")
class Folds(Wrapped):
    """Takes capitals for small letters."""

    async def get(self, key: str) -> bytes | None:
        """Look a small key up."""
        return await self.store.get(key.lower())

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Set a small key."""
        await self.store.set(key.lower(), value, seconds)


@StoreContract.saboteur("test_values_are_exact")
class Text(Wrapped):
    """Takes every value for text."""

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Set what is left of the value as text."""
        await self.store.set(key, value.decode("utf-8", "replace").encode(), seconds)


@StoreContract.saboteur("test_expiry")
class Forever(Wrapped):
    """Never forgets."""

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Set for ever."""
        await self.store.set(key, value)


@StoreContract.saboteur("test_expiry_is_refused")
class Pretends(Wrapped):
    """Takes the seconds and does nothing about them."""

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Set for ever, without a word."""
        await self.store.set(key, value)
