"""The attack: what came of a stream is read rightly, judged by the RFC's word, and shown."""

import json
import socket
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tools.attack import command, servers
from tools.attack.cases import Case, load
from tools.attack.probe import Verdict, deviates, probe
from tools.attack.results import Results, desync, page, save, summary
from tools.attack.servers import SERVERS, Absent

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nGET / 0"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nGET /canary 0"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nGET\r\n4\r\n / 0\r\n0\r\n\r\n"
BAD = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def case(demand: str = "MUST accept", count: int = 2) -> Case:
    """Make a case."""
    return Case("lines", "a | case", "RFC 9112 §3", demand, b"GET / HTTP/1.1\r\n\r\n", count)


@contextmanager
def server(answer: bytes | None, *, reset: bool = False):
    """Serve one connection: answer and close; answer nothing and wait with `None`."""
    done = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve():
            peer, _ = listener.accept()
            with closing(peer):
                peer.recv(65536)
                if answer is None:
                    done.wait(20)
                    return
                peer.sendall(answer)
                if reset:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            thread.join()


# -- the cases


def test_the_cases_are_the_corpus():
    """Every case of the corpus is there, with its demand; a good request stands behind all but a few."""
    cases = load()
    assert len(cases) > 400
    assert {"chunks", "fields", "framing", "lines"} == {each.group for each in cases}
    assert len(cases) - 5 < sum(each.data.endswith(b"Connection: close\r\n\r\n") for each in cases)


@pytest.mark.parametrize(
    ("name", "demand", "count"),
    [
        ("the simplest request", "MUST accept", 2),
        ("close among other options", "MUST accept", 1),
        ("three in a row", "MUST accept", 4),
        ("good, then bad: the good one is answered, nothing behind the bad one is read", "MUST accept", 1),
        ("two lengths", "MUST refuse", 2),
        ("NUL in the target", "SHOULD refuse", 2),
        ("length and chunked", "MAY refuse, MUST close", 2),
    ],
)
def test_demands_and_counts(name, demand, count):
    """A case says what everybody has to do, and how many requests there are when it is accepted."""
    [found] = [each for each in load() if each.name == name]
    assert (demand, count) == (found.demand, found.count)


# -- what came of it


