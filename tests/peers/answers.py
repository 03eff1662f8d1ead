"""Answers: run the peers on every case and write what they said to `tests/answers/`.

`python -m tests.peers.answers`, part of `make bench-correctness`. Cases whose bars are not at hand keep their answers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.peers.cases import ANSWERS, BACKTESTING, VECTORBT, Case, arrays, case_bars, has_shared_bars
from tests.peers.environment import make_environment, run_peer


def main() -> None:
    """Refresh every answer file."""
    make_environment()
    goog = run_peer("goog", {}, {})
    how = "made by `python -m tests.peers.answers`; "
    _write("goog_daily", {"how": how + "the daily bars of GOOG that the package ships", **goog})
    for name, cases, settings in (
        ("backtesting", BACKTESTING, {}),
        ("vectorbt", VECTORBT, {"engine": "rust"}),
    ):
        _write(name, _answers(f"{name}_trades", cases, settings, goog, how))


def _answers(
    program: str, cases: Sequence[Case], settings: dict[str, Any], goog: dict[str, Any], how: str
) -> dict[str, Any]:
    path = ANSWERS / f"{program.removesuffix('_trades')}.json"
    known = json.loads(path.read_text())["cases"] if path.is_file() else {}
    found: dict[str, Any] = {}
    for case in cases:
        if has_shared_bars(case):
            found[case.name] = run_peer(program, {**case.settings(), **settings}, arrays(case_bars(case, goog)))
        elif case.name in known:
            found[case.name] = known[case.name]
        sys.stdout.write(f"{program}: {case.name}: {len(found[case.name]['trades']['pnl'])} trades\n")
    return {"how": how + f"tests/peers/programs/{program}.py on the cases of tests/peers/cases.py", "cases": found}


def _write(name: str, content: dict[str, Any]) -> None:
    ANSWERS.mkdir(exist_ok=True)
    (ANSWERS / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
