"""Many bare connections at once, against servers that say what a test wants."""

import resource
import socket
import sys
import threading
from contextlib import contextmanager

import pytest

from tools.load import crowds
from tools.load.crowds import Crowd, ask, flood, raise_limit, request, reset, take

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def server(serve, count):
    """Calls `serve` with each of so many connections and its number, then stops listening; yields where."""
    seen = []

    def run(listener):
        for number in range(count):
            client, _ = listener.accept()
            seen.append(client)
            serve(client, number)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            thread.join(10)
            for client in seen:
                client.close()


def always(data):
    """What answers each request of the first connection with the same bytes, until it is closed."""

    def serve(client, _):
        while client.recv(65536):
            client.sendall(data)

    return serve


@contextmanager
def pair(data):
    """A connection on which these bytes have come, and nothing more will."""
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(data)
        theirs.close()
        yield ours


def test_request():
    """A request is as short as HTTP allows."""
    assert b"GET /a?b=c HTTP/1.1\r\nHost: test\r\n\r\n" == request("/a?b=c")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GOOD, GOOD),
        (GOOD + b"more", GOOD + b"more"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:2\r\n\r\nok", b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:2\r\n\r\nok"),
    ],
)
def test_take(data, expected):
    """One answer is received to its end, however its length is spelt."""
    with pair(data) as client:
        assert expected == take(client)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", GOOD[:-1]])
def test_take_of_half_an_answer(data):
    """A connection that ends before its answer is an error."""
    with pair(data) as client, pytest.raises(EOFError):
        take(client)


def test_take_of_an_answer_in_pieces():
    """An answer may come in any pieces."""
    ours, theirs = socket.socketpair()

    def drip():
        for byte in GOOD:
            theirs.sendall(bytes([byte]))

    with ours, theirs:
        thread = threading.Thread(target=drip)
        thread.start()
        assert GOOD == take(ours)
        thread.join()


@pytest.mark.parametrize(
    ("answer", "good"),
    [(GOOD, True), (BUSY, False), (GOOD[:-1], False), (b"", False), (b"HTTP/1.1 404 No\r\n\r\n", False)],
)
def test_ask(answer, good):
    """Only a whole answer with 200 counts."""

    def serve(client, _):
        client.recv(65536)
        client.sendall(answer)
        client.shutdown(socket.SHUT_WR)

    with server(serve, 1) as place, socket.create_connection(place) as client:
        assert good == ask(client, request("/"))


def test_crowd_opens_and_asks():
    """Each member is asked when it is opened, and again when all are asked."""
    with server(lambda client, _: threads.append(answered(client)), 3) as place:
        threads = []
        with Crowd(place) as crowd:
            assert 3 == crowd.open(3)
            assert 3 == crowd.ask()
            assert 3 == len(crowd.members)
        assert [] == crowd.members
        for each in threads:
            each.join(10)


def answered(client):
    """A thread that answers a connection until it is closed."""
    thread = threading.Thread(target=always(GOOD), args=(client, 0))
    thread.start()
    return thread


def test_crowd_counts_who_is_not_answered():
    """A member whose connection was cut is not counted, and ends nothing."""

    def serve(client, number):
        client.recv(65536)
        if number == 0:
            client.sendall(GOOD)
        client.close()

    with server(serve, 2) as place, Crowd(place) as crowd:
        assert 1 == crowd.open(2)
        assert 0 == crowd.ask()


def test_crowd_gives_up():
    """After a few that are not answered nobody waits for the others."""

    def serve(client, number):
        client.recv(65536)
        if number in {0, 1}:
            client.sendall(GOOD)
        client.close()

    with server(serve, 6) as place, Crowd(place) as crowd:
        assert 2 == crowd.open(100)
        assert 6 == len(crowd.members)
        assert 0 == crowd.ask()


def test_crowd_asks_for_its_path():
    """The path is the crowd's."""
    heard = []

    def serve(client, _):
        heard.append(client.recv(65536))
        client.sendall(GOOD)

    with server(serve, 1) as place, Crowd(place, "/where") as crowd:
        assert 1 == crowd.open(1)
    assert [request("/where")] == heard


@pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: more than one loopback address")
def test_crowd_takes_more_source_addresses():
    """When the ports of one source address run short, the next ones come from the next address."""
    sources = []

    def serve(client, _):
        sources.append(client.getpeername()[0])
        client.recv(65536)
        client.sendall(GOOD)

    with server(serve, 5) as place, Crowd(place, each=2) as crowd:
        assert 5 == crowd.open(5)
    assert ["127.0.0.1"] * 2 + ["127.0.0.2"] * 2 + ["127.0.0.3"] == sources


def test_flood_tells_how_each_went():
    """Answered, told, cut and left waiting are counted apart; those that were answered are still open."""

    def serve(client, number):
        client.recv(65536)
        if number < 2:
            client.sendall(GOOD)
        elif number < 5:
            client.sendall(BUSY)
        elif number < 6:
            client.close()

    with server(serve, 7) as place:
        fates, held = flood(place, 7, patience=1.0)
        assert {"200": 2, "503": 3, "cut": 1, "silent": 1} == dict(fates)
        assert 2 == len(held)
        assert all(each.fileno() >= 0 for each in held)
        for each in held:
            each.close()


def test_flood_of_a_closed_port():
    """Connections that are refused are cut, too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = listener.getsockname()
    fates, held = flood(place, 3)
    assert {"cut": 3, "silent": 0} == dict(fates)
    assert [] == held


def test_reset_is_a_reset():
    """The server learns of it as a reset, not as an end."""
    found = []

    def serve(client, _):
        found.append(client.recv(65536))
        client.sendall(GOOD)
        try:
            found.append(client.recv(65536))
        except ConnectionResetError:
            found.append("reset")

    with server(serve, 1) as place:
        reset(place, "/large")
    assert [request("/large"), "reset"] == found


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "allowed", "after"),
    [
        (100, 1000, 500, 500, 500),
        (100, 300, 500, 300, 300),
        (800, 1000, 500, 500, 800),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 500, 500, resource.RLIM_INFINITY),
        (100, resource.RLIM_INFINITY, 500, 500, 500),
    ],
)
def test_raise_limit(monkeypatch, soft, hard, wanted, allowed, after):
    """The limit of open files is raised as far as needed and allowed, never lowered."""
    limits = [soft, hard]

    def change(_, found):
        limits[:] = found

    monkeypatch.setattr(crowds.resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(crowds.resource, "setrlimit", change)
    assert allowed == raise_limit(wanted)
    assert [after, hard] == limits
