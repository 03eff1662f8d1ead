"""The README tells the truth: its Python runs in order and prints what is shown, its commands exist and work, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from sptrader.cli import main
from sptrader.cli.app import app
from sptrader.data.sample import sample
from sptrader.strategy.loader import load_strategy

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = list(
    dict.fromkeys(found for found in re.findall(r"`((?:\w+=\S+ )*sptrader [a-z][^`]*)`", TEXT) if "NAME" not in found)
)
LONG_RUNNING = ("sptrader demo", "sptrader lab", "sptrader app")  # runs a notebook; serve until they are stopped


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder such as a reader of the README stands in: the shipped strategies, and bars that do not say what they are."""
    for name in ("strategies", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("scratch", ".ipynb_checkpoints"))
    bars = sample("EURUSD", "1h").iloc[:500]
    bars.attrs = {}
    bars.to_parquet(tmp_path / "mine.parquet")
    bars.to_csv(tmp_path / "mine.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("SPTRADER_DATA", "SPTRADER_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def missing_lines(shown: str, printed: str) -> Iterator[str]:
    """Yield the lines of `shown` that do not occur in `printed` after the line before; an ellipsis stands for any text."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    at = 0
    for line in shown.splitlines():
        pattern = ".*".join(re.escape(part) for part in " ".join(line.split()).split("…"))
        found = next((row for row in range(at, len(lines)) if re.fullmatch(pattern, lines[row])), None)
        if found is None:
            yield line
        else:
            at = found + 1


def test_python_of_the_readme_runs_and_prints_what_is_shown(workspace, capsys):
    names: dict[str, object] = {}
    printed, wrong, n_shown = "", [], 0
    for language, source in BLOCKS:
        if language == "python":
            exec(compile(source, "README.md", "exec"), names)
            printed = capsys.readouterr().out
        elif language == "text":
            n_shown += 1
            wrong += missing_lines(source, printed)

    assert wrong == []
    assert n_shown >= 4
    assert (workspace / "report.html").is_file()


def test_a_shown_line_that_was_not_printed_is_found():
    assert list(missing_lines("a 1\nc …\n", "a  1\nb\nc 3\n")) == []
    assert list(missing_lines("b\na 1\n", "a 1\nb\n")) == ["a 1"]


def test_the_strategy_of_the_readme_is_without_fault_and_warning(tmp_path):
    (source,) = [text for language, text in BLOCKS if language == "yaml"]
    path = tmp_path / "pullback.yaml"
    path.write_text(source)

    assert load_strategy(path).warnings == ()


def subcommand(words: list[str]) -> Any:
    """Return the command that `words` name, without their arguments; None where there is none."""
    found: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(found, "commands"):
            return found
        if word not in found.commands:
            return None
        found = found.commands[word]
    return found


def test_every_command_and_option_of_the_readme_exists():
    unknown = []
    for text in re.findall(r"sptrader [a-z][^`\n|]*", "\n".join(re.findall(r"`[^`\n]+`", TEXT))):
        words = text.split()[1:]
        command = subcommand([word for word in words if not word.startswith("-")])
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        known = {flag for parameter in command.params for flag in parameter.opts} if command else set()
        if command is None or options - known - {"--help"}:
            unknown.append(text)

    assert unknown == []


def test_every_command_of_the_readme_works(workspace, monkeypatch, capfd):
    failed = {}
    ran = [text for text in COMMANDS if not text.startswith(LONG_RUNNING)]
    for text in ran:
        words = shlex.split(text)
        with monkeypatch.context() as patch:
            while "=" in words[0]:
                patch.setenv(*words.pop(0).split("=", 1))
            code = main(words[1:])
        if code:
            failed[text] = capfd.readouterr().err

    assert failed == {}
    assert len(ran) >= 20


def test_every_target_of_make_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", TEXT)) <= targets


def test_every_link_of_the_readme_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)

    assert [link for link in links if not (ROOT / link).exists()] == []
