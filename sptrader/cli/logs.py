"""Logs: what the processes of a session say on standard error, as lines for people or as JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_OWN = ("sptrader",)
_KNOWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, and whatever the record carries beside them."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        line.update({name: value for name, value in record.__dict__.items() if name not in _KNOWN})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=_plain)


def _plain(value: object) -> object:
    """A message as its fields, anything else as its text."""
    import msgspec

    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else str(value)


def log_to_stderr(*, is_json: bool) -> None:
    """Send the package's log to standard error: warnings and worse, or with `is_json` all that happens, as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if is_json else logging.Formatter("sptrader: %(message)s"))
    for name in _OWN:
        logger = logging.getLogger(name)
        for old in [one for one in logger.handlers if isinstance(one, logging.StreamHandler)]:
            logger.removeHandler(old)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if is_json else logging.WARNING)
        logger.propagate = False
