"""Folders: every way out of a folder that is known, and those that change while a path is walked."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arlen_web.folders import Folder, segments


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"", [""]),
        (b"/", [""]),
        (b"/a.css", ["a.css"]),
        (b"/a/b/c.js", ["a", "b", "c.js"]),
        (b"/a/", ["a", ""]),
        (b"/caf%C3%A9/%E2%82%AC.png", ["café", "€.png"]),
        (b"/a%20b.css", ["a b.css"]),
        (b"/a+b.css", ["a+b.css"]),
        (b"/100%25.css", ["100%.css"]),
        (b"/a..b/c...css", ["a..b", "c...css"]),
        (b"/~user/a-b_c.css", ["~user", "a-b_c.css"]),
        (b"/" + b"x" * 255, ["x" * 255]),
    ],
)
def test_plain_paths_are_read(target, expected):
    """Names are decoded after the path was split."""
    assert expected == segments(target)


ATTACKS = [
    b"/..",
    b"/../secret",
    b"/a/../../secret",
    b"/./a",
    b"/a/./b",
    b"/%2e%2e/secret",
    b"/%2E%2e/secret",
    b"/.%2e/secret",
    b"/%2e./secret",
    b"/%252e%252e/%2e%2e",
    b"/..%2fsecret",
    b"/..%2Fsecret",
    b"/a%2f..%2f..%2fsecret",
    b"/..%5csecret",
    b"/..\\secret",
    b"/a\\..\\..\\secret",
    b"/%5c%5cserver%5cshare",
    b"//etc/passwd",
    b"/a//b",
    b"/%2fetc%2fpasswd",
    b"/C:/windows",
    b"/c%3a/windows",
    b"/a.css:stream",
    b"/a.css%00.png",
    b"/%00",
    b"/a\x00b",
    b"/a%0d%0ab",
    b"/a%7fb",
    b"/.env",
    b"/a/.git/config",
    b"/%2eenv",
    b"/.",
    b"/...",
    b"/a./b",
    b"/a.css.",
    b"/a.css%20",
    b"/a%20/b",
    b"/a.css::$DATA",
    b"/a*.css",
    b"/a%3f.css",
    b"/a%3cb",
    b"/a%7cb",
    b"/a%22b",
    b"/%c0%ae%c0%ae/secret",
    b"/%e0%80%ae%e0%80%ae/secret",
    b"/%ff",
    b"/\xff",
    b"/a%",
    b"/a%2",
    b"/a%zz",
    b"/a%-1",
    b"/%u002e%u002e/secret",
    b"/" + b"x" * 256,
    b"/" + b"%C3%A9" * 128,
    b"/" + b"../" * 500 + b"etc/passwd",
]


@pytest.mark.parametrize("target", ATTACKS)
def test_attacks_are_no_paths(target):
    """Dots, slashes, drives, streams, control characters, broken and overlong encodings in every spelling."""
    assert segments(target) is None


@given(st.binary(max_size=40))
def test_no_bytes_make_a_dangerous_name(raw):
    """Whatever comes, a name that passes is one plain, visible name."""
    for name in segments(b"/" + raw) or []:
        assert not set(name) & set('/\\:\x00\r\n<>"|?*')
        assert name == "" or name[0] != "."
        assert name not in {".", ".."}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_any_name_passes_as_itself_or_not_at_all(name):
    """A name is never changed into another."""
    assert segments(b"/" + quote(name, safe="").encode()) in ([name], None)


@pytest.fixture
def tree(tmp_path):
    """A folder with files, a secret beside it, and links of all kinds."""
    root = tmp_path / "public"
    (root / "css").mkdir(parents=True)
    (root / "app.css").write_text("app")
    (root / "css" / "deep.css").write_text("deep")
    (root / ".hidden").write_text("hidden")
    (tmp_path / "secret.css").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.css").write_text("outside")
    (root / "out.css").symlink_to(tmp_path / "secret.css")
    (root / "in.css").symlink_to(root / "app.css")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "loop.css").symlink_to(root / "loop.css")
    return root


@pytest.fixture(params=[True, False], ids=["steps", "resolve"])
def folder(tree, request):
    """The folder, walked step by step, and on systems that cannot do that."""
    made = Folder(tree)
    made._steps = request.param and made._steps
    return made


def read(folder, *names):
    """Read a file through the folder."""
    file = folder.open(list(names))
    try:
        return os.read(file, 1000)
    finally:
        os.close(file)


def descriptors():
    """Count the open ones."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_files_are_opened(folder):
    """At the top and below."""
    assert b"app" == read(folder, "app.css")
    assert b"deep" == read(folder, "css", "deep.css")


