"""What every application shares: the data, the typed model, the template, the work of the five middlewares.

It runs in the environments of the peers too, so it imports nothing but msgspec, Jinja2 and the standard library.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from jinja2 import Environment, FileSystemLoader, Template
from msgspec import Meta, Struct

__all__ = [
    "LAYERED",
    "PAGE",
    "ROUTES",
    "SCENARIO",
    "SECURITY",
    "TEXT",
    "Item",
    "Order",
    "clock",
    "cookie",
    "decode",
    "elapsed",
    "encode",
    "identity",
    "load_session",
    "page",
    "save_session",
    "summary",
    "tag",
    "template",
]

SCENARIO = os.environ.get("BENCH_SCENARIO", "")
ROUTES = {"routes-10": 10, "routes-1000": 1000}.get(SCENARIO, 0)
LAYERED = SCENARIO == "middlewares"

TEXT = "Hello, World!"
SECRET = b"a secret that is as long as it should be"
SECURITY = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
)


class Item(Struct):
    """A line of an order."""

    sku: Annotated[str, Meta(min_length=1, max_length=32)]
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    price: Annotated[int, Meta(ge=0)]
    tags: list[str] = []


class Order(Struct):
    """What `POST /validate` takes."""

    customer: Annotated[str, Meta(min_length=1, max_length=80)]
    express: bool
    items: Annotated[list[Item], Meta(min_length=1, max_length=100)]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Order).decode
clock = perf_counter


def summary(order: Any) -> dict[str, Any]:
    """Return the answer to an order."""
    total = sum(item.quantity * item.price for item in order.items)
    return {"customer": order.customer, "items": len(order.items), "total": total}


PAGE: dict[str, Any] = {
    "title": "Tools & more",
    "rows": [
        {"id": n, "name": f"Tool <{n}>", "note": "cuts & drills", "stock": n % 5, "price": n * 1.25}
        for n in range(1, 13)
    ],
}


def template() -> Template:
    """Compile the page, as every server but Arlen does; Arlen's own views read the same file."""
    folder = Path(__file__).parent / "templates"
    return Environment(loader=FileSystemLoader(folder), autoescape=True).get_template("page.html")


def page() -> str:
    """Render the page."""
    return _page.render(PAGE)


_page = template()


def identity(given: str | None) -> str:
    """The first middleware: the request's own id when it looks like one, else a new one."""
    return given if given and 8 <= len(given) <= 64 and given.isalnum() else uuid4().hex


def elapsed(start: float) -> str:
    """The second: how long the rest took, as Server-Timing."""
    return f"app;dur={(perf_counter() - start) * 1000:.3f}"


def load_session(header: str | None) -> dict[str, Any]:
    """The fourth, on the way in: the session of a signed cookie; an empty one when it is missing or forged."""
    for part in (header or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "session":
            payload, _, signature = value.encode().partition(b".")
            if hmac.compare_digest(signature, _sign(payload)):
                session: dict[str, Any] = msgspec.json.decode(urlsafe_b64decode(payload))
                return session
    return {}


def save_session(session: dict[str, Any]) -> str:
    """The fourth, on the way out: the Set-Cookie that carries the session on."""
    payload = urlsafe_b64encode(encode(session))
    return f"session={payload.decode()}.{_sign(payload).decode()}; Path=/; HttpOnly; SameSite=Lax"


def tag(body: bytes) -> str:
    """The fifth: the ETag of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def cookie() -> str:
    """The Cookie header that the load generator sends."""
    return save_session({"user": "ada", "visits": 7, "theme": "dark"}).partition(";")[0]


def _sign(payload: bytes) -> bytes:
    return hmac.new(SECRET, payload, "sha256").hexdigest().encode()
