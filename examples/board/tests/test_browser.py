"""In a browser: pages that render, in both colour schemes, on a desk and on a phone, by keyboard and without a script.

The pictures are kept where BOARD_PICTURES names a folder. Without a browser (CHROME, or chromium or google-chrome on
PATH) these tests are skipped.
"""

import os
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import unpack

import pytest
from chromium import FLAGS, PATIENCE, Browser, Tab, browser, find
from sites import Site, served

PROGRAM = find()
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844, "phone": True}
PAGES = {
    "overview": "/",
    "list": "/incidents?status=open&status=watching",
    "nothing": "/incidents?q=xylophone",
    "detail": "/incidents/4998",
    "new": "/incidents/new",
    "edit": "/incidents/4998/edit",
    "import": "/import",
}

WAITING = "new Promise(done => {const look = () => (%s) ? done(true) : setTimeout(look, 20); look()})"
"""A script that ends when a condition holds."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no browser: neither CHROME nor chromium nor google-chrome is here"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("browser"),  # one browser, one site
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The board with its sample, in production form, on its embedded database or on that of BOARD_URL."""
    folder = tmp_path_factory.mktemp("site")
    url = os.environ.get("BOARD_URL", f"sqlite:///{folder}/board.db")
    words = {"ARLEN_BOARD__SAMPLE": "data/incidents.csv", "ARLEN_OPENAPI__UI": "true"}
    with served(folder, url, "propane", "--workers", "1", **words) as made:
        made.until("worker_ready")
        yield made


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with a profile of its own."""
    assert PROGRAM is not None
    with browser(PROGRAM, tmp_path_factory.mktemp("profile")) as made:
        yield made


def colours(picture: bytes) -> set[bytes]:
    """Return the colours of a PNG (RFC 2083)."""
    width, _, depth, kind = unpack(">IIBB", picture[16:26])
    assert (8, True) == (depth, kind in {2, 6})
    size = 3 if kind == 2 else 4
    data, at = b"", 8
    while at < len(picture):
        length, name = unpack(">I4s", picture[at : at + 8])
        data += picture[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    rows, stride = zlib.decompress(data), width * size + 1
    found: set[bytes] = set()
    previous = bytes(stride - 1)
    for start in range(0, len(rows), stride):
        previous = unfiltered(rows[start], rows[start + 1 : start + stride], previous, size)
        found |= {previous[x : x + 3] for x in range(0, len(previous), size)}
    return found


def unfiltered(kind: int, row: bytes, above: bytes, size: int) -> bytes:
    """Undo the filter of one row of a PNG."""
    made = bytearray(row)
    for x in range(len(made)):
        left, up = made[x - size] if x >= size else 0, above[x]
        corner = above[x - size] if x >= size else 0
        choices = (abs(up - corner), left), (abs(left - corner), up), (abs(left + up - 2 * corner), corner)
        nearest = min(choices, key=lambda each: each[0])[1]
        made[x] = (made[x] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
    return bytes(made)


def keep(name: str, picture: bytes) -> None:
    """Keep a picture for people to look at."""
    if folder := os.environ.get("BOARD_PICTURES"):
        Path(folder, f"{name}.png").write_bytes(picture)


def luma(colour: tuple[int, ...]) -> float:
    """Return how bright a colour is, from 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_renders(site: Site, chrome: Browser, name: str, dark: bool, phone: bool) -> None:
    """Not blank, of the right scheme, no wider than the screen, and the browser has nothing to complain of."""
    tab = chrome.tab(**(PHONE if phone else WIDE), dark=dark).open(site.address + PAGES[name])
    keep(f"{name}-{'dark' if dark else 'light'}-{'phone' if phone else 'wide'}", tab.picture())
    width, height = (390, 844) if phone else (1280, 900)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 0.25}
    assert len(colours(tab.picture(clip=clip))) > 8, "the page is blank"
    ground = tab.run("getComputedStyle(document.documentElement).backgroundColor")
    assert (luma(tuple(int(n) for n in ground[4:-1].split(","))) < 60) == dark
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("document.title").endswith("Lookout")
    assert [] == tab.complaints()