@pytest.mark.parametrize(
    "names",
    [
        ("out.css",),
        ("in.css",),
        ("folder", "x.css"),
        ("loop.css",),
        ("missing.css",),
        ("app.css", "x"),
        ("css", "missing", "x"),
    ],
)
def test_links_and_missing_files_are_refused(folder, names):
    """A link is refused wherever it points; so is what is not there."""
    with pytest.raises(OSError):  # noqa: PT011  # which one depends on the system
        read(folder, *names)


def test_no_descriptor_stays_open(folder):
    """Neither a walk that succeeds nor one that fails leaves a step open."""
    before = descriptors()
    for names in (
        ("css", "deep.css"),
        ("css", "missing"),
        ("folder", "x.css"),
        ("missing", "a", "b"),
        ("app.css", "x"),
    ):
        try:
            os.close(folder.open(list(names)))
        except OSError:
            continue
    assert folder.is_directory(["css"])
    assert before == descriptors()


def test_the_folder_itself_may_be_a_link(tree, tmp_path):
    """A release is often reached by a link; it is resolved once."""
    (tmp_path / "current").symlink_to(tree)
    folder = Folder(tmp_path / "current")
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(tmp_path / "outside")
    assert b"app" == read(folder, "app.css")


def test_folders_are_known(folder):
    """A folder is one, a file and a link are none."""
    assert [True, True, False, False, False] == [
        folder.is_directory(names) for names in ([], ["css"], ["app.css"], ["folder"], ["missing"])
    ]


def test_a_folder_exchanged_on_the_way_is_not_followed(tree, tmp_path, monkeypatch):
    """Between two steps an attacker turns a folder into a link: the walk stays where it was."""
    real, opened = os.open, []

    def slow(path, flags, *args, **options):
        found = real(path, flags, *args, **options)
        opened.append(path)
        if path == "css":
            (tree / "css").rename(tree / "css.old")
            (tree / "css").symlink_to(tmp_path / "outside")
            (tmp_path / "outside" / "deep.css").write_text("stolen")
        return found

    folder = Folder(tree)
    if not folder._steps:
        pytest.skip("this system cannot open step by step")
    monkeypatch.setattr(os, "open", slow)
    monkeypatch.setattr(os, "supports_dir_fd", {slow})
    assert b"deep" == read(folder, "css", "deep.css")
    assert "css" in opened


def test_the_files_are_listed(tree):
    """All that could be served, without hidden ones and without what links lead to."""
    assert ["app.css", "css/deep.css", "in.css", "loop.css", "out.css"] == Folder(tree).files()


@given(
    st.lists(
        st.sampled_from(["..", ".", "", "css", "app.css", "folder", "%2e%2e", "%2f", "out.css", "\\", "x"]), max_size=6
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_reaches_the_secret(tree, parts):
    """Any walk through names, dots and links reads a file of the folder or none."""
    names = segments(b"/" + "/".join(parts).encode())
    if not names or not names[-1]:
        return
    try:
        data = read(Folder(tree), *names)
    except OSError:
        return
    assert data in {b"app", b"deep"}


def test_a_path_that_is_not_absolute_is_made_so(tree, monkeypatch):
    """A later change of the working folder does not matter."""
    monkeypatch.chdir(tree.parent)
    folder = Folder(Path("public"))
    monkeypatch.chdir("/")
    assert b"app" == read(folder, "app.css")
