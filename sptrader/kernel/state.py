"""State: everything a run remembers from bar to bar, as numbers in one flat float64 array.

Field K of the account in lane j stands at `s[K * L + j]`; field K of instrument i at `s[at + K * L]` with
`at = block(i, L) + j`. L is the number of lanes: runs that advance side by side. One lane is a backtest or a live session.
The kernel's verbs are given a lane's own fields: `a`, the account's and all that follow, and `p`, those of one instrument.
Money is in the account's currency, prices in the quote's, quantities in units, unless a line says otherwise.
"""

from __future__ import annotations

import numpy as np

# --- the account -------------------------------------------------------------------------------------------------
CASH = 0  # balance: start + realised P&L - costs
EQUITY = 1  # balance + unrealised P&L at the last mark
USED_MARGIN = 2  # margin of the open positions at the last mark
PEAK = 3  # highest equity marked so far
DRAWDOWN = 4  # fraction below the peak at the last mark
MAX_DRAWDOWN = 5  # largest drawdown marked so far, fraction
BASELINE = 6  # the last mark before this session
TRADING = 7  # ACTIVE, REDUCING or HALTED
N_OPEN = 8  # open positions
N_WORKING = 9  # working entries of instruments without a position: slots they reserve
RESERVED_MARGIN = 10  # margin the working entries reserve
N_TRADES = 11  # closing fills
N_WINS = 12  # closing fills with net P&L above 0
GAIN = 13  # sum of the net P&L above 0
LOSS = 14  # sum of the net P&L below 0, a negative number
FEES = 15  # commission paid
TURNOVER = 16  # notional traded
N_EXPOSED = 17  # bars marked with an open position
BARS_HELD = 18  # bars held, summed over the closing fills
CLOCK = 19  # bars seen
SESSION = 20  # sessions seen
IS_DAY_HALTED = 21  # 1: until the next session
# limits and rules, constant during a run
LIMIT_POSITIONS = 22  # open positions at most; inf for none
LIMIT_POSITION = 23  # notional of one position at most, fraction of equity; inf for none
LIMIT_ORDER = 24  # notional of one order at most; inf for none
LIMIT_DRAWDOWN = 25  # fraction; inf for none
LIMIT_DAILY_LOSS = 26  # fraction; inf for none
LIMIT_MARGIN = 27  # used and reserved margin, fraction of equity; inf for none
LIMIT_CURRENCY = 28  # net notional of one currency at most, fraction of equity; inf for none
LIMIT_CORRELATION = 29  # return correlation with what is held, signed by both sides, at most; inf for none
SIZE_METHOD = 30  # UNITS, NOTIONAL, PERCENT, RISK or VOLATILITY
SIZE_VALUE = 31  # units, money, or fraction of equity
FEE_FRACTION = 32  # of notional, per fill
FEE_PER_LOT = 33  # money per contract size, per fill
FEE_MINIMUM = 34  # money, per fill
MAX_HOLDING = 35  # bars; inf for none
N_ADDS = 36  # same-direction entries allowed on top of the first
REVERSING = 37  # 1: an opposite entry alone reverses
OPTIMISTIC = 38  # 1: the target is taken when a bar reaches both
IS_FINER = 39  # 1: finer bars decide what a bar cannot
COOLDOWN = 40  # bars without entries after a losing trade
ONE_PER_SESSION = 41  # 1: at most one entry per instrument and session
ORDER_TYPE = 42  # MARKET, LIMIT, STOP or STOP_LIMIT for entries to buy
ORDER_BARS = 43  # bars they work at most; inf for until cancelled
ORDER_DAY = 44  # 1: they work for their first session only
ORDER_AT_OPEN = 45  # 1: they fill at the next open or never
SHORT_ORDER_TYPE = 46  # the four for entries to sell
SHORT_ORDER_BARS = 47
SHORT_ORDER_DAY = 48
SHORT_ORDER_AT_OPEN = 49
ACCOUNT_FIELDS = 50

