"""Session file: what a session trades, kept in its folder beside the journal, so that it can be traded again later."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from sptrader.errors import RunError
from sptrader.model.bars import BarsFacts
from sptrader.model.period import time_text
from sptrader.runs.live_setting import LiveSetting, make_live_setting
from sptrader.runs.reconcile_policy import policy_of
from sptrader.strategy.loader import read_strategy

FILE = "session.json"


def keep_setting(folder: Path, live: LiveSetting) -> None:
    """Write what the session trades to its folder."""
    setting, strategy = live.setting, live.strategy
    told = {
        "strategy": {
            "text": strategy.source_text,
            "path": strategy.source_path,
            "hash": strategy.source_hash,
        },
        "parameters": dict(live.plan.parameters),
        "symbols": list(live.plan.symbols),
        "facts": {symbol: asdict(facts) for symbol, facts in setting.facts.items()},
        "cash": setting.cash,
        "currency": setting.currency,
        "start": None if setting.start_ns is None else time_text(setting.start_ns),
        "account": live.account,
        "mode": live.mode,
        "on_difference": asdict(live.policy),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{FILE}.part"
        draft.write_text(json.dumps(told, indent=2, default=str), encoding="utf-8")
        draft.replace(folder / FILE)
    except OSError as error:
        raise RunError(
            f"the session's folder {folder} cannot be written to: {error.strerror}.", path=folder, key="folder"
        ) from error


def kept_setting(folder: Path) -> LiveSetting:
    """Read what the session of a folder trades; raises `RunError` for a folder that holds no session."""
    path = folder / FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        said = told["strategy"]
        strategy = read_strategy(said["text"], path=said["path"], source_hash=said["hash"])
        return make_live_setting(
            strategy,
            {symbol: BarsFacts(**facts) for symbol, facts in told["facts"].items()},
            symbols=tuple(told["symbols"]),
            params=told["parameters"],
            cash=told["cash"],
            currency=told["currency"],
            start=told["start"],
            mode=told["mode"],
            account=told["account"],
            policy=policy_of(None, told.get("on_difference", {})),
        )
    except FileNotFoundError as error:
        raise RunError(f"{folder} holds no session (no {FILE}).", path=folder, key="folder") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error}.", path=path, key="folder") from error
