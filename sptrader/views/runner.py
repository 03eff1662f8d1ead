"""Runner: starts jobs, watches them with progress and log, cancels them, and finds those again that a kernel left behind."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

from sptrader.errors import RunError
from sptrader.runs.jobs import Job, JobRequest, JobState, Workers, find_jobs
from sptrader.views.desk import Desk
from sptrader.views.look import button, column, disable, html, progress_html, row, show

_LOG_LETTERS = 4000
_WORDS = {"done": "done", "failed": "failed", "cancelled": "cancelled"}


class Runner:
    """One button that starts, one that cancels, and what is known of the job in between.

    `request()` is asked for what to do; `finished(folder)` hears of a result. The job runs in a process of its own: this
    only reads its folder, from the desk's thread.
    """

    def __init__(
        self,
        desk: Desk,
        runs: Path,
        *,
        label: str,
        kind: str,
        request: Callable[[], JobRequest],
        finished: Callable[[Path], object],
        workers: Workers,
    ) -> None:
        self._desk, self._runs, self._kind = desk, runs, kind
        self._request, self._finished, self._workers = request, finished, workers
        self._job: Job | None = None
        self._seen: tuple[object, ...] = ()
        self._start = button(label, lambda: desk.do(self.start), kind="sp-primary")
        self._cancel = button("Cancel", lambda: desk.do(self.cancel), tooltip="End the process that does the work")
        self._told = html()
        self._log = html()
        self._why = ""
        self.view = column(self._start, row(self._told, self._cancel, classes=["sp-tools"]), self._log)
        self._told.layout.flex = "1 1 auto"
        show(self._cancel, False)
        desk.every(self.look)

    def allow(self, reason: str = "") -> None:
        """Let it be started, or say why not."""
        self._why = reason
        disable(self._start, reason or ("it runs already" if self._job is not None else ""))

    def start(self) -> None:
        """Start the job that is asked for now."""
        if self._job is not None:
            return
        self._desk.guard.clear()
        self._watch(self._workers.start(self._request(), self._runs))

    def cancel(self) -> None:
        """End the job."""
        if self._job is not None:
            self._job.cancel()
            self.look()

    def reattach(self) -> JobRequest | None:
        """Watch the newest job of this kind that still runs, and return what it was asked for."""
        for job in find_jobs(self._runs):
            if job.request().kind == self._kind and job.state().is_running:
                self._watch(job)
                return job.request()
        return None

    def look(self) -> None:
        """Show how far the job is, when that has changed."""
        if self._job is None:
            return
        state = self._job.state()
        age = self._job.age_s()
        seen = (state, int(age) if age >= 2 else 0)
        if seen == self._seen:
            return
        self._seen = seen
        self._told.value = _told(state, age)
        log = self._job.log()[-_LOG_LETTERS:].strip()
        self._log.value = (
            f"<details><summary>log</summary><pre class='sp-log'>{escape(log)}</pre></details>" if log else ""
        )
        if not state.is_running:
            self._ended(state)

    def _watch(self, job: Job) -> None:
        self._job, self._seen = job, ()
        show(self._cancel, True)
        self.allow(self._why)
        self.look()

    def _ended(self, state: JobState) -> None:
        self._job = None
        show(self._cancel, False)
        self.allow(self._why)
        self._workers.warm()
        if state.status == "failed":
            self._desk.guard.show(RunError(state.error), state.trace)
        elif state.status == "done":
            self._finished(Path(state.result))


def _told(state: JobState, age_s: float) -> str:
    fraction = 1.0 if not state.is_running else state.done / max(state.total, 1)
    seconds = (state.changed_ns - state.started_ns) / 1e9
    if state.is_running:
        count = f" {state.done:,} of {state.total:,}" if state.total > 10 else ""
        waited = f", no word for {age_s:.0f} s" if age_s >= 5 else ""
        words = f"{state.step}{count} · {seconds + age_s:.0f} s{waited}"
    else:
        words = f"{_WORDS[state.status]} after {seconds:.1f} s"
    return f'{progress_html(fraction, state.status)}<div class="sp-small" data-status="{state.status}">{escape(words)}</div>'