@pytest.mark.parametrize(
    ("answer", "statuses", "seen", "short"),
    [
        (b"", (), (), "closed"),
        (OK, (200,), ("GET / 0",), "1 ok"),
        (OK + LAST, (200, 200), ("GET / 0", "GET /canary 0"), "2 ok"),
        (OK + BAD, (200, 400), ("GET / 0",), "1 ok, 400"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, (200,), ("GET / 0",), "1 ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n" + OK, (204, 200), ("", "GET / 0"), "2 ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nGET / 0", (200,), ("GET / 0",), "1 ok"),
        (CHUNKED + OK, (200, 200), ("GET / 0",) * 2, "2 ok"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n" + LAST, (200, 200), ("", "GET /canary 0"), "2 ok"),
        (b"nonsense", (), (), "closed"),
    ],
)  # fmt: skip
def test_answers_are_read(answer, statuses, seen, short):
    """Statuses and bodies of the final answers are read as a client would, that to HEAD without a body."""
    with server(answer) as port:
        found = probe(port, b"GET / HTTP/1.1\r\n\r\n")
    assert (statuses, seen, short, "closed") == (found.statuses, found.seen, found.short, found.end)


def test_a_server_that_hangs():
    """A server that neither answers nor closes is hung."""
    with server(None) as port:
        found = probe(port, b"GET / HTTP/1.1\r\n\r\n", 0.05)
    assert ("open", "hung", False) == (found.end, found.short, found.refused)


def test_a_server_that_resets():
    """A reset is an end, and takes nothing back."""
    with server(OK, reset=True) as port:
        found = probe(port, b"GET / HTTP/1.1\r\n\r\n")
    assert found.end in {"reset", "closed"}


@pytest.mark.parametrize(
    ("verdict", "accepted", "refused", "whole"),
    [
        (Verdict((), "closed"), 0, True, False),
        (Verdict((), "open"), 0, False, True),
        (Verdict((200,), "closed", ("GET / 0",)), 1, False, False),
        (Verdict((200, 200), "closed", ("GET / 0", "GET /canary 0")), 2, False, True),
        (Verdict((200, 400), "closed", ("GET / 0",)), 1, True, False),
        (Verdict((404, 200), "closed", ("GET /canary 0",)), 2, False, True),
    ],
)
def test_verdicts(verdict, accepted, refused, whole):
    """Requests are accepted, refused, and taken to the end of the stream or not."""
    assert (accepted, refused, whole) == (verdict.accepted, verdict.refused, verdict.whole)


CLOSED = [Verdict((200,) * count, "closed") for count in range(4)]
REFUSED, HUNG, KEPT = Verdict((400,), "closed"), Verdict((), "open"), Verdict((200,), "open")


@pytest.mark.parametrize(
    ("demand", "verdict", "word"),
    [
        ("MUST accept", CLOSED[2], ""),
        ("MUST accept", CLOSED[1], ""),
        ("MUST accept", CLOSED[0], "MUST"),
        ("MUST accept", CLOSED[3], "MUST"),
        ("MUST accept", REFUSED, "MUST"),
        ("MUST accept", HUNG, "MUST"),
        ("MUST accept", KEPT, "MUST"),
        ("SHOULD accept", REFUSED, "SHOULD"),
        ("MAY refuse", CLOSED[2], ""),
        ("MAY refuse", REFUSED, ""),
        ("MAY refuse, MUST close", REFUSED, ""),
        ("MAY refuse, MUST close", CLOSED[1], ""),
        ("MAY refuse, MUST close", CLOSED[2], "MUST"),
        ("MAY refuse, MUST close", KEPT, "MUST"),
        ("SHOULD refuse", CLOSED[1], "SHOULD"),
        ("SHOULD refuse", HUNG, ""),
        ("MUST refuse", CLOSED[1], "MUST"),
        ("MUST refuse", REFUSED, ""),
        ("MUST refuse", Verdict((400, 200), "closed"), "MUST"),
    ],
)
def test_demands_are_compared(demand, verdict, word):
    """A verdict is against a MUST, against a SHOULD, or as demanded; a server may close after any answer."""
    assert word == deviates(case(demand), verdict)


ONE = Verdict((200,), "closed", ("POST /canary 5",))
ENDS = Verdict((200,), "closed", ("GET /canary 0",))
BOTH = Verdict((200, 200), "closed", ("POST / 5", "GET /canary 0"))
OTHER = Verdict((200, 200), "closed", ("POST / 0", "GET /canary 0"))
SILENT = Verdict((200, 200), "closed", ("", "GET /canary 0"))


@pytest.mark.parametrize(
    ("front", "back", "word"),
    [
        (BOTH, BOTH, ""),
        (ENDS, BOTH, "smuggled"),
        (KEPT, BOTH, "smuggled"),
        (ONE, BOTH, ""),
        (REFUSED, BOTH, ""),
        (HUNG, BOTH, ""),
        (BOTH, REFUSED, ""),
        (BOTH, ENDS, ""),
        (BOTH, KEPT, "swallowed"),
        (BOTH, OTHER, "different"),
        (BOTH, SILENT, ""),
        (Verdict((200, 400), "closed", ("GET /canary 0",)), BOTH, ""),
    ],
)
def test_fronts_and_backs(front, back, word):
    """Requests are smuggled only past a front that takes the whole stream, to a back that does not end."""
    assert word == desync(front, back)


# -- the page


@pytest.fixture
def results():
    """Two servers, one of them Arlen, and one that is absent."""
    cases = [case(), case("MUST refuse"), case("SHOULD refuse")]
    return Results(
        "2026-11-22",
        cases,
        {"arlen-server": "0.1", "other": "2.0"},
        {"third": "nobody installed it"},
        {"arlen-server": [BOTH, REFUSED, REFUSED], "other": [ENDS, BOTH, HUNG]},
    )


def test_the_summary(results):
    """Each server has its deviations and disagreements; one that is absent has its reason."""
    ours, other, third = summary(results)[2:]
    assert "| arlen-server | 0.1 | 0 | 0 | 0 |  |  |" == ours
    assert "| other | 2.0 | 1 | 0 | 1 | 1 | 0 |" == other
    assert "skipped: nobody installed it" in third


def test_the_summary_without_arlen(results):
    """Without Arlen nobody is compared with it."""
    del results.verdicts["arlen-server"]
    assert "| other | 2.0 | 1 | 0 | 1 |  |  |" in summary(results)


def test_the_page(results):
    """The matrix marks what is against a MUST, and a name breaks no table."""
    lines = page(results).splitlines()
    assert "## Lines" in lines
    assert r"| a \| case | RFC 9112 §3 | MUST refuse | 400 | **2 ok** |" in lines
    assert r"| a \| case | RFC 9112 §3 | SHOULD refuse | 400 | hung |" in lines


def test_saving(results, tmp_path):
    """The page and the figures are saved, with versions and date."""
    save(results, tmp_path / "new")
    found = json.loads((tmp_path / "new/attack.json").read_text())
    assert ("2026-11-22", {"arlen-server": "0.1", "other": "2.0"}) == (found["date"], found["versions"])
    assert {"arlen-server": [200, 200, "closed"], "other": [200, "closed"]} == found["cases"][0]["verdicts"]
    assert ["other", "open"] == [*found["cases"][2]["verdicts"]][1:] + found["cases"][2]["verdicts"]["other"]
    assert page(results) == (tmp_path / "new/attack.md").read_text()


# -- the servers and the command


@pytest.mark.parametrize("name", sorted(name for name in SERVERS if "nginx" not in name))
def test_commands(name, tmp_path):
    """Each server is started by its interpreter, on its port, on the loopback interface alone."""
    started = " ".join(SERVERS[name].start("/python", 4321, tmp_path))
    assert started.startswith("/python ")
    assert "4321" in started
    assert "0.0.0.0" not in started


def test_nginx(tmp_path, monkeypatch):
    """nginx gets a folder of its own for everything, listens on the loopback interface, and passes on what it reads."""
    monkeypatch.setattr(servers.shutil, "which", lambda name, path: f"/usr/sbin/{name}")
    started = SERVERS["nginx"].start("", 4321, tmp_path)
    written = (tmp_path / "nginx.conf").read_text()
    assert ["/usr/sbin/nginx", "-p", str(tmp_path)] == started[:3]
    assert "listen 127.0.0.1:4321;" in written
    assert written.count("{") == written.count("}")
    assert "daemon off; master_process off;" in written


def test_nginx_before_arlen(tmp_path, monkeypatch):
    """nginx passes on to an Arlen on another port, and both are started by one command."""
    monkeypatch.setattr(servers.shutil, "which", lambda name, path: f"/usr/sbin/{name}")
    shell, option, both = SERVERS["nginx before arlen-server"].start("/python", 4321, tmp_path)
    assert ("sh", "-c") == (shell, option)
    arlen, _, rest = both.partition(" & until ")
    nginx = rest.partition("; exec ")[2]
    port = arlen.removeprefix("/python -m tools.attack.apps.arlen ")
    assert f"upstream back {{ server 127.0.0.1:{port}; keepalive 4; }}" in (tmp_path / "nginx.conf").read_text()
    assert nginx.startswith("/usr/sbin/nginx ")
    assert "4321" != port


def test_nginx_may_be_absent(monkeypatch):
    """Where nginx is not installed it is absent, and the reason says how to get it."""
    monkeypatch.setattr(servers.shutil, "which", lambda name, path: None)
    with pytest.raises(Absent, match="apt-get install nginx-light"):
        SERVERS["nginx"].version("")


def test_versions():
    """A version is that of the installed package."""
    with pytest.raises(Absent, match="is not installed"):
        servers.Server("x", "no-such-package-of-arlen", SERVERS["hypercorn"].start).version(sys.executable)


@pytest.mark.parametrize("peer", ["hypercorn", "gunicorn"])
def test_pins(peer):
    """Peers that the benchmark does not have are pinned here."""
    path = Path(servers.__file__).parent / "peers" / f"{peer}.txt"
    assert f"{peer}==" in path.read_text()


def test_arlen_is_attacked(tmp_path, capsys):
    """Arlen is started and attacked, and is as the corpus says; the pages are saved."""
    pytest.importorskip("arlen_server")
    options = ["--server", "arlen-server", "--only", "lines: HTTP", "--save", str(tmp_path)]
    assert 0 == command.main(options)
    told = capsys.readouterr().out
    assert "arlen-server ... " in told
    assert "| arlen-server | " in told
    found = json.loads((tmp_path / "attack.json").read_text())
    verdicts = {each["name"]: each["verdicts"]["arlen-server"] for each in found["cases"]}
    assert ([200, "closed"], [505, "closed"]) == (verdicts["HTTP/1.0"], verdicts["HTTP/2.0"])


def test_an_absent_server_is_skipped(monkeypatch, capsys):
    """A server that cannot be installed or started is skipped with the reason, and nothing fails."""

    def gone(cache):
        raise Absent("there is no network")

    absent = type("Gone", (), {"name": "gone", "python": staticmethod(gone)})()
    monkeypatch.setitem(SERVERS, "hypercorn", absent)
    assert 0 == command.main(["--server", "hypercorn", "--only", "lines: HTTP"])
    assert "gone ... skipped: there is no network" in capsys.readouterr().out


def test_arlen_that_is_not_as_it_should_be(results, capsys):
    """A deviation of Arlen that the corpus does not state is an error, and is named."""
    results.verdicts["arlen-server"][1] = BOTH
    assert 1 == command._judge(results)
    assert "arlen-server is not as it should be: lines: a | case" in capsys.readouterr().out
