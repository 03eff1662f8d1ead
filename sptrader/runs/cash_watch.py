"""Cash watch: the balance that execution tells after a bar beside the one in the books: a drift is told, and may halt."""

from __future__ import annotations

import logging

from sptrader.kernel import state as k
from sptrader.model.messages import Command
from sptrader.orchestrator.between import Answer, hold, take_command
from sptrader.orchestrator.session import Session
from sptrader.strategy.spec import Live

_log = logging.getLogger("sptrader.live")
TOLERANCE = 0.01  # account currency; floats over a million fills leave a millionth of that


class CashWatch:
    """Compares both after every bar of which execution has told all.

    A difference counts when it is there after two bars running: a fill may happen while a real broker is asked. One that was
    told is not told again, and trading goes on beside it once a person has resumed; another one is. With real money only changes
    count from the first bar on, for an account may hold more than its strategy trades with.
    """

    def __init__(self, live: Live, *, mode: str) -> None:
        self._tolerance = TOLERANCE if live.cash_tolerance is None else live.cash_tolerance
        self._halts = live.on_cash_drift == "halt"
        self._known: float | None = 0.0 if mode == "paper" else None  # the difference that was told already
        self._is_second = False

    def see(self, session: Session, balance: float | None) -> Answer | None:
        """Return what is to be told, with the cancels to send; None while both agree, or the balance was not told."""
        if balance is None or session.waiting:
            return None
        own = float(session.state[k.CASH])
        drift = balance - own
        self._known = drift if self._known is None else self._known
        if abs(drift - self._known) <= self._tolerance:
            self._is_second = False
            return None
        if not self._is_second:
            self._is_second = True
            return None
        self._known, self._is_second = drift, False
        currency = session.setting.currency
        why = (
            f"execution holds {balance:,.2f} {currency} and the books {own:,.2f}: {drift:+,.2f} that no report explains"
        )
        _log.warning("The balance drifts: %s.", why)
        if not self._halts:
            return Answer("ignored", why)
        hold(session, k.HALTED)
        cancels = [
            one
            for symbol in session.plan.symbols
            for one in take_command(session, _cancel(symbol, session.last_ns or 0)).instructions
        ]
        return Answer("acted", f"{why}; no entries are made until a person resumes", instructions=tuple(cancels))


def _cancel(symbol: str, at_ns: int) -> Command:
    return Command(command_id=f"cash:{symbol}:{at_ns}", command="cancel", by="cash watch", at_ns=at_ns, name=symbol)
