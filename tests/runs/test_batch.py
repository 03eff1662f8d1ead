"""A batch executes what is new, keeps what is finished, tells what failed, and survives being killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest

import sptrader as sp
from sptrader.runs.batch_folder import opened
from sptrader.runs.notebook import notebook_data
from sptrader.runs.verify import verify_report
from sptrader.runs.warm_kernels import close_shared_kernels, shared_kernels
from tests.made_notebook import METRICS, save_notebook, texts

pytestmark = pytest.mark.slow
WHOLE = bool(os.environ.get("SPTRADER_FAULTS"))
WITHOUT_TIMES = ["seconds", "attempts"]
LOG = "with open(log, 'a') as file:\n    file.write(f'{x} ')"


@pytest.fixture(scope="module", autouse=True)
def kernels():
    """One source of kernels for all tests of this module."""
    shared_kernels().prepare("python3", 2)
    yield
    close_shared_kernels()


def square(path, *cells):
    """A notebook that writes its `x` to a log and leaves its square as a metric."""
    return save_notebook(path, "x: int = 1\nlog: str = ''", LOG, *cells, METRICS % "'square': x * x")


def sets(tmp_path, *values):
    return [{"x": x, "log": str(tmp_path / "log.txt")} for x in values]


def logged(tmp_path):
    path = tmp_path / "log.txt"
    return sorted(int(x) for x in path.read_text().split()) if path.is_file() else []


def test_batch_makes_notebooks_and_an_index(tmp_path):
    path = square(tmp_path / "a.ipynb")
    seen = []

    made = sp.batch(path, sets(tmp_path, 2, 3, 4), out=tmp_path / "out", workers=2, on_progress=seen.append)

    assert made.table["status"].tolist() == ["done"] * 3
    assert made.table["square"].tolist() == [4, 9, 16]
    assert len(made.failed) == 0
    assert made.page.is_file()
    for row in made.table.itertuples():
        assert row.notebook.startswith(f"a-x={row.x},log=")
        assert notebook_data(made.folder / row.notebook) == {"square": row.square}
    assert [progress.n_done for progress in seen] == [0, 1, 2, 3]
    assert {progress.n_all for progress in seen} == {3}


def test_finished_executions_are_kept_until_something_changes(tmp_path):
    path, out = square(tmp_path / "a.ipynb"), tmp_path / "out"
    sp.batch(path, sets(tmp_path, 2, 3), out=out, workers=2)

    again = sp.batch(path, sets(tmp_path, 2, 3, 4), out=out, workers=2)

    assert again.table["square"].tolist() == [4, 9, 16]
    assert logged(tmp_path) == [2, 3, 4]
    next(out.glob("a-x=3*")).unlink()
    sp.batch(path, sets(tmp_path, 2, 3), out=out, workers=2)
    assert logged(tmp_path) == [2, 3, 3, 4]
    square(path, "x = x + 1")
    changed = sp.batch(path, sets(tmp_path, 2), out=out, workers=2)
    assert changed.table["square"].tolist() == [9]
    sp.batch(path, sets(tmp_path, 2), out=out, workers=2, fresh=True)
    assert logged(tmp_path) == [2, 2, 2, 3, 3, 4]


RUN = """
import sptrader as sp
run = sp.backtest("ma_crossover", sp.sample("EURUSD", "1h").iloc[:900], params={"fast": x})
folder = run.save(log)
run.section("summary")
"""


def test_index_is_true_and_what_was_changed_in_it_is_found(tmp_path):
    path = save_notebook(tmp_path / "a.ipynb", "x: int = 5\nlog: str = ''", RUN)
    out = tmp_path / "out"
    sets = [{"x": x, "log": str(out / "runs")} for x in (5, 9)]
    made = sp.batch(path, sets, out=out, workers=2)
    honest = made.page.read_text()

    found = verify_report(made.page)
    assert (found.differences, found.unverified) == ((), 0)
    assert set(made.table["run"]) < set(found.runs)

    trades = f'<td data-value="{made.table["trades"][0]}">'
    assert trades in honest
    made.page.write_text(honest.replace(trades, '<td data-value="777">'))
    assert verify_report(made.page).is_true  # what a cell is sorted by is not shown
    shown = f"{trades}{made.table['trades'][0]:.0f}</td>"
    made.page.write_text(honest.replace(shown, f"{trades}777</td>"))
    assert [d.shown for d in verify_report(made.page).differences] == ["777"]
    made.page.write_text(honest)

    notebook = made.folder / made.table["notebook"][0]
    exact = json.dumps(made.table["sharpe"][0])
    text = notebook.read_text()
    assert exact in text
    notebook.write_text(text.replace(exact, "9.5"))
    where = [d.where for d in verify_report(made.page).differences]
    assert any(place.startswith("a.ipynb: hash of a-x=5") for place in where)
    assert "index.parquet" in where
    assert f"{made.table['run'][0]}: sharpe" in where
    assert any("(sharpe)" in place for place in where)


def test_index_with_failures_and_metrics_of_their_own_is_verified(tmp_path):
    path = square(tmp_path / "a.ipynb", "if x == 2: raise ValueError('two')")
    made = sp.batch(path, sets(tmp_path, 1, 2), out=tmp_path / "out", workers=2)

    assert verify_report(made.page).is_true
    (made.folder / made.table["notebook"][1]).unlink()
    assert not verify_report(made.page).is_true


def test_failures_are_told_and_do_not_stop_the_others(tmp_path):
    cells = "if x == 2: raise ValueError('two')\nif x == 3: import time; time.sleep(600)"
    path = square(tmp_path / "a.ipynb", cells)

    made = sp.batch(path, sets(tmp_path, 1, 2, 3), out=tmp_path / "out", workers=3, timeout_s=4.0)

    assert made.table["status"].tolist() == ["done", "failed", "failed"]
    assert made.table["error"][1] == "cell 4: ValueError: two"
    assert made.table["error"][2].startswith("cell 4: NotebookTooSlow: the notebook was not done after 4 s")
    assert made.table["attempts"].tolist() == [1, 1, 1]
    said = texts(nbformat.read(made.folder / made.table["notebook"][1], 4))
    assert said == ["ValueError: two"]
    assert logged(tmp_path) == [1, 2, 3]
    again = sp.batch(path, sets(tmp_path, 1, 2), out=tmp_path / "out", workers=2)
    assert again.table["status"].tolist() == ["done", "failed"]
    assert logged(tmp_path) == [1, 2, 2, 3]


def test_notebook_whose_kernel_died_is_run_again(tmp_path):
    once = "import os, pathlib\nmark = pathlib.Path(log + str(x))\nif not mark.exists():\n    mark.touch()\n    os.kill(os.getpid(), 9)"
    always = "if x == 3: os.kill(os.getpid(), 9)"
    path = square(tmp_path / "a.ipynb", once, always)

    made = sp.batch(path, sets(tmp_path, 2, 3), out=tmp_path / "out", workers=2, retries=1)

    assert made.table["status"].tolist() == ["done", "failed"]
    assert made.table["attempts"].tolist() == [2, 2]
    assert made.table["error"][1].startswith("cell 5: KernelDied: ")
    assert "KernelDied" in texts(nbformat.read(made.folder / made.table["notebook"][1], 4))[-1]


def test_nothing_runs_when_an_input_is_wrong(tmp_path):
    path, out = square(tmp_path / "a.ipynb"), tmp_path / "out"
    wrong = [
        ({"params": [{"y": 2}]}, "did you mean|is not known"),
        ({}, "neither params nor a space"),
        ({"params": [{"x": 1}], "space": {"x": [2]}}, "'x' is in params and in the space"),
        ({"space": {"x": [1]}, "workers": 0}, "workers was 0"),
        ({"space": {"x": [1]}, "timeout_s": 0.0}, "timeout was 0"),
        ({"space": {"x": [1]}, "retries": -1}, "retries was -1"),
        ({"space": {"x": [1]}, "executor": "dusk"}, "did you mean 'dask'"),
    ]
    for options, words in wrong:
        with pytest.raises(sp.SptraderError, match=words) as refused:
            sp.batch(path, out=out, **options)
        assert not refused.value.is_failure
    assert not out.exists()


def test_folder_belongs_to_one_batch_at_a_time(tmp_path):
    path = square(tmp_path / "a.ipynb")

    with (
        opened(tmp_path / "out", path),
        pytest.raises(sp.SptraderError, match="another batch is at work"),
    ):
        sp.batch(path, sets(tmp_path, 2), out=tmp_path / "out")


def start(path, params, out, **options):
    """A batch in a process of its own."""
    (path.parent / "params.json").write_text(json.dumps(params))
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "sptrader", "batch", str(path), "--params", str(path.parent / "params.json")]
    return subprocess.Popen([*command, "--out", str(out), "--json", *arguments], stdout=subprocess.PIPE, text=True)


def kill_at_random_moments(path, params, out, *, seed, times):
    """Start the batch `times` times and kill it when a random number of notebooks has ended, or a little later."""
    drawn = random.Random(seed)
    for _ in range(times):
        process = start(path, params, out, workers=2)
        wanted = len(list(out.glob("*.ipynb"))) + drawn.randint(0, 2)
        while process.poll() is None and len(list(out.glob("*.ipynb"))) < wanted:
            time.sleep(0.005)
        time.sleep(drawn.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("seed", range(20 if WHOLE else 1))
def test_killed_batch_resumes_to_the_same_index_and_runs_nothing_twice(tmp_path, seed):
    busy = "import os, time\nopen(f'{log}.{x}', 'w').write(str(os.getpid()))\nend = time.time() + 0.3\nwhile time.time() < end: pass"
    path = save_notebook(tmp_path / "a.ipynb", "x: int = 1\nlog: str = ''", busy, METRICS % "'square': x * x")
    params, out = sets(tmp_path, *range(6)), tmp_path / "out"
    kill_at_random_moments(path, params, out, seed=seed, times=3 if WHOLE else 1)
    require_all_ended(int(file.read_text() or 0) for file in tmp_path.glob("log.txt.*"))
    kept = {file.name: file.stat().st_mtime_ns for file in out.glob("*.ipynb")}
    records = {file.name.removesuffix(".json") for file in (out / ".batch" / "records").glob("*.json")}

    resumed = sp.batch(path, params, out=out, workers=2)

    undisturbed = sp.batch(path, params, out=tmp_path / "other", workers=2)
    left = resumed.table.drop(columns=WITHOUT_TIMES)
    assert left.equals(undisturbed.table.drop(columns=WITHOUT_TIMES))
    assert all((out / name).stat().st_mtime_ns == kept[name] for name in records)
    assert len(list(out.glob("*.ipynb"))) == 6
    assert not list((out / ".batch" / "running").iterdir())


def require_all_ended(pids):
    """Fail when a process still runs after some seconds."""
    for pid in pids:
        for _ in range(500):
            if not is_running(pid):
                break
            time.sleep(0.02)
        assert not is_running(pid)


def is_running(pid):
    """Whether a process runs; one that only waits to be counted by its parent (Z) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run_many(tmp_path, *, n, workers, n_kills, seed):
    """Run `n` notebooks and kill a kernel at work now and then, as the system does for want of memory."""
    drawn = random.Random(seed)
    own = "import os, pathlib\nmark = pathlib.Path(log + '.pids', f'{x}-{os.getpid()}')\nmark.touch()"
    path = square(tmp_path / "a.ipynb", own, "sum(range(300_000))", "mark.unlink(missing_ok=True)")
    pids = tmp_path / "log.txt.pids"
    pids.mkdir()
    killed = []

    def kill_one(progress):
        due = n * (len(killed) + 1) // (n_kills + 1)
        if len(killed) < n_kills and progress.n_done >= due:
            at_work = sorted(pids.iterdir())
            if at_work:
                chosen = drawn.choice(at_work)
                chosen.unlink(missing_ok=True)
                with suppress(ProcessLookupError):  # it has ended between the two lines
                    os.kill(int(chosen.name.partition("-")[2]), signal.SIGKILL)
                    killed.append(chosen.name)

    made = sp.batch(
        path, sets(tmp_path, *range(n)), out=tmp_path / "out", workers=workers, timeout_s=120.0, on_progress=kill_one
    )
    return made, killed


