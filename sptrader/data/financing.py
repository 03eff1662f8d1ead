"""Financing: the file of yearly rates that holding a position over night costs or earns, and its days without settlement."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sptrader.errors import DataError, did_you_mean


@dataclass(frozen=True)
class FinancingRate:
    """What a unit of notional earns in a year, as fractions of it: `long` and `short`, negative when paid."""

    long: float
    short: float


@dataclass(frozen=True)
class Financing:
    """The rates of a financing file: by symbol, with `since` the first day (inclusive) each holds from, in order.

    `holidays` are trading days whose night is charged with the night before: there is no settlement on them.
    """

    rates: Mapping[str, tuple[tuple[datetime.date, FinancingRate], ...]]
    holidays: frozenset[datetime.date]
    path: str

    def rate(self, symbol: str, day: datetime.date) -> FinancingRate:
        """Return the rate of `symbol` on `day`; raise `DataError` when the file has none: there is no default."""
        found = [rate for since, rate in self.rates.get(symbol, ()) if since <= day]
        if not found:
            known = ", ".join(sorted(self.rates)) or "none"
            raise DataError(
                f"{self.path}: no financing rate for {symbol} on {day}; the file has rates for {known}. A rate of 0 must be said.",
                path=self.path,
                key="financing",
                value=symbol,
            )
        return found[-1]


def load_financing(path: str | Path) -> Financing:
    """Read a financing file.

    YAML: `rates: {EURUSD: {long: -1.9%, short: 0.4%}}`, or a list of such entries with `since: 2017-06-01`; `holidays:` is
    a list of dates. A number is a fraction, `-1.9%` the same as -0.019. Raises `DataError` for anything else.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file}: there is no such financing file.", path=file, key="financing")
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: the financing file is no YAML: {error}", path=file, key="financing") from error
    if not isinstance(document, dict):
        raise DataError(f"{file}: a financing file has 'rates' and may have 'holidays'.", path=file, key="financing")
    for key in document:
        if key not in ("rates", "holidays"):
            near = did_you_mean(str(key), ("rates", "holidays")) or "."
            raise DataError(
                f"{file}: '{key}' is no key of a financing file{near} Allowed: rates, holidays.",
                path=file,
                key=str(key),
            )
    rates = document.get("rates")
    if not isinstance(rates, dict) or not rates:
        raise DataError(f"{file}: 'rates' must map symbols to long and short rates.", path=file, key="rates")
    holidays = document.get("holidays") or []
    if not isinstance(holidays, list) or not all(isinstance(day, datetime.date) for day in holidays):
        raise DataError(f"{file}: 'holidays' must be a list of dates such as 2017-12-25.", path=file, key="holidays")
    read = {str(symbol): _entries(file, str(symbol), value) for symbol, value in rates.items()}
    return Financing(read, frozenset(holidays), str(file))


def _entries(file: Path, symbol: str, value: object) -> tuple[tuple[datetime.date, FinancingRate], ...]:
    entries = value if isinstance(value, list) else [value]
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or not {"long", "short"} <= set(entry) <= {"long", "short", "since"}:
            raise DataError(
                f"{file}: rates.{symbol} was {entry!r}; allowed is {{long: -1.9%, short: 0.4%}}, with since: DATE in a list.",
                path=file,
                key=f"rates.{symbol}",
                value=symbol,
            )
        since = entry.get("since", datetime.date.min)
        if not isinstance(since, datetime.date):
            raise DataError(
                f"{file}: rates.{symbol}.since was {since!r}; allowed is a date.",
                path=file,
                key=f"rates.{symbol}.since",
            )
        found.append((since, FinancingRate(_rate(file, symbol, entry["long"]), _rate(file, symbol, entry["short"]))))
    return tuple(sorted(found, key=lambda pair: pair[0]))


def _rate(file: Path, symbol: str, value: object) -> float:
    text = str(value).strip()
    try:
        rate = float(text[:-1]) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        rate = math.nan
    if isinstance(value, bool) or not abs(rate) <= 1.0:
        raise DataError(
            f"{file}: a rate of {symbol} was {value!r}; allowed is a fraction a year from -1 to 1, or percent as -1.9%.",
            path=file,
            key=f"rates.{symbol}",
            value=symbol,
        )
    return rate
