"""Generators: wrk and our own, called in the same way and reporting the same."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from tools.bench.load import Plan
from tools.bench.processes import ROOT, launched
from tools.bench.words import ending

__all__ = ["Broken", "Generator", "Own", "Wrk", "choose", "script"]

DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests":%d,"errors":%d,"seconds":%.6f,"p50":%d,"p99":%d}\\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration / 1e6,
    latency:percentile(50.0), latency:percentile(99.0)))
end
"""


class Broken(Exception):
    """The generator failed; the message says how."""


class Generator(Protocol):
    """What both are."""

    name: str

    def run(self, plan: Plan) -> dict[str, Any]:
        """Run a plan: requests, errors, seconds, p50 and p99 in microseconds, and the share of its core."""
        ...


class Own:
    """The generator of tools/bench/load.py, in a process of its own."""

    name = "own"

    def __init__(self, core: int | None = None) -> None:
        self.core = core

    def run(self, plan: Plan) -> dict[str, Any]:
        """Run a plan."""
        command = launched([sys.executable, "-m", "tools.bench.load"], self.core)
        return _parsed(_call(command, json.dumps(asdict(plan)), plan.seconds + 20))


class Wrk:
    """wrk with one thread; it takes whole seconds."""

    name = "wrk"

    def __init__(self, core: int | None, scratch: Path) -> None:
        self.core, self.scratch = core, scratch

    def run(self, plan: Plan) -> dict[str, Any]:
        """Run a plan."""
        path = self.scratch / "wrk.lua"
        path.write_text(script(plan))
        seconds = max(1, round(plan.seconds))
        command = ["wrk", "-t1", f"-c{plan.connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(path)]
        begun, used = time.perf_counter(), _used()
        output = _call(launched([*command, f"http://127.0.0.1:{plan.port}"], self.core), "", seconds + 20)
        share = (_used() - used) / (time.perf_counter() - begun)
        line = next((line for line in output.splitlines() if line.startswith("RESULT ")), "")
        return {**_parsed(line.removeprefix("RESULT ")), "share": share}


def script(plan: Plan) -> str:
    """Return the Lua program that makes wrk follow a plan."""
    lines = [f"wrk.method = {_lua(plan.method)}", f"wrk.path = {_lua(plan.path.replace('{n}', str(plan.first)))}"]
    lines += [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in plan.headers]
    if plan.body:
        repeated = len(set(plan.body)) == 1
        body = f"string.rep({_lua(plan.body[0])}, {len(plan.body)})" if repeated else _lua(plan.body)
        lines.append(f"wrk.body = {body}")
    if "{n}" in plan.path:
        pattern, rest = plan.head()
        pieces = " .. n .. ".join(_lua(piece) for piece in pattern.split("{n}"))
        lines += [f"local n = {plan.first}", f"local rest = {_lua(rest.decode())}"]
        lines += ["function request()", "  n = n + 1", f"  return {pieces} .. rest", "end"]
    return "\n".join(lines) + DONE


def choose(name: str, core: int | None, scratch: Path) -> Generator:
    """Return the generator of a name; `auto` is wrk where it is installed. Raises `Broken` when it is not there."""
    found = shutil.which("wrk")
    if name == "wrk" and not found:
        raise Broken("wrk is not installed (fix: install it, or take --generator own)")
    return Wrk(core, scratch) if found and name in {"wrk", "auto"} else Own(core)


def _lua(text: str) -> str:
    escaped = "".join(each if " " <= each <= "~" and each not in '"\\' else f"\\{ord(each):03d}" for each in text)
    return f'"{escaped}"'


def _call(command: Sequence[str], given: str, timeout: float) -> str:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(given, timeout)
    except subprocess.TimeoutExpired:
        raise Broken(f"the load generator did not end within {timeout:g} s") from None
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        raise Broken(f"the load generator ended with {process.returncode}: {ending(output)}")
    return output


def _parsed(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        raise Broken(f"the load generator printed no result: {ending(text)}") from None
    return found


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
