from __future__ import annotations

import json

import pandas as pd
import pytest

from sptrader.data.importers.json_ticks import import_json_ticks
from sptrader.data.ticks import load_ticks
from sptrader.errors import DataError

TEN = 1_489_399_200  # 2017-03-13 10:00 UTC


def quote(second: float, bid: float = 1.1, ask: float = 1.2) -> dict[str, float]:
    return {"timestamp": TEN + second, "bid": bid, "ask": ask}


def test_overlapping_parts_become_one_sorted_run_of_ticks(tmp_path):
    (tmp_path / "part-1.json").write_text(json.dumps([quote(1), quote(2.076), quote(3)]))
    (tmp_path / "part-2.json").write_text(json.dumps([quote(2.076), quote(0.5), quote(3, bid=1.15)]))

    imported = import_json_ticks(tmp_path, symbol="EURUSD")

    times = [str(t)[17:26] for t in imported.frame.index]
    assert times == ["00.500000", "01+00:00", "02.076000", "03+00:00", "03+00:00"]
    assert imported.frame["bid"].tolist() == [1.1, 1.1, 1.1, 1.1, 1.15]
    assert imported.steps == (
        "read 6 records from 2 parts",
        "sorted the rows by time: 2 were before the one above them",
        "dropped 1 quotes that repeat another exactly",
    )
    assert imported.frame.attrs["sptrader.symbol"] == "EURUSD"


def test_records_that_are_no_quotes_are_dropped_and_counted(tmp_path):
    records = [
        quote(1),
        {"timestamp": TEN, "bid": 1.1},
        {"timestamp": "now", "bid": 1.1, "ask": 1.2},
        {"timestamp": TEN, "bid": True, "ask": 1.2},
        {"timestamp": 1e300, "bid": 1.1, "ask": 1.2},
        "quote",
        quote(2, bid=1.3),
        quote(3, bid=-1.0),
    ]
    (tmp_path / "part.json").write_text(json.dumps(records))

    imported = import_json_ticks(tmp_path / "part.json", symbol="EURUSD")

    assert len(imported.frame) == 1
    assert imported.steps[1] == "dropped 5 records without timestamp, bid and ask as numbers"
    assert imported.steps[2] == "dropped 2 quotes that are not 0 < bid <= ask with a time"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"timestamp": 1', "cannot be read as JSON"),
        ("", "cannot be read as JSON"),
        ('{"timestamp": 1}', "holds a dict"),
        ("[]", "no quote was left"),
    ],
)
def test_a_part_that_is_no_array_is_an_error(tmp_path, text, message):
    (tmp_path / "part.json").write_text(text)

    with pytest.raises(DataError, match=message):
        import_json_ticks(tmp_path, symbol="EURUSD")


def test_a_folder_without_parts(tmp_path):
    with pytest.raises(DataError, match="no JSON part"):
        import_json_ticks(tmp_path, symbol="EURUSD")
    with pytest.raises(DataError, match="no JSON part"):
        import_json_ticks(tmp_path / "nothing.json", symbol="EURUSD")


def test_the_real_parts_of_a_day_are_the_real_ticks_of_that_day(real_data):
    imported = import_json_ticks(real_data / "raw" / "EURUSD" / "2025" / "03" / "03", symbol="EURUSD")
    known = load_ticks(real_data / "ticks" / "EURUSD-2025-03.parquet", symbol="EURUSD")

    same_hours = known.loc[imported.frame.index[0] : imported.frame.index[-1]]

    assert imported.steps[0].endswith("24 parts")
    pd.testing.assert_frame_equal(imported.frame, same_hours, check_freq=False)


def test_the_real_parts_fed_twice_are_the_real_parts(real_data, tmp_path):
    day = real_data / "raw" / "AUDUSD" / "2024" / "03" / "15"
    for copy in ("a", "b"):
        for part in day.glob("*.json"):
            (tmp_path / f"{copy}-{part.name}").write_bytes(part.read_bytes())

    twice, once = (import_json_ticks(folder, symbol="AUDUSD") for folder in (tmp_path, day))

    assert len(once.frame) == 38_531
    assert twice.steps[-1] == "dropped 38,531 quotes that repeat another exactly"
    assert twice.frame.equals(once.frame)
    load_ticks(once.frame)
