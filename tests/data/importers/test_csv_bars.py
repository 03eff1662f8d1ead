from __future__ import annotations

import gzip

import pytest

from sptrader.data.checks import check_bars
from sptrader.data.importers.csv_bars import import_csv_bars
from sptrader.errors import DataError

FACTS = {"symbol": "EURUSD", "timeframe": "1h", "basis": "ask"}
HEADER = "Time,Open,High,Low,Close,Volume\n"
VALUES = "1.1,1.2,1.0,1.1,10"


def put(tmp_path, *times: str, header: str = HEADER, name: str = "bars.csv"):
    path = tmp_path / name
    path.write_text(header + "".join(f"{time},{VALUES}\n" for time in times))
    return path


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("2017-03-13 10:00", {"time_zone": "UTC"}),
        ("2017-03-13T10:00:00Z", {}),
        ("2017-03-13 10:00:00+00:00", {}),
        ("2017-03-13 06:00", {"time_zone": "America/New_York"}),
        ("13.03.2017 10:00:00.000", {"time_zone": "UTC", "time_format": "%d.%m.%Y %H:%M:%S.%f"}),
        ("1489399200", {"time_format": "unix_s"}),
        ("1489399200000", {"time_format": "unix_ms"}),
    ],
)
def test_every_writing_of_a_time_that_says_what_it_means(tmp_path, text, options):
    imported = import_csv_bars(put(tmp_path, text), **FACTS, **options)

    assert str(imported.frame.index[0]) == "2017-03-13 10:00:00+00:00"
    assert imported.frame.iloc[0].tolist() == [1.1, 1.2, 1.0, 1.1, 10.0]
    assert imported.frame.attrs["sptrader.source"] == "bars.csv"
    assert check_bars(imported.frame).errors == ()


def test_times_without_a_zone_need_one(tmp_path):
    with pytest.raises(DataError, match=r"no time zone \(the first is 2017-03-13 10:00\).*--time-zone"):
        import_csv_bars(put(tmp_path, "2017-03-13 10:00"), **FACTS)


def test_day_and_month_are_not_guessed(tmp_path):
    with pytest.raises(DataError, match=r"a time is written '03/04/2017 10:00'.*--time-format"):
        import_csv_bars(put(tmp_path, "03/04/2017 10:00"), **FACTS, time_zone="UTC")


def test_the_hour_that_comes_twice_in_november_is_not_guessed(tmp_path):
    with pytest.raises(DataError, match="times cannot be read"):
        import_csv_bars(put(tmp_path, "2017-11-05 01:00"), **FACTS, time_zone="America/New_York")


def test_an_unknown_zone(tmp_path):
    with pytest.raises(DataError, match="times cannot be read"):
        import_csv_bars(put(tmp_path, "2017-03-13 10:00"), **FACTS, time_zone="Mars")


def test_a_dated_daily_bar_gets_its_sessions_open(tmp_path):
    path = put(tmp_path, "2017-03-10", "2017-03-13", header=HEADER.replace("Time", "Date"))

    facts = {"symbol": "IBM", "timeframe": "1d", "basis": "last"}
    imported = import_csv_bars(path, **facts, session="XNYS", adjustment="split")

    assert [str(t)[:16] for t in imported.frame.index] == ["2017-03-10 14:30", "2017-03-13 13:30"]
    assert check_bars(imported.frame).tier == "checked"


def test_a_date_on_which_the_exchange_was_closed(tmp_path):
    path = put(tmp_path, "2017-11-23")

    with pytest.raises(DataError, match="1 dates are no trading day of session XNYS, first 2017-11-23"):
        import_csv_bars(path, symbol="IBM", timeframe="1d", basis="last")


def test_semicolons_and_gzip(tmp_path):
    semicolons = put(tmp_path, "2017-03-13T10:00Z")
    semicolons.write_text(semicolons.read_text().replace(",", ";"))
    assert len(import_csv_bars(semicolons, **FACTS).frame) == 1

    zipped = tmp_path / "bars.csv.gz"
    zipped.write_bytes(gzip.compress(put(tmp_path, "2017-03-13T10:00Z").read_bytes()))
    assert len(import_csv_bars(zipped, **FACTS).frame) == 1


def test_rows_stay_in_the_files_order_for_the_checks_to_judge(tmp_path):
    imported = import_csv_bars(put(tmp_path, "2017-03-13T11:00Z", "2017-03-13T10:00Z"), **FACTS)

    assert [f.rule for f in check_bars(imported.frame).errors] == ["increasing"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("When,Open,High,Low,Close,Volume\n", "there is no column 'time'"),
        ("Time,Open,High,Low,Last,Volume\n", "column close is missing"),
    ],
)
def test_missing_columns(tmp_path, header, message):
    with pytest.raises(DataError, match=message):
        import_csv_bars(put(tmp_path, "2017-03-13T10:00Z", header=header), **FACTS)


def test_a_column_of_times_by_name(tmp_path):
    path = put(tmp_path, "2017-03-13T10:00Z", header=HEADER.replace("Time", "When"))

    assert len(import_csv_bars(path, **FACTS, time_column="when").frame) == 1


def test_no_file_no_rows_no_text(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        import_csv_bars(tmp_path / "no.csv", **FACTS)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match="is empty"):
        import_csv_bars(tmp_path / "empty.csv", **FACTS)
    with pytest.raises(DataError, match="no rows below the header"):
        import_csv_bars(put(tmp_path), **FACTS)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe,\x00\x01")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        import_csv_bars(tmp_path / "bytes.csv", **FACTS)
    path = tmp_path / "words.csv"
    path.write_text(HEADER + "2017-03-13T10:00Z,one,1.2,1.0,1.1,10\n")
    with pytest.raises(DataError, match="column 'open' holds"):
        import_csv_bars(path, **FACTS)
