"""A secret that was loaded for a broker is in nothing that a session leaves: journals, server, logs, notebook, run, report."""

from __future__ import annotations

import logging
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from sptrader.errors import BrokerError
from sptrader.execution.credentials import load_credentials
from sptrader.runs.live import live_run
from sptrader.runs.notebook import run_notebook
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.redis import RedisStreams
from tests.runs.faulty import setting, together

SECRET = "q7Zk-planted-Xw92"


def test_a_planted_secret_is_in_no_file_and_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPTRADER_VENUE_PAPER_TOKEN", SECRET)
    caplog.set_level(logging.DEBUG)
    credentials = load_credentials("venue", "paper", ["token"])
    logging.getLogger("sptrader.live").info("opened %r with %s", credentials, credentials["token"])
    with pytest.raises(BrokerError) as refused:
        credentials["password"]
    logging.getLogger("sptrader.live").error(credentials.hide(f"the venue said: bad token {SECRET}: {refused.value}"))

    live, frames = setting(tmp_path, 120)
    with EmbeddedServer(tmp_path / "server") as server:
        streams = RedisStreams(server.url)
        desk = together(live, frames, tmp_path / "session", streams=streams)
        desk.run()
        run = live_run(desk.orchestrator, began_s=0.0)
        run.save(tmp_path / "run")
        run.report(tmp_path / "report.html")
        desk.close()
        streams.close()

    code = (
        "from sptrader.execution.credentials import load_credentials\n"
        "found = load_credentials('venue', 'paper', ['token'])\nprint(found, found['token'])\nfound"
    )
    head = new_code_cell("cash: float = 1.0  # money", metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        new_notebook(cells=[head, new_code_cell(code)], metadata={"kernelspec": kernel}), tmp_path / "in.ipynb"
    )
    run_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb")
    assert "token" in (tmp_path / "out.ipynb").read_text().partition("outputs")[2]

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"session.sqlite", "execution.sqlite", "report.html"} <= {path.name for path in files}
    assert sum(path.stat().st_size for path in files) > 100_000
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    out = capfd.readouterr()
    assert len(caplog.messages) >= 2
    assert SECRET not in "".join((caplog.text, out.out, out.err, repr(run), str(vars(live))))