# --- one instrument: its position ------------------------------------------------------------------------------------
QUANTITY = 0  # signed units held
AVERAGE = 1  # average entry price
HELD = 2  # bars held, the entry bar included
STOP = 3  # fixed stop level; nan for none
TARGET = 4  # target level; nan for none
TRAIL = 5  # trailing distance, price units; nan for none
BEST = 6  # best marking price of the completed bars since the entry
MFE = 7  # best excursion, price units, >= 0
MAE = 8  # worst excursion, price units, >= 0
ENTRY_BAR = 9  # clock of the first entry fill
ENTRY_FEES = 10  # fees of the entries
ENTRY_SPREAD = 11  # quote currency: half spreads paid by the entries
ENTRY_SLIPPAGE = 12  # quote currency: slippage paid by the entries
FINANCED = 13  # financing received since the entry
ADDS = 14  # entries on top of the first
IS_INSIDE = 15  # BY_LIMIT or BY_STOP: an entry filled inside this bar, after its open; 0 otherwise
MARK = 16  # last marking price
UNREALISED = 17  # at the last mark
MARGIN = 18  # at the last mark
# its exit order
WANT = 19  # STAY, CLOSE or REVERSE at the next open
WANT_REASON = 20  # reason of the exit
# its entry order
SIDE = 21  # +1 buys, -1 sells, 0 none works
ORDER_QUANTITY = 22  # units
ORDER_LIMIT = 23  # limit price
ORDER_STOP = 24  # stop price
ORDER_LEFT = 25  # bars it still works
IS_TRIGGERED = 26  # 1: a stop-limit whose stop was reached
STOP_DISTANCE = 27  # price units, frozen; nan for none or a fraction
TARGET_DISTANCE = 28  # the same
TRAIL_DISTANCE = 29  # the same
ORDER_MARGIN = 30  # margin it reserves
ORDER_SESSION = 31  # session of the first bar it met; 0 before
IS_ADD = 32  # 1: adds to the position
# what it must remember
QUIET_FOR = 33  # own bars, this one included, in which a loss forbids entries
ENTERED_SESSION = 34  # session of the last entry fill
# the fill of the phase just done, for the book and the records
FILL = 35  # signed units; 0 for no fill
FILL_PRICE = 36  # as filled
FILL_RAW = 37  # before slippage
FILL_HALF = 38  # half the spread then
FILL_RATE = 39  # account currency per quote currency
FILL_FEE = 40
FILL_REASON = 41
IS_AMBIGUOUS = 42  # 1: the bar could not decide
FILL_PNL = 43  # closing: realised, before fees
GONE = 44  # why the working entry ended unfilled in this bar; NOTHING if it did not
# the decision of this bar
ACTION = 45  # STAY, ENTER_LONG, ENTER_SHORT, LEAVE, REVERSE_LONG, REVERSE_SHORT
OUTCOME = 46  # NO_DECISION, ORDERED, REFUSED or IGNORED (CANDIDATE between the two halves of `decide`)
REASON = 47  # code
CAP = 48  # the constraint that bound the size, or why nothing was entered beside a LEAVE; NOTHING if none
# facts, constant during a run
STEP_TOP = 49  # price step = STEP_TOP / STEP_BOTTOM
STEP_BOTTOM = 50
LOT_TOP = 51  # lot step = LOT_TOP / LOT_BOTTOM
LOT_BOTTOM = 52
MIN_QUANTITY = 53
CONTRACT_SIZE = 54
MARGIN_RATE = 55
RATE_KIND = 56  # IS_QUOTE, IS_BASE or BY_PAIR: how quote amounts become account currency
BASE_CODE = 57  # number of the base currency; 0 for the account's own, or none
QUOTE_CODE = 58  # of the quote currency
STOP_FRACTION = 59  # of the fill; nan when there is none or it is a distance
TARGET_FRACTION = 60
TRAIL_FRACTION = 61
HAS_STOP = 62  # 1: entries carry a stop
HAS_TARGET = 63
HAS_TRAIL = 64
SLIP_PRICE = 65  # price units
SLIP_RANGE = 66  # fraction of high - low
SLIP_VOLUME = 67  # impact of (quantity / volume)^2, fraction of the price
# the bar it meets, written before the step
FLAGS = 68  # bits, see below
BID_OPEN = 69  # the eight prices stand in the order of `Market.price`
BID_HIGH = 70
BID_LOW = 71
BID_CLOSE = 72
ASK_OPEN = 73
ASK_HIGH = 74
ASK_LOW = 75
ASK_CLOSE = 76
VOLUME = 77  # units
RATE_OPEN = 78  # conversion pair's mid at the open
RATE_CLOSE = 79  # and at the close
NIGHT_LONG = 80  # financing of one unit held long at this open, quote currency
NIGHT_SHORT = 81  # and short
# what an entry is asked with, written where one is
STRENGTH = 82  # of the entry, 0 to 1
FILTER = 83  # reason code of the filter that refuses entries; NOTHING if none
STOP_COLUMN = 84  # distances, price units
TARGET_COLUMN = 85
TRAIL_COLUMN = 86
LIMIT_TO_BUY = 87  # prices of entry orders
LIMIT_TO_SELL = 88
TRIGGER_TO_BUY = 89
TRIGGER_TO_SELL = 90
VOLATILITY_COLUMN = 91  # price units
INSTRUMENT_FIELDS = 92

