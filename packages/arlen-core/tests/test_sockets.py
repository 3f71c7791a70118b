"""Sockets: the handler's side of a WebSocket over a transport."""

import pytest

from arlen_core.errors import ArlenError
from arlen_core.requests import Request
from arlen_core.sockets import SocketClosed, WebSocket

pytestmark = pytest.mark.anyio


class Wire:
    """A transport that keeps what happens."""

    def __init__(self, *messages) -> None:
        self.messages = list(messages)
        self.calls = []

    async def accept(self, protocol=None, headers=None) -> None:
        self.calls.append(("accept", protocol))

    async def receive(self):
        if not self.messages:
            raise SocketClosed(1001, "away")
        return self.messages.pop(0)

    async def send(self, message) -> None:
        self.calls.append(("send", message))

    async def close(self, code=1000, reason="") -> None:
        self.calls.append(("close", code, reason))


async def test_the_handshake_is_completed_once_on_first_use():
    """Whatever comes first accepts; nothing accepts twice."""
    for use in ("receive", "send", "send_json", "close"):
        wire = Wire("x", "y")
        socket = WebSocket(Request(), wire, "chat")
        await getattr(socket, use)(*(["m"] if use.startswith("send") else []))
        await socket.accept()
        assert [("accept", "chat")] == [call for call in wire.calls if call[0] == "accept"]


async def test_messages_are_iterated_until_the_close():
    """`async for` ends when the client goes, without an error."""
    socket = WebSocket(Request(), Wire("a", b"b"))
    assert ["a", b"b"] == [message async for message in socket]


async def test_receive_says_why_it_is_closed():
    """Outside a loop the close is an error with code and reason."""
    socket = WebSocket(Request(), Wire())
    with pytest.raises(SocketClosed, match=r"closed \(1001: away\)") as caught:
        await socket.receive()
    assert (1001, "away") == (caught.value.code, caught.value.reason)
    assert isinstance(caught.value, ArlenError)
    assert "the WebSocket is closed (1006)" == str(SocketClosed())


async def test_json_goes_as_text():
    """`send_json` sends one text message."""
    wire = Wire()
    await WebSocket(Request(), wire).send_json({"a": [1, None]})
    assert ("send", '{"a":[1,null]}') == wire.calls[-1]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "é" * 61), (1011, "x" * 123), (3000, ""), (4999, "")])
async def test_a_close_that_may_be_sent(code, reason):
    """Codes of RFC 6455 §7.4 that an endpoint may send, and 123 bytes of reason, are taken."""
    wire = Wire()
    await WebSocket(Request(), wire).close(code, reason)
    assert ("close", code, reason) == wire.calls[-1]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
async def test_a_code_that_must_not_be_sent(code):
    """Reserved codes never go on the wire."""
    wire = Wire()
    with pytest.raises(ValueError, match="close code"):
        await WebSocket(Request(), wire).close(code)
    assert [] == wire.calls


@pytest.mark.parametrize("reason", ["x" * 124, "é" * 62])
async def test_a_reason_that_is_too_long(reason):
    """124 bytes do not fit in a control frame."""
    with pytest.raises(ValueError, match="123 bytes"):
        await WebSocket(Request(), Wire()).close(1000, reason)


async def test_a_socket_that_is_left_early_leaves_nothing_open():
    """The loop holds no generator that somebody would have to close."""
    socket = WebSocket(Request(), Wire("a", "b"))
    async for _ in socket:
        break
    assert not hasattr(aiter(socket), "aclose")
    assert "b" == await socket.receive()
