"""Plans: the plan of a strategy with its parameters, made once for as long as its components stay as they are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from sptrader.components.loader import registry
from sptrader.errors import ComponentError
from sptrader.model.recent import Recent
from sptrader.strategy.plan import Plan, make_plan
from sptrader.strategy.strategy import Strategy
from sptrader.strategy.wiring import Components

# By the strategy's place in memory, where no other can be as long as its plan is kept.
_plans: Recent[Hashable, Plan] = Recent(64)


def plan_of(strategy: Strategy, params: Mapping[str, object] | None = None) -> Plan:
    """Return what `make_plan` does with the components there are now; raise as it does."""
    components = registry()
    values = strategy.parameter_values(params)
    key = id(strategy), tuple((name, type(value), value) for name, value in values.items())
    found = _plans.get(key)
    if found is None or not _is_current(found, components):
        found = make_plan(strategy, values, components)
        _plans.put(key, found)
    return found


def _is_current(plan: Plan, components: Components) -> bool:
    """Whether every component of `plan` still is the one that its name leads to."""
    try:
        return all(components.get(call.component.name) == call.component for call in plan.calls)
    except ComponentError:
        return False
