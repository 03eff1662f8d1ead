"""Env: `load_data_from_env`, the one loading call of components, told by environment variables where the data is.

    variable                  also as         meaning
    SPTRADER_DATA_SOURCE      DATA_SOURCE     `parquet` or `live`; unset: `parquet`
    SPTRADER_TEST_DATASET     TEST_DATASET    parquet: a file, or a symbol of the catalog
    SPTRADER_SYMBOL                           parquet: the symbol of a foreign file
    SPTRADER_TIMEFRAME                        parquet: the timeframe of a foreign file, or the wanted one of the catalog
    SPTRADER_BASIS                            parquet: bid, ask, mid or last, of a foreign file
    SPTRADER_SESSION                          parquet: fx, 24/7 or an exchange's code, of an unknown instrument
    SPTRADER_START                            parquet: first opening time, UTC, included
    SPTRADER_END                              parquet: last opening time, UTC, included; a bare date is the whole day
    SPTRADER_LIVE_SYMBOL      LIVE_SYMBOL     live: the symbol of the stream
    SPTRADER_LIVE_TIMEFRAME   LIVE_TIMEFRAME  live: the timeframe of the stream
    SPTRADER_LIVE_FROM        LIVE_FROM       live: as SPTRADER_START; unset: from the stream's beginning
    SPTRADER_LIVE_TO          LIVE_TO         live: as SPTRADER_END; unset: to the newest complete bar
    SPTRADER_REDIS_URL        REDIS_URL       live: the stream server
    SPTRADER_DATA                             the folder of the catalog; unset: `data`

Where a variable and its other name are both set, the one with the prefix counts. An empty variable is an unset one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from sptrader.data.load import load_bars
from sptrader.errors import DataError, did_you_mean
from sptrader.model.period import period_ns
from sptrader.model.ports import BarsSource

PREFIX = "SPTRADER_"
SOURCES = ("parquet", "live")
ALIASES = ("DATA_SOURCE", "TEST_DATASET", "LIVE_SYMBOL", "LIVE_TIMEFRAME", "LIVE_FROM", "LIVE_TO", "REDIS_URL")

ConnectLive = Callable[[str | None], BarsSource]


@dataclass(frozen=True)
class DataSettings:
    """What the environment says about the data; None where it says nothing. The fields follow the variables."""

    data_source: str
    test_dataset: str | None = None
    symbol: str | None = None
    timeframe: str | None = None
    basis: str | None = None
    session: str | None = None
    start: str | None = None
    end: str | None = None
    live_symbol: str | None = None
    live_timeframe: str | None = None
    live_from: str | None = None
    live_to: str | None = None
    redis_url: str | None = None


def settings_from_env(environ: Mapping[str, str] | None = None) -> DataSettings:
    """Read the variables of the module's table; raise `DataError` for an unknown data source."""
    variables = os.environ if environ is None else environ
    values: dict[str, str] = {}
    for field in DataSettings.__dataclass_fields__:
        name = field.upper()
        value = variables.get(PREFIX + name) or (variables.get(name) if name in ALIASES else None)
        if value:
            values[field] = value
    source = values.pop("data_source", "parquet").lower()
    if source not in SOURCES:
        raise DataError(
            f"DATA_SOURCE was '{source}'{did_you_mean(source, SOURCES) or '.'} Allowed: {', '.join(SOURCES)}.",
            key="SPTRADER_DATA_SOURCE",
            value=source,
        )
    return DataSettings(data_source=source, **values)


def load_data_from_env(
    environ: Mapping[str, str] | None = None, *, connect_live: ConnectLive | None = None
) -> pd.DataFrame:
    """Load the bars the environment names, checked, with their facts; the same call in every mode.

    `connect_live` opens the source of a live stream from the server's address (None: the embedded one); whoever wires a
    running feed gives it. Raises `DataError` naming the variable that is missing or wrong.
    """
    settings = settings_from_env(environ)
    if settings.data_source == "live":
        return _load_live(settings, connect_live)
    if settings.test_dataset is None:
        raise DataError(
            "SPTRADER_TEST_DATASET is not set: name a Parquet file, or a symbol of the catalog together with "
            "SPTRADER_TIMEFRAME, as in SPTRADER_TEST_DATASET=EURUSD SPTRADER_TIMEFRAME=1h.",
            key="SPTRADER_TEST_DATASET",
        )
    return load_bars(
        settings.test_dataset,
        settings.timeframe,
        start=settings.start,
        end=settings.end,
        symbol=settings.symbol,
        basis=settings.basis,
        session=settings.session,
    )


def _load_live(settings: DataSettings, connect_live: ConnectLive | None) -> pd.DataFrame:
    for name, value in (("LIVE_SYMBOL", settings.live_symbol), ("LIVE_TIMEFRAME", settings.live_timeframe)):
        if value is None:
            raise DataError(
                f"DATA_SOURCE is live and {PREFIX}{name} is not set; it names the stream.", key=PREFIX + name
            )
    if connect_live is None:
        raise DataError(
            f"DATA_SOURCE is live: the {settings.live_timeframe} bars of {settings.live_symbol} come from a running feed, "
            "and none is connected here. Set DATA_SOURCE=parquet and TEST_DATASET.",
            key="SPTRADER_DATA_SOURCE",
            value="live",
        )
    start_ns, end_ns = period_ns(settings.live_from, settings.live_to)
    source = connect_live(settings.redis_url)
    return source.read_bars(settings.live_symbol or "", settings.live_timeframe or "", start_ns=start_ns, end_ns=end_ns)
