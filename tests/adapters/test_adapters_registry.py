"""Engines are found by name; what is wrong is said in one line that tells what to do."""

import sys

import pytest

from gradproof.oracles import registry
from gradproof.oracles.errors import EngineError

ENGINE = """
class Engine:
    name, lineage, namespace = "mine", "mine", None
    from_numpy = to_numpy = vjp = staticmethod(lambda *args: None)

class Whole(Engine):
    namespace = object()

class Broken(Whole):
    def __init__(self):
        raise RuntimeError("no device\\nand more")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engine_of_my_own.py").write_text(ENGINE)
    (tmp_path / "needy_engine.py").write_text("import a_module_nobody_has")
    (tmp_path / "faulty_engine.py").write_text("1 / 0")
    yield tmp_path
    sys.modules.pop("engine_of_my_own", None)


def message(name):
    with pytest.raises(EngineError) as caught:
        registry.engine(name)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_three_engines_are_registered():
    assert {"native", "torch", "jax"} <= set(registry.names())


def test_an_engine_of_a_file_in_the_current_directory_is_found(here):
    before = list(sys.path)
    found = registry.engine("engine_of_my_own:Whole")
    assert found.name == "mine"
    assert sys.path == before
    assert registry.version(found) == "unknown"


def test_an_unknown_name_lists_what_there_is_and_what_is_close():
    text = message("torhc")
    assert "Did you mean 'torch'?" in text
    listed = text.partition("There are: ")[2].partition(";")[0].split(", ")
    assert {"jax", "native", "torch"} <= set(listed)
    assert listed == sorted(listed)


def test_a_missing_framework_names_the_extra(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "jax" or n.startswith("gradproof.oracles.adapters.jax")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jax", None)
    assert message("jax") == "engine 'jax' needs 'jax', which is not installed: pip install \"gradproof[jax]\""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nowhere_at_all:Engine", "no module named 'nowhere_at_all'"),
        ("engine_of_my_own:Other", "has no 'Other'"),
        ("engine_of_my_own:Engine", "lacks namespace"),
        ("engine_of_my_own:Broken", "Broken() failed: RuntimeError: no device"),
        ("needy_engine:Engine", "needs 'a_module_nobody_has'"),
        ("faulty_engine:Engine", "importing 'faulty_engine' failed: ZeroDivisionError"),
        ("a file.py:Engine", "expected module:Class"),
        ("engine_of_my_own:", "expected module:Class"),
    ],
)
def test_what_is_wrong_with_an_engine_of_ones_own_is_said(here, name, expected):
    assert expected in message(name)