def require_all_done(made, n, killed):
    """Every notebook is done, and those whose kernel was killed were run again."""
    assert made.table["status"].tolist() == ["done"] * n
    assert made.table["square"].tolist() == [x * x for x in range(n)]


def test_many_workers_on_few_cores_end_though_kernels_are_killed(tmp_path):
    made, killed = run_many(tmp_path, n=16, workers=8, n_kills=2, seed=1)

    require_all_done(made, 16, killed)


@pytest.mark.skipif(not WHOLE, reason="the whole run needs SPTRADER_FAULTS=1")
@pytest.mark.parametrize("n_kills", [0, 1, 20])
def test_two_hundred_notebooks_end_though_kernels_are_killed(tmp_path, n_kills):
    made, killed = run_many(tmp_path, n=200, workers=8, n_kills=n_kills, seed=2)

    assert len(killed) >= min(n_kills, 1)
    require_all_done(made, 200, killed)


@pytest.mark.skipif(not WHOLE, reason="a cluster with kernels of its own takes long; SPTRADER_FAULTS=1 runs it")
def test_dask_gives_the_same_index(tmp_path):
    path = square(tmp_path / "a.ipynb")

    there = sp.batch(path, sets(tmp_path, 2, 3, 4), out=tmp_path / "dask", workers=2, executor="dask")

    here = sp.batch(path, sets(tmp_path, 2, 3, 4), out=tmp_path / "here", workers=2)
    assert there.table.drop(columns=WITHOUT_TIMES).equals(here.table.drop(columns=WITHOUT_TIMES))