# --- codes -----------------------------------------------------------------------------------------------------
ACTIVE, REDUCING, HALTED = 0.0, 1.0, 2.0
UNITS, NOTIONAL, PERCENT, RISK, VOLATILITY = 0.0, 1.0, 2.0, 3.0, 4.0
MARKET, LIMIT, STOP_ENTRY, STOP_LIMIT = 0.0, 1.0, 2.0, 3.0
STAY, CLOSE, REVERSE = 0.0, 1.0, 2.0
IS_QUOTE, IS_BASE, BY_PAIR = 0.0, 1.0, 2.0
BY_LIMIT, BY_STOP = 1.0, 2.0
ENTER_LONG, ENTER_SHORT, LEAVE, REVERSE_LONG, REVERSE_SHORT = 1.0, 2.0, 3.0, 4.0, 5.0
NO_DECISION, ORDERED, REFUSED, IGNORED, CANDIDATE = 0.0, 1.0, 2.0, 3.0, 4.0

# bits of a bar's signal
LONG_ENTRY, SHORT_ENTRY, LONG_EXIT, SHORT_EXIT = 1, 2, 4, 8
# bits of a bar's flags
HAS_BAR, NEW_SESSION, NIGHTS, IDLE, STALE_RATE, SESSION_ENDS = 1, 2, 4, 8, 16, 32

# reasons; the enum with their names and sentences is sptrader.model.reasons.Reason
NOTHING = 0.0
ENTRY_SIGNAL = 1.0
EXIT_SIGNAL = 2.0
STOP_LOSS = 3.0
TAKE_PROFIT = 4.0
TRAILING_STOP = 5.0
HELD_LONG_ENOUGH = 6.0
DRAWDOWN_LIMIT = 7.0
DAILY_LOSS = 8.0
MARGIN_CALL = 9.0
END_OF_DATA = 10.0
MANUAL = 11.0
BOTH_SIDES = 20.0
ALREADY_LONG_OR_SHORT = 21.0
OPPOSITE_POSITION = 22.0
ORDER_WORKING = 23.0
TRADING_HALTED = 24.0
DAY_HALTED = 25.0
ONLY_REDUCING = 26.0
OUTSIDE_HOURS = 27.0
OUTSIDE_DAYS = 28.0
SPREAD_TOO_WIDE = 29.0
VOLUME_TOO_LOW = 30.0
COOLING_DOWN = 31.0
ENTERED_THIS_SESSION = 32.0
DISTANCE_UNKNOWN = 33.0
PRICE_UNKNOWN = 34.0
RATE_UNKNOWN = 35.0
RATE_STALE = 36.0
NO_FREE_SLOT = 37.0
BELOW_MINIMUM = 38.0
EQUITY_UNKNOWN = 39.0
OVER_POSITION_LIMIT = 40.0
OVER_ORDER_LIMIT = 41.0
OVER_FREE_MARGIN = 42.0
MARGIN_AT_FILL = 43.0
EXPIRED = 44.0
CANCELLED_BY_EXIT = 45.0
REPLACED = 46.0
SIZE_UNKNOWN = 47.0
OVER_MARGIN_LIMIT = 48.0
OVER_CURRENCY_LIMIT = 49.0
CORRELATED = 50.0


def block(i, L):
    """Return where instrument `i`'s block starts."""
    return (ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS) * L


def empty_state(n_instruments: int, lanes: int = 1) -> np.ndarray:
    """Make a state of zeros for `n_instruments` and `lanes`, shape ((fields) * lanes,)."""
    return np.zeros((ACCOUNT_FIELDS + n_instruments * INSTRUMENT_FIELDS) * lanes)
