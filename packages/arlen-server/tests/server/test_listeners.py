"""Listeners: every kind of address, and errors that name the address, the reason and the fix."""

import os
import socket
import stat
from pathlib import Path

import pytest

from arlen_core.errors import StartupError
from arlen_server.listeners import bind, name
from arlen_server.settings import Settings


@pytest.fixture
def listeners():
    """Bind listeners and close them at the end."""
    made = []

    def listen(*addresses, **options):
        found = bind(Settings(bind=addresses, **options))
        made.extend(found)
        return found

    yield listen
    for each in made:
        each.close()


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_host_and_port():
    """Without `bind`, `host` and `port` are bound, and clients can connect at once."""
    [listener] = bind(Settings(host="127.0.0.1", port=0))
    with listener, socket.create_connection(listener.getsockname()):
        assert not listener.getblocking()
        assert f"http://127.0.0.1:{listener.getsockname()[1]}" == name(listener)
        assert name(listener, tls=True).startswith("https://")


def test_ipv6(listeners):
    """An IPv6 address in brackets binds IPv6 only, so that both families can have the same port."""
    try:
        [six] = listeners("[::1]:0")
    except StartupError:
        pytest.skip("this machine has no IPv6")
    assert socket.AF_INET6 == six.family
    assert name(six).startswith("http://[::1]:")
    port = six.getsockname()[1]
    [four] = listeners(f"127.0.0.1:{port}")
    assert socket.AF_INET == four.family


def test_every_interface(listeners):
    """An empty host means every interface of every family that there is."""
    found = listeners(":0")
    assert found
    assert {each.family for each in found} <= {socket.AF_INET, socket.AF_INET6}


def test_several(listeners, tmp_path):
    """Several addresses are bound in their order."""
    found = listeners("127.0.0.1:0", f"unix:{tmp_path}/s", "127.0.0.1:0")
    assert [socket.AF_INET, socket.AF_UNIX, socket.AF_INET] == [each.family for each in found]


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o777])
def test_unix(listeners, tmp_path, mode):
    """A Unix socket gets its permissions, whatever the umask is."""
    path = tmp_path / "s"
    before = os.umask(0o022)
    try:
        [listener] = listeners(f"unix:{path}", unix_mode=mode)
    finally:
        assert 0o022 == os.umask(before)
    assert mode == stat.S_IMODE(path.stat().st_mode)
    assert f"unix:{path}" == name(listener)


def test_stale_unix_socket(listeners, tmp_path):
    """The file that a dead server left is replaced."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    [listener] = listeners(f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(listener.getsockname())


def test_unix_socket_in_use(listeners, tmp_path):
    """A socket on which somebody answers is left alone."""
    listeners(f"unix:{tmp_path}/s")
    with pytest.raises(StartupError, match=r"already listens on .*/s .*stop it or choose another path"):
        listeners(f"unix:{tmp_path}/s")


def test_file_in_the_way(listeners, tmp_path):
    """A file that is no socket is never removed."""
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(StartupError, match="exists and is no socket"):
        listeners(f"unix:{path}")
    assert "data" == path.read_text()


def test_unix_path_that_cannot_be(listeners, tmp_path):
    """A path in a folder that does not exist is an error that names it."""
    with pytest.raises(StartupError, match=r"cannot listen on unix:.*/absent/s: No such file"):
        listeners(f"unix:{tmp_path}/absent/s")


def test_inherited(listeners):
    """`fd://` adopts an open listening socket, which its children do not inherit."""
    with socket.create_server(("127.0.0.1", 0)) as original:
        number = os.dup(original.fileno())
        os.set_inheritable(number, True)
        [listener] = listeners(f"fd://{number}")
        assert number == listener.fileno()
        assert not os.get_inheritable(number)
        assert original.getsockname() == listener.getsockname()


@pytest.mark.parametrize("address", ["fd://x", "fd://-1", "fd://999999", "fd://"])
def test_inherited_nothing(listeners, address):
    """A number that is no open socket is an error."""
    with pytest.raises(StartupError, match="no inherited listening socket"):
        listeners(address)


def test_inherited_other_things(listeners):
    """Neither a file nor a datagram socket can be listened on; they stay open, for they are not ours."""
    with Path(os.devnull).open() as file, pytest.raises(StartupError, match="no inherited listening socket"):
        listeners(f"fd://{file.fileno()}")
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(StartupError, match="no inherited listening socket"):
            listeners(f"fd://{datagrams.fileno()}")
        datagrams.getsockname()


def test_systemd(listeners, monkeypatch):
    """systemd's sockets are adopted from descriptor 3 on, and its variables removed (sd_listen_fds(3))."""
    adopted = []

    def adopt(number):
        adopted.append(number)
        return socket.create_server(("127.0.0.1", 0))

    monkeypatch.setattr("arlen_server.listeners._adopt", adopt)
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDNAMES", "a:b")
    assert 2 == len(listeners("systemd"))
    assert [3, 4] == adopted
    assert {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} & set(os.environ) == set()


@pytest.mark.parametrize(("count", "pid"), [("1", "1"), ("0", "mine"), ("x", "mine"), ("", "")])
def test_systemd_for_somebody_else(listeners, monkeypatch, count, pid):
    """Sockets for another process, or none, are an error."""
    monkeypatch.setenv("LISTEN_FDS", count)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()) if pid == "mine" else pid)
    with pytest.raises(StartupError, match="systemd passed no socket"):
        listeners("systemd")


def test_port_in_use(listeners):
    """A port that is taken is an error that says so, and earlier listeners are closed again."""
    [taken] = listeners("127.0.0.1:0")
    port = taken.getsockname()[1]
    other = free_port()
    with pytest.raises(
        StartupError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*stop the other program"
    ) as caught:
        listeners(f"127.0.0.1:{other}", f"127.0.0.1:{port}")
    assert "bind_failed" == caught.value.code
    listeners(f"127.0.0.1:{other}")


def test_reuse_port(listeners):
    """With `reuse_port`, two servers may share a port."""
    [first] = listeners("127.0.0.1:0", reuse_port=True)
    port = first.getsockname()[1]
    [second] = listeners(f"127.0.0.1:{port}", reuse_port=True)
    assert first.getsockname() == second.getsockname()


@pytest.mark.parametrize("address", ["nonsense", "host:", "host:port", "127.0.0.1:70000", "127.0.0.1:-1", ""])
def test_nonsense(listeners, address):
    """An address that is none is an error that shows what can be written."""
    with pytest.raises(StartupError, match=r"is no address to listen on .*host:port"):
        listeners(address)


def test_unknown_name(listeners):
    """A name that does not resolve is an error."""
    with pytest.raises(StartupError, match=r"the name in 'nobody\.invalid:0' is unknown"):
        listeners("nobody.invalid:0")


def test_foreign_address(listeners):
    """An address of another machine is an error."""
    with pytest.raises(StartupError, match=r"cannot listen on 192.0.2.1:0: .*choose an address of this machine"):
        listeners("192.0.2.1:0")
