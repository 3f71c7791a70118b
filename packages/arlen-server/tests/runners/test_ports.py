"""Ports: sockets that outlive workers, and who serves which."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_server.ports import Ports
from arlen_server.settings import Settings

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: spreading over SO_REUSEPORT sockets")


def test_shared_sockets_are_everybodys():
    """With a shared listener every worker gets the same sockets."""
    ports = Ports(Settings(port=0))
    try:
        [address] = ports.addresses
        assert address.startswith("http://127.0.0.1:")
        assert 1 == len({ports.grant(slot, 4) for slot in range(4)})
    finally:
        ports.close()


@LINUX
def test_each_worker_has_its_own():
    """With reuseport each worker has a socket of its own, all on one address."""
    ports = Ports(Settings(port=0), "reuseport")
    try:
        ports.reserve(3)
        grants = [ports.grant(slot, 3) for slot in range(3)]
        assert 3 == len({fd for grant in grants for fd in grant})
        names = {socket.socket(fileno=os.dup(fd)) for grant in grants for fd in grant}
        assert 1 == len({one.getsockname() for one in names})
        for one in names:
            one.close()
    finally:
        ports.close()


@LINUX
@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_every_socket_is_always_served(sizes):
    """Whatever sizes the pool had, the workers of its present size serve every socket that was ever opened."""
    ports = Ports(Settings(port=0), "reuseport")
    try:
        opened = set()
        for size in sizes:
            ports.reserve(size)
            granted = {fd for slot in range(size) for fd in ports.grant(slot, size)}
            opened |= granted
            assert opened == granted
            assert all(ports.grant(slot, size) for slot in range(size))
    finally:
        ports.close()


@LINUX
def test_address_in_use_is_refused_with_reuseport():
    """Two managers on one address would each get a part of the requests: the second is refused."""
    first = Ports(Settings(port=0), "reuseport")
    try:
        port = int(first.addresses[0].rpartition(":")[2])
        with pytest.raises(StartupError, match="cannot listen"):
            Ports(Settings(port=port), "reuseport")
    finally:
        first.close()


@LINUX
def test_unix_socket_is_shared_in_any_case(tmp_path):
    """A Unix socket cannot be spread, so all workers serve it beside their own."""
    ports = Ports(Settings(bind=(f"unix:{tmp_path}/s", "127.0.0.1:0")), "reuseport")
    try:
        ports.reserve(2)
        one, two = (set(ports.grant(slot, 2)) for slot in range(2))
        assert (1, 2, 2) == (len(one & two), len(one), len(two))
    finally:
        ports.close()
    assert not (tmp_path / "s").exists()


def test_inherited_socket_keeps_its_file(tmp_path):
    """The file of a Unix socket that somebody else opened stays when propane ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        Ports(Settings(bind=(f"fd://{os.dup(listener.fileno())}",))).close()
    assert (tmp_path / "s").exists()


def test_other_systems_are_told(monkeypatch):
    """Where the system does not spread connections, reuseport is refused with the fix."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(StartupError, match='listener = "shared"'):
        Ports(Settings(port=0), "reuseport")
