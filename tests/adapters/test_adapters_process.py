"""An engine in another language, over a pipe: built here, judged as any other, and its faults told in one line."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradproof.oracles import registry
from gradproof.oracles.adapters.process import Process
from gradproof.oracles.errors import EngineError, Unsupported

SOURCE = Path(__file__).parent / "process_engine" / "engine.cpp"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler here (g++ or clang++)")
    program = tmp_path_factory.mktemp("engine") / "engine"
    subprocess.run([compiler, "-O1", "-std=c++17", "-o", program, SOURCE], check=True)
    return program


@pytest.fixture
def cpp(built):
    engine = registry.engine(f"process:{built}")
    yield engine
    engine.process.close()


def test_the_engine_in_cpp_means_what_numpy_means(cpp, rows, outcome):
    judged = set()
    for row in rows:
        if row.op.split(".")[0] not in vars(cpp.namespace) or "." in row.op or any(x.size == 0 for x in row.cast(float)):
            continue
        value, gradients = outcome(cpp, row, np.float64)
        np.testing.assert_allclose(value, row.expected(row.cast(float)), rtol=1e-13, atol=1e-13, err_msg=str(row))
        assert [g.shape for g in gradients] == [row.cast(float)[i].shape for i in row.floats(float)]
        judged.add(row.op)
    assert judged == set(vars(cpp.namespace))


def test_the_engine_in_cpp_is_clean_before_the_judge(built, tmp_path):
    command = [sys.executable, "-m", "gradproof", "verify", f"process:{built}", "--cases", "4", "--graphs", "20"]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout
    assert "clean: 0 failing" in run.stdout


def python(program):
    return Process(f"{sys.executable} -c '{program}'")


def test_a_process_that_dies_is_named_with_what_it_answered():
    with pytest.raises(EngineError, match=r"answered '' to 'hello'.*expected one JSON object"):
        python("pass").ask({"do": "hello"})


def test_what_a_process_declines_is_unsupported_and_its_error_is_an_error():
    declining = python('input(); print("{\\"unsupported\\": \\"no such axis\\"}", flush=True); input()')
    with pytest.raises(Unsupported, match="no such axis"):
        declining.ask({"do": "value"})
    declining.close()
    failing = python('input(); print("{\\"error\\": \\"singular\\"}", flush=True); input()')
    with pytest.raises(EngineError, match="singular"):
        failing.ask({"do": "value"})
    failing.close()


def test_a_program_that_is_not_there_is_said():
    with pytest.raises(EngineError, match="does not start"):
        registry.engine("process:./no_such_engine")


@pytest.mark.parametrize("command", ["", " ", "'./my_engine"])
def test_a_command_that_is_none_is_said_in_one_line(command):
    with pytest.raises(EngineError, match=r"does not start: [^\n]+$"):
        registry.engine(f"process:{command}")


@pytest.mark.parametrize("hello", ['{"ops": ["add"]}', '{"name": "mine"}', '{"name": "mine", "ops": [1]}', '{"name": 3, "ops": []}'])
def test_a_hello_without_name_or_ops_is_said_with_what_is_expected(hello, tmp_path):
    program = tmp_path / "engine.py"
    program.write_text(f"input(); print({hello!r}, flush=True); input()")
    with pytest.raises(EngineError, match="expected its name and its ops"):
        registry.engine(f"process:{sys.executable} {program}")
