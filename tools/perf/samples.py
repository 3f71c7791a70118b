"""Samples: what the paths send, and the record that a body becomes."""

import json
from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["BROWSER", "HELLO", "HOST", "ORDER", "Item", "Order"]


class Item(Struct):
    """One line of an order."""

    sku: Annotated[str, Meta(min_length=1, max_length=32)]
    quantity: Annotated[int, Meta(ge=1)]
    price: float


class Order(Struct):
    """The body that is validated."""

    customer: str
    items: Annotated[list[Item], Meta(max_length=100)]
    note: str = ""


HELLO = b'{"message":"Hello, World!"}'
"""The small answer."""

ORDER = json.dumps(
    {
        "customer": "Ada Lovelace",
        "items": [{"sku": f"SKU-{number:04}", "quantity": number, "price": number + 0.99} for number in range(1, 11)],
        "note": "leave it at the door",
    }
).encode()
"""An order of ten items."""

HOST = b"Host: example.org\r\n"
"""The shortest header that HTTP/1.1 allows."""

BROWSER = (
    b"Host: example.org\r\n"
    b"Connection: keep-alive\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-GB,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    b"Referer: https://example.org/products\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Cache-Control: max-age=0\r\n"
)
"""Ten fields, as a browser sends them."""
