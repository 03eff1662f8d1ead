"""The tables of a session's journal, and who made one.

meta          what the journal is, and for whom: schema, account, mode, strategy, version, plan
last_ids      per stream the last entry whose outcome is in here
inputs        every entry that was acted on, as it came
decisions     what was concluded, with its reason
orders        each order and how it stands now          fills      each execution, once
outbox        what is to be sent, and whether it was     commands   what people said, once
state         the state that all this led to, by name   dead_letters, counters
shelf         what a process knows and has no room for in memory; each start makes it anew from the inputs
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = 2

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE last_ids (stream TEXT PRIMARY KEY, id TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE inputs (
    seq INTEGER PRIMARY KEY, stream TEXT NOT NULL, stream_id TEXT NOT NULL, field TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, symbol TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE orders (
    client_order_id TEXT PRIMARY KEY, symbol TEXT NOT NULL, status TEXT NOT NULL, filled TEXT NOT NULL,
    reason TEXT NOT NULL, updated_ns INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE fills (
    seq INTEGER PRIMARY KEY, fill_id TEXT NOT NULL UNIQUE, client_order_id TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY, stream TEXT NOT NULL, key TEXT NOT NULL, field TEXT NOT NULL, body BLOB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'sending', 'sent')), stream_id TEXT NOT NULL DEFAULT '',
    UNIQUE (stream, key)
) STRICT;
CREATE INDEX unsent ON outbox (seq) WHERE status <> 'sent';
CREATE TABLE commands (
    seq INTEGER PRIMARY KEY, command_id TEXT NOT NULL UNIQUE, at_ns INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE state (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE dead_letters (
    seq INTEGER PRIMARY KEY, stream TEXT NOT NULL, stream_id TEXT NOT NULL, reason TEXT NOT NULL, at_ns INTEGER NOT NULL,
    fields BLOB NOT NULL
) STRICT;
CREATE TABLE shelf (
    kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (kind, key)
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Identity:
    """Whose journal it is. `plan` is the digest of what the strategy computes and how, parameters included.

    Another account's or mode's journal is never opened; one of another strategy, version or plan only to be adopted.
    """

    account: str
    mode: str
    strategy: str
    version: str
    plan: str


FIXED = ("account", "mode")
ADOPTABLE = ("strategy", "version", "plan")
