"""Evidence: what an orchestrator asks the broker for at its start, and how its books stood to the answer."""

from __future__ import annotations

from sptrader.clock import LiveClock
from sptrader.execution.reconcile import Policy
from sptrader.model.messages import BrokerEvidence, EvidenceRequest, Reconciled
from sptrader.model.ports import Entry
from sptrader.orchestrator.session import Session
from sptrader.runs.again import Writes
from sptrader.runs.reconciling import reconciled, request
from sptrader.streams import keys
from sptrader.streams.codec import encode
from sptrader.streams.journal import Step
from sptrader.streams.journal_reader import JournalReader

# the journal's own notes among the inputs
ASKED = "asked"  # for the broker's evidence
COMPARED = "compared"  # and what came of it


class Comparison:
    """One request at a time and what came of the last; both are journalled, and folded alike when the journal is."""

    def __init__(self, session: Session, journal: JournalReader, policy: Policy) -> None:
        self._session, self._journal, self._policy = session, journal, policy
        self._clock = LiveClock()
        self._asked = ""  # the request whose answer is waited for
        self.found: Reconciled | None = None  # what came of the last comparison

    @property
    def is_waiting(self) -> bool:
        """Whether the evidence was asked for and is not there yet."""
        return bool(self._asked)

    def ask(self, step: Step) -> None:
        """Ask for the broker's evidence; what it shows is compared before anything is traded on."""
        asked = request(self._session, self._journal, at_ns=self._clock.now_ns())
        step.add_input(Entry(ASKED, asked.request_id, encode(asked)))
        self.fold_request(asked, step)

    def fold_request(self, asked: EvidenceRequest, step: Writes) -> None:
        """Wait for the answer to a request, and send it."""
        self._asked = asked.request_id
        step.send(keys.orders(self._session.setting.account), f"request:{asked.request_id}", asked)

    def compare(self, entry: Entry, shown: BrokerEvidence, step: Step) -> Reconciled | None:
        """Compare the books with what the broker shows and journal what came of it; None for the answer to another request."""
        step.set_last_id(entry.stream, entry.id)
        if not shown.request_id:
            self.ask(step)
        if not shown.request_id or shown.request_id != self._asked:
            return None
        at_ns = self._session.last_ns or shown.at_ns
        found = reconciled(self._session, self._journal, shown, self._policy, step=step, at_ns=at_ns)
        step.add_input(Entry(COMPARED, shown.request_id, encode(found)))
        return found

    def fold_reconciled(self, found: Reconciled) -> None:
        """Take note of what came of a comparison: nothing is waited for any longer."""
        self._asked, self.found = "", found

    def told(self) -> dict[str, object] | None:
        """Return how the books stood to the broker's evidence last, as a snapshot shows it; None where it was never asked for."""
        found = self.found
        if found is None:
            return {"decision": "waiting", "differences": []} if self._asked else None
        decision = "waiting" if self._asked else found.decision
        return {"decision": decision, "differences": list(found.differences), "blocked": sorted(self._session.blocked)}
