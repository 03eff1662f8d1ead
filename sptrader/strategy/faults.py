"""Faults: everything wrong with one strategy file, collected with line and column and raised at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sptrader.errors import StrategyError, did_you_mean


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file: line and column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong, at `mark`, under the key path `key`."""

    mark: Mark
    key: str
    sentence: str


@dataclass
class Faults:
    """The faults of the file at `path`, in the order they are found."""

    path: str
    found: list[Fault] = field(default_factory=list)

    def add(self, mark: Mark, key: str, sentence: str) -> None:
        """Note that `key` at `mark` is wrong; a fault already noted is not repeated."""
        fault = Fault(mark, key, sentence)
        if fault not in self.found:
            self.found.append(fault)

    def text(self, fault: Fault) -> str:
        """Return `fault` as one sentence with file, line and column."""
        key = f"{fault.key}: " if fault.key else ""
        return f"{self.path}:{fault.mark.line}:{fault.mark.column}: {key}{fault.sentence}"

    def raise_any(self) -> None:
        """Raise one `StrategyError` with every fault, in the order of the file; do nothing when there is none."""
        if not self.found:
            return
        ordered = sorted(self.found)
        texts = [self.text(fault) for fault in ordered]
        message = (
            texts[0]
            if len(texts) == 1
            else f"{self.path} has {len(texts)} faults:\n" + "\n".join(f"  {t}" for t in texts)
        )
        raise StrategyError(message, faults=texts, path=self.path, key=ordered[0].key or None)


def unknown(what: str, name: str, known: Iterable[str], *, label: str = "Allowed") -> str:
    """Return the sentence for a `name` that is none of `known`: the nearest one, and all of them."""
    names = list(known)
    near = did_you_mean(name, names) or "."
    return f"{what} '{name}' is not known{near} {label}: {', '.join(names) or 'none'}."
