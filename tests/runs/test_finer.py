"""Finer bars of a run: kept with it, read again, found in the catalog, given on the command line."""

import json

import pandas as pd
import pytest

import sptrader as sp
from sptrader.cli import main
from sptrader.data.parquet import save_bars, save_ticks
from sptrader.errors import DataError, RunError
from sptrader.runs.evaluate import Evaluator
from sptrader.runs.prepare import prepare
from tests.orchestrator.test_finer import BRACKET, DOWN, FINER, ROWS, UP, minutes, ticks
from tests.orchestrator.tiny import FLAT, bars, hour, rules, text_of

TICKS = (("12:00:00", 1.1, 1.1), ("12:30:00", 1.1105, 1.1105), ("12:31:00", 1.0945, 1.0945))


@pytest.fixture
def apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPTRADER_DATA", raising=False)
    (tmp_path / "tiny.yaml").write_text(text_of(exit=BRACKET, execution=FINER))
    return tmp_path


def made(finer, **more):
    return sp.backtest(rules(exit=BRACKET, execution=FINER), bars(ROWS, [0, 1]), finer=finer, **more)


@pytest.mark.parametrize("finer", [minutes(UP, DOWN), ticks(*TICKS)], ids=["minutes", "ticks"])
def test_saved_run_is_made_again_from_its_folder(tmp_path, finer):
    run = made(finer, start=hour(1))
    again = sp.load_run(run.save(tmp_path))

    assert again.warnings == run.warnings
    assert again.provenance["finer"] == run.provenance["finer"]
    pd.testing.assert_frame_equal(again.remade().trades, run.trades, check_exact=True)
    pd.testing.assert_frame_equal(again.scenarios, run.scenarios, check_exact=True)
    assert str(again.explain(hour(2))) == str(run.explain(hour(2)))
    assert again.explain(hour(2)).finer


def test_finer_bars_that_were_changed_since_are_noticed(tmp_path):
    folder = made(minutes(UP, DOWN)).save(tmp_path)
    save_bars(minutes(UP, (1.1105, 1.1105, 1.0941, 1.1050)), folder / "inputs" / "EURUSD.finer.parquet")

    with pytest.raises(RunError, match="not what the run was made with any more: the finer bars of EURUSD"):
        sp.load_run(folder).explain(hour(2))


def test_other_finer_bars_are_another_run():
    one, other = made(minutes(UP, DOWN)), made(minutes(UP, (1.1105, 1.1105, 1.0941, 1.1050)))

    facts = one.provenance["finer"]["EURUSD"]
    assert (facts["kind"], facts["timeframe"], facts["n_rows"]) == ("bars", "1m", 2)
    assert made(minutes(UP, DOWN)).id == one.id != other.id
    assert made(ticks(*TICKS)).provenance["finer"]["EURUSD"]["kind"] == "ticks"


def test_bars_of_the_catalog_find_their_finest_there(apart):
    save_bars(bars(ROWS, [0, 1]), apart / "data" / "hours.parquet")
    strategy = rules(exit=BRACKET, execution=FINER)
    with pytest.raises(DataError, match=r"no bars of 'EURUSD' finer than 1h and no ticks of it in data .*its bars: 1h"):
        sp.backtest(strategy)

    save_ticks(ticks(*TICKS), apart / "data" / "ticks.parquet")
    assert sp.backtest(strategy).provenance["finer"]["EURUSD"]["kind"] == "ticks"
    save_bars(minutes(UP, DOWN), apart / "data" / "minutes.parquet")
    quarters = bars([FLAT, FLAT], times=["2017-03-06 12:00", "2017-03-06 12:15"])
    quarters.attrs["sptrader.timeframe"] = "15m"
    save_bars(quarters, apart / "data" / "quarters.parquet")
    for given in (None, "EURUSD"):
        run = sp.backtest(strategy, given)
        assert run.provenance["finer"]["EURUSD"]["timeframe"] == "1m"
        assert run.trades["exit_reason"].tolist() == ["take_profit"]

    save_bars(minutes(UP, DOWN), apart / "data" / "more.parquet")
    with pytest.raises(DataError, match=r"several files hold the finest data of 'EURUSD': .*Say which by finer="):
        sp.backtest(strategy)


def test_a_strategy_that_asks_for_none_has_none(apart):
    save_bars(bars(ROWS, [0, 1]), apart / "data" / "hours.parquet")
    save_bars(minutes(UP, DOWN), apart / "data" / "minutes.parquet")

    assert prepare(rules(), None).finer == {}
    assert list(prepare(rules(execution=FINER), None).finer) == ["EURUSD"]


def test_rows_of_a_sweep_read_the_same_finer_bars():
    ready = prepare(rules(exit=BRACKET, execution=FINER), bars(ROWS, [0, 1]), finer=minutes(UP, DOWN))
    row, _ = Evaluator(ready).row({})

    assert row["final_equity"] == made(minutes(UP, DOWN)).metrics["final_equity"] == pytest.approx(10_010.0)


def test_report_is_made_of_a_run_with_finer_bars(tmp_path):
    page = made(minutes(UP, DOWN)).report(tmp_path / "report.html").read_text()

    assert "have no finer ones inside" in page


def test_command_line_takes_a_file_of_finer_bars_or_ticks(apart, capsys):
    save_bars(bars(ROWS, [0, 1]), apart / "hours.parquet")
    save_bars(minutes(UP, DOWN), apart / "minutes.parquet")
    ticks(*TICKS, symbol="").to_parquet(apart / "ticks.parquet")
    minutes(UP, DOWN).to_csv(apart / "minutes.csv")
    known = ["backtest", "tiny.yaml", "--data", "hours.parquet", "--json"]

    for name, final in (("minutes.parquet", 10_010.0), ("ticks.parquet", 10_010.5)):
        assert main([*known, "--finer", name]) == 0
        assert json.loads(capsys.readouterr().out)["metrics"]["final_equity"] == pytest.approx(final)
    for name, told in (
        (None, "finer needs finer bars or ticks"),
        ("none.parquet", "there is no such file"),
        ("minutes.csv", "is not a Parquet file that can be read"),
    ):
        assert main([*known, *(["--finer", name] if name else [])]) == 2
        assert told in capsys.readouterr().err
