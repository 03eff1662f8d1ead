from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sptrader.data.load import TIER, load_bars
from sptrader.data.parquet import save_bars
from sptrader.data.resample import resample
from sptrader.data.sample import sample
from sptrader.errors import DataError
from sptrader.model.bars import bars_facts

EURUSD = {"symbol": "EURUSD", "timeframe": "1h", "basis": "bid"}


def test_a_foreign_file_is_read_when_its_facts_are_given(good, write):
    bars = load_bars(write(good), **EURUSD)

    known = bars_facts(bars)
    assert (known.symbol, known.timeframe, known.basis, known.session) == ("EURUSD", "1h", "bid", "fx")
    assert known.source == "foreign.parquet"
    assert bars.index.name == "time"
    assert str(bars.index.dtype) == "datetime64[ns, UTC]"
    assert list(bars.columns) == ["open", "high", "low", "close", "volume"]
    assert (bars.to_numpy() == good.to_numpy()).all()


@pytest.mark.parametrize("shape", ["index", "column", "capitals", "other_zone", "milliseconds", "small_floats"])
def test_every_usual_shape_of_a_file_gives_the_same_bars(good, write, shape):
    frame = {
        "index": lambda: good.rename_axis("stamp"),
        "column": good.reset_index,
        "capitals": lambda: good.rename(columns=str.capitalize),
        "other_zone": lambda: good.tz_convert("America/New_York"),
        "milliseconds": lambda: good.set_axis(good.index.as_unit("ms")),
        "small_floats": lambda: good.astype({"volume": "uint32"}),
    }[shape]()

    pd.testing.assert_frame_equal(load_bars(write(frame), **EURUSD), load_bars(good, **EURUSD), check_freq=False)


def test_columns_nobody_asked_for_are_not_read(good, write):
    assert list(load_bars(write(good.assign(dividends=0.0)), **EURUSD)) == list(good)


def test_a_frame_given_is_not_changed(good):
    before = good.copy()

    bars = load_bars(good, **EURUSD)
    bars.iloc[0, 0] = 99.0

    pd.testing.assert_frame_equal(good, before)
    assert good.attrs == {}


def test_loaded_bars_can_be_written_to(good, write):
    bars = load_bars(write(good), **EURUSD)

    bars.loc[bars.index[0], "open"] = 1.105

    assert bars["open"].iloc[0] == 1.105


@pytest.mark.parametrize("missing", ["symbol", "timeframe", "basis"])
def test_a_missing_fact_is_an_error_not_a_guess(good, write, missing):
    facts = {k: v for k, v in EURUSD.items() if k != missing}

    with pytest.raises(DataError, match=f"{missing} is not known; give what is missing"):
        load_bars(write(good), **facts)


def test_the_session_of_an_unknown_instrument_must_be_given(good):
    with pytest.raises(DataError, match="session of 'BTCUSD' is not known"):
        load_bars(good, symbol="BTCUSD", timeframe="1h", basis="mid")
    assert bars_facts(load_bars(good, symbol="BTCUSD", timeframe="1h", basis="mid", session="24/7")).session == "24/7"


@pytest.mark.parametrize(
    ("fact", "value", "message"),
    [
        ("symbol", "GBPUSD", "symbol was given as 'GBPUSD', the data says 'EURUSD'"),
        ("timeframe", "4h", "timeframe was given as '4h', the data says '1h'"),
        ("basis", "ask", "basis was given as 'ask', the data says 'bid'"),
        ("session", "24/7", "session was given as '24/7', the data says 'fx'"),
    ],
)
def test_what_a_file_says_may_not_be_contradicted(good, tmp_path, fact, value, message):
    path = tmp_path / "own.parquet"
    save_bars(load_bars(good, **EURUSD), path)

    with pytest.raises(DataError, match=message):
        load_bars(path, **{fact: value})


def test_an_unknown_basis_names_the_nearest(good):
    with pytest.raises(DataError, match="did you mean 'bid'"):
        load_bars(good, symbol="EURUSD", timeframe="1h", basis="bit")


def test_start_and_end_are_inclusive_and_a_bare_date_is_the_whole_day():
    bars = load_bars("EURUSD", "1h", start="2017-03-14 10:00", end="2017-03-14 12:00")
    assert [t.hour for t in bars.index] == [10, 11, 12]

    day = load_bars("EURUSD", "1h", start="2017-03-14", end="2017-03-14")
    assert (len(day), day.index[0].hour, day.index[-1].hour) == (24, 0, 23)


