"""Clients: what is sent and what is read, chosen from what an operation offers."""

import pytest

from arlen_openapi.clients import binary, calls, kind, sentences
from arlen_openapi.references import Document


def only(node):
    """Return the one call of a document."""
    (found,) = calls(Document({"openapi": "3.1.0", "paths": {"/a/{b}": {"post": node}}}))
    return found


def content(*media):
    """Return what has these media types, each with its name as the schema's title."""
    return {"content": {each: {"schema": {"title": each}} for each in media}}


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=utf-8", "json"),
        ("application/vnd.api+json", "json"),
        ("text/plain", "text"),
        ("text/html; charset=utf-8", "text"),
        ("application/x-www-form-urlencoded", "form"),
        ("multipart/form-data", "multipart"),
        ("application/octet-stream", "bytes"),
        ("application/jsonl", "bytes"),
        ("*/*", "bytes"),
    ],
)
def test_a_media_type_is_of_a_kind(media, expected):
    """Parameters and case do not count."""
    assert expected == kind(media)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["application/x-www-form-urlencoded", "application/json", "multipart/form-data"], "application/json"),
        (["application/x-www-form-urlencoded", "multipart/form-data"], "multipart/form-data"),
        (["text/csv", "application/x-www-form-urlencoded"], "application/x-www-form-urlencoded"),
        (["image/png", "text/csv"], "text/csv"),
        (["image/png", "image/gif"], "image/gif"),
    ],
)
def test_a_body_is_sent_in_the_best_way(offered, chosen):
    """JSON, files, a form, text, bytes; then by name."""
    body = only({"requestBody": {**content(*offered), "required": True}, "responses": {}}).body
    assert (chosen, {"title": chosen}, True) == (body.media, body.schema, body.required)


@pytest.mark.parametrize(
    ("offered", "sent"),
    [("*/*", "application/octet-stream"), ("image/*", "application/octet-stream"), ("text/*", "text/plain")],
)
def test_a_range_of_media_types_is_none_to_send(offered, sent):
    """A request names one media type (RFC 9110, section 8.3)."""
    assert sent == only({"requestBody": content(offered), "responses": {}}).body.media


def test_there_may_be_no_body():
    """None at all, or none that has a media type."""
    assert only({"responses": {}}).body is None
    assert only({"requestBody": {"content": {}}, "responses": {}}).body is None
    assert not only({"requestBody": content("text/csv"), "responses": {}}).body.required


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ({}, []),
        ({"404": {}}, []),
        (
            {"200": content("image/png", "text/html", "application/json", "image/gif"), "404": {}},
            [("200", "json", "application/json"), ("200", "text", "text/html"), ("200", "bytes", "image/gif")],
        ),
        ({"200": content("text/html")}, [("200", "text", "text/html")]),
        ({"200": content("image/png")}, [("200", "bytes", "image/png")]),
        ({"200": {}, "202": content("application/json")}, [("200", "none", ""), ("202", "json", "application/json")]),
        ({"204": content("application/json")}, [("204", "none", "")]),
        ({"2XX": content("application/json")}, [("2XX", "json", "application/json")]),
        ({"default": content("application/json")}, [("default", "json", "application/json")]),
        ({"200": {}, "default": content("application/json")}, [("200", "none", "")]),
    ],
)
def test_an_answer_is_read_in_the_best_way(responses, expected):
    """Successes alone, each in every way that it has; `default` is one when there is no other."""
    assert expected == [(each.status, each.kind, each.media) for each in only({"responses": responses}).answers]


def test_a_call_asks_for_what_it_reads():
    """And for errors in JSON."""
    call = only(
        {
            "responses": {
                "200": content("application/json"),
                "201": content("application/json"),
                "202": content("text/csv"),
            }
        }
    )
    assert "application/json, text/csv, application/problem+json" == call.accept
    assert "application/problem+json" == only({"responses": {}}).accept


def test_json_is_asked_for_before_the_rest():
    """A server that can choose sends it; one that cannot may send the others."""
    call = only({"responses": {"200": content("text/csv", "image/png", "application/json")}})
    assert "application/json, text/csv;q=0.5, image/png;q=0.5, application/problem+json" == call.accept


def test_several_kinds_of_json_are_one_answer():
    """It is one of their schemas; of the same one it is that."""
    (found,) = only({"responses": {"200": content("application/json", "application/b+json")}}).answers
    assert {"anyOf": [{"title": "application/b+json"}, {"title": "application/json"}]} == found.schema
    same = {"content": {each: {"schema": {"type": "null"}} for each in ("application/json", "application/b+json")}}
    assert [{"type": "null"}] == [each.schema for each in only({"responses": {"200": same}}).answers]


@pytest.mark.parametrize("media", ["a/b\r\nx: y", "", " a/b", "a/é", "a/b\x00"])
def test_a_media_type_that_is_no_header_is_not_there(media):
    """It could not be sent, or would be a header of its own."""
    call = only({"requestBody": content(media), "responses": {"200": content(media)}})
    assert (None, "none", "application/problem+json") == (call.body, call.answers[0].kind, call.accept)


def test_a_call_without_a_name_is_called_after_its_path():
    """With the method in front."""
    assert "post /a/{b}" == only({"responses": {}}).name
    assert "make" == only({"operationId": "make", "responses": {}}).name


def test_what_is_said_about_it_is_kept():
    """The summary first, and nothing twice."""
    assert ["One", "Two", "Three"] == sentences(only({"summary": "One", "description": "Two\nThree", "responses": {}}))
    assert ["One"] == sentences(only({"summary": "One", "description": "One", "responses": {}}))
    assert [] == sentences(only({"responses": {}}))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "format": "binary"}, True),
        ({"contentMediaType": "image/png"}, True),
        ({"type": "string", "contentMediaType": "image/png", "contentEncoding": "base64"}, False),
        ({"type": "string"}, False),
    ],
)
def test_bytes_are_told_from_text(schema, expected):
    """In the words of OpenAPI 3.0 and of 3.1."""
    assert expected is binary(schema)
