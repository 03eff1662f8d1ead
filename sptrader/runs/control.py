"""Control: finding a running session's server, telling the session something, and hearing what it answers."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

from sptrader.clock import LiveClock
from sptrader.errors import RunError, did_you_mean
from sptrader.execution.resolving import STATUS
from sptrader.model.messages import Command, Heartbeat
from sptrader.model.ports import Streams
from sptrader.runs.leftovers import heartbeats, is_fresh, read_snapshot
from sptrader.runs.part import UNANSWERED
from sptrader.runs.session_file import FILE, kept_setting
from sptrader.runs.sessions import SessionRecord, find_session, known_sessions, without_password
from sptrader.runs.stopping import ask_to_stop
from sptrader.streams import keys
from sptrader.streams.codec import encode
from sptrader.streams.redis import Patience, RedisStreams

Word = Literal["pause", "resume", "reduce_only", "flatten", "set_limit", "cancel", "close", "resolve"]
_Status = Literal["", "working", "filled", "cancelled", "rejected"]
NEEDED = ("worker", "execution", "orchestrator")
_PATIENCE = Patience(answer_s=3.0, attempts=3, most_s=6.0)
_LOOK_S = 0.1


class Place(NamedTuple):
    """A session as a person reaches it; `record` is None for one that this user did not start here."""

    account: str
    streams: RedisStreams
    record: SessionRecord | None

    @property
    def folder(self) -> Path | None:
        """The session's folder, where it is on this machine."""
        return Path(self.record.folder) if self.record is not None and self.record.is_here else None


@dataclass(frozen=True)
class Health:
    """How a session is: well when its three parts have spoken lately and its broker answers, or when its bars have ended."""

    account: str
    parts: tuple[Heartbeat, ...]
    silent: tuple[str, ...]
    snapshot: dict[str, object] | None

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all were booked."""
        return self.snapshot is not None and bool(self.snapshot.get("is_over"))

    @property
    def is_well(self) -> bool:
        """Whether nothing that should live is silent, and no broker."""
        return self.is_over or not (self.silent or any(beat.counters.get(UNANSWERED) for beat in self.parts))


@contextmanager
def reached(account: str | None, *, folder: Path | None = None, redis_url: str | None = None) -> Iterator[Place]:
    """Give a session and a connection to its server, by account or folder, or the only one there is.

    Raises `RunError` for a session that is not known, `StreamError` where its server does not answer.
    """
    if account is not None and redis_url is not None and folder is None and account not in _known_accounts():
        record, url = None, redis_url
    else:
        record = find_session(account, folder)
        url = redis_url if redis_url is not None and without_password(redis_url) == record.url else record.url
    streams = RedisStreams(url, patience=_PATIENCE)
    try:
        yield Place(record.account if record is not None else str(account), streams, record)
    finally:
        streams.close()


@contextmanager
def switch_of(
    account: str | None, *, folder: Path | None = None, redis_url: str | None = None
) -> Iterator[tuple[str, Path | None, RedisStreams | None]]:
    """Give what a session's kill switch is reached by: its account, its folder, and its server where that is known.

    The folder alone is enough for a session whose processes have ended, as they do when their server stays away. Raises as `reached`.
    """
    is_left = folder is not None and (folder / FILE).is_file()
    if folder is None or not is_left or any(one.folder == str(folder.resolve()) for one in known_sessions()):
        with reached(account, folder=folder, redis_url=redis_url) as place:
            yield place.account, place.folder, place.streams
        return
    streams = None if redis_url is None else RedisStreams(redis_url, patience=_PATIENCE)
    try:
        yield kept_setting(folder).account, folder, streams
    finally:
        if streams is not None:
            streams.close()


def health(place: Place) -> Health:
    """Ask how a session is."""
    beats = heartbeats(place.streams, place.account)
    fresh = {beat.role for beat in beats if is_fresh(beat)}
    silent = tuple(role for role in NEEDED if role not in fresh)
    return Health(place.account, tuple(beats), silent, read_snapshot(place.streams, place.account))


@dataclass(frozen=True)
class Fate:
    """What a person saw at the broker of an order: `working`, `filled`, `cancelled` or `rejected`; a filled one at a price,
    whole where no quantity is said, under the broker's id of the fill where it is known.
    """

    status: str
    price: Decimal | None = None
    quantity: Decimal | None = None
    fill_id: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUS:
            raise RunError(
                f"--as was '{self.status}'{did_you_mean(self.status, STATUS) or '.'} Allowed: {', '.join(STATUS)}.",
                key="as",
                value=self.status,
            )
        if self.status == "filled" and self.price is None:
            raise RunError("a filled order needs the price that the broker shows: --price.", key="price")
        if self.status != "filled" and (self.price is not None or self.quantity is not None or self.fill_id):
            raise RunError(f"--price, --quantity and --fill-id are for --as filled; it was {self.status}.", key="as")
        for name, number in (("price", self.price), ("quantity", self.quantity)):
            if number is not None and not (number.is_finite() and number > 0):
                raise RunError(f"--{name} was {number}; allowed is a number above 0.", key=name, value=number)


def tell(
    streams: Streams,
    account: str,
    word: str,
    *,
    by: str,
    name: str = "",
    value: float | None = None,
    fate: Fate | None = None,
) -> Command:
    """Put a command onto the account's stream of control and return it; `fate` is what `resolve` says of the order `name`."""
    if word not in get_args(Word):
        shown = [{"set_limit": "limit"}.get(one, one).replace("_", "-") for one in (*get_args(Word), "unlatch")]
        raise RunError(
            f"the command was '{word}'{did_you_mean(word, shown) or '.'} Allowed: {', '.join(shown)}.",
            key="command",
            value=word,
        )
    command = Command(
        command_id=uuid.uuid4().hex,
        command=cast(Word, word),
        by=by,
        at_ns=LiveClock().now_ns(),
        name=name,
        value=value,
        status=cast(_Status, "" if fate is None else fate.status),
        price=None if fate is None else fate.price,
        quantity=None if fate is None else fate.quantity,
        fill_id="" if fate is None else fate.fill_id,
    )
    streams.add(keys.control(account), encode(command))
    return command


