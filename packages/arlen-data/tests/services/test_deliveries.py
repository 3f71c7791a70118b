"""Deliveries: what an application's spans and meters learn of its outbox."""

from types import SimpleNamespace

import anyio
import pytest
from tiny import Tiny

from arlen_core.app import App
from arlen_core.meters import Meters
from arlen_core.spans import Tracer
from arlen_core.testing import Client
from arlen_data.database import Database
from arlen_data.deliveries import Deliveries
from arlen_data.effects import Effect
from arlen_data.outbox import Backlog, Outbox
from arlen_data.relay import Undeliverable
from arlen_data.schema import install

pytestmark = pytest.mark.anyio


@pytest.fixture
async def box(db):
    """An outbox with a relay that tells meters and spans, which a test may attach to; and handlers that fail."""
    await install(db)
    made = Outbox(db, backoff=0)
    made.meters, made.spans = Meters(), Tracer()
    made._deliveries = Deliveries(made.meters, made.spans, made.backlog)

    @made.on("fine")
    async def fine(effect: Effect) -> None:
        await db.value("select 1")

    @made.on("lost")
    async def lost(effect: Effect) -> None:
        raise Undeliverable("nobody lives there")

    @made.on("late")
    async def late(effect: Effect) -> None:
        if not effect.attempts:
            raise OSError

    async with db.transaction() as tx:
        for kind in ("fine", "lost", "late"):
            await made.add(tx, kind)
    return made


async def test_attempts_are_counted(box, numbers):
    """Each attempt, by kind and how it went."""
    box.meters.attach(numbers)
    await box.drain()
    assert [(1, "fine", "delivered"), (1, "late", "delivered"), (1, "late", "failed"), (1, "lost", "dead")] == sorted(
        numbers.told["arlen.outbox.deliveries"]
    )


async def test_an_attempt_is_a_span(box):
    """A consumer span with the effect's kind and id, and the error of a handler that fails."""
    told = []
    box.spans.listen(told.extend)
    await box.drain()
    found = {each.name: each for each in told if not each.attributes["arlen.outbox.attempts"]}
    fine, lost = found["deliver fine"], found["deliver lost"]
    assert ("consumer", "fine", None) == (fine.kind, fine.attributes["messaging.destination.name"], fine.error)
    assert 32 == len(fine.attributes["messaging.message.id"])
    assert isinstance(lost.error, Undeliverable)


async def test_nobody_listens(box):
    """Without spans and meters all is delivered as ever."""
    assert 2 == await box.drain()


async def test_how_much_there_is_to_do(numbers):
    """The relay that delivers looks now and then, when somebody keeps the numbers; the next one begins at 0."""
    looks = []

    async def backlog() -> Backlog:
        looks.append(None)
        return Backlog(waiting=3, dead=1, oldest=60.0)

    meters = Meters()
    made = Deliveries(meters, backlog=backlog)
    await made.measure()
    assert [] == looks  # nobody wants to know
    meters.attach(numbers)
    await made.measure()
    await made.measure()  # too soon
    made.leave()
    assert (1, [(3,), (0,)]) == (len(looks), numbers.told["arlen.outbox.waiting"])
    assert ([(1,), (0,)], [(60.0,), (0.0,)]) == (numbers.told["arlen.outbox.dead"], numbers.told["arlen.outbox.oldest"])


async def test_the_outbox_of_an_application_tells_it(tmp_path, numbers):
    """`app.use(Outbox())` is all that it takes."""
    app, done = App("shop", env="test"), anyio.Event()
    app.meters.attach(numbers)
    told = []
    app.spans.listen(told.extend)
    app.use(Tiny(str(tmp_path / "shop.db")))
    box = app.use(Outbox(tables=True))

    @box.on("mail.send")
    async def send(effect: Effect) -> None:
        done.set()

    @app.post("/")
    async def order(db: Database) -> None:
        async with db.transaction() as tx:
            await box.add(tx, "mail.send")

    async with Client(app) as client:
        await client.post("/")
        with anyio.fail_after(10):
            await done.wait()
    assert [(1, "mail.send", "delivered")] == numbers.told["arlen.outbox.deliveries"]
    assert "deliver mail.send" in {each.name for each in told}
    assert (0,) == numbers.told["arlen.outbox.waiting"][-1]


async def test_a_backlog_that_cannot_be_read_is_the_relays_business():
    """The error goes on: the relay that asks knows what to do about its database."""

    async def backlog() -> Backlog:
        raise OSError("gone")

    meters = Meters()
    meters.attach(SimpleNamespace(gauge=lambda _: (print, print), counter=lambda _: print))
    with pytest.raises(OSError, match="gone"):
        await Deliveries(meters, backlog=backlog).measure()
