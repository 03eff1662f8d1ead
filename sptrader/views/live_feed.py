"""Live feed: the thread that reads a running session for the views, ten times a second, whatever the kernel is doing."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sptrader.runs.live_follow import Follower
from sptrader.views.guard import Guard

LOOK_S = 0.1
CLOSE_S = 5.0

Listener = Callable[[Follower], object]


class LiveFeed:
    """Calls its listeners after each look at a session, in the feed's own daemon thread; what fails is shown by the guard.

    `follow(None)` follows nothing; listeners are not called then.
    """

    def __init__(self, guard: Guard, follower: Follower | None = None) -> None:
        self._guard, self._follower = guard, follower
        self._listeners: list[Listener] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sptrader live", daemon=True)

    @property
    def follower(self) -> Follower | None:
        """The session that is followed."""
        return self._follower

    def follow(self, follower: Follower | None) -> None:
        """Follow another session from the next look on; the one before is let go by the thread."""
        self._follower = follower

    def every(self, listener: Listener) -> None:
        """Call `listener` after each look from now on."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and its connection."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _work(self) -> None:
        before: Follower | None = None
        while not self._is_over.wait(LOOK_S):
            follower = self._follower
            if before is not None and follower is not before:
                before.close()
            before = follower
            if follower is not None and self._guard.run(follower.look):
                for listener in list(self._listeners):
                    self._guard.run(listener, follower)
        if before is not None:
            before.close()
