"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import sptrader.performance

MODULES = [module.name for module in pkgutil.iter_modules(sptrader.performance.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings_hold(name):
    module = importlib.import_module(f"sptrader.performance.{name}")

    result = doctest.testmod(module, extraglobs={"np": __import__("numpy")})

    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(f"sptrader.performance.{name}") for name in MODULES]

    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) >= 15
