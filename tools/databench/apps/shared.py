"""Shared: the table, the statements and the answers, the same for everybody."""

import json
import os
import random
from collections.abc import Iterator
from typing import Any

__all__ = ["COUNT", "ONE", "QUERIES", "SIZE", "URL", "chosen", "dumps"]

URL = os.environ.get("DATABENCH_URL", "")
"""The database."""

SIZE = int(os.environ.get("DATABENCH_POOL", "8"))
"""Connections of each pool."""

COUNT = 10_000
"""Rows of the table."""

QUERIES = 20
"""Statements of the second scenario."""

ONE = "select id, randomnumber from world where id = "

_draw = random.Random(7)  # noqa: S311 - numbers of rows, no secret


def chosen(count: int) -> Iterator[int]:
    """Yield numbers of rows, other ones each time."""
    for _ in range(count):
        yield _draw.randrange(COUNT) + 1


def dumps(value: Any) -> bytes:
    """Encode an answer; msgspec, where it is installed, is what everybody gets."""
    return _encode(value)


try:
    import msgspec.json

    _encode = msgspec.json.Encoder().encode
except ImportError:  # pragma: no cover - the environment of the benchmark has it

    def _encode(value: Any) -> bytes:
        return json.dumps(value).encode()
