"""The peers of tools/bench, where they are installed: `hatch run soak` after a run of the benchmark asks them all."""

import importlib.util
from pathlib import Path

import pytest

from tools.bench import environments
from tools.bench.lanes import Kit, opened
from tools.bench.records import Options, Results
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import SERVERS

pytestmark = pytest.mark.soak
CACHE = Path(__file__).parents[2] / ".bench"
PEERS = [name for name, each in SERVERS.items() if each.peer not in {"", "compiled"}]


@pytest.fixture
def kit(tmp_path):
    """A kit that starts peers from the cache, and installs nothing."""
    said = []
    made = Kit(lambda server: _python(server.peer), tmp_path, None, None, Options(), Results(), said.append)
    made.said = said
    return made


def _python(peer):
    if not environments.made(peer, CACHE):
        pytest.skip(f"{peer} is not installed below .bench")
    return environments.make(peer, CACHE)


@pytest.mark.parametrize("scenario", list(SCENARIOS))
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_answers_every_scenario_right(kit, name, scenario):
    """As pinned; one that does not is reported by each run, and not timed."""
    if name == "arlen-asgi" and not importlib.util.find_spec("arlen_web"):
        pytest.skip("arlen-web is not installed")
    with opened([SCENARIOS[scenario]], [SERVERS[name]], kit) as lanes:
        assert {} == kit.results.wrong
        assert [name] == [lane.server.name for lane in lanes]