def ask(
    place: Place,
    word: str,
    *,
    by: str,
    name: str = "",
    value: float | None = None,
    fate: Fate | None = None,
    wait_s: float = 5.0,
) -> dict[str, object]:
    """Tell a session something and return its answer: `verdict` and `why`. Raises `RunError` when it does not answer in time."""
    clock = LiveClock()
    what = f"{word} by {by}"
    before = len(_answers(place, what))
    tell(place.streams, place.account, word, by=by, name=name, value=value, fate=fate)
    until_s = clock.elapsed_s() + wait_s
    while clock.elapsed_s() < until_s:
        found = _answers(place, what)
        if len(found) > before:
            return found[-1]
        threading.Event().wait(_LOOK_S)
    raise RunError(
        f"the session of account '{place.account}' did not answer within {wait_s:g} s; it takes the command when it lives again.",
        key="account",
        value=place.account,
        is_failure=True,
    )


def stop_session(place: Place, *, wait_s: float) -> bool:
    """Ask all processes of a session to end after the step they are in; return whether they have within `wait_s`."""
    ask_to_stop(place.streams, place.account)
    clock = LiveClock()
    until_s = clock.elapsed_s() + wait_s
    while clock.elapsed_s() < until_s:
        if not any(one.is_alive for one in known_sessions() if one.account == place.account and one.pid != os.getpid()):
            return True
        threading.Event().wait(_LOOK_S)
    return False


def _known_accounts() -> set[str]:
    return {record.account for record in known_sessions()}


def _answers(place: Place, what: str) -> list[dict[str, object]]:
    told = read_snapshot(place.streams, place.account) or {}
    recent = cast(list[dict[str, object]], told.get("recent", []))
    return [note for note in recent if note.get("what") == what]
