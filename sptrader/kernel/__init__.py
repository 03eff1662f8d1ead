"""The kernel: what happens on a bar, compiled, pure, one source for a backtest, many runs side by side and live.

`replay` is a fold of these verbs; each covers all instruments before the next:

    finance  ->  match exits, book  ->  match entries, book  ->  mark  ->  watch  ->  decide

The rules in full. Where a rule of the product's specification left room, the choice is written here.

Prices have two sides. Buys trade and are triggered on the ask, sells on the bid; a long is stopped, targeted and
   marked
on the bid, a short on the ask. A price is snapped to the instrument's step: a value within 1e-6 of a step is that
   step,
otherwise it goes against the trader (fills) or away from the market (sell stops, buy limits down; buy stops, sell
   limits up).

Rates turn quote-currency amounts into the account's currency: 1 when the quote is the account's; 1 / price when the
   base
is (the fill's price for fills, the marking price for marks, the traded side's close for sizes); else the conversion
pair's mid, at the open for fills and financing, at the close for marks and sizes.

1. Finance. For each session boundary in (previous open, this open]: quantity x mid close of the previous bar x yearly
   rate / 365 x nights; positive is received; converted at this open; added to the balance and to the position's
   account.
2. Match, on the instrument's bar. Exits first, over all instruments:
   - An exit decided before fills at the open with slippage.
   - Else the stop works: the tighter of the fixed stop and the trailing level (best - distance, snapped). If the bar
     opens
     at or beyond it, the fill is the open, else if the bar reaches it, its price; both suffer slippage. The target
     likewise,
     as a limit: the open when the bar opens at or beyond it, else its price when reached, no slippage. An open beyond
     one of them
     settles it; if the bar reaches both, the stop is taken (optimistic: the target) and the fill is `ambiguous`.
   Then entries, over all instruments in the strategy's order:
   - Market: the open, with slippage. Stop: the open when it opens at or beyond, else its price when reached;
     slippage.
     Limit: the open when that is at or better, else its price when reached; none. Stop-limit: once the stop is
     reached it
     is a limit; opened beyond: at the open if the limit allows, else at the limit if the bar still reaches it;
     reached
     inside the bar: at the stop price if the limit allows, else it waits as a limit from the next bar on.
   - The margin must suffice at the fill: notional x margin rate x rate <= equity - used margin, with equity = balance
     +
     the open positions at this bar's open (an instrument without a bar: at its last mark), used margin as last
     marked, less that
     of positions closed since. Otherwise the order is rejected (`margin_at_fill`).
   - Stop = fill -/+ distance, target = fill +/- distance, snapped; best = fill. An entry at the open has them work
     for the whole bar, as
     above. After an entry inside the bar the stop is hit if the bar reaches it (at its price), the target only if the
     close
     does (optimistic: the target if the bar reaches it, the stop only if the close does). A stop hit after an entry
     by a stop order
     inside the bar, and a target reached but not by the close, are `ambiguous`.
   - An entry that meets a bar after more than five timeframes (at least one hour) of in-session time without one has
     expired.
     `expires: n bars`: it works on n bars. `day`: on the bars of the session of the first bar after the decision.
     `ioc`: at the next
     open only.
3. Book. Average price; realised P&L = (exit - average) x quantity x rate; fee = max(minimum, fraction x notional +
   per lot x
   lots) in account currency, per fill; a trade for each closing fill carries its share of entry fees, spread,
   slippage and financing.
   Slippage = fixed + fraction x (high - low) + impact x price x (quantity / volume)^2, rounded against the trader.
   Spread cost of a fill = quantity x half the spread at the bar's open.
4. Mark at the close: unrealised = (mark - average) x quantity x rate; margin = |quantity| x mark x rate x margin
   rate.
   MFE, MAE in price units from the bar's marking side: the whole bar for bars held from open to close, the close only
   on the bar of an
   entry inside it, the exit's price on the exit's bar. Best price for the trailing stop: the bar's extreme, the close
   after an entry
   inside the bar. Equity below half of used margin: positions are closed at the next open, largest margin first,
   until what
   stays needs no more. Equity at or below zero: all are closed and trading has ended.
5. Watch. At the first bar of a session the baseline is the last mark before (first: the starting cash) and a day's
   halt ends. 1 - equity /
   peak >= max_drawdown halts for good, 1 - equity / baseline >= daily_loss_limit for the day: working entries are
   cancelled,
   positions closed at the next open.
6. Decide, for instruments that have a bar. Held bars count the entry bar. Exits: rule of the held side, then max
   holding. An exit rule also cancels
   the working entry of its side. Entries: both sides true is refused; positioned in that direction: ignored, unless
   pyramiding leaves room (n adds at most);
   positioned against: ignored unless the exit of the held side is true too or reversing is on, then both legs are
   ordered; a working entry of
   the same side: ignored, of the other side: replaced. Then, strongest first and in the strategy's order, each is
   checked: trading
   state, filters, cooldown, one entry per session, known distances and rate, slots, and sized:
   units = value; notional = value / (price x rate); percent = equity x value / (price x rate); risk = equity x value
   / (stop distance x
   rate); volatility = equity x value / (the volatility column x rate). Caps, the lowest binding one is named:
   position limit x equity less the
   notional held; max order notional; free margin = equity - used margin - reserved margin (plus the reversed
   position's own).
   Rounded down to the lot step (within 1e-6 of a step is that step); below the minimum it is refused.
   Prices for sizes and margins: the close of the side that will be traded (limit and stop orders too).
7. The last bar. Positions stay open and orders `working`; no decision of the last bar is filled. With close_at_end
   positions are closed
   after that bar's decisions, at the last close of their side, without slippage, and the bar is marked again.
"""