def test_the_page_is_there_for_simple_tools(site: Site, tmp_path: Path) -> None:
    """As the browser prints it, without a protocol."""
    assert PROGRAM is not None
    flags = [each for each in FLAGS if "pipe" not in each]
    command = [PROGRAM, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"{site.address}/incidents"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
    assert b"<title>Incidents \xc2\xb7 Lookout</title>" in done.stdout
    assert b"5,000" in done.stdout


def submit(tab: Tab, script: str) -> None:
    """Run a script that sends a form, and wait for the page that follows."""
    tab.forget()
    tab.run(script)
    tab.loaded()


def test_an_incident_is_opened_with_the_keyboard(site: Site, chrome: Browser) -> None:
    """Tab finds the way past the navigation first, and every control shows that it has the focus."""
    tab = chrome.tab(**WIDE).open(f"{site.address}/incidents/new")
    tab.press("Tab", code="Tab", windowsVirtualKeyCode=9)
    assert "Skip to the content" == tab.run("document.activeElement.textContent")
    tab.press("Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    seen = []
    for _ in range(12):
        tab.press("Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.append(tab.run("document.activeElement.name || document.activeElement.textContent.trim()"))
        outline = tab.run("getComputedStyle(document.activeElement).outlineStyle")
        assert "none" != outline, seen[-1]
    assert ["title", "service", "severity", "status", "owner", "tags"] == seen[:6]
    tab.run("document.querySelector('[name=title]').focus()")
    tab.call("Input.insertText", text="Typed in a browser")
    tab.run("document.querySelector('[name=service]').focus()")
    tab.call("Input.insertText", text="browser-test")
    tab.forget()
    tab.press("Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    tab.loaded()
    assert "Typed in a browser" == tab.run("document.querySelector('h1').textContent")
    assert "is open" in tab.run("document.querySelector('.flash').textContent")


def test_errors_take_the_focus(site: Site, chrome: Browser) -> None:
    """The summary is read out, its links lead to the fields, and the page is worth a look."""
    tab = chrome.tab(**WIDE).open(f"{site.address}/incidents/new")
    submit(tab, "const f = document.querySelector('main form'); f.noValidate = true; f.title.value = 'x';"
                "f.tags.value = 'no_good'; f.requestSubmit()")  # fmt: skip
    keep("errors-light-wide", tab.picture(whole=True))
    assert "error-summary" == tab.run("document.activeElement.className")
    assert "x" == tab.run("document.querySelector('[name=title]').value")
    tab.run("document.querySelector('.error-summary a').click()")
    assert "incident-title" == tab.run("document.activeElement.id")


def test_a_slash_goes_to_the_search(site: Site, chrome: Browser) -> None:
    """Unless somebody is writing one."""
    tab = chrome.tab(**WIDE).open(f"{site.address}/")
    tab.press("/", code="Slash")
    assert ("find", "") == (tab.run("document.activeElement.id"), tab.run("document.activeElement.value"))
    tab.press("/", code="Slash")
    assert "/" == tab.run("document.activeElement.value")


def test_a_filter_applies_when_it_is_chosen(site: Site, chrome: Browser) -> None:
    """And the address says only what was chosen."""
    tab = chrome.tab(**WIDE).open(f"{site.address}/incidents")
    submit(tab, "document.querySelector('[name=severity][value=critical]').click()")
    assert "?severity=critical" == tab.run("location.search")
    assert tab.run("[...document.querySelectorAll('tbody .badge.critical')].length") == 25


def test_a_form_is_sent_once(site: Site, chrome: Browser) -> None:
    """However fast somebody clicks."""
    tab = chrome.tab(**WIDE).open(f"{site.address}/incidents/4990")
    count = "document.querySelectorAll('.timeline .note').length"
    before = tab.run(count)
    submit(tab, "const f = document.querySelector('.composer'); f.text.value = 'Once';"
                "const b = f.querySelector('button'); b.click(); b.click(); b.click()")  # fmt: skip
    assert before + 1 == tab.open(f"{site.address}/incidents/4990").run(count)


def test_everything_works_without_a_script(site: Site, chrome: Browser) -> None:
    """Filters have a button, forms are forms."""
    tab = chrome.tab(**PHONE)
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(f"{site.address}/incidents?status=open")
    assert tab.run("document.querySelector('details.filters').open")
    tab.forget()
    tab.run("document.querySelector('.filters .button').click()")
    tab.loaded()
    assert "Incidents · Lookout" == tab.run("document.title")


def test_a_phone_folds_its_filters(site: Site, chrome: Browser) -> None:
    """Until one is chosen."""
    tab = chrome.tab(**PHONE).open(f"{site.address}/incidents")
    assert not tab.run("document.querySelector('details.filters').open")
    assert tab.open(f"{site.address}/incidents?status=open").run("document.querySelector('details.filters').open")


def test_targets_are_large_enough_for_a_finger(site: Site, chrome: Browser) -> None:
    """At least 24 by 24 pixels for what is not inside a sentence (WCAG 2.5.8)."""
    for path in ("/", "/incidents?status=open", "/incidents/new"):
        tab = chrome.tab(**PHONE).open(site.address + path)
        small = tab.run(
            "[...document.querySelectorAll('button, .button, select, nav a, input:not([type=hidden]), .chip, summary')]"
            ".map(e => [e.getBoundingClientRect(), e.outerHTML.slice(0, 80)])"
            ".filter(([r]) => r.width && r.height && (r.width < 24 || r.height < 24)).map(([r, h]) => h)"
        )
        assert [] == small, path


def test_a_print_has_the_incident_alone(site: Site, chrome: Browser) -> None:
    """No navigation, no form, and it fits on paper."""
    tab = chrome.tab(**WIDE).open(f"{site.address}/incidents/4998")
    tab.call("Emulation.setEmulatedMedia", media="print")
    shown = tab.run(
        "['.top', '.composer', '.tools', '.bottom', 'h1', '.timeline']"
        ".filter(s => getComputedStyle(document.querySelector(s)).display != 'none')"
    )
    assert ["h1", ".timeline"] == shown
    made = tab.call("Page.printToPDF", printBackground=False)["data"]
    assert made.startswith("JVBERi")  # %PDF


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_document_is_shown(site: Site, chrome: Browser, dark: bool) -> None:
    """Every operation is there and can be tried, by files of this site alone: the policy refuses all others."""
    pytest.importorskip("mkdocs_swagger_ui_tag", reason="arlen-openapi[ui] is not installed")
    answer, _ = site.call("GET", "/docs")
    assert "default-src 'self'" == answer.getheader("content-security-policy")
    tab = chrome.tab(**WIDE, dark=dark).open(f"{site.address}/docs")
    tab.run(WAITING % "document.querySelectorAll('.opblock').length >= 12")
    keep(f"openapi-{'dark' if dark else 'light'}-wide", tab.picture())
    tab.run("document.querySelector('.opblock-get .opblock-summary-control').click()")
    tab.run(WAITING % "document.querySelector('.try-out__btn')")
    tab.run("document.querySelector('.try-out__btn').click()")
    tab.run(WAITING % "document.querySelector('.execute')")
    tab.run("document.querySelector('.execute').click()")
    tab.run(WAITING % "document.querySelector('.live-responses-table .response-col_status')")
    assert "200" in tab.run("document.querySelector('.live-responses-table').innerText")
    words = tab.run("getComputedStyle(document.querySelector('.opblock-summary-description')).color")
    assert (luma(tuple(int(float(n)) for n in words[words.index("(") + 1 : -1].split(",")[:3])) > 128) == dark
    assert [] == tab.complaints()
