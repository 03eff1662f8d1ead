"""The kernel: what happens on a bar, compiled, pure, one source for a backtest, many runs side by side and live.

`replay` is a fold of these verbs; each covers all instruments before the next:

    finance  ->  match exits, book  ->  match entries, book  ->  mark  ->  watch  ->  decide

With one instrument `coast` passes over the bars on which only the mark can change; that is the same, bit for bit, and faster.

The rules in full. Where a rule of the product's specification left room, the choice is written here.

Prices have two sides. Buys trade and are triggered on the ask, sells on the bid; a long is stopped, targeted and marked on
the bid, a short on the ask. A price is snapped to the instrument's step: a value within 1e-6 of a step is that step,
otherwise it goes against the trader (fills) or away from the market (sell stops, buy limits down; buy stops, sell limits up).

Rates turn quote-currency amounts into the account's currency: 1 when the quote is the account's; 1 / price when the base
is (the fill's price for fills, the marking price for marks, the traded side's close for sizes, the mid of its own open for
financing); else the conversion pair's mid, at the open for fills and financing, at the close for marks, sizes and the close
at the end. Where the pair has no bar amounts use its last known mid, and entries are refused.

1. Finance. For each session boundary in (previous open, this open]: quantity x mid close of the previous bar x yearly
   rate / 365 x nights; positive is received; converted at this open; added to the balance and to the position's account.
2. Match, on the instrument's bar. Exits first, over all instruments:
   - An exit decided before fills at the open with slippage.
   - Else the stop works: the tighter of the fixed stop and the trailing level (best - distance, snapped; the fixed one of
     equals). If the bar opens at or beyond it, the fill is the open, else if the bar reaches it, its price; both suffer
     slippage. The target likewise, as a limit: the open when the bar opens at or beyond it, else its price when reached, no
     slippage. An open beyond one of them settles it; if the bar reaches both, the stop is taken (optimistic: the target) and
     the fill is `ambiguous`.
   - Finer (a): what the bar alone leaves ambiguous its finer bars are asked, in the order of time, each judged by the rules
     above as a bar in which both levels work from its open (a tick is a bar of one price). The first that takes one settles
     it, at its open when that is beyond the level; one that reaches both takes the stop and is `ambiguous`. Where none reaches
     a level, or there are none, the bar alone decides, pessimistically. Slippage stays that of the whole bar.
   Then entries, over all instruments in the strategy's order:
   - Market: the open, with slippage. Stop: the open when it opens at or beyond, else its price when reached; slippage.
     Limit: the open when that is at or better, else its price when reached; none. Stop-limit: once the stop is reached it
     is a limit; opened beyond: at the open if the limit allows, else at the limit if the bar still reaches it; reached
     inside the bar: at the stop price if the limit allows, else it waits as a limit from the next bar on.
   - The margin must suffice at the fill: notional x margin rate x rate <= equity - used margin, with equity = balance + the
     open positions at this bar's open (an instrument without a bar: as last marked), used margin as last marked, less that
     of positions closed since, plus that of entries filled on this bar. Otherwise the order is rejected (`margin_at_fill`).
   - Stop = fill -/+ distance, target = fill +/- distance, snapped; best = fill. An entry or add at the open has them work for
     the whole bar, as above. After one inside the bar:
       pessimistic: the stop is hit if the bar reaches it, else the target if the close does;
       optimistic: the target is hit if the bar reaches it, else the stop if the bar reaches it, after an entry at a stop
       price only if the close does.
     The fill is at the stop, or where the bar never was as good (a stop inside the spread) at the best it showed; at the
     target. What the bar cannot tell is `ambiguous`: a stop when the target was reached too, or after an entry at a stop
     price when the close is not beyond it; a target not reached by the close, or when the stop was reached too; and the
     entry itself, if what was reached is not taken.
     Finer (b): the first finer bar that comes to the entry's price, before slippage and on the side it traded on, is the
     entry's: opened at or beyond that price the levels work for all of it, else it is judged as pessimistic above, a level that
     it reaches and does not take making what follows `ambiguous`. The finer bars after it are judged as in (a). When none takes
     a level the position stays open; when none comes to the entry's price the bar alone decides, pessimistically.
   - Orders differ by side: type, expiry and time in force are those of the side the entry is for.
   - An entry that meets a bar after more than five timeframes (at least one hour) of in-session time without one has
     expired. `expires: n bars`: it works on n bars. `day`: on the bars of the session of the first bar after the decision.
     `ioc`: at the next open only. An add whose position is gone is cancelled; it never opens one.
3. Book. Average price; realised P&L = (exit - average) x quantity x rate; fee = max(minimum, fraction x notional + per lot x
   lots) in account currency, per fill; a trade for each closing fill carries its share of entry fees, spread, slippage and
   financing, all converted at the exit's rate. An add keeps target and trailing distance, and tightens the stop or leaves it.
   Slippage = fixed + fraction x (high - low) of the side traded + impact x price x (quantity / volume)^2, rounded against the
   trader; the share of the volume is 1 at most, and 1 where the volume is 0 or unknown.
   Spread cost of a fill = quantity x half the spread at the bar's open, of a close at the end at the close.
4. Mark at the close: unrealised = (mark - average) x quantity x rate; margin = |quantity| x mark x rate x margin rate. Without
   a bar the mark is the last close, converted at this close. MFE, MAE in price units from the bar's marking side: the whole
   bar for bars held from the open to the close, the close only on the bar of an entry inside it, the fill's price on the
   exit's bar. Best price for the trailing stop: the bar's extreme, the close after an entry inside the bar. Equity below half
   of used margin: positions are closed at the next open, largest margin first, until those that stay need no more; those
   that close anyway do not count. Equity at or below zero: all are closed and trading has ended.
5. Watch. Sessions are the account's: those of the first instrument. At the first bar of a session the baseline is the last
   mark before (first: the starting cash) and a day's halt ends. 1 - equity / peak >= max_drawdown halts for good,
   1 - equity / baseline >= daily_loss_limit for the day: working entries are cancelled, positions closed at the next open.
   A value that is nan is a breach. An exit that was ordered before keeps its reason.
6. Decide, for instruments that have a bar. Held bars count the entry bar. Exits: the rule of the held side, then max holding.
   An exit rule also cancels the working entry of its side. Entries, in this order: both sides true is refused; positioned
   against: ignored unless the exit of the held side is true too or reversing is on, and always where a limit closes the
   position, else both legs are ordered; positioned in that direction: ignored, unless pyramiding leaves room (n adds at most)
   and no exit is ordered; a working entry of the same side: ignored, of the other side: replaced. An instrument has one
   decision a bar: where an exit is ordered and no entry, it is the exit's, and why nothing was entered stands as its cap.
   Then, strongest first and in the strategy's order, each entry is checked: trading state, filters, cooldown (own bars, the
   one of the losing exit included; a loss is more than 1e-12 of the notional), one entry per session (the session of the
   decision time against that of the last entry fill), equity above 0, slots (a working entry holds one, a reversal keeps its
   own), correlation, prices of the order, rate, distances.
   Correlation: with every other instrument that is held, and every other one with a working entry, the correlation of the two
   instruments' simple returns (of the mid, close to close, over the last n bars that both have, the decision's included), times
   both sides, must be at most the limit; nan refuses.
   Then sized: units = value; notional = value / (price x rate); percent = equity x value / (price x rate); risk = equity x
   value / (stop distance, without a stop the trailing distance, x rate); volatility = equity x value / (the volatility column x
   rate), without a column the sample deviation of the last n changes of the close at the decision.
   Caps, in this order, the lowest binding one is named, the first of equals:
   - position limit x equity less the notional held;
   - max order notional;
   - currency exposure: for base and quote, unless it is the account's currency (or a share's own name), limit x equity less what
     the side adds to. Net notional of a currency = positions (as marked) and working entries, long the base and short the quote
     of each, margin / margin rate; the working entry that is replaced and the position that a reversal closes do not count;
   - margin limit x equity - used margin - reserved margin (plus the reversed position's own);
   - free margin = equity - used margin - reserved margin (plus the reversed position's own).
   One that is nan allows nothing. Rounded down to the lot step (within 1e-6 of a step is that step); below the minimum it is
   refused. Prices for sizes and margins: the close of the side that will be traded (limit and stop orders too). Limits bind when
   an entry is decided: what is held already is not reduced when the market or equity moves it beyond one.
7. The last bar. Positions stay open and orders `working`; no decision of the last bar is filled. With close_at_end positions
   are closed after that bar's decisions, at the last close of their side, without slippage, and the account is marked again.

`live.py` does the same bar in two halves, the venue's (fills of `match`) and the orchestrator's (all else), with equal results.
"""
