"""The financing file: rates by symbol and day, and what is wrong with one."""

import datetime

import pytest

from sptrader.data.financing import load_financing
from sptrader.errors import DataError

DAY = datetime.date(2017, 6, 1)


def written(folder, text):
    path = folder / "rates.yaml"
    path.write_text(text)
    return path


def test_rate_of_a_day_is_the_latest_that_began(tmp_path):
    text = "rates:\n  EURUSD:\n    - {long: -1.9%, short: 0.004}\n    - {since: 2017-06-01, long: -2%, short: 0}\n"
    found = load_financing(written(tmp_path, text + "holidays: [2017-12-25]\n"))
    before, after = found.rate("EURUSD", datetime.date(2017, 5, 31)), found.rate("EURUSD", DAY)
    assert (before.long, before.short) == (pytest.approx(-0.019), 0.004)
    assert (after.long, after.short) == (-0.02, 0.0)
    assert found.holidays == {datetime.date(2017, 12, 25)}


def test_a_missing_rate_is_an_error_not_a_zero(tmp_path):
    found = load_financing(written(tmp_path, "rates: {EURUSD: {long: 0, short: 0}}"))
    with pytest.raises(DataError, match="no financing rate for USDJPY on 2017-06-01; the file has rates for EURUSD"):
        found.rate("USDJPY", DAY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate: {}", "'rate' is no key of a financing file; did you mean 'rates'"),
        ("rates: {}", "'rates' must map symbols"),
        ("rates: {EURUSD: 3}", "rates.EURUSD was 3"),
        ("rates: {EURUSD: {long: 1}}", "rates.EURUSD was"),
        ("rates: {EURUSD: {long: 190%, short: 0}}", "a rate of EURUSD was '190%'"),
        ("rates: {EURUSD: {long: .nan, short: 0}}", "a rate of EURUSD was nan"),
        ("rates: {EURUSD: {long: yes, short: 0}}", "a rate of EURUSD was True"),
        ("rates: [", "is no YAML"),
        ("rates: {EURUSD: {long: 0, short: 0}}\nholidays: tomorrow", "'holidays' must be a list of dates"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        load_financing(written(tmp_path, text))


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match="no such financing file"):
        load_financing(tmp_path / "none.yaml")
