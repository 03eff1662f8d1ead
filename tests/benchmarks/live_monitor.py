"""The soak of LiveMonitor: 100 signals a second beside a running session, and the memory of kernel, server and browser."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from sptrader.model.messages import Event
from sptrader.runs.control import reached
from sptrader.runs.sessions import known_sessions
from sptrader.streams import keys
from sptrader.streams.codec import encode
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.jupyter import Notebook, lab_command, server, write_notebook
from tests.browser.watched import watched_page

SECONDS = 30.0
RATE = 100
KEPT = 10_000  # entries of the stream of signals
WARM_S = 15.0  # rings and caches fill first
MONITOR = "import os\nimport sptrader as sp\nmonitor = sp.LiveMonitor()\nprint(os.getpid())\nmonitor"
CELL = "() => window.__notebook.content.widgets[0].model.outputs.toJSON().map((o) => o.text || o.evalue || '').join('')"
CHART = "document.querySelector('.sp-live')"
STATE = f"""() => [Number({CHART}.dataset.messages), Number({CHART}.dataset.bars),
  Number(document.querySelector("[data-signals]").dataset.signals)]"""


def soak(seconds: float = SECONDS) -> dict[str, float]:
    """Return MB of the three at the start and the end, messages a second to the browser, and signals seen of those sent."""
    found = next(path for path in CHROMIUM if Path(path).exists())
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        root, home = Path(name) / "root", Path(name) / "home"
        root.mkdir()
        home.mkdir()
        os.environ["SPTRADER_SESSIONS"] = str(home / "known")
        write_notebook(root / "monitor.ipynb", MONITOR)
        browser = playwright.chromium.launch(executable_path=found, args=[*OPTIONS, "--enable-precise-memory-info"])
        session = _session(root)
        try:
            with server(root, home, lab_command(), "/api/status") as address, watched_page(browser) as watched:
                notebook = Notebook(watched, address, "monitor.ipynb").open()
                notebook.run_all()
                measured = _measured(notebook, seconds)
        finally:
            session.terminate()
            session.wait()
            browser.close()
    return measured


def _session(root: Path) -> subprocess.Popen[bytes]:
    """A paper session of 6,000 bars, ten a second."""
    told = [
        "live",
        "ma_crossover",
        "--replay",
        "EURUSD",
        "--speed",
        "36000",
        "--folder",
        str(root / "session"),
        "--json",
    ]
    session = subprocess.Popen([sys.executable, "-m", "sptrader", *told], cwd=root, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not known_sessions():
        assert session.poll() is None, "the session ended"
        assert time.monotonic() < until, "the session did not begin"
        time.sleep(0.1)
    return session


def _measured(notebook: Notebook, seconds: float) -> dict[str, float]:
    page = notebook.page
    page.wait_for_function(f"() => Number({CHART}?.dataset.bars) > 10", timeout=30_000)
    kernel = psutil.Process(int(page.evaluate(CELL).strip()))
    programs = {"kernel": kernel, "server": psutil.Process(kernel.ppid())}
    cdp = page.context.new_cdp_session(page)
    over, sent = threading.Event(), [0]
    publisher = threading.Thread(target=_publish, args=(over, sent), daemon=True)
    publisher.start()
    time.sleep(WARM_S)

    def look() -> dict[str, float]:
        cdp.send("HeapProfiler.collectGarbage")
        told = {name: one.memory_info().rss / 1e6 for name, one in programs.items()}
        return {**told, "browser": page.evaluate("() => performance.memory.usedJSHeapSize") / 1e6}

    (messages, _, seen), began, sent_before, first = page.evaluate(STATE), time.perf_counter(), sent[0], look()
    time.sleep(seconds)
    last, took = look(), time.perf_counter() - began
    after, n_bars, seen_after = page.evaluate(STATE)
    told = sent[0] - sent_before
    over.set()
    publisher.join()
    return {
        **{f"{name}_first": value for name, value in first.items()},
        **{f"{name}_last": value for name, value in last.items()},
        "seconds": took,
        "sent_a_second": told / took,
        "messages_a_second": (after - messages) / took,
        "seen": (seen_after - seen) / max(told, 1),
        "bars": float(n_bars),
    }


def _publish(over: threading.Event, sent: list[int]) -> None:
    """Publish events of an instrument that is not traded, evenly, until it is over."""
    with reached("paper") as place:
        began = time.perf_counter()
        while not over.wait(0.02):
            due = int((time.perf_counter() - began) * RATE) - sent[0]
            entries = [(keys.SIGNALS, encode(_event(sent[0] + k))) for k in range(due)]
            place.streams.add_many(entries, most=KEPT)
            sent[0] += due


def _event(number: int) -> Event:
    return Event(
        timestamp=time.time_ns(),
        signal_name="soak",
        signal_type="tick",
        strength=0.5,
        metadata={"symbol": "GBPUSD", "id": number},
    )


def soak_lines(told: dict[str, float]) -> list[str]:
    """Return the results as lines of Markdown."""
    return [
        f"| LiveMonitor, {told['sent_a_second']:.0f} signals a second for {told['seconds']:.0f} s beside a session | first | last |",
        "|---|---:|---:|",
        *[
            f"| {what} | {told[f'{name}_first']:.1f} MB | {told[f'{name}_last']:.1f} MB |"
            for name, what in (("kernel", "kernel"), ("server", "JupyterLab's server"), ("browser", "the page's heap"))
        ],
        "",
        f"{told['messages_a_second']:.1f} messages a second to the chart; {told['seen']:.0%} of the signals were seen.",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live_monitor", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    sys.stdout.write("\n".join(soak_lines(soak(parser.parse_args().seconds))) + "\n")
