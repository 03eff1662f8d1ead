"""Some parts of the busy session in a process: folder, the server's address and the roles are its arguments."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sptrader.runs.kill_switch import listening
from sptrader.runs.live import make_parts, work
from sptrader.streams.redis import RedisStreams
from tests.runs.faulty import setting

if __name__ == "__main__":
    folder, url, roles = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
    live, frames = setting(folder, 20_000)
    streams = RedisStreams(url)
    with listening("paper", folder / "session", lambda: RedisStreams(url)):
        parts = make_parts(roles, streams, live, folder / "session", frames=frames, speed=200_000.0)
        work(parts, stop=threading.Event())
