"""Correctness: every answer is checked before a server is timed; a wrong server is not timed."""

import http.client
from collections.abc import Iterable
from contextlib import closing, suppress

from tools.bench.scenarios import Ask, Check, Scenario

__all__ = ["problems"]


def problems(scenario: Scenario, port: int, timeout: float = 10.0) -> list[str]:
    """Return what is wrong with a server's answers, or nothing.

    The checks run twice over: each on a connection of its own, and all that succeed on one that is kept. At last one
    asks for the connection to be closed.
    """
    found = [f"{_name(each.ask)}: {problem}" for each in scenario.checks if (problem := _alone(each, port, timeout))]
    if found:
        return found
    good = [each for each in scenario.checks if not _refuses(each, port, timeout)]
    return [problem for problem in (_kept(good, port, timeout), _closed(good[0], port, timeout)) if problem]


def _alone(check: Check, port: int, timeout: float) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        return _asked(connection, check)


def _refuses(check: Check, port: int, timeout: float) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        _send(connection, check.ask)
        return connection.getresponse().status >= 400


def _kept(checks: Iterable[Check], port: int, timeout: float) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.connect()
        opened = connection.sock
        for check in [*checks, *checks]:
            if problem := _asked(connection, check):
                return f"{_name(check.ask)}, on a connection that is kept: {problem}"
            if connection.sock is not opened:
                return f"{_name(check.ask)}: the connection was not kept"
    return ""


def _closed(check: Check, port: int, timeout: float) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.connect()
        socket = connection.sock
        socket_file = socket.makefile("rb")
        with closing(socket_file):
            try:
                _send(connection, check.ask, close=True)
                socket_file.read()  # returns when the server closes
            except TimeoutError:
                return f"{_name(check.ask)}: the connection was kept although the request said Connection: close"
    return ""


def _asked(connection: http.client.HTTPConnection, check: Check) -> str:
    try:
        _send(connection, check.ask)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return check.judge((response.status, headers, response.read()))
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {type(error).__name__}: {error}"


def _send(connection: http.client.HTTPConnection, ask: Ask, *, close: bool = False) -> None:
    fields = dict(ask.headers) | ({"connection": "close"} if close else {})
    with suppress(BrokenPipeError):
        connection.request(ask.method, ask.at(1).path, body=ask.body or None, headers=fields)


def _name(ask: Ask) -> str:
    return f"{ask.method} {ask.path}"
