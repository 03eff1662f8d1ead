"""A JupyterLab or a Voila of its own, on a workspace of its own, and a notebook driven through the application's commands."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

OPEN = """async (path) => {
  const app = window.jupyterapp; await app.restored;
  const opened = await app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
  await opened.context.ready; await opened.sessionContext.ready; await opened.revealed;
  window.__notebook = opened; return opened.content.widgets.length; }"""
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
START_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
SAVE = "async () => { await window.jupyterapp.commands.execute('docmanager:save'); }"
RESTART = "async () => { await window.__notebook.sessionContext.session.kernel.restart(); }"
COLLAPSE = "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
ERRORS = """() => window.__notebook.content.widgets.flatMap((cell) =>
  (cell.model.outputs ? cell.model.outputs.toJSON() : []).filter((o) => o.output_type === 'error').map((o) => o.evalue))"""


def write_notebook(path, *cells):
    """Write a notebook of code cells."""
    node = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    node.cells = [new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells)]
    nbformat.write(node, path)


@contextlib.contextmanager
def server(root, home, command, probe):
    """Start `command` on a free port with directories of its own and yield its address."""
    port = _free_port()
    own = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    own |= {
        name: str(home / name.lower())
        for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    }
    environment = {**os.environ, **own, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--port={port}"], cwd=root, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if process.poll() is not None or _answers(address + probe):
                break
            time.sleep(0.1)
        assert process.poll() is None, (home / "server.log").read_text()[-3000:]
        yield address
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def lab_command():
    """The command of `sptrader lab`, without a token and with the application within reach of the test."""
    return [
        sys.executable,
        "-m",
        "sptrader",
        "lab",
        ".",
        "--no-browser",
        "--",
        "--allow-root",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.expose_app_in_browser=True",
    ]


class Notebook:
    """An open notebook: `page` is the browser's page."""

    def __init__(self, watched, address, path):
        self.page = watched.page
        self.watched = watched
        self.address, self.path = address, path

    def open(self):
        self.page.goto(f"{self.address}/lab?reset")
        self.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.started")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        self.page.evaluate(OPEN, self.path)
        if self.page.locator(".jp-SideBar.jp-mod-left .lm-mod-current").count():
            self.page.evaluate(COLLAPSE)
        return self

    def run_all(self):
        self.page.evaluate(RUN_ALL)
        assert self.page.evaluate(ERRORS) == []

    def start_all(self):
        self.page.evaluate(START_ALL)

    def restart(self):
        self.page.evaluate(RESTART)

    def saved(self):
        self.page.evaluate(SAVE)

    def dark(self, is_dark=True):
        theme = "JupyterLab Dark" if is_dark else "JupyterLab Light"
        self.page.evaluate(
            "async (theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )

    def no_dialog(self):
        assert self.page.locator(".jp-Dialog").count() == 0


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as answer:
        return answer.code in (403, 404)  # it answers, though not to this
    except (urllib.error.URLError, OSError, json.JSONDecodeError):
        return False
