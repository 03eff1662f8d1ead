"""System: the processes that work for the page, what they printed, and what all of it runs on."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd

from sptrader.data.catalog import data_folder
from sptrader.jit import sources_digest
from sptrader.plots.parts import facts_part, part
from sptrader.runs.jobs import Job, find_jobs
from sptrader.runs.provenance import package_versions
from sptrader.views.desk import Desk
from sptrader.views.grid import Grid
from sptrader.views.look import button, column, html, row, subheading


class System:
    """The tab of processes and versions."""

    def __init__(self, desk: Desk, runs: Path) -> None:
        self._runs = runs
        self._found: list[Job] = []
        self._jobs = Grid(empty="no job was started yet", on_pick=lambda at: desk.do_latest("log", self._log, at))
        self._told = html()
        self._facts = html()
        again = button("look again", lambda: desk.do(self.refresh), kind="sp-link")
        self.view = column(
            row(html(subheading("Jobs, newest first")), again, classes=["sp-tools"]),
            self._jobs,
            self._told,
            html(subheading("What it runs on")),
            self._facts,
        )

    def refresh(self) -> None:
        """Look at the jobs' folders again."""
        self._found = find_jobs(self._runs)
        self._jobs.show(jobs_table(self._found))
        facts = {
            "folder": Path.cwd(),
            "runs": self._runs,
            "data": data_folder().resolve(),
            "engine": sources_digest(),
            **dict(package_versions()),
        }
        self._facts.value = part(facts_part(facts))

    def _log(self, at: int) -> None:
        job = self._found[at]
        text = job.log().strip() or "It printed nothing."
        self._told.value = f"<h4 class='sp-h4'>{escape(job.id)}</h4><pre class='sp-log'>{escape(text)}</pre>"


def jobs_table(jobs: list[Job]) -> pd.DataFrame:
    """Return what is known of jobs: what, when, how far, how old the last word is, and its result."""
    rows = []
    for job in jobs:
        state, request = job.state(), job.request()
        rows.append(
            {
                "job": job.id,
                "strategy": Path(request.strategy).stem,
                "started": pd.Timestamp(state.started_ns, unit="ns", tz="UTC"),
                "status": state.status,
                "step": state.step,
                "seconds": round((state.changed_ns - state.started_ns) / 1e9, 1),
                "last word, seconds ago": round(job.age_s()) if state.is_running else pd.NA,
                "result": Path(state.result).name,
                "error": state.error.partition("\n")[0][:200],
            }
        )
    return pd.DataFrame(rows)
