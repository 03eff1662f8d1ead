"""The house: imports point strictly down, rooms of one floor keep apart, nothing heavy or hidden happens at import.

Every import under `sptrader/` is read from the syntax tree, those inside functions and under `TYPE_CHECKING` too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sptrader"
FLOORS = {
    "cli": 9,
    "views": 8,
    "runs": 7,
    "plots": 6,
    "orchestrator": 5,
    "strategy": 4,
    **dict.fromkeys(("components", "performance", "data", "execution", "streams"), 3),
    "kernel": 2,
    "model": 1,
    **dict.fromkeys(("errors", "jit", "clock"), 0),
}
ROOF = 10  # `import sptrader` and `python -m sptrader` may use everything and be used by nothing inside
HEAVY = ("plotly", "ipywidgets", "numba", "talib", "papermill", "nbconvert", "IPython", "exchange_calendars")
WORDLESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "handler", "processor", "misc"}
WALL_CLOCK = {
    "time": {"time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "localtime", "gmtime"},
    "datetime.datetime": {"now", "utcnow", "today"},
    "datetime.date": {"today"},
    "pandas.Timestamp": {"now", "utcnow", "today"},
}


def modules(package: Path) -> dict[str, Path]:
    """Return every module of a package by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room(module: str) -> str:
    """Return the room a module lies in; the package itself for what lies on the roof."""
    parts = module.split(".")
    return parts[0] if len(parts) == 1 or parts[1] == "__main__" else parts[1]


def floor(module: str) -> int:
    """Return the floor of a module's room."""
    name = room(module)
    return ROOF if name == module.split(".")[0] else FLOORS[name]


def imported(module: str, path: Path, known: set[str]) -> Iterator[tuple[str, int]]:
    """Yield each module of the same package that `module` imports, and the line it does so."""
    package = module.split(".")[0]
    is_package = path.name == "__init__.py"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = module.split(".") if is_package else module.split(".")[:-1]
            start = here[: len(here) - node.level + 1] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            names = [f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            names = [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        for name in dict.fromkeys(names):
            if name.split(".")[0] == package and name != module:
                yield name, node.lineno


def arrows(package: Path) -> dict[tuple[str, str], int]:
    """Return every import from one module of the package to another, with its line."""
    found = modules(package)
    known = set(found)
    return {(module, target): line for module, path in found.items() for target, line in imported(module, path, known)}


def faults(package: Path) -> list[str]:
    """Return a sentence for every arrow that does not point strictly down to another room, and for every cycle."""
    found = []
    drawn = arrows(package)
    for (source, target), line in drawn.items():
        if room(source) == room(target):
            continue
        unknown = [name for name in (source, target) if room(name) != package.name and room(name) not in FLOORS]
        if unknown:
            found.append(f"{source}:{line}: '{room(unknown[0])}' is no room of the house")
        elif floor(source) < floor(target):
            found.append(f"{source}:{line}: imports {target}, up from floor {floor(source)} to {floor(target)}")
        elif floor(source) == floor(target):
            found.append(f"{source}:{line}: imports {target}, a room of the same floor {floor(source)}")
    inside: dict[str, set[str]] = {}
    for source, target in drawn:
        inside.setdefault(source, set()).add(target)
    try:
        tuple(TopologicalSorter(inside).static_order())
    except CycleError as error:
        found.append(f"cycle: {' -> '.join(error.args[1])}")
    return found


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "sptrader" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "sptrader"


def test_imports_point_strictly_down():
    assert faults(PACKAGE) == []


def test_every_file_lies_in_a_room_of_the_house():
    assert {name for name in modules(PACKAGE) if room(name) not in {*FLOORS, PACKAGE.name}} == set()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"model/bars.py": "def f():\n    import sptrader.runs.store", "runs/store.py": ""},
            "sptrader.model.bars:2: imports sptrader.runs.store, up from floor 1 to 7",
        ),
        (
            {"data/a.py": "from sptrader import components", "components/__init__.py": ""},
            "sptrader.data.a:1: imports sptrader.components, a room of the same floor 3",
        ),
        (
            {"data/a.py": "from ..streams.redis import x", "streams/redis.py": ""},
            "sptrader.data.a:1: imports sptrader.streams.redis, a room of the same floor 3",
        ),
        (
            {"data/a.py": "import importlib\nimportlib.import_module('sptrader.cli.x')", "cli/x.py": ""},
            "sptrader.data.a:2: imports sptrader.cli.x, up from floor 3 to 9",
        ),
        (
            {"runs/a.py": "import sptrader as sp", "__init__.py": ""},
            "sptrader.runs.a:1: imports sptrader, up from floor 7 to 10",
        ),
        (
            {"runs/a.py": "from sptrader.tools import x", "tools.py": ""},
            "sptrader.runs.a:1: 'tools' is no room of the house",
        ),
        (
            {
                "data/a.py": "from . import b",
                "data/b.py": "def f():\n    from sptrader.data.a import x",
                "data/__init__.py": "",
            },
            "cycle: ",
        ),
    ],
    ids=["up", "same floor", "relative", "by name", "the roof", "unknown room", "cycle"],
)
def test_the_drawing_finds_each_kind_of_fault(tmp_path, files, expected):
    found = faults(write(tmp_path, files))

    assert len(found) == 1
    assert found[0].startswith(expected)


