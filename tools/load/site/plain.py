"""The minimal application, as a program: `python plain.py PORT`, and as `plain:app` for propane."""

import sys

from arlen_core import App
from arlen_server import Settings, run

app = App(__name__)


@app.get("/plaintext")
async def home() -> str:
    """Answer."""
    return "Hello, World!"


if __name__ == "__main__":
    run(app, Settings(port=int(sys.argv[1])))
