"""Rounds: every server for a short time, in another order each round, so that a noisy moment hits all of them."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tools.bench.generators import Broken
from tools.bench.lanes import Kit, Lane, opened
from tools.bench.load import Plan, saturated
from tools.bench.records import Sample
from tools.bench.scenarios import Scenario
from tools.bench.servers import Server

__all__ = ["measure", "rotated"]

BUSY = 0.01


def measure(scenarios: Sequence[Scenario], servers: Sequence[Server], kit: Kit) -> None:
    """Measure scenarios that belong together, for all servers, and add to the results of the kit."""
    with opened(scenarios, servers, kit) as lanes:
        for number in range(kit.options.rounds):
            for lane in rotated(lanes, number):
                if lane.name not in kit.results.wrong:
                    _turn(lane, [other for other in lanes if other is not lane], number, kit)
        kit.results.busy |= {lane.name: round(lane.idle, 3) for lane in lanes if lane.idle > BUSY}


def rotated(lanes: Sequence[Lane], number: int) -> list[Lane]:
    """Return the lanes, beginning with another one each round, a third of the way further."""
    at = number * max(1, len(lanes) // 3) % max(1, len(lanes))
    return [*lanes[at:], *lanes[:at]]


def _turn(lane: Lane, others: Sequence[Lane], number: int, kit: Kit) -> None:
    lane.child.resume()
    before, begun = [other.child.cpu() or 0.0 for other in others], time.perf_counter()
    try:
        sample = _sample(lane, number, kit)
    except Broken as error:
        kit.fault(lane.name, [f"round {number + 1}: {error}"])
        return
    finally:
        lane.child.settle()
        lane.child.pause()
    took = time.perf_counter() - begun
    for other, used in zip(others, before, strict=True):
        other.idle = max(other.idle, ((other.child.cpu() or 0.0) - used) / took)
    kit.results.samples.append(sample)
    kit.say(_line(sample))


def _sample(lane: Lane, number: int, kit: Kit) -> Sample:
    plan = _plan(lane, number, kit.options.seconds)
    if kit.options.warmup > 0:
        kit.warmer.run(replace(plan, seconds=kit.options.warmup, first=plan.first + 50_000_000))
    before = lane.child.cpu()
    found = kit.generator.run(plan)
    after = lane.child.cpu()
    if not lane.child.alive:
        raise Broken(f"the server ended: {lane.child.tail()}")
    if not found["requests"]:
        raise Broken("the server answered nothing")
    used = None if before is None or after is None else (after - before) / found["requests"] * 1e6
    return _made(lane, number, found, used)


def _made(lane: Lane, number: int, found: dict[str, Any], used: float | None) -> Sample:
    return Sample(
        scenario=lane.scenario.name,
        server=lane.server.name,
        round=number + 1,
        requests=found["requests"],
        errors=found["errors"],
        seconds=found["seconds"],
        rate=found["requests"] / found["seconds"],
        cpu=used,
        p50=found["p50"],
        p99=found["p99"],
        share=found["share"],
        saturated=saturated(found["share"]),
    )


def _plan(lane: Lane, number: int, seconds: float) -> Plan:
    ask = lane.scenario.ask
    return Plan(
        port=lane.port,
        path=ask.path,
        method=ask.method,
        body=ask.body.decode(),
        headers=ask.headers,
        connections=lane.scenario.connections,
        seconds=seconds,
        first=1 + number * 100_000_000,
    )


def _line(sample: Sample) -> str:
    cpu = "" if sample.cpu is None else f", {sample.cpu:7.1f} µs CPU"
    notes = ", generator SATURATED" * sample.saturated + f", {sample.errors} ERRORS" * bool(sample.errors)
    return (
        f"  {sample.round}  {sample.scenario:<12} {sample.server:<22} {sample.rate:>10,.0f}/s{cpu}"
        f", p99 {sample.p99 / 1000:7.2f} ms, generator {sample.share:4.0%}{notes}"
    )
