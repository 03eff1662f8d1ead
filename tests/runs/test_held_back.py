"""Commands before the first bar: what holds trading back holds from the first bar on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sptrader.kernel import state as k
from sptrader.model.messages import Command
from sptrader.orchestrator.between import take_command
from sptrader.orchestrator.session import Session
from tests.runs.faulty import setting


def said(session: Session, word: str) -> str:
    return take_command(session, Command(command_id=word, command=word, by="ann", at_ns=0)).verdict  # type: ignore[arg-type]


@pytest.mark.parametrize(("word", "trading"), [("kill", k.HALTED), ("pause", k.HALTED), ("reduce_only", k.REDUCING)])
def test_trading_is_held_back_from_the_first_bar_on(word: str, trading: float, tmp_path: Path) -> None:
    session = Session(setting(tmp_path, 60)[0].setting)
    assert said(session, word) == "acted"
    assert session.opens_as == trading
    assert session.is_paused
    assert session.is_killed == (word == "kill")
    if word == "kill":
        assert said(session, "resume") == "refused"
        assert said(session, "unlatch") == "acted"
    assert said(session, "resume") == "acted"
    assert session.opens_as == k.ACTIVE