def test_a_part_keeps_the_hash_and_the_tier_of_the_whole_file():
    whole, part = load_bars("EURUSD", "1h"), load_bars("EURUSD", "1h", start="2017-06-01")

    assert bars_facts(part).content_hash == bars_facts(whole).content_hash != ""
    assert part.attrs[TIER] == whole.attrs[TIER] == "checked"


def test_end_before_start_is_an_error():
    with pytest.raises(DataError, match="before start"):
        load_bars("EURUSD", "1h", start="2017-06-01", end="2017-05-01")


def test_a_period_without_bars_says_what_there_is():
    with pytest.raises(DataError, match=r"no 1h bars of EURUSD from 2019.*the data has 2017-01-01 22:00"):
        load_bars("EURUSD", "1h", start="2019-01-01")


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.parquet: there is no such file"):
        load_bars(tmp_path / "nothing.parquet", **EURUSD)


def test_a_missing_file_names_those_that_are_there(good, write, tmp_path):
    write(good)

    with pytest.raises(DataError, match=r"there are: foreign\.parquet"):
        load_bars(str(tmp_path / "foregn.parquet"), **EURUSD)


def test_empty_file(tmp_path):
    (tmp_path / "empty.parquet").touch()

    with pytest.raises(DataError, match=r"empty\.parquet: the file is empty"):
        load_bars(tmp_path / "empty.parquet", **EURUSD)


def test_file_without_rows(good, write):
    with pytest.raises(DataError, match=r"foreign\.parquet: there are no bars in it"):
        load_bars(write(good.iloc[:0]), **EURUSD)


@pytest.mark.parametrize("text", ["time,open,high,low,close\n2017,1,1,1,1\n", "PAR1 but no more", "x"])
def test_text_instead_of_parquet(tmp_path, text):
    (tmp_path / "text.parquet").write_text(text)

    with pytest.raises(DataError, match=r"text\.parquet: is not a Parquet file"):
        load_bars(tmp_path / "text.parquet", **EURUSD)


def test_a_truncated_file(good, write):
    path = write(good)
    path.write_bytes(path.read_bytes()[:-300])

    with pytest.raises(DataError, match="is not a Parquet file that can be read"):
        load_bars(path, **EURUSD)


