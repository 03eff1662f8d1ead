"""Worker events: a bar's events in the form that every program reads, and how a session knows them for a signal worker's.

Sessions act on the worker's outputs; the same events beside them are for other readers, and acting on them again would be twice.
They carry a mark made of all that names them, so that no other program's event is passed over by a word that it happens to use.
"""

from __future__ import annotations

import hashlib

from sptrader.model.messages import ColumnsMessage, Event
from sptrader.runs.live_setting import LiveSetting

SOURCE = "worker"


def worker_events(message: ColumnsMessage, live: LiveSetting) -> list[Event]:
    """Return the events of a bar's outputs, each with its worker's mark."""
    bar, who = message.bar, (live.account, live.plan_id)
    return [
        Event(
            timestamp=bar.time_ns,
            signal_name=name,
            signal_type=found.type,
            strength=1.0 if found.strength is None else found.strength,
            metadata={
                **found.outputs,
                "symbol": bar.symbol,
                "timeframe": bar.timeframe,
                "plan": live.plan_id,
                "account": live.account,
                "source": SOURCE,
                "mark": _mark(*who, bar.symbol, str(bar.time_ns), name, found.type),
            },
        )
        for name, found in message.signals.items()
        if found.type is not None
    ]


def is_of_worker(event: Event) -> bool:
    """Whether an event is a signal worker's: it says so, and its mark is that of the account, the plan and the event it names."""
    told = event.metadata
    if told.get("source") != SOURCE:
        return False
    who = (str(told.get("account")), str(told.get("plan")))
    named = (*who, str(told["symbol"]), str(event.timestamp), event.signal_name, event.signal_type)
    return told.get("mark") == _mark(*named)


def _mark(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8, person=b"sptrader").hexdigest()
