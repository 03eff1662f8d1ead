"""What a run came from: a hash for all of it, and an id that any changed byte changes."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.data.fingerprint import content_hash
from tests.orchestrator.tiny import FLAT, bars, text_of

ROWS = [FLAT, FLAT, 1.1010, 1.1020, 1.1020]
SECTIONS = {"indicators": "{mean: {type: sma, period: 2}, range: {type: talib.ATR, timeperiod: 2}}"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(text_of(**SECTIONS, parameters="{units: {default: 5, min: 1, max: 9}}"))
    return path


def run_id(file, frame=None, **given):
    return sp.backtest(file, bars(ROWS, [1, 0, 3]) if frame is None else frame, **given).id


def test_run_json_has_every_hash(file, tmp_path):
    frame = bars(ROWS, [1, 0, 3])
    folder = sp.backtest(file, frame).save(tmp_path / "runs")
    facts = json.loads((folder / "run.json").read_text())

    assert facts["id"] == folder.name
    assert (facts["mode"], facts["symbols"], facts["timeframe"], facts["seed"]) == ("backtest", ["EURUSD"], "1h", 0)
    assert len(facts["strategy"]["source_hash"]) == 64
    assert facts["data"]["EURUSD"]["content_hash"] == content_hash(frame)
    assert (facts["data"]["EURUSD"]["n_bars"], facts["data"]["EURUSD"]["tier"]) == (5, "verified")
    assert sorted(facts["components"]) == ["sma", "talib.ATR"]
    assert all(len(digest) == 64 for digest in facts["components"].values())
    assert len(facts["engine"]) == 16
    assert facts["packages"]["numpy"] == version("numpy")
    assert facts["config"] == {"cash": 10000.0, "currency": "USD", "start": "", "end": "", "seed": 0}
    assert facts["parameters"] == {"units": 5}
    assert facts["audit"]["violations"] == []
    assert facts["wall_time_s"] > 0
    assert pd.Timestamp(facts["made_at"]).tzinfo is not None


def test_equal_inputs_have_equal_ids_wherever_they_lie(file, tmp_path):
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / "renamed.yaml").write_bytes(file.read_bytes())

    assert run_id(file) == run_id(file) == run_id(elsewhere / "renamed.yaml")


def test_one_changed_number_of_the_data_changes_the_id(file):
    frame = bars(ROWS, [1, 0, 3])
    whole = run_id(file, frame)
    for name in ("close", "volume"):
        other = frame.copy()
        other.attrs = frame.attrs
        other.iloc[4, other.columns.get_loc(name)] = np.nextafter(other[name].iloc[4], 0 if name == "close" else 9)
        other["low"] = other[["low", "close"]].min(axis=1)
        assert run_id(file, other) != whole


def test_one_changed_byte_of_the_strategy_changes_the_id(file):
    before = run_id(file)
    file.write_bytes(file.read_bytes() + b"#")

    assert run_id(file) != before


def test_one_changed_byte_of_a_component_changes_the_id(file, tmp_path, monkeypatch):
    before = run_id(file)
    own = tmp_path / "components" / "indicators"
    own.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "components" / "indicators" / "sma.py"
    (own / "sma.py").write_bytes(shipped.read_bytes())
    monkeypatch.setenv("SPTRADER_WORKSPACE", str(tmp_path))
    assert run_id(file) == before  # the same bytes from another folder
    (own / "sma.py").write_bytes(shipped.read_bytes() + b"#")

    assert run_id(file) != before


@pytest.mark.parametrize(
    "given", [{"params": {"units": 6}}, {"cash": 1e4 + 1}, {"start": "2017-03-06 11:00"}, {"seed": 1}]
)
def test_each_setting_changes_the_id(file, given):
    assert run_id(file, **given) != run_id(file)
