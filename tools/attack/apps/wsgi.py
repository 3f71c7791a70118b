"""A WSGI application that takes everything."""

from collections.abc import Callable
from typing import Any

__all__ = ["app"]


def app(environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
    """Answer what was seen when the body is there."""
    size = len(environ["wsgi.input"].read())
    body = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {size}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
