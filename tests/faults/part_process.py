"""Parts of a session as processes of their own, which kill themselves at a named step: a program for the tests beside it.

It has all imported and compiled, then reads orders, a line of JSON each, and forks a part for each: a part costs milliseconds.
An order has `role` and `setting`, and `point` and `count` where the part shall die at the `count`th such step. It answers
`started PID`, and `ended PID CODE` for each part that ended.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from sptrader.errors import SptraderError
from sptrader.execution.paper import PaperBroker
from sptrader.runs import inbox, outbox
from sptrader.runs.live import work
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.streams import journal
from sptrader.streams.redis import Patience, RedisStreams
from tests.faults.worlds import World, in_memory, left, made, put

# A step of a part, and the call that is the step: the process dies before or after it.
POINTS: dict[str, tuple[type, str, str]] = {
    "read": (inbox.Inbox, "read", "after"),
    "decided": (journal.Step, "put_state", "before"),
    "in_step": (journal.Step, "add_input", "after"),
    "filled": (journal.Step, "add_fill", "after"),
    "accepted": (PaperBroker, "submit", "after"),
    "journalled": (outbox.Outbox, "send", "before"),
    "sent": (outbox.Outbox, "send", "after"),
    "acknowledged": (inbox.Inbox, "acknowledge", "after"),
    "unacknowledged": (inbox.Inbox, "acknowledge", "before"),
    "published": (RedisStreams, "add_many", "after"),
    "unpublished": (RedisStreams, "add_many", "before"),
    "made_group": (RedisStreams, "make_group", "after"),
}


def die_at(point: str, count: int) -> None:
    """Let the process kill itself when it has come to a step for the `count`th time."""
    owner, name, when = POINTS[point]
    kept: Callable[..., Any] = getattr(owner, name)
    passed = 0

    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        passed += 1
        if passed >= count and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = kept(*args, **kwargs)
        if passed >= count:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, step)


def run_part(order: dict[str, Any]) -> int:
    """Run a part until it is over; return 1, with the sentence on standard error, when it had to stop."""
    given, role = order["setting"], order["role"]
    folder = Path(given["folder"])
    found = made(World(**given["world"]), folder)
    if order.get("most_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["most_bytes"], resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a full disk is an error, and no signal
    if order.get("point"):
        die_at(order["point"], order["count"])
    try:
        streams = RedisStreams(given["url"], patience=Patience(**given["patience"]))
        part = found.part(role, streams, folder, speed=given["speed"])
        work([part], stop=threading.Event())
    except SptraderError as error:
        sys.stderr.write(f"{role}: {type(error).__name__}: {error}\n")
        return 1
    if isinstance(part, OrchestratorDesk):
        run = found.run(part)
        pd.to_pickle(left(run, part.counters["acted"], folder), folder / "left.pickle")
        (folder / "counters.json").write_text(json.dumps(part.counters))
    part.close()
    return 0


def warm_up() -> None:
    """Let everything be imported and compiled before the first fork."""
    with tempfile.TemporaryDirectory() as folder:
        world, place = World("bars", 60), Path(folder)
        put(world, place)
        in_memory(made(world, place))


def serve() -> None:
    """Fork a part for each line of input, until the input ends."""
    told: set[int] = set()
    os.set_blocking(0, False)
    waiting = b""
    while True:
        if select.select([0], [], [], 0.01)[0]:
            read = os.read(0, 65_536)
            if not read:
                break
            waiting += read
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            pid = os.fork()
            if pid == 0:
                os._exit(ended_with(json.loads(line)))
            told.add(pid)
            os.write(1, f"started {pid}\n".encode())
        for pid in list(told):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                told.discard(pid)
                os.write(1, f"ended {pid} {os.waitstatus_to_exitcode(status)}\n".encode())
    for pid in told:
        os.kill(pid, signal.SIGKILL)


def ended_with(order: dict[str, Any]) -> int:
    """The exit code of a part; what it did not expect is shown."""
    try:
        return run_part(order)
    except BaseException:
        traceback.print_exc()
        return 2
    finally:
        sys.stderr.flush()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    warm_up()
    serve()
