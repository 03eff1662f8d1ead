"""The ledger only grows."""

import hashlib
import json
import sqlite3
import subprocess
import sys

import pytest

from sptrader.errors import RunError
from sptrader.runs import ledger
from sptrader.runs.ledger import count_trials, ledger_file, n_trials, note_opening, openings, trial_ids


@pytest.fixture
def place(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "ledger.sqlite"
    monkeypatch.setenv("SPTRADER_LEDGER", str(path))
    return path


def test_a_trial_counts_once_for_each_of_its_data(place):
    count_trials(["a", "b"], [b"one", b"two"])
    count_trials(["a"], [b"two", b"three"])

    assert (n_trials(["a"]), n_trials(["b"]), n_trials(["a", "b"]), n_trials(["c"])) == (3, 2, 3, 0)


def test_nothing_can_be_taken_out_or_changed(place):
    count_trials(["a"], [b"one"])
    note_opening(["a"], 5, "a look")
    with sqlite3.connect(place) as file:
        for statement in (
            "DELETE FROM trials",
            "UPDATE trials SET data = 'z'",
            "DELETE FROM openings",
            "UPDATE openings SET what = ''",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="stay"):
                file.execute(statement)
    file.close()
    assert n_trials(["a"]) == 1


def test_openings_of_a_holdout_are_kept_in_order(place):
    note_opening(["a"], 10, "first")
    note_opening(["a", "b"], 20, "second")

    assert [o.what for o in openings(["a"], 10)] == ["first", "second"]
    assert [o.what for o in openings(["a"], 15)] == ["second"]
    assert openings(["c"], 0) == []


def test_processes_share_it(place):
    program = (
        "from sptrader.runs.ledger import count_trials; import sys\n"
        "for k in range(50): count_trials(['a'], [f'{sys.argv[1]}{k}'.encode()])"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(name)]) for name in range(3)]

    assert [process.wait() for process in processes] == [0, 0, 0]
    assert n_trials(["a"]) == 150


def test_the_same_facts_are_the_same_trial():
    one, same, other = trial_ids(["strategy", 1], [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 1}])

    assert one == same != other
    whole = json.dumps(["strategy", 1, {"a": 1, "b": 2}]).encode()
    assert one == hashlib.blake2b(whole, digest_size=16).digest()
    assert list(trial_ids(["strategy", 2], [{"a": 1, "b": 2}])) != [one]


def test_the_place_is_the_users_data_folder(tmp_path):
    assert ledger_file({"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "sptrader" / "ledger.sqlite"
    assert ledger_file({"SPTRADER_LEDGER": "/x/y.db", "XDG_DATA_HOME": "/z"}).as_posix() == "/x/y.db"


def test_a_place_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPTRADER_LEDGER", str(tmp_path / "file" / "ledger.sqlite"))

    with pytest.raises(RunError, match=r"the ledger of trials at .* cannot be used"):
        ledger.count_trials(["a"], [b"x"])
