"""The lock file: one holder at a time, the dead hold nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sptrader.streams.lockfile import HeldBy, lock

HOLDER = """
import sys, threading
from pathlib import Path
from sptrader.streams.lockfile import lock
held = lock(Path(sys.argv[1]))
print("held", flush=True)
threading.Event().wait()
"""


def test_a_held_lock_names_its_holder(tmp_path):
    with lock(tmp_path / "lock"), pytest.raises(HeldBy) as held:
        lock(tmp_path / "lock")

    assert held.value.pid == str(os.getpid())


def test_a_lock_given_back_is_free(tmp_path):
    for _ in range(2):
        lock(tmp_path / "lock").close()


def test_a_waiting_process_gets_it_when_it_is_free(tmp_path):
    first = lock(tmp_path / "lock")
    timer = threading.Timer(0.1, first.close)
    timer.start()
    lock(tmp_path / "lock", wait_s=10.0).close()
    timer.join()


def test_the_lock_of_a_dead_process_is_free(tmp_path):
    path = tmp_path / "lock"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout.readline() == "held\n"
    with pytest.raises(HeldBy) as held:
        lock(path)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert held.value.pid == str(child.pid)
    with lock(path):
        assert path.read_text() == f"{os.getpid()}\n"
