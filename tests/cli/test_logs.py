"""Logs as JSON: one object a line, with what the record carries beside its message."""

import json
import logging
from decimal import Decimal

from sptrader.cli.logs import JsonLines
from sptrader.model.orders import Cancel


def test_a_record_is_one_line_with_its_instruction_as_fields():
    told = Cancel(client_order_id="x", symbol="EURUSD", reason="by\nhand", time_ns=7, created_at=8)
    record = logging.makeLogRecord(
        {"msg": "for execution of %s", "args": ("a",), "levelname": "INFO", "name": "sptrader.live"}
    )
    record.instruction, record.price, record.account = told, Decimal("1.10"), "a"

    line = JsonLines().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert found["level"] == "info"
    assert found["instruction"]["client_order_id"] == "x"
    assert found["instruction"]["reason"] == "by\nhand"
    assert (found["price"], found["account"]) == ("1.10", "a")
