"""A run read back from its folder is the run; every changed byte of what it was made with is noticed."""

from pathlib import Path

import pandas as pd
import pytest

import sptrader as sp
from sptrader.data.parquet import save_bars
from sptrader.errors import SptraderError
from sptrader.runs.store import TABLES
from tests.orchestrator.tiny import FLAT, ROWS, bars, rules


def test_loaded_run_is_the_run(folder, year):
    again = sp.load_run(folder)

    assert again.id == year.id
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(year, name), check_exact=True)
    assert list(again.metrics) == list(year.metrics)
    for name, value in year.metrics.items():
        assert again.metrics[name] == value or value != value
    assert again.audit == year.audit
    assert again.warnings == year.warnings
    assert again.config == year.config
    assert again.costs == year.costs
    assert repr(again) == repr(year)


def test_loaded_run_explains_draws_and_reports(folder, year, tmp_path):
    again = sp.load_run(folder)
    time = year.decisions[year.decisions["outcome"] == "ordered"]["time"].iloc[5]

    assert str(again.explain(time)) == str(year.explain(time))
    assert again.columns["EURUSD"].keys() == year.columns["EURUSD"].keys()
    assert len(again.plot("equity").data) > 0
    assert again.report(tmp_path / "r.html").stat().st_size > 100_000


def test_period_and_parameters_come_back(tmp_path):
    run = sp.backtest(
        "ma_crossover", sp.sample("EURUSD", "1h"), params={"fast": 8}, start="2017-03-01", end="2017-04-30", cash=5_000
    )
    again = sp.load_run(run.save(tmp_path))

    assert again.parameters["fast"] == 8
    assert (again.config.cash, again.config.start[:10], again.config.end[:10]) == (5_000, "2017-03-01", "2017-04-30")
    assert again.bars["EURUSD"].index[[0, -1]].equals(run.bars["EURUSD"].index[[0, -1]])


def test_several_instruments_and_a_pair_for_conversion_come_back(tmp_path):
    strategy = rules(market="{symbols: [EURUSD, EURGBP], timeframe: 1h}")
    frames = {
        "EURUSD": bars(ROWS, [1, 0, 3]),
        "EURGBP": bars([0.85, 0.85, 0.86, 0.86], [1, 0, 3], symbol="EURGBP"),
        "GBPUSD": bars([1.25] * 5, symbol="GBPUSD"),
    }
    run = sp.backtest(strategy, frames)
    again = sp.load_run(run.save(tmp_path))

    assert again.symbols == ("EURUSD", "EURGBP")
    assert set(again.inputs) == set(frames)
    assert str(again.explain("2017-03-06 10:00", "EURGBP")) == str(run.explain("2017-03-06 10:00", "EURGBP"))


def test_changed_byte_in_the_stored_strategy_is_noticed(small):
    file = small / "inputs" / "strategy.yaml"
    file.write_bytes(file.read_bytes().replace(b"1000", b"1001"))

    with pytest.raises(SptraderError, match=r"strategy\.yaml was changed after the run was saved"):
        sp.load_run(small)


@pytest.mark.parametrize("place", [0.2, 0.35, 0.5])
def test_changed_byte_in_stored_bars_is_noticed(folder, tmp_path, place):
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / folder.name))
    file = copy / "inputs" / "EURUSD.parquet"
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 1
    file.write_bytes(content)

    with pytest.raises(SptraderError):
        sp.load_run(copy).explain("2017-03-06 10:00")


def test_other_bars_in_the_folder_are_noticed_though_they_are_sound(small):
    save_bars(bars([FLAT, FLAT, 1.1010, 1.1020, 1.1021], [1, 0, 3]), small / "inputs" / "EURUSD.parquet")

    with pytest.raises(SptraderError, match="not what the run was made with any more: the bars of EURUSD"):
        sp.load_run(small).explain("2017-03-06 10:00")


def test_changed_component_is_named(small, tmp_path, monkeypatch):
    own = tmp_path / "components" / "indicators"
    own.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "components" / "indicators" / "sma.py"
    (own / "sma.py").write_text(shipped.read_text() + "\n# another byte\n")
    monkeypatch.setenv("SPTRADER_WORKSPACE", str(tmp_path))

    with pytest.raises(SptraderError, match="the component 'sma'"):
        sp.load_run(small).explain("2017-03-06 10:00")


@pytest.mark.parametrize("name", ["run.json", "metrics.json", "trades.parquet", "inputs/strategy.yaml"])
@pytest.mark.parametrize("content", [None, b"", b"no"], ids=["missing", "empty", "text"])
def test_half_a_run_is_refused_with_its_folder(small, name, content):
    if content is None:
        (small / name).unlink()
    else:
        (small / name).write_bytes(content)

    with pytest.raises(SptraderError, match="tiny-"):
        sp.load_run(small)


def test_run_json_that_lacks_what_a_run_has_is_refused(small):
    (small / "run.json").write_text("{}")

    with pytest.raises(SptraderError, match=r"tiny-.*cannot be read"):
        sp.load_run(small)


def test_folder_without_a_run_names_the_nearest(small):
    with pytest.raises(SptraderError, match=r"holds no run .*did you mean 'tiny-"):
        sp.load_run(small.parent / (small.name[:-1] + "x"))
