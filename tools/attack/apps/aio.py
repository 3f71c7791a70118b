"""An application of aiohttp that takes everything: `python aio.py <port>`."""

import asyncio
import signal
import sys

from aiohttp import web  # type: ignore[import-not-found, unused-ignore]

__all__: list[str] = []


async def handle(request: web.BaseRequest) -> web.Response:
    """Answer what was seen when the body is there."""
    size = len(await request.read())
    return web.Response(text=f"{request.method} {request.rel_url.raw_path} {size}")


async def main(port: int) -> None:
    """Serve without a router, which would answer 404 to other forms of targets."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
