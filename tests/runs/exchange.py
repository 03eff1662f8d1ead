"""A venue on quotes that outlives every desk, and its door for desks of other processes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sptrader.errors import BrokerTimeout, SptraderError
from sptrader.execution.paper import PaperBroker
from sptrader.execution.quotes import QuoteVenue
from sptrader.model.instrument import fx_pair
from sptrader.model.orders import Amend, BrokerAccount, Cancel, OpenOrder, Order, Report

HALF_SPREAD = 0.00005


class Died(BaseException):
    """The process ended here."""


class Exchange(PaperBroker):
    """It counts what it was sent, can take a sender down with it, and can be out of reach."""

    is_down = False
    n_asked_in_vain = 0

    def __init__(self, *, account: str = "paper", remembers_ids: bool = True) -> None:
        instruments = {"EURUSD": fx_pair("EURUSD")}
        super().__init__(
            QuoteVenue(account, "USD", cash=Decimal(100_000), instruments=instruments), instruments=instruments
        )
        self.remembers_ids = remembers_ids
        self.sent: Counter[str] = Counter()
        self.dies: str = ""
        self.shown = 0  # bars of `show_until`

    def _reach(self) -> None:
        if self.is_down:
            self.n_asked_in_vain += 1
            raise BrokerTimeout("no route to the exchange.")

    def submit(self, order: Order) -> None:
        self._reach()
        if self.dies == "before":
            self.dies = ""
            raise Died
        self.sent[order.client_order_id] += 1
        super().submit(order)
        if self.dies == "after":
            self.dies = ""
            raise Died

    def cancel(self, cancel: Cancel) -> None:
        self._reach()
        super().cancel(cancel)

    def amend(self, amend: Amend) -> None:
        self._reach()
        super().amend(amend)

    def reports(self) -> list[Report]:
        self._reach()
        return super().reports()

    def find_order(self, client_order_id: str) -> OpenOrder | None:
        self._reach()
        return super().find_order(client_order_id)

    def account_state(self) -> BrokerAccount:
        self._reach()
        return super().account_state()

    def show(self, bar: pd.Series, time_ns: int) -> None:
        self._show((bar["open"], bar["high"], bar["low"], bar["close"]), time_ns)

    def show_until(self, bars: np.ndarray, times_ns: np.ndarray, until_ns: int) -> int:
        """Show the bars up to a time that were not shown, and return the time of the last one shown."""
        while self.shown < len(bars) and times_ns[self.shown] <= until_ns:
            self._show(bars[self.shown], int(times_ns[self.shown]))
            self.shown += 1
        return int(times_ns[self.shown - 1]) if self.shown else 0

    def _show(self, prices: Sequence[float], time_ns: int) -> None:
        venue = self._venue
        assert isinstance(venue, QuoteVenue)
        for price in prices:
            bid, ask = float(price) - HALF_SPREAD, float(price) + HALF_SPREAD
            venue.add_quote("EURUSD", bid=bid, ask=ask, time_ns=time_ns)
        self.meet(time_ns)


class Door:
    """Lets other processes call the exchange through a socket; each call is done whole, whether or not the caller lives on."""

    def __init__(self, exchange: Exchange, bars: pd.DataFrame, address: Path) -> None:
        self.exchange = exchange
        self._bars = bars[["open", "high", "low", "close"]].to_numpy()
        self._times_ns = bars.index.as_unit("ns").asi8  # type: ignore[attr-defined]
        self._turn = threading.Lock()
        self._listening = Listener(str(address), "AF_UNIX")
        self._is_open = True
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Take no more callers; those that are there end with their processes."""
        self._is_open = False
        Client(self._listening.address).close()  # wakes the one who accepts
        self._accepting.join(5)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            line = self._listening.accept()
            if not self._is_open:
                line.close()
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: Connection[Any, Any]) -> None:
        with line:
            while True:
                try:
                    name, given, named = line.recv()
                    with self._turn:
                        answer = self._done(name, given, named)
                    line.send(answer)
                except (EOFError, OSError):  # the caller has ended
                    return

    def _done(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> object:
        if name == "show_until":
            return self.exchange.show_until(self._bars, self._times_ns, *given)
        if name in ("name", "account", "remembers_ids"):
            return getattr(self.exchange, name)
        try:
            return getattr(self.exchange, name)(*given, **named)
        except SptraderError as error:
            return error


class FarExchange:
    """The `Broker` that a process has of an exchange behind its door."""

    def __init__(self, address: Path) -> None:
        self._line = Client(str(address), "AF_UNIX")
        self.name, self.account, self.remembers_ids = (self._ask(n) for n in ("name", "account", "remembers_ids"))

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()

    def show_until(self, until_ns: int) -> int:
        """Let the market move up to a time, and return when it has moved last."""
        return int(self._ask("show_until", until_ns))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *given, **named: self._ask(name, *given, **named)

    def _ask(self, name: str, *given: object, **named: object) -> Any:
        self._line.send((name, given, named))
        answer = self._line.recv()
        if isinstance(answer, SptraderError):
            raise answer
        return answer
