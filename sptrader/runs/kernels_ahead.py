"""Kernels started ahead, for platforms that do not fork: each is begun, preloaded and kept until a notebook takes it."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from sptrader.errors import RunError
from sptrader.runs.warm_kernel import MakeKernel, WarmKernel, close_thread_loop

_PRELOAD = "__import__('sptrader.runs.kernel_preload', fromlist=['preload']).preload()"
_READY_S = 120.0
_END_S = 10.0


class KernelsAhead:
    """A few preloaded kernels in waiting; whenever one is taken, the next is begun in the background.

    `make` starts a cold kernel in a folder; `n_ahead` is how many wait.
    """

    def __init__(self, make: MakeKernel, n_ahead: int = 2) -> None:
        self._make = make
        self._n_ahead = n_ahead
        self._lock = threading.Lock()
        self._n_begun = 0
        self._is_closed = False
        self._making: dict[threading.Thread, WarmKernel | None] = {}
        self._ready: queue.SimpleQueue[tuple[WarmKernel | None, Exception | None]] = queue.SimpleQueue()

    def prepare(self, n_ahead: int) -> None:
        """Begin kernels until `n_ahead` wait or are about to."""
        with self._lock:
            self._n_ahead = max(self._n_ahead, n_ahead)
            n_missing = self._n_ahead - self._n_begun
            self._n_begun += n_missing
            threads = [threading.Thread(target=self._begin, daemon=True, name="kernel-ahead") for _ in range(n_missing)]
            self._making |= dict.fromkeys(threads)
        for thread in threads:
            thread.start()

    def take(self, cwd: str) -> WarmKernel:
        """Return a kernel that nobody has used, working in `cwd`; raise `RunError` when none can be started."""
        self.prepare(self._n_ahead)
        try:
            kernel, failure = self._ready.get(timeout=_READY_S)
        except queue.Empty:
            raise RunError(f"no kernel was ready within {_READY_S:g} s.", key="kernel", is_failure=True) from None
        with self._lock:
            self._n_begun -= 1
        if kernel is None:
            raise RunError(f"a kernel could not be started: {failure}", key="kernel", is_failure=True) from failure
        self.prepare(self._n_ahead)
        if not kernel.is_alive():
            kernel.end()
            return self.take(cwd)
        _run_silently(kernel, f"__import__('os').chdir({cwd!r})")
        return kernel

    def close(self) -> None:
        """End the kernels in waiting, and those that are being made."""
        with self._lock:
            self._is_closed = True
            making = dict(self._making)
        for thread, begun in making.items():
            if begun is not None:
                begun.kill()
            thread.join(_END_S)
        while True:
            try:
                kernel, _ = self._ready.get_nowait()
            except queue.Empty:
                return
            if kernel is not None:
                kernel.end()

    def _begin(self) -> None:
        kernel = failure = None
        try:
            kernel = self._make(str(Path.cwd()))
            with self._lock:
                self._making[threading.current_thread()] = kernel
                if self._is_closed:
                    kernel.kill()
            _run_silently(kernel, _PRELOAD)
        except Exception as error:  # handed to the thread that takes a kernel, which raises it
            failure = error
        with self._lock:
            is_wanted = not self._is_closed and failure is None
            del self._making[threading.current_thread()]
        if kernel is not None and not is_wanted:
            kernel.end()
        close_thread_loop()
        self._ready.put((kernel if is_wanted else None, failure))


def _run_silently(kernel: WarmKernel, code: str) -> None:
    """Run `code` so that it leaves no name, no output and no number in the kernel."""
    from jupyter_client.blocking.client import BlockingKernelClient

    client = BlockingKernelClient(parent=kernel.manager)  # asks the process whether it lives, not its heartbeat
    client.load_connection_info(kernel.manager.get_connection_info())
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_READY_S)
        reply = client.execute_interactive(
            code,
            silent=True,
            store_history=False,
            allow_stdin=False,
            timeout=_READY_S,
            output_hook=lambda message: None,
        )
    finally:
        client.stop_channels()
        client.context.destroy(linger=0)
    content = reply["content"]
    if content["status"] != "ok":
        raise RunError(f"{content.get('ename')}: {content.get('evalue')}", key="kernel", is_failure=True)
