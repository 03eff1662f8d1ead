"""Compare: several runs side by side, with what differs between them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import pandas as pd

from sptrader.errors import RunError
from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.runs.run import Run

MOST = len(ascii_uppercase)
_SHORT = 12  # of a hash: enough to see that it differs


@dataclass(frozen=True)
class ComparedRow:
    """One fact of every run: its `group` (`metrics`, `parameters`, `data`, ...), its `name`, the `values`, and how they are
    written, in the order of the runs."""

    group: str
    name: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]

    @property
    def is_different(self) -> bool:
        """Whether the runs do not agree."""
        return len(set(map(repr, self.values))) > 1


@dataclass(frozen=True)
class Comparison:
    """Runs under the labels A, B, C ..., and their facts row by row."""

    runs: tuple[Run, ...]
    rows: tuple[ComparedRow, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """`A`, `B`, `C`, ..."""
        return tuple(ascii_uppercase[: len(self.runs)])

    @property
    def differences(self) -> tuple[ComparedRow, ...]:
        """What they were made of that differs: all but the metrics and findings."""
        return tuple(row for row in self.rows if row.is_different and row.group not in ("metrics", "findings"))

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the metrics may not be comparable."""
        return tuple(_doubts(self.rows))

    def table(self, group: str, *, only_different: bool = False) -> pd.DataFrame:
        """Return the rows of `group` as texts: a column `name` and one for each label."""
        rows = [r for r in self.rows if r.group == group and (r.is_different or not only_different)]
        columns = {label: [row.texts[at] for row in rows] for at, label in enumerate(self.labels)}
        return pd.DataFrame({"name": [row.name for row in rows], **columns})

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: `runs` by label, each group's rows as lists in that order, and what differs."""
        groups: dict[str, dict[str, list[Any]]] = {}
        for row in self.rows:
            groups.setdefault(row.group, {})[row.name] = [_plain(value) for value in row.values]
        return {
            "runs": {label: run.id for label, run in zip(self.labels, self.runs, strict=True)},
            **groups,
            "different": [f"{row.group}.{row.name}" for row in self.rows if row.is_different],
            "doubts": list(self.doubts),
        }


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Put two or more runs side by side, in the order given; raise `RunError` for fewer than two or more than 26."""
    if not 2 <= len(runs) <= MOST:
        raise RunError(f"runs were {len(runs)}; allowed are 2 to {MOST}.", key="runs", value=len(runs))
    return Comparison(tuple(runs), tuple(_rows(runs)))


def _rows(runs: Sequence[Run]) -> Iterator[ComparedRow]:
    for name in DEFINITIONS:
        values = tuple(run.metrics[name] for run in runs)
        texts = tuple(metric_text(name, run.metrics[name], currency=run.config.currency) for run in runs)
        yield ComparedRow("metrics", name, values, texts)
    groups: dict[str, list[Mapping[str, Any]]] = {
        "strategy": [{**_short(run.provenance["strategy"]), "mode": run.config.mode} for run in runs],
        "parameters": [run.parameters for run in runs],
        "settings": [run.provenance["config"] for run in runs],
        "data": [_data(run) for run in runs],
        "components": [_short(run.provenance["components"]) for run in runs],
        "software": [{**run.provenance["packages"], "engine": run.provenance["engine"]} for run in runs],
    }
    for group, facts in groups.items():
        for name in dict.fromkeys(key for fact in facts for key in fact):
            kept = tuple(fact.get(name) for fact in facts)
            yield ComparedRow(group, name, kept, tuple("" if value is None else str(value) for value in kept))
    codes = [[finding.code for finding in run.findings] for run in runs]
    for code in dict.fromkeys(code for found in codes for code in found):
        values = tuple(code in found for found in codes)
        yield ComparedRow("findings", code, values, tuple("yes" if value else "" for value in values))


def _data(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {"symbols": ", ".join(run.provenance["symbols"]), "timeframe": run.provenance["timeframe"]}
    for symbol, facts in run.provenance["data"].items():
        shown = {name: facts[name] for name in ("content_hash", "n_bars", "first", "last", "basis", "tier", "source")}
        found |= {f"{symbol}.{name}": value for name, value in _short(shown).items()}
    return found


def _short(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value[:_SHORT] if isinstance(value, str) and len(value) == 64 else value for name, value in facts.items()
    }


def _doubts(rows: Sequence[ComparedRow]) -> Iterator[str]:
    different = {f"{row.group}.{row.name}" for row in rows if row.is_different}
    if any(name.startswith("data.") and name.endswith(".content_hash") for name in different):
        yield "They ran on different data: their metrics are not of the same market or period."
    elif {"settings.start", "settings.end"} & different:
        yield "They traded different periods."
    if "settings.currency" in different:
        yield "Their accounts are in different currencies: amounts of money do not compare."
    if "software.engine" in different:
        yield "They were made by different versions of the engine."


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return json.loads(json.dumps(value, default=str))
