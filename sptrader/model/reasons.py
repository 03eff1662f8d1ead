"""Reasons: why something was done, refused or ended, as stable codes with a word and a sentence."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """A stable code; the kernel writes the numbers, tables show `word`, people read `sentence`."""

    NOTHING = 0
    ENTRY_SIGNAL = 1
    EXIT_SIGNAL = 2
    STOP_LOSS = 3
    TAKE_PROFIT = 4
    TRAILING_STOP = 5
    MAX_HOLDING = 6
    RISK_HALT = 7
    DAILY_LOSS = 8
    MARGIN_CALL = 9
    END = 10
    MANUAL = 11
    BOTH_SIDES = 20
    ALREADY_IN_POSITION = 21
    OPPOSITE_POSITION = 22
    ORDER_WORKING = 23
    TRADING_HALTED = 24
    DAY_HALTED = 25
    ONLY_REDUCING = 26
    OUTSIDE_HOURS = 27
    OUTSIDE_DAYS = 28
    SPREAD_TOO_WIDE = 29
    VOLUME_TOO_LOW = 30
    COOLING_DOWN = 31
    ENTERED_THIS_SESSION = 32
    DISTANCE_UNKNOWN = 33
    PRICE_UNKNOWN = 34
    RATE_UNKNOWN = 35
    RATE_STALE = 36
    NO_FREE_SLOT = 37
    BELOW_MINIMUM = 38
    EQUITY_UNKNOWN = 39
    POSITION_LIMIT = 40
    ORDER_NOTIONAL = 41
    FREE_MARGIN = 42
    MARGIN_AT_FILL = 43
    EXPIRED = 44
    CANCELLED_BY_EXIT = 45
    REPLACED = 46
    SIZE_UNKNOWN = 47
    MARGIN_LIMIT = 48
    CURRENCY_EXPOSURE = 49
    CORRELATION_LIMIT = 50
    REJECTED = 51
    CONDITIONS_NOT_MET = 60
    NO_POSITION = 61
    OCO = 62

    @property
    def word(self) -> str:
        """The code as tables show it: `stop_loss`, `outside_hours`; empty for nothing."""
        if self in (Reason.ENTRY_SIGNAL, Reason.EXIT_SIGNAL):
            return "signal"
        return "" if self is Reason.NOTHING else self.name.lower()

    @property
    def sentence(self) -> str:
        """What it means, in one sentence."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.NOTHING: "nothing happened",
    Reason.ENTRY_SIGNAL: "the entry rule was true and every check passed",
    Reason.EXIT_SIGNAL: "the exit rule of the held side was true",
    Reason.STOP_LOSS: "the stop was reached",
    Reason.TAKE_PROFIT: "the target was reached",
    Reason.TRAILING_STOP: "the trailing stop was reached",
    Reason.MAX_HOLDING: "the position was held for the longest time allowed",
    Reason.RISK_HALT: "the drawdown limit was reached: positions are closed and trading is halted for good",
    Reason.DAILY_LOSS: "the daily loss limit was reached: positions are closed and trading is halted until the next session",
    Reason.MARGIN_CALL: "equity fell below half of the used margin",
    Reason.END: "the data ended",
    Reason.MANUAL: "a person asked for it",
    Reason.BOTH_SIDES: "the long and the short entry were true on the same bar",
    Reason.ALREADY_IN_POSITION: "a position in this direction is open, and no further entry is allowed on top of it",
    Reason.OPPOSITE_POSITION: "a position in the other direction is open, and its exit rule was not true",
    Reason.ORDER_WORKING: "an entry order of this side is working already",
    Reason.TRADING_HALTED: "trading is halted",
    Reason.DAY_HALTED: "trading is halted until the next session",
    Reason.ONLY_REDUCING: "only orders that lower a position are allowed now",
    Reason.OUTSIDE_HOURS: "the decision fell outside the allowed hours",
    Reason.OUTSIDE_DAYS: "the decision fell on a day that is not allowed",
    Reason.SPREAD_TOO_WIDE: "the spread was wider than allowed, or unknown",
    Reason.VOLUME_TOO_LOW: "the volume was lower than asked for, or unknown",
    Reason.COOLING_DOWN: "a losing trade ended too few bars ago",
    Reason.ENTERED_THIS_SESSION: "one entry was made in this session already",
    Reason.DISTANCE_UNKNOWN: "the distance of a stop or target was not known or not above 0",
    Reason.PRICE_UNKNOWN: "the price of the order was not known or not above 0",
    Reason.RATE_UNKNOWN: "the conversion rate to the account's currency was not known",
    Reason.RATE_STALE: "the conversion pair had no bar at this time",
    Reason.NO_FREE_SLOT: "as many positions as allowed are open or being opened",
    Reason.BELOW_MINIMUM: "what was left after all limits was below the smallest quantity",
    Reason.EQUITY_UNKNOWN: "equity was not above 0",
    Reason.POSITION_LIMIT: "the position limit bound the size",
    Reason.ORDER_NOTIONAL: "the largest order notional bound the size",
    Reason.FREE_MARGIN: "the free margin bound the size",
    Reason.MARGIN_AT_FILL: "the free margin did not suffice when the order would have filled",
    Reason.EXPIRED: "the order's time was over",
    Reason.CANCELLED_BY_EXIT: "an exit cancelled the order",
    Reason.REPLACED: "a newer entry order took its place",
    Reason.SIZE_UNKNOWN: "the size could not be worked out from what was known",
    Reason.MARGIN_LIMIT: "the limit on used margin bound the size",
    Reason.CURRENCY_EXPOSURE: "the limit on the net exposure of one currency bound the size",
    Reason.CORRELATION_LIMIT: "its returns go together too closely with what is held or being opened, or how closely is not known",
    Reason.REJECTED: "the venue refused the order",
    Reason.CONDITIONS_NOT_MET: "a signal fired or a condition changed, but no rule was true as a whole",
    Reason.NO_POSITION: "an exit rule was true, but there was no position to close",
    Reason.OCO: "its sibling was filled or the position was closed",
}


class Action(IntEnum):
    """What a decision asked for."""

    STAY = 0
    ENTER_LONG = 1
    ENTER_SHORT = 2
    LEAVE = 3
    REVERSE_TO_LONG = 4
    REVERSE_TO_SHORT = 5

    @property
    def word(self) -> str:
        """The action as tables show it."""
        return self.name.lower()


class Outcome(IntEnum):
    """What became of a decision."""

    NOTHING = 0
    ORDERED = 1
    REFUSED = 2
    IGNORED = 3

    @property
    def word(self) -> str:
        """The outcome as tables show it."""
        return "" if self is Outcome.NOTHING else self.name.lower()
