"""TLS: versions, passwords, client certificates, and HTTP inside; the certificates are for these tests only."""

import asyncio
import re
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from arlen_core.errors import StartupError
from arlen_core.responses import Stream
from arlen_core.vault import Secret
from arlen_server.settings import Settings, Tls
from arlen_server.tls import make_context

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent / "certificates"
GET = b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n"


def tls(**options) -> Tls:
    """Return settings with the test certificate."""
    given = {"certificate": str(FOLDER / "server.pem"), "key": str(FOLDER / "server.key")}
    return Tls(**{**given, **options})


def client(*, certificate: bool = False) -> ssl.SSLContext:
    """Return a client's context that trusts the test authority."""
    context = ssl.create_default_context(cafile=str(FOLDER / "authority.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    if certificate:
        context.load_cert_chain(FOLDER / "client.pem", FOLDER / "client.key")
    return context


async def test_https(serving):
    """HTTP inside TLS: the scheme is https, ALPN says HTTP/1.1 (RFC 7301), keep-alive and streams work."""
    served = await serving(tls=tls())
    schemes = []

    @served.app.on("/s")
    async def stream(request):
        schemes.append(request.scheme)

        async def source():
            for _ in range(100):
                yield b"x" * 10_000
                await asyncio.sleep(0)

        return Stream(source())

    assert served.server.addresses[0].startswith("https://127.0.0.1:")
    peer = await served.connect(ssl=client(), server_hostname="localhost")
    assert "http/1.1" == peer.writer.get_extra_info("ssl_object").selected_alpn_protocol()
    assert 1_000_000 == len((await peer.ask(GET % b"s")).body)
    assert ["https"] == schemes
    assert 200 == (await peer.ask(GET % b"")).status


async def test_refused_inside(serving):
    """A refusal reaches the client through TLS as well."""
    served = await serving(tls=tls(), virtual=True)
    peer = await served.connect(ssl=client(), server_hostname="localhost")
    answer = await peer.ask(b"GET / HTTP/1.1\r\n\r\n")
    assert (400, "host_missing") == (answer.status, answer.code)
    await served.pass_time(2.1)
    assert await peer.closed()


async def test_client_leaves(serving):
    """A client that closes its side of TLS has left: its stream ends."""
    served = await serving(tls=tls())
    ended = asyncio.Event()

    @served.app.on("/s")
    async def stream(request):
        async def source():
            try:
                yield b"x"
                await asyncio.Event().wait()
            finally:
                ended.set()

        return Stream(source())

    peer = await served.connect(ssl=client(), server_hostname="localhost")
    peer.send(GET % b"s")
    await served.wait(lambda: served.app.seen)
    peer.writer.close()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_old_versions_are_refused(serving):
    """TLS 1.1 is refused; the lowest version is 1.2 (RFC 8996)."""
    context = make_context(tls())
    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version
    assert ssl.TLSVersion.TLSv1_3 == make_context(tls(minimum="1.3")).minimum_version
    served = await serving(tls=tls(minimum="1.3"))
    old = client()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await served.connect(ssl=old, server_hostname="localhost")


async def test_client_certificates(serving):
    """With `client_ca`, only clients with a certificate of that authority are served."""
    served = await serving(tls=tls(client_ca=str(FOLDER / "authority.pem")))
    peer = await served.connect(ssl=client(certificate=True), server_hostname="localhost")
    assert 200 == (await peer.ask(GET % b"")).status

    async def try_it():
        stranger = await served.connect(ssl=client(), server_hostname="localhost")
        await stranger.ask(GET % b"")

    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await try_it()
    assert 1 == len(served.app.seen)


async def test_plain_http_to_a_tls_port(serving):
    """Plain HTTP to a TLS port is cut, and the server goes on."""
    served = await serving(tls=tls())
    plain = await served.connect()
    plain.send(GET % b"")
    with suppress(ConnectionError):
        await plain.rest()
    peer = await served.connect(ssl=client(), server_hostname="localhost")
    assert 200 == (await peer.ask(GET % b"")).status


async def test_silent_handshake(serving):
    """A client that does not finish its handshake within `tls_timeout` is cut."""
    served = await serving(tls=tls(), tls_timeout=0.05)
    peer = await served.connect()
    assert await peer.closed()


def test_password():
    """A locked key needs its password; a wrong one is an error that does not repeat it."""
    locked = str(FOLDER / "locked.key")
    make_context(tls(key=locked, password=Secret("sesame")))
    for password in ("wrong-password", ""):
        with pytest.raises(StartupError) as caught:
            make_context(tls(key=locked, password=Secret(password)))
        assert "tls_invalid" == caught.value.code
        assert re.search("check tls.certificate, tls.key and tls.password", str(caught.value))
        assert "wrong-password" not in str(caught.value) + repr(caught.value.__cause__)


@pytest.mark.parametrize("wrong", [{"certificate": "absent.pem"}, {"key": "absent.key"}, {"client_ca": "absent.pem"}])
def test_missing_files(wrong):
    """A file that is not there stops the start, and the message says what to check."""
    with pytest.raises(StartupError, match="No such file"):
        make_context(tls(**wrong))


def test_wrong_key(tmp_path):
    """A key that is no key stops the start."""
    path = tmp_path / "key.pem"
    path.write_text("rubbish")
    with pytest.raises(StartupError, match="cannot be used"):
        make_context(tls(key=str(path)))
    with pytest.raises(StartupError, match="authorities"):
        make_context(tls(client_ca=str(path)))


def test_password_is_not_printed():
    """No form of the settings shows the password."""
    settings = Settings(tls=tls(password=Secret("sesame")))
    assert "sesame" not in repr(settings) + str(settings) + f"{settings.tls!r}"
