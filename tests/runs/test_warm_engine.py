"""A notebook on a warm kernel gives what it gives on a cold one, in a clean namespace, and always ends."""

import os
import re
import signal
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

from sptrader.runs.forked_kernels import can_fork
from sptrader.runs.warm_kernels import close_shared_kernels, shared_kernels
from tests.made_notebook import save_notebook, texts

pytestmark = pytest.mark.slow
ENGINE = "sptrader-warm"


@pytest.fixture(scope="module", autouse=True)
def kernels():
    """Kernels that end with this module's tests."""
    yield
    close_shared_kernels()


def executed(path, out, engine=ENGINE, **parameters):
    options = parameters.pop("options", {})
    return execute_notebook(path, out, parameters, engine_name=engine, progress_bar=False, **options)


def failed(path, out, **options):
    with pytest.raises(PapermillExecutionError) as raised:
        executed(path, out, options=options)
    return raised.value, nbformat.read(out, 4)


def is_running(pid):
    """Whether a process runs; one that only waits to be counted by its parent (Z) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def plain(node):
    """The outputs of all cells, without the process's number in a warning's file."""
    return [re.sub(r"ipykernel_\d+", "ipykernel", str(cell.get("outputs", []))) for cell in node.cells]


def test_outputs_are_those_of_a_cold_kernel(tmp_path):
    path = save_notebook(
        tmp_path / "a.ipynb",
        "fast: int = 12",
        "import sptrader as sp\nrun = sp.backtest('ma_crossover', sp.sample('EURUSD', '1h'), params={'fast': fast})",
        "run.section('summary')",
        "run.section('price')",
        "run.trades.tail()",
        "import plotly.io, pandas as pd\nplotly.io.renderers.default, pd.get_option('display.max_columns')",
        "import plotly.graph_objects as go\ngo.Figure(go.Scatter(y=[1, fast])).show()",
        "import warnings\nwarnings.warn('told', DeprecationWarning)\nprint(__name__, fast)",
    )

    warm = executed(path, tmp_path / "warm.ipynb", fast=8)
    cold = executed(path, tmp_path / "cold.ipynb", engine=None, fast=8)

    assert plain(warm) == plain(cold)
    assert "__main__ 8\n" in texts(warm)[-2:]
    assert [cell.execution_count for cell in warm.cells] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert nbformat.read(tmp_path / "warm.ipynb", 4) == warm


def test_every_notebook_has_a_kernel_of_its_own_in_its_folder_with_its_environment(tmp_path, monkeypatch):
    path = save_notebook(
        tmp_path / "a.ipynb",
        "x: int = 1",
        "import os, numpy as np\nprint(sorted(n for n in globals() if n[0] != '_'), os.getcwd(), os.environ['TOLD'])",
        "mine = x",
        "print(np.random.rand(), os.getpid())",
    )
    said = []
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        monkeypatch.setenv("TOLD", f"told {number}")
        node = executed(path, tmp_path / "out.ipynb", options={"kernel_cwd": str(tmp_path / str(number))})
        said.append(texts(node))

    names = "['In', 'Out', 'exit', 'get_ipython', 'np', 'open', 'os', 'quit', 'x']"
    assert said[0][0] == f"{names} {tmp_path / '1'} told 1\n"
    assert said[1][0] == f"{names} {tmp_path / '2'} told 2\n"
    assert said[0][1].split()[0] != said[1][1].split()[0]
    assert said[0][1].split()[1] != said[1][1].split()[1]


def test_killed_kernel_is_an_error_in_its_cell(tmp_path):
    path = save_notebook(
        tmp_path / "a.ipynb", "x: int = 1", "print('before')", "import os\nos.kill(os.getpid(), 9)", "print('never')"
    )

    error, node = failed(path, tmp_path / "out.ipynb")

    assert error.ename == "KernelDied"
    assert "want of memory" in error.evalue
    assert texts(node) == ["before\n", f"KernelDied: {error.evalue}"]


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("import time\ntime.sleep(600)", {"notebook_timeout": 1.0}),
        ("import time\ntime.sleep(600)", {"execution_timeout": 1}),
        # holds the interpreter's lock for ever: no thread of the kernel can do anything
        ("import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')", {"notebook_timeout": 1.0}),
    ],
    ids=["notebook", "cell", "locked"],
)
def test_cell_that_hangs_is_killed(tmp_path, cell, options):
    path = save_notebook(tmp_path / "a.ipynb", "x: int = 1", "import os\nprint(os.getpid())", cell)

    error, node = failed(path, tmp_path / "out.ipynb", **options)

    assert error.ename == "NotebookTooSlow"
    said = texts(node)
    assert "was not done after 1 s" in said[-1]
    assert not is_running(int(said[0]))


@pytest.mark.skipif(not can_fork(), reason="kernels are forked on Linux")
def test_kernel_dies_with_its_parent_and_the_next_one_has_a_new_parent(tmp_path):
    source = shared_kernels().source("python3")
    quick = save_notebook(tmp_path / "quick.ipynb", "x: int = 1", "print(x)")
    executed(quick, tmp_path / "quick_out.ipynb")
    began = tmp_path / "began"
    slow = save_notebook(tmp_path / "a.ipynb", "x: int = 1", f"open({str(began)!r}, 'w')\nwhile True: pass")
    first = source.parent_pid

    def kill_parent():
        while not began.exists():
            ended.wait(0.02)
        os.kill(first, signal.SIGKILL)

    ended = threading.Event()
    killer = threading.Thread(target=kill_parent)
    killer.start()
    error, _ = failed(slow, tmp_path / "out.ipynb")
    killer.join()

    assert error.ename == "KernelDied"
    assert texts(executed(quick, tmp_path / "quick_out.ipynb")) == ["1\n"]
    assert source.parent_pid != first


def test_kernel_with_options_of_its_own_is_started_cold(tmp_path, monkeypatch):
    folder = tmp_path / "kernels" / "odd"
    folder.mkdir(parents=True)
    argv = f'["{sys.executable}", "-O", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (folder / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "Odd", "language": "python"}}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    path = save_notebook(tmp_path / "a.ipynb", "x: int = 1", "print(__debug__, x)", kernel="odd")

    assert texts(executed(path, tmp_path / "out.ipynb", x=3)) == ["False 3\n"]


def test_widget_state_is_not_kept(tmp_path):
    path = save_notebook(tmp_path / "a.ipynb", "x: int = 1", "import ipywidgets\nipywidgets.IntSlider(x)")

    node = executed(path, tmp_path / "out.ipynb")

    assert "widgets" not in node.metadata
    assert "widgets" not in nbformat.read(tmp_path / "out.ipynb", 4).metadata
