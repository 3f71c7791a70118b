"""The package as a whole: what it imports, what it exports, how big it is, and what type checkers see."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import arlen_sqlbuilder

ROOT = Path(arlen_sqlbuilder.__file__).parent

TYPED = """
from typing import assert_type

from arlen_sqlbuilder import (
    PG, Column, Compiled, Expr, Select, Table, and_, case, column, cte_recursive, delete, excluded, exists, fn, insert,
    param, row, select, sql, update,
)


class Users(Table, name="users"):
    id = column(int)
    email = column(str)
    name = column(str | None)


u = Users.as_("u")
one: Select[tuple[int]] = select(Users.id)
assert_type(select(Users.id, u.email), Select[tuple[int, str]])
assert_type(Users.email, Column[str])
two: Select[tuple[int, str]] = select(u.id, u.email).where(u.id == 7, u.email.contains("x")).order_by(u.id).limit(3)
log = Table("log")
compiled: Compiled = select(log.c.line).where(log.c.id == param("id")).compile(PG)
values: tuple[object, ...] = compiled.bind(id=5)
test: Expr[bool] = and_(Users.id > 3, (Users.id == 4) | ~(Users.email != None), row(Users.id, u.id) > row(1, "x"))
paid = select(Users.id).cte("paid")
tree = cte_recursive("t", ["id"], select(Users.id), lambda t: select(t.id + 1, t.c.id).from_(t))
insert(Users).values(id=1).on_conflict(Users.id).do_update(email=excluded.email).returning(Users.id)
update(Users).set(email="x").where(exists(one)).compile("sqlite")
delete(u).where(sql("{x}", x=1)).all_rows()
select(fn.count().as_("n"), case((test, 1), else_=2)).from_(Users).join(paid, paid.c.id == Users.id)
select(Users.id).where(Users.match({"id": 1})).order_by(Users.sort("id", allow=["id"]))
one.union_all(select(Users.id)).order_by(Users.id).limit(param("n")).compile(PG)
"""


def test_no_dependencies():
    """Importing the package brings in the standard library, and nothing else."""
    code = "import sys, arlen_sqlbuilder; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    known = set(sys.stdlib_module_names) | {"arlen_sqlbuilder", "__main__", "sitecustomize", "usercustomize"}
    before = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*{name.split('.')[0] for name in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set() == set(done.stdout.split()) - known - set(before.stdout.split())


def test_imports_are_light():
    """What takes long to import is imported by nobody, or late."""
    code = "import sys, arlen_sqlbuilder; print(*sys.modules)"
    code = f"import sys; sys.path[:0] = {[str(ROOT.parent)]!r}; {code}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    heavy = {"json", "dataclasses", "inspect", "asyncio", "logging", "decimal", "datetime", "string", "ast", "sqlite3"}
    assert set() == heavy & set(done.stdout.split())


def test_exports():
    """Every exported name is there and documented, and no other public class or function is at the root."""
    for name in arlen_sqlbuilder.__all__:
        found = getattr(arlen_sqlbuilder, name)
        assert name in {"PG", "SQLITE", "fn", "excluded"} or found.__doc__
    assert len(set(arlen_sqlbuilder.__all__)) == len(arlen_sqlbuilder.__all__)


def test_size():
    """The code fits into 1,500 lines, not counting docstrings, comments and empty lines."""
    total = 0
    for path in ROOT.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = {number for number, line in enumerate(lines, 1) if line.strip() and not line.strip().startswith("#")}
        for node in ast.walk(ast.parse("\n".join(lines))):
            body = getattr(node, "body", None)
            first = body[0] if isinstance(body, list) and body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                kept -= set(range(first.lineno, first.end_lineno + 1))
        total += len(kept)
    assert total <= 1500


def test_types(tmp_path):
    """A user's code passes mypy --strict, and a column that is not there does not."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("no type checker is installed")
    (tmp_path / "right.py").write_text(TYPED)
    (tmp_path / "wrong.py").write_text(TYPED + "Users.nope\nu.nope\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache")]
    options = {"capture_output": True, "text": True, "cwd": tmp_path}
    assert "" == subprocess.run([*command, "right.py"], check=False, **options).stdout
    wrong = subprocess.run([*command, "wrong.py"], check=False, **options).stdout
    found = [line.split()[-1] for line in wrong.splitlines() if ": error:" in line]
    assert ["[attr-defined]", "[attr-defined]"] == found