def test_a_folder(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        load_bars(tmp_path, **EURUSD)


def test_times_without_a_zone(good, write):
    with pytest.raises(
        DataError, match=r"foreign\.parquet: the times have no time zone \(the first is 2017-03-13 08:00"
    ):
        load_bars(write(good.tz_localize(None)), **EURUSD)


def test_times_that_are_text_or_numbers(good, write):
    with pytest.raises(DataError, match="the times are"):
        load_bars(write(good.reset_index().astype({"time": str})), **EURUSD)
    with pytest.raises(DataError, match="there is no time"):
        load_bars(write(good.reset_index(drop=True)), **EURUSD)


def test_a_missing_column_names_those_there_are(good, write):
    with pytest.raises(DataError, match=r"column volume is missing; did you mean 'volum'\?"):
        load_bars(write(good.rename(columns={"volume": "volum"})), **EURUSD)


def test_a_column_of_text(good, write):
    with pytest.raises(DataError, match="column 'close' holds"):
        load_bars(write(good.astype({"close": str})), **EURUSD)


def test_the_same_word_twice(good):
    with pytest.raises(DataError, match="'close' and 'Close' are the same word twice"):
        load_bars(good.assign(Close=1.0), **EURUSD)


def spoil(frame: pd.DataFrame, column: str, value: float) -> pd.DataFrame:
    spoiled = frame.copy()
    spoiled.iloc[3, frame.columns.get_loc(column)] = value
    return spoiled


@pytest.mark.parametrize(
    ("rule", "count", "make"),
    [
        ("increasing", 1, lambda f: f.iloc[[0, 1, 2, 4, 3, 5]]),
        ("duplicate", 2, lambda f: f.iloc[[0, 1, 1, 2, 3, 4, 5, 5]]),
        ("finite", 1, lambda f: spoil(f, "close", np.nan)),
        ("finite", 1, lambda f: spoil(f, "high", np.inf)),
        ("positive", 1, lambda f: spoil(f, "low", -1.0)),
        ("positive", 1, lambda f: spoil(f, "low", 0.0)),
        ("high_low", 1, lambda f: spoil(f, "high", 1.0)),
        ("high_low", 1, lambda f: spoil(f, "low", 1.125)),
        ("volume", 1, lambda f: spoil(f, "volume", -1.0)),
        ("volume", 1, lambda f: spoil(f, "volume", np.nan)),
        ("spread", 6, lambda f: f.assign(spread=-0.1)),
        ("grid", 6, lambda f: f.set_axis(f.index + pd.Timedelta("1s"))),
    ],
)
def test_each_broken_rule_names_file_rule_count_and_first_rows(good, write, rule, count, make):
    path = write(make(good))

    with pytest.raises(DataError) as caught:
        load_bars(path, **EURUSD)

    message = str(caught.value)
    assert message.startswith(str(path))
    assert f"{rule}: {count} row" in message
    assert "First: row " in message
    assert "2017-03-13 " in message
    assert (caught.value.path, caught.value.key, caught.value.value) == (str(path), rule, count)


def test_all_broken_rules_come_at_once(good):
    with pytest.raises(DataError, match=r"break 2 rules.*positive: 1 row.*volume: 1 row"):
        load_bars(spoil(spoil(good, "low", -1.0), "volume", np.nan), **EURUSD)


def test_the_row_named_is_the_row_in_the_file(good, write):
    with pytest.raises(
        DataError, match=r"row 3 \(2017-03-13 11:00:00\+00:00\) open 1\.13 high 1 low 1\.11 close 1\.12"
    ):
        load_bars(write(spoil(good, "high", 1.0)), **EURUSD)


def test_a_bar_without_a_time(good, write):
    frame = good.reset_index()
    frame.loc[2, "time"] = pd.NaT

    with pytest.raises(DataError, match=r"time: 1 row: a bar has no time\. First: row 2 \(no time\)"):
        load_bars(write(frame), **EURUSD)


def test_a_changed_value_behind_a_kept_hash_is_noticed(good, tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "own.parquet"
    save_bars(load_bars(good, **EURUSD), path)
    table = pq.read_table(path)
    volume = table.column("volume").to_pandas() + 1.0
    table = table.set_column(table.schema.get_field_index("volume"), "volume", [volume.to_numpy()])
    pq.write_table(table, path)

    with pytest.raises(DataError, match="changed after the file was written"):
        load_bars(path)


def test_a_hash_of_a_frame_follows_its_values(good):
    bars = load_bars(good, **EURUSD)
    changed = bars.copy()
    changed.iloc[0, 4] += 1.0

    assert bars_facts(load_bars(changed)).content_hash != bars_facts(bars).content_hash


def test_a_frame_that_pandas_wrote_keeps_its_facts(good, write):
    path = write(load_bars(good, **EURUSD).iloc[:3])

    again = load_bars(path)

    assert bars_facts(again).symbol == "EURUSD"
    assert len(again) == 3


def test_two_sided_columns_come_all_eight_or_not_at_all(good):
    sided = good.assign(**{f"{s}_{p}": good[p] + (s == "ask") * 0.0001 for s in ("bid", "ask") for p in list(good)[:4]})

    assert len(load_bars(sided, **EURUSD).columns) == 13
    with pytest.raises(DataError, match=r"come without ask_close; allowed are all eight or none"):
        load_bars(sided.drop(columns="ask_close"), **EURUSD)
    with pytest.raises(DataError, match="sided: 6 rows"):
        load_bars(sided.assign(bid_close=sided["ask_close"] + 0.0001), **EURUSD)


def test_the_catalog_resamples_what_has_no_file_of_its_own():
    four = load_bars("EURUSD", "4h")

    pd.testing.assert_frame_equal(four, resample(sample("EURUSD", "1h"), "4h"))
    assert bars_facts(four).timeframe == "4h"


def test_an_unknown_symbol_names_the_nearest():
    with pytest.raises(DataError, match=r"no bars of 'EURUSDX'.*did you mean 'EURUSD'\?"):
        load_bars("EURUSDX", "1h")


@pytest.mark.parametrize(("symbol", "n_bars", "tier"), [("AUDUSD", 150_212, "checked"), ("EURUSD", 65_778, "checked")])
def test_real_minutes_come_through_the_door_with_their_holes(real_data, symbol, n_bars, tier):
    path = real_data / "bars" / f"{symbol}-1m-bid-2025H1.parquet"

    bars = load_bars(path, symbol=symbol, timeframe="1m", basis="bid")

    assert len(bars) == n_bars
    assert bars.attrs[TIER] == tier
    assert list(bars.columns) == ["open", "high", "low", "close", "volume", "spread"]
