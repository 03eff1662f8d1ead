"""The papermill engine `sptrader-warm`: a notebook on a warm kernel, which always ends.

    papermill --engine sptrader-warm in.ipynb out.ipynb -p fast 8

A kernel that died, a cell or a notebook that took too long, become an error output of the cell they happened in, so that the
saved notebook tells it and papermill raises `PapermillExecutionError` with one of the names below.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager

from sptrader.clock import LiveClock
from sptrader.runs.warm_kernel import WarmKernel
from sptrader.runs.warm_kernels import shared_kernels

KERNEL_DIED = "KernelDied"
TOO_SLOW = "NotebookTooSlow"
_SAVE_EVERY_S = 5.0
_ANSWER_S = 0.02

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # what goes wrong is told by the notebook


class WarmEngine(Engine):  # type: ignore[misc]
    """Executes each notebook on a kernel of `shared_kernels`, and kills it after.

    Options beside papermill's: `notebook_timeout`, seconds for the whole notebook; `kernel_cwd`, the folder it works in.
    """

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        **kwargs: Any,
    ) -> Any:
        """Execute `nb`; as papermill's own, but it is saved every few seconds instead of twice a cell.

        What ends without an exception is saved by papermill itself.
        """
        execution = SparingExecution(
            nb,
            output_path=output_path,
            progress_bar=progress_bar,
            log_output=log_output,
            autosave_cell_every=autosave_cell_every,
        )
        execution.notebook_start()
        try:
            cls.execute_managed_notebook(execution, kernel_name, log_output=log_output, **kwargs)
        except BaseException:
            execution.save_next()
            raise
        finally:
            execution.nb.metadata.pop("widgets", None)
            execution.cleanup_pbar()
            execution.notebook_complete()
        return execution.nb

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: float = 60,
        execution_timeout: float | None = None,
        notebook_timeout: float | None = None,
        kernel_cwd: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Take a kernel, run the cells, kill the kernel; papermill's options that have no meaning here are ignored."""
        kernel = shared_kernels().take(kernel_name, kernel_cwd or os.getcwd())
        watch = _Watch(kernel, notebook_timeout)
        client = WarmClient(
            nb_man,
            km=kernel.manager,
            kernel_name=kernel_name,
            timeout=execution_timeout,
            startup_timeout=start_timeout,
            log=_log,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        )
        try:
            client.execute()
        except CellTimeoutError:
            _tell(nb_man, TOO_SLOW, f"the cell was not done after {execution_timeout:g} s; its kernel was killed")
        except (DeadKernelError, RuntimeError, TimeoutError) as error:
            if kernel.is_alive() and not isinstance(error, TimeoutError):
                raise
            if watch.has_fired:
                _tell(
                    nb_man, TOO_SLOW, f"the notebook was not done after {notebook_timeout:g} s; its kernel was killed"
                )
            else:
                _tell(nb_man, KERNEL_DIED, "the kernel died or did not answer, as when it is killed for want of memory")
        finally:
            watch.cancel()
            if client.kc is not None:
                client.kc.stop_channels()
            kernel.end()


class SparingExecution(NotebookExecutionManager):  # type: ignore[misc]
    """Papermill's record of an execution, saved at the start and every few seconds.

    Writing half a megabyte of figures twice a cell costs more than executing the cells.
    """

    _saved_at_s = float("-inf")

    def save(self, **kwargs: Any) -> None:
        """Save when the last time is some seconds ago."""
        now_s = LiveClock().elapsed_s()
        if now_s - self._saved_at_s >= _SAVE_EVERY_S:
            super().save(**kwargs)
            self._saved_at_s = now_s

    def save_next(self) -> None:
        """Let the next call of `save` write, whenever the last one was."""
        self._saved_at_s = float("-inf")


class WarmClient(PapermillNotebookClient):  # type: ignore[misc]
    """Papermill's client, ready as soon as the kernel is; jupyter_client's own wait adds 0.2 s of silence."""

    async def async_start_new_kernel_client(self) -> Any:
        """Return the connected client; raise `RuntimeError` when the kernel ends or is silent for `startup_timeout`."""
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.allow_stdin = False
        clock = LiveClock()
        end_s = clock.elapsed_s() + self.startup_timeout
        while not await self._has_answered():
            if not await self.km.is_alive():
                raise DeadKernelError("the kernel died before it was ready")
            if clock.elapsed_s() > end_s:
                raise DeadKernelError(f"the kernel was not ready within {self.startup_timeout:g} s")
        return self.kc

    def start_new_kernel_client(self, **kwargs: Any) -> Any:
        """Do the same and wait for it."""
        from jupyter_core.utils import run_sync

        return run_sync(self.async_start_new_kernel_client)()

    async def _has_answered(self) -> bool:
        """Ask for the kernel's facts; True when the answer and its end came, so that no later output can be missed."""
        from queue import Empty

        asked = self.kc.kernel_info()
        try:
            while (await self.kc.get_shell_msg(timeout=1.0))["parent_header"].get("msg_id") != asked:
                continue
            while True:
                message = await self.kc.get_iopub_msg(timeout=_ANSWER_S)
                is_own = message["parent_header"].get("msg_id") == asked
                if is_own and message["content"].get("execution_state") == "idle":
                    return True
        except Empty:
            return False


class _Watch:
    """Kills a kernel after a time, from a thread of its own, whatever the kernel and its client are doing."""

    def __init__(self, kernel: WarmKernel, limit_s: float | None) -> None:
        self.has_fired = False
        self._kernel = kernel
        self._timer = None if limit_s is None else threading.Timer(limit_s, self._fire)
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _fire(self) -> None:
        self.has_fired = True
        self._kernel.kill()


def _tell(nb_man: Any, name: str, sentence: str) -> None:
    """Put an error into the code cell that was begun last, the first one when none was."""
    codes = [index for index, cell in enumerate(nb_man.nb.cells) if cell.cell_type == "code"]
    begun = [index for index in codes if nb_man.nb.cells[index].metadata.papermill.get("start_time")]
    index = begun[-1] if begun else codes[0]
    cell = nb_man.nb.cells[index]
    output = new_output("error", ename=name, evalue=sentence, traceback=[f"{name}: {sentence}"])  # type: ignore[no-untyped-call]
    cell.outputs.append(output)
    nb_man.cell_exception(cell, cell_index=index)
