"""Components are found by their file's name, imported when asked for, and replaced by the workspace's own."""

import subprocess
import sys

import pytest

from sptrader.components.loader import create_component, load_component, registry, shipped_folder
from sptrader.errors import ComponentError

SOURCE = '''
import numpy as np
from sptrader.components import indicator


@indicator(category="mine")
def {name}(close: np.ndarray) -> np.ndarray:
    """{doc}"""
    return close
'''


def write(folder, name, *, doc="Mine.", function=None, kind="indicators"):
    path = folder / "components" / kind / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SOURCE.format(name=function or name, doc=doc))
    return path


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_WORKSPACE", str(tmp_path))
    return tmp_path


def test_shipped_library_is_found(workspace):
    known = registry()
    assert {"sma", "ema", "rsi", "atr", "bollinger", "donchian", "ma_crossover", "threshold", "breakout"} <= {
        *known.entries
    }
    component = known.get("ema")
    assert component.source_path == shipped_folder() / "indicators" / "ema.py"
    assert len(component.source_hash) == 64
    assert component.overrides is None


def test_workspace_file_overrides_the_shipped_one_and_says_so(workspace):
    path = write(workspace, "ema")
    component = registry().get("ema")
    assert (component.category, component.source_path) == ("mine", path.resolve())
    assert component.overrides == shipped_folder() / "indicators" / "ema.py"
    assert registry().entries["ema"].origin == "workspace"


def test_workspace_is_the_current_folder_when_not_set(tmp_path, monkeypatch):
    monkeypatch.delenv("SPTRADER_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "mine")
    assert registry().get("mine").category == "mine"


def test_shipped_folder_as_workspace_overrides_nothing(monkeypatch):
    monkeypatch.setenv("SPTRADER_WORKSPACE", str(shipped_folder().parent))
    assert registry().get("ema").overrides is None


def test_changed_file_is_imported_anew(workspace):
    path = write(workspace, "mine", doc="Before.")
    before = registry().get("mine")
    path.write_text(path.read_text().replace("Before.", "After."))
    after = registry().get("mine")
    assert (before.doc, after.doc) == ("Before.", "After.")
    assert before.source_hash != after.source_hash


def test_unknown_name_offers_the_nearest(workspace):
    with pytest.raises(ComponentError, match="component 'emma' is not known; did you mean 'ema'"):
        registry().get("emma")


def test_failing_import_names_the_file_and_leaves_the_others_usable(workspace):
    path = write(workspace, "bad")
    path.write_text("import nothing_of_this_name\n")
    with pytest.raises(ComponentError, match=r"bad\.py: the component's file cannot be imported: ModuleNotFoundError"):
        registry().get("bad")
    assert list(registry().faults()) == ["bad"]
    assert registry().get("sma").name == "sma"


def test_syntax_error_names_the_file(workspace):
    write(workspace, "bad").write_text("def bad(:\n")
    with pytest.raises(ComponentError, match=r"bad\.py: .*SyntaxError"):
        registry().get("bad")


def test_function_must_have_the_files_name(workspace):
    write(workspace, "mine", function="other")
    with pytest.raises(ComponentError, match="the component's function was 'other'; allowed is 'mine'"):
        registry().get("mine")


def test_file_holds_one_component(workspace):
    write(workspace, "mine").write_text("value = 1\n")
    with pytest.raises(ComponentError, match="holds none"):
        registry().get("mine")
    write(workspace, "mine").write_text(SOURCE.format(name="mine", doc="") + SOURCE.format(name="more", doc=""))
    with pytest.raises(ComponentError, match="holds mine, more"):
        registry().get("mine")


def test_imported_component_of_another_file_does_not_count(workspace):
    path = write(workspace, "mine")
    path.write_text(
        "from sptrader.components import registry\nsma = registry().get('sma').function\n" + path.read_text()
    )
    assert registry().get("mine").name == "mine"


def test_same_name_twice_in_a_folder_is_refused(workspace):
    write(workspace, "mine")
    write(workspace, "mine", kind="signals")
    with pytest.raises(ComponentError, match="two files hold the component 'mine'"):
        registry()


def test_files_and_folders_that_begin_with_an_underscore_or_a_dot_are_left_alone(workspace):
    write(workspace, "_notes")
    write(workspace, "mine-checkpoint", function="mine", kind="indicators/.ipynb_checkpoints")
    assert not {"_notes", "mine-checkpoint"} & {*registry()}


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ComponentError, match=r"gone\.py: the component's file cannot be read"):
        load_component(tmp_path / "gone.py")


def test_file_named_like_a_package_hides_nothing(workspace):
    write(workspace, "json")
    assert registry().get("json").function.__module__.startswith("sptrader_component_json_")
    assert sys.modules["json"].dumps(1) == "1"


@pytest.mark.parametrize("kind", ["indicator", "signal"])
def test_new_component_is_found_and_works(workspace, kind):
    path = create_component("my_idea", kind)
    assert path == workspace.resolve() / "components" / f"{kind}s" / "my_idea.py"
    assert registry().get("my_idea").kind == kind
    with pytest.raises(ComponentError, match="a component of this name exists"):
        create_component("my_idea", "indicator")


@pytest.mark.parametrize("name", ["9lives", "two words", "class", "_hidden"])
def test_new_component_needs_a_name_for_a_function(tmp_path, name):
    with pytest.raises(ComponentError, match="allowed is a Python name"):
        create_component(name, "indicator", folder=tmp_path)


def test_importing_components_imports_no_component_and_nothing_heavy():
    code = (
        "import sys, sptrader.components as c; c.registry(); "
        "print([m for m in sys.modules if m.startswith('sptrader_component_') or m in ('numba', 'talib', 'plotly')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_link_has_its_own_name_and_the_path_it_leads_to_now(workspace, tmp_path):
    for place in ("one", "two"):
        write(tmp_path / place, "mine", doc=place)
    link = workspace / "components" / "mine.py"
    link.parent.mkdir(exist_ok=True)
    for place in ("one", "two"):
        target = tmp_path / place / "components" / "indicators" / "mine.py"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert registry().get("mine").source_path == target.resolve()
        assert registry().get("mine").doc == place
