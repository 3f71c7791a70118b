"""Flash: once, soon, for the right client, and never at the cost of the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core import Request, Response
from arlen_core.clock import VirtualClock
from arlen_web.flash import COOKIE, LIMIT, Flash, Message
from arlen_web.signing import Signer

SIGNER = Signer("s" * 32, "test")


class Log:
    """Keeps what was logged."""

    def __init__(self):
        self.rows = []

    def warning(self, event, **fields):
        self.rows.append(("warning", event, fields))

    def error(self, event, **fields):
        self.rows.append(("error", event, fields))


class Browser:
    """Sends requests and keeps the one cookie."""

    def __init__(self, signer=SIGNER, scheme="http"):
        self.clock, self.log, self.scheme, self.cookie, self.fields = VirtualClock(), Log(), scheme, "", []
        self.flash = Flash(signer, self.clock, self.log, 300)

    def visit(self, *messages, show=False, response=None):
        """Make a request that leaves messages and perhaps shows what there is; return what was shown."""
        headers = [(b"cookie", f"{COOKIE}={self.cookie}".encode())] if self.cookie else []
        request = Request(headers=headers, scheme=self.scheme)
        for message in messages:
            request.state.setdefault("flash", []).append({"kind": "info", "message": message})
        shown = [each.message for each in self.flash.take(request)] if show else None
        self.response = self.flash.store(request, response or Response(b""))
        self.fields = self.response.headers.all("set-cookie")
        for field in self.fields:
            self.cookie = "" if "Max-Age=0" in field else field.partition(";")[0].partition("=")[2]
        return shown


def test_a_message_waits_for_the_next_page():
    """It survives a redirect and pages that show none, and is then gone."""
    browser = Browser()
    browser.visit("Saved")
    browser.visit()
    assert ["Saved"] == browser.visit(show=True)
    assert [] == browser.visit(show=True)


def test_a_message_may_be_shown_at_once():
    """The page of the same request shows it, and it does not come again."""
    browser = Browser()
    assert ["Wrong"] == browser.visit("Wrong", show=True)
    assert [] == browser.fields
    assert [] == browser.visit(show=True)


def test_messages_add_up_in_order():
    """What was not shown yet stays in front of what is new."""
    browser = Browser()
    browser.visit("one")
    browser.visit("two", "three")
    assert ["one", "two", "three", "four"] == browser.visit("four", show=True)


def test_a_second_look_shows_nothing():
    """A layout and a page that both ask do not show it twice."""
    browser, request = Browser(), Request()
    request.state["flash"] = [{"kind": "error", "message": "x"}]
    assert [Message("x", "error")] == browser.flash.take(request)
    assert [] == browser.flash.take(request)


def test_a_message_after_the_page_waits():
    """What is left when messages were shown goes to the next page alone."""
    browser, request = Browser(), Request()
    request.state["flash"] = [{"kind": "info", "message": "first"}]
    browser.flash.take(request)
    request.state["flash"].append({"kind": "info", "message": "later"})
    browser.cookie = (
        browser.flash.store(request, Response(b"")).headers["set-cookie"].partition(";")[0].partition("=")[2]
    )
    assert ["later"] == browser.visit(show=True)


def test_the_cookie_is_for_the_server_alone():
    """Scripts cannot read it, other sites cannot send it, and on https it never goes over http."""
    browser = Browser()
    browser.visit("x")
    assert "; Path=/; SameSite=Lax; Max-Age=300; HttpOnly" in browser.fields[0]
    secure = Browser(scheme="https")
    secure.visit("x")
    assert "; Secure" in secure.fields[0]
    secure.visit(show=True)
    assert "; Max-Age=0; Secure" in secure.fields[0]


def test_an_answer_without_messages_is_left_alone():
    """No cookie, no header: pages stay cacheable."""
    browser = Browser()
    browser.visit(show=True)
    assert [] == list(browser.response.headers)[1:]


def test_answers_with_messages_are_not_stored():
    """Setting and showing are for one client; what the handler said of caching stays."""
    browser = Browser()
    browser.visit("x")
    assert "no-store" == browser.response.headers["cache-control"]
    browser.visit(show=True)
    assert "no-store" == browser.response.headers["cache-control"]
    browser.visit("x", response=Response(b"", headers={"Cache-Control": "private"}))
    assert ["private"] == browser.response.headers.all("cache-control")


@pytest.mark.anyio
async def test_a_message_is_forgotten_in_time():
    """After its seconds it is not shown, though a client kept the cookie."""
    browser = Browser()
    browser.visit("old")
    cookie = browser.cookie
    await browser.clock.advance(300)
    assert ["old"] == browser.visit(show=True)
    browser.cookie = cookie
    await browser.clock.advance(1)
    assert [] == browser.visit(show=True)


@given(st.text(max_size=40).filter(lambda text: text.isprintable() and text.isascii() and ";" not in text))
def test_a_forged_cookie_shows_nothing(value):
    """What we did not sign is not there."""
    browser = Browser()
    browser.cookie = value
    assert [] == browser.visit(show=True)


def test_a_signed_cookie_of_another_shape_shows_nothing():
    """A cookie of an older release does no harm."""
    for data in (b"", b"{}", b"[1]", b'[{"message": 1}]', b"\xff"):
        browser = Browser()
        browser.cookie = SIGNER.sign(data, int(browser.clock.now().timestamp()))
        assert [] == browser.visit(show=True)


def test_too_much_drops_the_oldest():
    """The cookie fits, the newest messages are in it, and the loss is logged."""
    browser = Browser()
    browser.visit(*(f"{n} " + "x" * 500 for n in range(20)))
    assert LIMIT >= len(browser.cookie)
    shown = browser.visit(show=True)
    assert "19" == shown[-1].partition(" ")[0]
    assert 20 == len(shown) + browser.log.rows[0][2]["dropped"]


def test_one_message_too_large_is_dropped():
    """The answer goes out without it."""
    browser = Browser()
    browser.visit("x" * 5000)
    assert ([], 1) == (browser.fields, browser.log.rows[0][2]["dropped"])


@pytest.mark.parametrize("text", ['é😀\x00\n;,"\\', "<script>", " "])
def test_any_text_travels(text):
    """Cookies take few characters; messages may have all."""
    browser = Browser()
    browser.visit(text)
    assert [text] == browser.visit(show=True)


def test_without_a_secret_nothing_breaks():
    """The message is lost, the log says why, and the page of the same request still shows its own."""
    browser = Browser(signer=None)
    assert ["now"] == browser.visit("now", show=True)
    browser.visit("later")
    assert ([], "flash.dropped") == (browser.fields, browser.log.rows[0][1])
    browser.cookie = SIGNER.sign(b"[]", 0)
    assert [] == browser.visit(show=True)


def test_a_message_that_is_no_text_is_made_one():
    """Numbers and markup are shown as text."""
    browser = Browser()
    browser.visit(7)
    assert ["7"] == browser.visit(show=True)
