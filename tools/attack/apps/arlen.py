"""An application of arlen-server that takes everything: `python -m tools.attack.apps.arlen <port>`."""

import sys

from arlen_core.errors import Disconnected, HTTPError
from arlen_core.requests import Request
from arlen_core.responses import Response, text
from arlen_server import Settings, run
from arlen_server.refusals import answer

__all__ = ["Taker"]


class Taker:
    """Answers what was seen when the body is there."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""

    def drain(self) -> None:
        """The server stops soon."""

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        try:
            size = len(await request.body.read())
        except HTTPError as error:
            return answer(error, request.method)
        except Disconnected:
            return answer(HTTPError(400))
        return text(f"{request.method} {request.target.decode()} {size}")

    def finish(
        self, request: Request, response: Response, *, sent: int = 0, error: BaseException | None = None
    ) -> None:
        """A request is over."""


if __name__ == "__main__":
    run(Taker(), Settings(port=int(sys.argv[1]), drain_delay=0, drain_idle=0))
