"""The same on Arlen: an application, arlen-server and arlen-pg.

`python -m tools.databench.apps.arlen PORT`
"""

import sys
from pathlib import Path

from arlen_core import App
from arlen_pg import Postgres
from arlen_server import Settings, run
from tools.databench.apps.shared import ONE, QUERIES, SIZE, URL, chosen

__all__ = ["main", "make"]


def make() -> App:
    """Make the application."""
    app = App("databench", root=Path(__file__).parent)
    app.use(Postgres(URL, size=SIZE))

    @app.get("/db")
    async def one(db: Postgres) -> dict[str, int]:
        row = await db.one(f"{ONE}$1", next(chosen(1)))
        return {"id": row[0], "randomNumber": row[1]}

    @app.get("/queries")
    async def many(db: Postgres) -> list[dict[str, int]]:
        rows = [found.one() for found in await db.batch(*[(f"{ONE}$1", number) for number in chosen(QUERIES)])]
        return [{"id": row[0], "randomNumber": row[1]} for row in rows]

    return app


def main(arguments: list[str]) -> None:
    """Serve on the port that the command line gives."""
    run(make(), Settings(port=int(arguments[0]), drain_delay=0.0, drain_idle=0.0))


if __name__ == "__main__":
    main(sys.argv[1:])
