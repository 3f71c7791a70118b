"""Debug: the developer's page, escaped and with a policy of its own."""

import json
import re

import pytest

from arlen_core.debug import AROUND, FRAMES, report
from arlen_core.requests import Request


class Strange(Exception):
    """It cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """Return the error with a traceback."""
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001
        return caught


def asked(accept: str = "text/html", target: bytes = b"/notes") -> Request:
    """Return a request with an id."""
    request = Request(target=target, headers=[(b"accept", accept.encode())])
    request.id = "a1b2"
    return request


def deep(levels: int) -> None:
    """Fail far down."""
    if levels:
        deep(levels - 1)
    raise ValueError("deep")


def test_a_page_shows_the_error_and_its_source():
    """Type, text, file, the line itself, and the request."""
    made = report(asked(), raised(ValueError("no tea")))
    page = made.body.decode()
    assert (500, "text/html") == (made.status, made.media)
    for part in ("ValueError", "no tea", __file__, "raise error from cause", "GET /notes", "a1b2"):
        assert part in page
    assert 1 == page.count("<details open>")
    assert page.count('class="at"') >= 1


def test_nothing_on_the_page_is_markup_of_somebody_else():
    """Message, path and cause are escaped; variables are not shown at all."""
    secret = "hunter2" + "<"  # noqa: F841
    wild = "<script>alert(1)</script>"
    made = report(asked(target=b"/%3Cscript%3E"), raised(ValueError(wild), RuntimeError(wild)))
    page = made.body.decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 2
    assert "hunter2<" not in page


def test_the_policy_allows_only_its_own_style():
    """A nonce of its own each time, no script, no network."""
    nonces = set()
    for _ in range(2):
        made = report(asked(), raised(ValueError()))
        policy = made.headers["content-security-policy"]
        nonce = re.search(r"style-src 'nonce-([\w-]{20,})'", policy)[1]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert f'<style nonce="{nonce}">' in made.body.decode()
        nonces.add(nonce)
    assert 2 == len(nonces)


def test_programs_get_json():
    """The problem's members and the frames."""
    made = report(asked("application/json"), raised(KeyError("tea")))
    data = json.loads(made.body)
    assert ("application/problem+json", 500, "KeyError", "'tea'", "internal_error", "a1b2") == (
        made.media, data["status"], data["exception"], data["message"], data["code"], data["request_id"],
    )  # fmt: skip
    assert {"file": __file__, "function": "raised"}.items() <= data["frames"][-1].items()


def test_a_terminal_gets_the_traceback():
    """As Python writes it."""
    made = report(asked("text/plain"), raised(ValueError("no tea")))
    assert ("text/plain", True) == (made.media, b"Traceback (most recent call last)" in made.body)


def test_causes_are_told_unless_they_are_hidden():
    """`from error` and the error in whose handling it happened; not `from None`."""
    assert b"Caused by <b>OSError</b> disk" in report(asked(), raised(ValueError("x"), OSError("disk"))).body
    error = ValueError("x")
    error.__context__ = OSError("disk")
    assert b"<p>Caused by <b>OSError</b> disk" in report(asked(), error).body
    error.__suppress_context__ = True
    assert b"<p>Caused by" not in report(asked(), error).body


def test_frames_and_lines_are_bounded():
    """`FRAMES` innermost frames, `AROUND` lines each side."""
    try:
        deep(FRAMES + 10)
    except ValueError as error:
        page = report(asked(), error).body.decode()
    assert FRAMES == page.count("<details")
    assert page.count("<span") <= FRAMES * (2 * AROUND + 1)
    assert page.index("deep") < page.index("</details>")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
@pytest.mark.parametrize("error", [Strange(), ValueError("\ud800"), ExceptionGroup("both", [ValueError("a")])])
def test_an_error_that_cannot_be_shown_is_still_reported(accept, error):
    """The page about an error has none itself."""
    assert 500 == report(asked(accept), raised(error)).status


def test_an_error_without_a_traceback():
    """Such as one that was made and never raised."""
    assert b"ValueError" in report(asked(), ValueError("x")).body
