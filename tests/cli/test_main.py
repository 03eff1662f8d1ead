"""The command line as a whole: exit codes, one message on standard error, tracebacks only when asked for."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from sptrader.cli import main

COMMANDS = ["backtest", "demo", "report", "lab", "data", "components", "strategies", "runs"]


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def told(capsys, *arguments):
    """The exit code, standard output and standard error of a command."""
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_version(capsys):
    code, out, _ = told(capsys, "--version")

    assert (code, out) == (0, f"sptrader {version('sptrader')}\n")


def test_help_names_every_command(capsys):
    code, out, _ = told(capsys, "--help")

    assert code == 0
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys, command):
    code, out, _ = told(capsys, command, "--help")

    assert code == 0
    assert "Usage: sptrader " + command in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bactest", "ma_crossover"], "No such command 'bactest'. Did you mean 'backtest'?"),
        (["runs", "shw"], "No such command 'shw'. Did you mean 'show'?"),
        (["backtest", "ma_crossover", "--parms", "fast=8"], "No such option: --parms"),
        (["backtest"], "Missing argument"),
        (["backtest", "ma_crossover", "--cash", "much"], "Invalid value for '--cash'"),
    ],
)
def test_typos_in_commands_and_options_are_wrong_input(capsys, arguments, message):
    code, out, err = told(capsys, *arguments)

    assert (code, out) == (2, "")
    assert message in err
    assert "--help" in err


def test_wrong_input_is_one_line_and_debug_shows_where_it_arose(capsys, apart):
    code, out, err = told(capsys, "backtest", "ma_crosover")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("sptrader: ma_crosover: the strategy file does not exist; did you mean")

    child = subprocess.run(
        [sys.executable, "-m", "sptrader", "--debug", "backtest", "ma_crosover"], capture_output=True, text=True
    )
    assert "Traceback" in child.stderr
    child = subprocess.run([sys.executable, "-m", "sptrader", "backtest", "nope.yaml"], capture_output=True, text=True)
    assert (child.returncode, child.stdout) == (2, "")
    assert "Traceback" not in child.stderr


def test_work_that_failed_has_another_code_than_wrong_input(capsys, apart):
    folder = apart / "components" / "indicators"
    told(capsys, "components", "new", "ahead")
    path = folder / "ahead.py"
    path.write_text(path.read_text().replace("rolling(period)", "rolling(period, center=True)"))

    assert told(capsys, "components", "check", str(path))[0] == 1
    assert told(capsys, "components", "check", "no_such_component")[0] == 2


def test_workspace_that_is_not_there(capsys):
    code, _, err = told(capsys, "lab", "no_folder")

    assert (code, err) == (2, "sptrader: no_folder is not a folder.\n")
