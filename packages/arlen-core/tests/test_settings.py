"""Settings: the section `[http]`, its bounds, and what each word does."""

import pytest

from arlen_core.app import App
from arlen_core.errors import ConfigError
from arlen_core.settings import HEADERS, HttpSettings
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


def app(**words) -> App:
    """Return an application with these words of `[http]`."""
    return App("set", environ={f"ARLEN_HTTP__{name.upper()}": str(value) for name, value in words.items()})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_body", 0), ("threads", 1), ("deadline", 0), ("start_timeout", 0.001), ("slash", "strict"),
        ("slash", "ignore"), ("slash", "redirect"), ("identity", "false"), ("timing", "true"), ("formats", '["json"]'),
    ],
)  # fmt: skip
def test_values_at_their_bounds(name, value):
    """The smallest are taken."""
    assert isinstance(app(**{name: value}).http, HttpSettings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_body", -1), ("threads", 0), ("threads", "many"), ("deadline", -0.1), ("start_timeout", 0),
        ("slash", "maybe"), ("identity", "perhaps"), ("max_boby", 1), ("formats", "3"),
    ],
)  # fmt: skip
def test_values_past_their_bounds(name, value):
    """One past them, and words that there are not, are refused by name."""
    with pytest.raises(ConfigError) as caught:
        app(**{name: value})
    assert name.upper() in str(caught.value).upper()


def test_the_defaults():
    """Safe without a file."""
    made = HttpSettings()
    assert (None, "redirect", ("html", "json"), 40, 0.0, True) == (
        made.max_body, made.slash, made.formats, made.threads, made.deadline, made.identity,
    )  # fmt: skip


async def test_headers_are_added_changed_and_dropped():
    """By name in any case; an empty value drops one."""
    words = {"ARLEN_HTTP__HEADERS": '{"X-Frame-Options" = "DENY", "referrer-policy" = "", "X-Mood" = "good"}'}
    async with Client(App("set", environ=words)) as client:
        headers = (await client.get("/nothing")).headers
    assert ("DENY", "good", None) == (headers["x-frame-options"], headers["x-mood"], headers.get("referrer-policy"))
    assert ["DENY"] == headers.all("x-frame-options")
    assert {name for name in HEADERS if name in headers} == set(HEADERS) - {"referrer-policy"}


@pytest.mark.parametrize("words", ['{"x-a" = "b\\nc"}', '{"x a" = "b"}', '{"x-é" = "b"}'])
async def test_a_header_that_http_forbids_stops_the_start(words):
    """Not the first answer."""
    made = App("set", environ={"ARLEN_HTTP__HEADERS": words})
    with pytest.raises(ConfigError, match=r"http\.headers"):
        await made.start()
    assert "created" == made.state
