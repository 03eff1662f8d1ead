"""Components: stateless indicators and signals, their contract, registry, checks and sandbox."""

from sptrader.components.compute import Columns, Shape, columns_of, compute, indicator_columns, shape
from sptrader.components.contract import Component, Parameter, Range, component_of, indicator, signal
from sptrader.components.loader import Registry, load_component, registry
from sptrader.components.run import run_component
from sptrader.components.signals import NO_EVENT, Signals

__all__ = [
    "NO_EVENT",
    "Columns",
    "Component",
    "Parameter",
    "Range",
    "Registry",
    "Shape",
    "Signals",
    "columns_of",
    "component_of",
    "compute",
    "indicator",
    "indicator_columns",
    "load_component",
    "registry",
    "run_component",
    "shape",
    "signal",
]
