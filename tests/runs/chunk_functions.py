"""Work for the executors' tests; other processes import it by name."""

import os
import signal
import time
from pathlib import Path


def scaled(shared, chunk):
    return [shared * x for x in chunk]


def process_id(shared, chunk):
    time.sleep(0.05)
    return os.getpid()


def slow(shared, chunk):
    time.sleep(chunk)
    return chunk


def fails_on_three(shared, chunk):
    print("printed by the work")
    if chunk == 3:
        raise ValueError("three is not allowed")
    return chunk


def dies_once(folder, chunk):
    """Kill the own process, the first time that chunk 2 is done."""
    mark = Path(folder) / "died"
    if chunk == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk * 10


def always_dies(shared, chunk):
    os.kill(os.getpid(), signal.SIGKILL)
