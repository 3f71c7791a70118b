"""Calls: what handlers pass to templates, read from their source."""

import pytest

from arlen_web.calls import ANYWHERE, passed


def read(tmp_path, text):
    """Return what a module passes."""
    (tmp_path / "app.py").write_text(text)
    return passed(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ctx.render('a', x=1, y=2)", {"a": frozenset({"x", "y"})}),
        ("ctx.render('a', status=422, data=d, headers=h, x=1)", {"a": frozenset({"x"})}),
        ("ctx.render('a', x=1); ctx.render('a', y=1)", {"a": frozenset({"x", "y"})}),
        ("ctx.render('a', x=1); ctx.render('a', **more)", {"a": None}),
        ("ctx.render('a', **more); ctx.render('a', x=1)", {"a": None}),
        ("web.page('mail/x.txt', to=t)", {"mail/x.txt": frozenset({"to"})}),
        ("ctx.render(name, x=1)", {ANYWHERE: frozenset({"x"})}),
        ("ctx.render(f'a/{b}', **more)", {ANYWHERE: None}),
        ("render('a', x=1); ctx.render(); ctx.draw('a', x=1)", {}),
        ("async def f(ctx):\n    return ctx.render('deep', x=1)", {"deep": frozenset({"x"})}),
        ("def broken(", {}),
        ("'\\ud800'", {}),
    ],
)
def test_calls_are_read(tmp_path, text, expected):
    """Over all calls of a template; `**` may be anything; broken modules are passed over."""
    assert expected == read(tmp_path, text)


def test_the_whole_application_is_read(tmp_path):
    """Packages below, but not hidden folders, tests, environments and links."""
    for folder in ("pkg/sub", ".hidden", "tests", "venv", "node_modules", "outside"):
        (tmp_path / "app" / folder).mkdir(parents=True)
        name = folder.replace("/", "_").strip(".")
        (tmp_path / "app" / folder / "m.py").write_text(f"ctx.render('{name}')")
    (tmp_path / "app" / "venv" / "pyvenv.cfg").write_text("")
    (tmp_path / "app" / "outside").rename(tmp_path / "outside")
    (tmp_path / "app" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "app" / "note.txt").write_text("ctx.render('text')")
    assert ["pkg_sub"] == list(passed(tmp_path / "app"))
