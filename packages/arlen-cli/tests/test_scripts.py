"""Tests of arlen_cli.scripts."""

import asyncio

import pytest

from arlen_cli.scripts import compiled, evaluate


def run(source, **names):
    """Run a script; return its value and its names."""
    value = asyncio.run(evaluate(compiled(source, "script.py")[0], names))
    return value, names


def test_a_script_may_await():
    """`await`, `async for` and `async with` work at the top level."""
    assert 3 == run("import asyncio\nx = await asyncio.sleep(0, 3)")[1]["x"]


def test_the_value_of_the_last_expression():
    """A script that ends in an expression has its value; others have none."""
    assert [3, None, None, 7] == [run(each)[0] for each in ("1 + 2", "x = 3", "", "x = 7\nx")]
    assert [True, False, False] == [compiled(each, "x")[1] for each in ("1", "x = 1", "")]


def test_names_are_shared_with_the_caller():
    """A script sees the names that it is given, and leaves its own; nothing of ours stays behind."""
    value, names = run("y = x + 1\ny", x=1)
    assert (2, {"x": 1, "y": 2}) == (value, {key: names[key] for key in ("x", "y")})
    assert not any("result" in name for name in names)


def test_functions_of_a_script_see_its_names():
    """A function that is defined at the top level finds other top-level names."""
    assert 5 == run("def f():\n    return g()\ndef g():\n    return 5\nf()")[0]


def test_no_python():
    """A syntax error names the file and the line."""
    with pytest.raises(SyntaxError) as error:
        compiled("x = 1\nx = (", "script.py")
    assert ("script.py", 2) == (error.value.filename, error.value.lineno)


def test_the_compiler_keeps_its_own_settings():
    """A script does not inherit the future imports of this package."""
    assert run("def f(x: int): ...\nf.__annotations__['x'] is int")[0]
