from __future__ import annotations

import pytest

from sptrader.data.catalog import catalog, find_bars
from sptrader.data.load import load_bars
from sptrader.data.parquet import save_bars
from sptrader.data.resample import resample
from sptrader.errors import DataError
from sptrader.model.bars import with_facts


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_DATA", str(tmp_path))
    return tmp_path


def put(path, good, **facts):
    save_bars(load_bars(good, **{"symbol": "GBPUSD", "timeframe": "1h", "basis": "bid", **facts}), path)


def test_files_are_known_by_what_they_say_not_by_their_names(workspace, good):
    put(workspace / "deep" / "x.parquet", good)

    (entry,) = [e for e in catalog() if not e.is_sample]

    assert (entry.symbol, entry.timeframe, entry.basis, entry.session, entry.n_rows) == ("GBPUSD", "1h", "bid", "fx", 6)
    assert len(load_bars("GBPUSD", "1h")) == 6
    assert len(load_bars("GBPUSD")) == 6  # the only file needs no timeframe


def test_the_folder_data_is_the_catalog_without_the_variable(tmp_path, monkeypatch, good):
    monkeypatch.delenv("SPTRADER_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "data" / "a.parquet", good)

    assert [e.symbol for e in catalog() if not e.is_sample] == ["GBPUSD"]


def test_the_workspace_comes_before_the_samples(workspace, good):
    put(workspace / "mine.parquet", good, symbol="EURUSD")

    assert find_bars("EURUSD", "1h").path == workspace / "mine.parquet"


def test_samples_answer_where_the_workspace_has_nothing(workspace):
    assert find_bars("EURUSD", "1h").is_sample


def test_two_files_that_fit_are_not_chosen_between(workspace, good):
    put(workspace / "a.parquet", good)
    put(workspace / "b.parquet", good, basis="ask")

    with pytest.raises(DataError, match=r"several files hold bars of 'GBPUSD': .*a\.parquet.*b\.parquet"):
        load_bars("GBPUSD", "1h")
    assert load_bars("GBPUSD", "1h", basis="ask").attrs["sptrader.basis"] == "ask"


def test_the_coarsest_finer_timeframe_is_resampled(workspace, good):
    put(workspace / "a.parquet", good)
    save_bars(resample(load_bars(workspace / "a.parquet"), "2h"), workspace / "b.parquet")

    assert find_bars("GBPUSD", "4h").timeframe == "2h"
    assert find_bars("GBPUSD", "3h").timeframe == "1h"


def test_a_finer_timeframe_than_there_is_cannot_be_had(workspace):
    with pytest.raises(DataError, match=r"no 15m bars of 'EURUSD', and none to make them from; there are: 1h"):
        load_bars("EURUSD", "15m")


def test_a_file_that_cannot_be_read_is_listed_with_its_fault(workspace, good):
    (workspace / "broken.parquet").write_text("no")
    (workspace / "empty.parquet").touch()
    good.to_parquet(workspace / "foreign.parquet")

    entries = {e.path.name: e for e in catalog() if not e.is_sample}

    assert {e.kind for e in entries.values()} == {"foreign"}
    assert "is not a Parquet file" in entries["broken.parquet"].fault
    assert "empty" in entries["empty.parquet"].fault
    assert (entries["foreign.parquet"].fault, entries["foreign.parquet"].n_rows) == ("", 6)


def test_a_changed_fact_is_seen_at_once(workspace, good):
    put(workspace / "a.parquet", good)
    save_bars(with_facts(load_bars("GBPUSD", "1h"), {"symbol": "GBPJPY"}), workspace / "a.parquet")

    assert [e.symbol for e in catalog() if not e.is_sample] == ["GBPJPY"]