def test_the_drawing_lets_arrows_down_pass(tmp_path):
    files = {
        "__init__.py": "from sptrader.runs import a",
        "runs/a.py": "from ..model import b",
        "model/b.py": "import os",
    }

    assert faults(write(tmp_path, files)) == []
    assert len(arrows(tmp_path / "sptrader")) == 2


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, sptrader; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )

    assert loaded.stdout.split() == []


def test_every_name_of_a_file_says_what_is_in_it():
    wordless = {name for name in modules(PACKAGE) if WORDLESS & set(name.split(".")[-1].split("_"))}

    assert wordless == set()


def undocumented(module: str, path: Path) -> Iterator[str]:
    """Yield the module, and the public functions, classes and methods in it, that have no docstring.

    Methods of classes that inherit are left out: what they do may be said where it was declared.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not ast.get_docstring(tree):
        yield module
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{module}.{node.name}"
        if isinstance(node, ast.ClassDef) and not node.bases:
            for method in node.body:
                if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) or method.name.startswith("_"):
                    continue
                decorators = {ast.unparse(decorator) for decorator in method.decorator_list}
                if not ast.get_docstring(method) and decorators <= {"property", "classmethod", "staticmethod"}:
                    yield f"{module}.{node.name}.{method.name}"


def test_every_module_and_public_function_says_what_it_does():
    silent = [name for module, path in modules(PACKAGE).items() for name in undocumented(module, path)]

    assert silent == []


def clock_readings(path: Path) -> Iterator[str]:
    """Yield each place in a file that reads the machine's clock, under whatever name it was imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name.split(".")[0]): alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {(alias.asname or alias.name): f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        first, *rest = ast.unparse(node).split(".")
        source, _, last = ".".join([names.get(first, first), *rest]).rpartition(".")
        if last in WALL_CLOCK.get(source, ()):
            yield f"{path.name}:{node.lineno}: {ast.unparse(node)}"


def test_the_wall_clock_is_read_in_one_file():
    readers = {
        module: list(clock_readings(path)) for module, path in modules(PACKAGE).items() if module != "sptrader.clock"
    }

    assert {module: found for module, found in readers.items() if found} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "from time import perf_counter as p\np()",
        "import datetime as dt\ndt.datetime.now()",
        "from datetime import date\ndate.today()",
        "import pandas as pd\nf(default_factory=pd.Timestamp.now)",
    ],
)
def test_each_way_to_read_the_clock_is_seen(tmp_path, text):
    path = tmp_path / "a.py"
    path.write_text(text)

    assert len(list(clock_readings(path))) == 1


def test_waiting_is_not_reading_the_clock(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "import time\nfrom sptrader.clock import LiveClock\ntime.sleep(1)\nLiveClock().now_ns()\nself.time.time()"
    )

    assert list(clock_readings(path)) == []
