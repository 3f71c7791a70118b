"""Masks: what a developer may see of a request, and what nobody needs to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_server import masks

MASK = "********"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("authorization", "Basic YWRhOmxvdmVsYWNl", MASK),
        ("proxy-authorization", "Bearer abc", MASK),
        ("cookie", "session=1; theme=dark", MASK),
        ("set-cookie", "session=abc; Path=/", MASK),
        ("x-api-key", "k", MASK),
        ("x-csrf-token", "t", MASK),
        ("x-shop-pass", "s", MASK),
        ("x-forwarded-for", "10.0.0.7", "10.0.0.7"),
        ("x-auth", "Bearer abc def", MASK),
        ("x-who", "Bearer abc def", f"Bearer {MASK}"),
        ("sec-websocket-protocol", "bearer, abc", f"bearer, {MASK}"),
        ("x-session", "abc", MASK),
        ("x-hub-signature-256", "sha256=abc", MASK),
        ("ocp-apim-subscription-key", "abc", MASK),
        ("idempotency-key", "abc", "abc"),
        ("sec-websocket-key", "abc", "abc"),
        ("dpop", "abc", MASK),
        ("referer", "http://x.test/reset?page=2&token=abc", f"http://x.test/reset?page=2&token={MASK}"),
        ("location", "/callback?accessToken=abc#id_token=def", f"/callback?accessToken={MASK}#id_token={MASK}"),
        ("refresh", "0;url=/a?token=abc", f"0;url=/a?token={MASK}"),
        ("x-data", '{"user": "ada", "password": "abc"}', f'{{"user": "ada", "password": "{MASK}"}}'),
        ("x-request-id", JWT, MASK),
        ("x-auth", JWT, MASK),
        ("x-stripe", "sk_live_4eC39", MASK),
        ("x-hub", "sha=ghp_16C7e42F292c6912E7", f"sha={MASK}"),
        ("x-key", "9f86d081884c7d659a2feaa0c55ad015", MASK),
        ("x-key", "dGhpcyBpcyBhIHNlY3JldCAx", MASK),
        ("location", f"/login?next=/a&code={JWT}", f"/login?next=/a&code={MASK}"),
        ("link", "https://ada:lovelace@example.org/", f"https://ada:{MASK}@example.org/"),
        ("accept", "text/html,application/xhtml+xml;q=0.9", "text/html,application/xhtml+xml;q=0.9"),
        ("x-request-id", "9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
        ("etag", '"9f86d081884c7d659a2feaa0c55ad015"', '"9f86d081884c7d659a2feaa0c55ad015"'),
    ],
)
def test_header_fields(name, value, expected):
    """What lets somebody in is masked, by its name or by its looks; what does not is shown."""
    more = frozenset({"x_shop_pass"})
    assert [(name, expected)] == masks.fields([(name.encode(), value.encode())], more)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("page=2&q=disk+full", "page=2&q=disk+full"),
        ("token=abc&page=2", f"token={MASK}&page=2"),
        ("to%6Ben=abc", f"to%6Ben={MASK}"),
        (f"code={JWT}", f"code={MASK}"),
        ("shop=north&pin=12", f"shop=north&pin={MASK}"),
        ("flag&=&", "flag&=&"),
        ("accessToken=abc&clientSecret=def", f"accessToken={MASK}&clientSecret={MASK}"),
        ("user[password]=abc", f"user[password]={MASK}"),
        ("X-Amz-Signature=abc&code=def&state=ghi", f"X-Amz-Signature={MASK}&code={MASK}&state=ghi"),
        ("next=%2Freset%3Ftoken%3Dabc", f"next=%2Freset%3Ftoken%3D{MASK}"),
        ("a=1;token=abc", f"a=1%3Btoken%3D{MASK}"),
        ("token%3Dabc", f"token={MASK}"),
        ("json=%7B%22password%22%3A%22abc%22%7D", f"json=%7B%22password%22%3A%22{MASK}%22%7D"),
        ("", ""),
    ],
)
def test_queries(raw, expected):
    """The values of secret parameters are masked, and the rest stays as it was sent."""
    assert expected == masks.query(raw.encode(), frozenset({"pin"}))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/notes/7", "/notes/7"),
        ("/orders/0d9b39c1-8483-4407-5a29-379100ddd988", "/orders/0d9b39c1-8483-4407-5a29-379100ddd988"),
        ("/reset/dGhpcyBpcyBhIHNlY3JldCAx", f"/reset/{MASK}"),
        (f"/verify/{JWT}/now", f"/verify/{MASK}/now"),
        ("/caf%C3%A9", "/caf%C3%A9"),
        ("/login;jsessionid=abc", f"/login;jsessionid={MASK}"),
    ],
)
def test_paths(raw, expected):
    """A part of a path that looks like a token is masked; names, numbers and UUIDs are not."""
    assert expected == masks.path(raw.encode())


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=80))), st.binary(max_size=80))
def test_any_bytes(raw, line):
    """Whatever bytes came, there is text for them, and as many fields as there were."""
    assert len(raw) == len(masks.fields(raw))
    assert isinstance(masks.query(line) + masks.path(line), str)


def test_long_values_are_cut():
    """A value is kept to a length."""
    assert [("x", "z" * masks.LONGEST)] == masks.fields([(b"x", b"z" * 1_000_000)])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("url.full", "https://x.test/a?page=2&key=abc", f"https://x.test/a?page=2&key={MASK}"),
        ("path", "/reset/dGhpcyBpcyBhIHNlY3JldCAx", f"/reset/{MASK}"),
        ("exception", 'File "a.py"\n  sorted(x, key=len)', 'File "a.py"\n  sorted(x, key=len)'),
        ("exception", "ValueError: token=abc", f"ValueError: token={MASK}"),
        ("client_secret", "abc", MASK),
        ("key", "orders:7", "orders:7"),
        ("rows", 7, 7),
    ],
)
def test_values_of_spans_and_lines(name, value, expected):
    """What is written down is masked as what was asked is; the text of an exception stays one."""
    assert expected == masks.said(name, value)
