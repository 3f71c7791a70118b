"""The SQL builder beside SQLAlchemy Core and PyPika: `python -m tools.databench.builder` prints a table of ratios.

Times are those of the processor. Each round runs every case once, in an order that changes from round to round, so
that a machine which slows down slows all of them down. A case is what a program does to get the text and the
parameters of a statement from nothing; nothing is kept from one to the next. What is compared is the median over the
rounds.
"""

import argparse
import importlib
import importlib.metadata
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

__all__ = ["ROUNDS", "cases", "imported", "interleaved", "main", "table"]

ROUNDS = 15
SECONDS = 0.02  # processor time of a case in a round
IMPORTS = 9
OURS = "arlen-sqlbuilder"
Case = Callable[[], object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m tools.databench.builder")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how many rounds, {ROUNDS}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"seconds for a case in a round, {SECONDS}")
    parser.add_argument("--imports", type=int, default=IMPORTS, help=f"how many times each is imported, {IMPORTS}")
    options = parser.parse_args(arguments)
    rates = interleaved(cases(), rounds=options.rounds, seconds=options.seconds)
    times = {name: imported(name, options.imports) for name in ("arlen_sqlbuilder", "sqlalchemy", "pypika")}
    print(table(rates, times, options.rounds))
    return 0


def cases() -> dict[tuple[str, str], Case]:
    """Return what is measured: for each statement and library, a function that makes the text and the parameters."""
    found = {(what, OURS): case for what, case in _ours().items()}
    for library, made in (("SQLAlchemy Core", _sqlalchemy), ("PyPika", _pypika)):
        try:
            found |= {(what, library): case for what, case in made().items()}
        except ImportError:
            continue
    return found


def interleaved(measured: dict[tuple[str, str], Case], *, rounds: int, seconds: float) -> dict[tuple[str, str], float]:
    """Return for each case how many times it runs in a second: the median of the rounds, which shuffle the cases."""
    counts = {key: _calibrated(case, seconds) for key, case in measured.items()}
    rates: dict[tuple[str, str], list[float]] = {key: [] for key in measured}
    order = list(measured)
    shuffle = random.Random(5).shuffle  # noqa: S311 - an order, not a secret
    for _ in range(rounds):
        shuffle(order)
        for key in order:
            rates[key].append(counts[key] / _timed(measured[key], counts[key]))
    return {key: median(found) for key, found in rates.items()}


def imported(module: str, times: int) -> float | None:
    """Return how long a fresh interpreter needs for an import, in ms of the processor; None when it fails."""
    code = f"import time; a = time.process_time(); import {module}; print(time.process_time() - a)"
    found = []
    for _ in range(times):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        found.append(float(done.stdout) * 1000)
    return median(found) if found else None


def table(rates: dict[tuple[str, str], float], times: dict[str, float | None], rounds: int) -> str:
    """Return the Markdown table: each case, how often a second, and how many times the peer's rate ours is."""
    day = datetime.now(UTC).date()
    lines = [
        f"{day}, Python {platform.python_version()}, {', '.join(_versions())}; medians of {rounds} interleaved rounds",
        "",
        "| what | library | per CPU second | arlen-sqlbuilder is |",
        "|---|---|---:|---:|",
    ]
    for (what, library), rate in rates.items():
        ours = rates.get((what, OURS))
        ratio = "" if library == OURS or ours is None else f"{ours / rate:.1f} times as fast"
        lines.append(f"| {what} | {library} | {rate:,.0f} | {ratio} |")
    lines += ["", "| import | CPU ms |", "|---|---:|"]
    return "\n".join(lines + [f"| {name} | {found:.1f} |" for name, found in times.items() if found is not None])


def _ours() -> dict[str, Case]:
    from arlen_sqlbuilder import PG, Table, column, fn, insert, param, select

    class Users(Table, name="users"):
        id = column(int)
        email = column(str)
        tenant_id = column(int)

    class Orders(Table, name="orders"):
        id = column(int)
        user_id = column(int)
        total = column(int)
        status = column(str)

    class Jobs(Table, name="jobs"):
        id = column(int)

    values = {"a": 1, "b": "two", "c": 3.0, "d": None, "e": True}
    jobs = Table("jobs")
    bound = select(Users.id, Users.email).where(Users.id == param("id")).compile(PG)

    def q1() -> object:
        found = select(Users.id, Users.email).where(Users.tenant_id == 7, Users.email.like("%acme%"))
        return found.order_by(Users.email).limit(20).offset(40).compile(PG)

    def q2() -> object:
        paid = select(Orders.user_id, Orders.total).where(Orders.status == "paid").cte("paid")
        total = fn.sum(paid.c.total)
        found = select(Users.email, total.as_("total")).from_(Users).join(paid, paid.c.user_id == Users.id)
        found = found.where(Users.tenant_id == 7).group_by(Users.email).having(total > 100)
        return found.order_by(total.desc()).limit(10).compile(PG)

    return {
        "Q1 select, 2 predicates, order, page": q1,
        "Q2 CTE, join, group, having": q2,
        "Q3 insert of 5 columns, returning": lambda: insert(jobs).values(values).returning(Jobs.id).compile(PG),
        "bind of a compiled statement": lambda: bound.bind(id=5),
    }


def _sqlalchemy() -> dict[str, Case]:
    sa: Any = importlib.import_module("sqlalchemy")
    dialect: Any = importlib.import_module("sqlalchemy.dialects.postgresql").dialect(paramstyle="numeric_dollar")
    meta = sa.MetaData()
    users = sa.Table(
        "users",
        meta,
        *[sa.Column(n, t) for n, t in {"id": sa.Integer, "email": sa.String, "tenant_id": sa.Integer}.items()],
    )
    orders = sa.Table(
        "orders", meta, *[sa.Column(n, sa.Integer) for n in ("id", "user_id", "total")], sa.Column("status", sa.String)
    )
    jobs = sa.Table("jobs", meta, *[sa.Column(name, sa.String) for name in ("id", "a", "b", "c", "d", "e")])
    values = {"a": 1, "b": "two", "c": 3.0, "d": None, "e": True}

    def made(statement: Any) -> object:
        compiled = statement.compile(dialect=dialect)
        return compiled.string, compiled.params

    def q1() -> object:
        found = sa.select(users.c.id, users.c.email).where(users.c.tenant_id == 7, users.c.email.like("%acme%"))
        return made(found.order_by(users.c.email).limit(20).offset(40))

    def q2() -> object:
        paid = sa.select(orders.c.user_id, orders.c.total).where(orders.c.status == "paid").cte("paid")
        total = sa.func.sum(paid.c.total)
        found = sa.select(users.c.email, total.label("total")).join(paid, paid.c.user_id == users.c.id)
        found = found.where(users.c.tenant_id == 7).group_by(users.c.email).having(total > 100)
        return made(found.order_by(total.desc()).limit(10))

    return {
        "Q1 select, 2 predicates, order, page": q1,
        "Q2 CTE, join, group, having": q2,
        "Q3 insert of 5 columns, returning": lambda: made(sa.insert(jobs).values(values).returning(jobs.c.id)),
    }


def _pypika() -> dict[str, Case]:
    pypika: Any = importlib.import_module("pypika")
    query, total_of = pypika.PostgreSQLQuery, importlib.import_module("pypika.functions").Sum
    users, orders, jobs = pypika.Table("users"), pypika.Table("orders"), pypika.Table("jobs")

    def q1() -> object:
        found = query.from_(users).select(users.id, users.email)
        found = found.where(users.tenant_id == 7).where(users.email.like("%acme%"))
        return found.orderby(users.email).limit(20).offset(40).get_sql()

    def q2() -> object:
        paid = query.from_(orders).select(orders.user_id, orders.total).where(orders.status == "paid")
        part = pypika.Table("paid")
        total = total_of(part.total)
        found = query.with_(paid, "paid").from_(users).join(part).on(part.user_id == users.id)
        found = found.select(users.email, total.as_("total")).where(users.tenant_id == 7).groupby(users.email)
        return found.having(total > 100).orderby(total, order=pypika.Order.desc).limit(10).get_sql()

    def q3() -> object:
        found = query.into(jobs).columns("a", "b", "c", "d", "e").insert(1, "two", 3.0, None, True)
        return found.returning(jobs.id).get_sql()

    return {
        "Q1 select, 2 predicates, order, page": q1,
        "Q2 CTE, join, group, having": q2,
        "Q3 insert of 5 columns, returning": q3,
    }


def _calibrated(case: Case, seconds: float) -> int:
    """Return how many times to run a case so that it takes about so many seconds, after it is warm."""
    count = 1
    while (spent := _timed(case, count)) < seconds / 4:
        count *= 2
    return max(1, int(count * seconds / spent))


def _timed(case: Case, count: int) -> float:
    repeated = range(count)
    start = time.process_time()  # a machine that does something else too does not count
    for _ in repeated:
        case()
    return time.process_time() - start


def _versions() -> list[str]:
    found = []
    for name in (OURS, "SQLAlchemy", "PyPika"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main())
