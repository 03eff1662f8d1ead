"""Instrument: what is traded, its currencies and its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from sptrader.errors import DataError, did_you_mean

CURRENCIES = ("AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "NZD", "USD")
_EQUITIES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


@dataclass(frozen=True)
class Instrument:
    """What is traded.

    `price_step`, `lot_step` and `min_quantity` are exact decimals: prices are multiples of the first (price units),
    quantities multiples of the second (units of the base). `contract_size` units are one lot. `margin_rate` is the
    fraction of notional that is tied up. `session` is `fx`, `24/7` or an exchange's code such as `XNYS`. `triple_day`
    is the weekday (Monday 0) whose financing night counts three nights, or None.
    """

    symbol: str
    base: str
    quote: str
    price_step: Decimal
    lot_step: Decimal
    min_quantity: Decimal
    contract_size: Decimal
    margin_rate: Decimal
    session: str
    triple_day: int | None = None

    @property
    def pip(self) -> Decimal:
        """Ten price steps, price units."""
        return self.price_step * 10


def fx_pair(symbol: str) -> Instrument:
    """Make the FX pair `symbol` of two major currencies: step 0.00001 (JPY quotes 0.001), 1 unit, margin 1/30.

    The triple financing night follows settlement: Wednesday at two days (T+2), Thursday for USDCAD (T+1).
    """
    base, quote = symbol[:3], symbol[3:]
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        price_step=Decimal("0.001") if quote == "JPY" else Decimal("0.00001"),
        lot_step=Decimal(1),
        min_quantity=Decimal(1),
        contract_size=Decimal(100_000),
        margin_rate=Decimal(1) / Decimal(30),
        session="fx",
        triple_day=3 if symbol in ("USDCAD", "CADUSD") else 2,
    )


def equity(symbol: str) -> Instrument:
    """Make the US share `symbol`: step 0.01, whole shares, margin 1."""
    return Instrument(
        symbol=symbol,
        base=symbol,
        quote="USD",
        price_step=Decimal("0.01"),
        lot_step=Decimal(1),
        min_quantity=Decimal(1),
        contract_size=Decimal(1),
        margin_rate=Decimal(1),
        session="XNYS",
    )


def is_fx_pair(symbol: str) -> bool:
    """Whether `symbol` is two different major currencies written together."""
    return len(symbol) == 6 and symbol[:3] in CURRENCIES and symbol[3:] in CURRENCIES and symbol[:3] != symbol[3:]


def instrument(symbol: str, declared: Mapping[str, Instrument] | None = None) -> Instrument:
    """Return the instrument named `symbol`: from `declared` first, then the known ones.

    Raises `DataError` for a symbol nobody declared; nothing about an instrument is guessed.
    """
    if declared and symbol in declared:
        return declared[symbol]
    if is_fx_pair(symbol):
        return fx_pair(symbol)
    if symbol in _EQUITIES:
        return equity(symbol)
    pairs = [a + b for a in CURRENCIES for b in CURRENCIES if a != b]
    raise DataError(
        f"instrument '{symbol}' is not known"
        f"{did_you_mean(symbol, [*pairs, *_EQUITIES, *(declared or ())]) or '.'} "
        "Known are the pairs of the major currencies "
        f"({', '.join(CURRENCIES)}) and {', '.join(_EQUITIES)}; "
        "declare others under market.instruments of the strategy.",
        key="symbol",
        value=symbol,
    )


def declare(symbol: str, facts: Mapping[str, object]) -> Instrument:
    """Make an instrument from declared `facts`; what a known instrument has already need not be repeated.

    An unknown symbol needs `quote`, `price_step`, `lot_step`, `min_quantity`, `margin_rate` and `session`.
    """
    numbers = ("price_step", "lot_step", "min_quantity", "contract_size", "margin_rate")
    texts = ("base", "quote", "session")
    for name in facts:
        if name not in (*numbers, *texts, "triple_day"):
            raise DataError(
                f"instrument '{symbol}' has an unknown fact '{name}'"
                f"{did_you_mean(name, [*numbers, *texts, 'triple_day']) or '.'} "
                f"Allowed: {', '.join((*texts, *numbers, 'triple_day'))}.",
                key=name,
                value=symbol,
            )
    values: dict[str, object] = {k: _decimal(v) if k in numbers else v for k, v in facts.items()}
    for name in numbers:
        number = values.get(name, Decimal(1))
        if not (isinstance(number, Decimal) and number.is_finite() and number > 0):
            raise DataError(
                f"instrument '{symbol}': {name} was {number}; allowed is a number above 0.", key=name, value=number
            )
    triple_day = values.get("triple_day")
    if triple_day is not None and triple_day not in range(7):
        raise DataError(
            f"instrument '{symbol}': triple_day was {triple_day!r}; allowed is a weekday, "
            "from 0 (Monday) to 6, or none.",
            key="triple_day",
            value=triple_day,
        )
    if is_fx_pair(symbol) or symbol in _EQUITIES:
        return replace(instrument(symbol), **values)  # type: ignore[arg-type]
    required = ("quote", "price_step", "lot_step", "min_quantity", "margin_rate", "session")
    needed = [k for k in required if k not in values]
    if needed:
        raise DataError(
            f"instrument '{symbol}' lacks {', '.join(needed)}; nothing about an instrument is guessed.",
            key="instruments",
            value=symbol,
        )
    values.setdefault("base", symbol)
    values.setdefault("contract_size", Decimal(1))
    return Instrument(symbol=symbol, **values)  # type: ignore[arg-type]


def _decimal(value: object) -> object:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return value
