"""Requests: streams of HTTP/1.1, right and wrong, given to a server and compared with the reference."""

from random import Random
from typing import Any, Self

from tools.fuzz import judge, mutations, reference
from tools.fuzz.reference import Bounds
from tools.fuzz.rig import Rig

__all__ = ["Fuzzer", "Tight"]

# small limits, so that random streams reach them
BOUNDS = Bounds(line=200, fields=700, count=20, chunk=40)
SETTINGS: dict[str, Any] = {"max_line": 200, "max_header_bytes": 700, "max_headers": 20, "max_chunk_line": 40}


class Fuzzer:
    """First every case of the corpus as it is, then mutations of these and of valid pipelines.

    Args:
        more: further settings of the server.
    """

    def __init__(self, **more: Any) -> None:
        self._rig = Rig(**SETTINGS, **more)
        self._seeds = mutations.seeds()
        self._next = 0

    async def __aenter__(self) -> Self:
        await self._rig.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._rig.__aexit__(*details)

    def streams(self, random: Random) -> list[bytes]:
        """Return one stream in the parts in which it arrives."""
        self._next += 1
        if self._next <= len(self._seeds):
            return [self._seeds[self._next - 1]]
        good = mutations.pipeline(random)
        base = random.choice((good, good, random.choice(self._seeds)))
        data = base if random.randrange(6) == 0 else mutations.mutate(base, random, [*self._seeds, good])
        return mutations.cut(data, random)

    async def judged(self, parts: list[bytes]) -> tuple[list[str], str]:
        """Return which invariants are broken, and how the stream ends."""
        data = b"".join(parts)
        reading = reference.read(data, BOUNDS)
        return judge.verdict(data, reading, await self._rig.run(parts)), reading.end


class Tight(Fuzzer):
    """The same with hardly any room: bodies pause, and pipelines take many turns; what is answered must not change."""

    def __init__(self) -> None:
        super().__init__(read_buffer=8, max_pipeline=2, max_pipeline_bytes=40)
