"""The command line as a user meets it: real processes, exit codes, one-line errors, nothing lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from gradproof import optable
from gradproof.cli import app, main
from gradproof.oracles.catalogue import CATALOGUE, COMPLEX
from gradproof.reports import record as records

HERE = Path(__file__).parent


def gradproof(*words: str, cwd: Path = HERE, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gradproof", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **env},
        check=False,
    )


def test_verify_writes_page_record_and_junit_and_exits_0_when_clean(tmp_path: Path) -> None:
    page, record, junit = tmp_path / "p.html", tmp_path / "r.json", tmp_path / "j.xml"
    done = gradproof(
        "verify", "--ops", "add,exp,sum", "--cases", "5", "--graphs", "20",
        "--report", str(page), "--json", str(record), "--junit", str(junit), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clean" in done.stdout
    data = json.loads(record.read_text())
    assert data["totals"]["cases"] == 2 * (3 * 5 + 20)
    assert {e["op"] for e in data["entries"]} == {"add", "exp", "sum", "graph"}
    assert "<html" in page.read_text()
    assert "<testsuite" in junit.read_text()


def test_a_thirty_line_engine_in_a_file_outside_the_package_runs_and_passes(tmp_path: Path) -> None:
    done = gradproof("verify", "my_engine:Engine", "--ops", "multiply,sin,tan", "--graphs", "50", "--dtype", "float64",
                     "--save", str(tmp_path / "f"))  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "UNSUPPORTED" in done.stdout


def test_a_wrong_rule_in_such_an_engine_is_named_with_its_smallest_graph(tmp_path: Path) -> None:
    done = gradproof("verify", "my_engine:Wrong", "--ops", "multiply,sin", "--graphs", "50", "--dtype", "float64",
                     "--save", str(tmp_path / "f"))  # fmt: skip
    assert done.returncode == 1
    assert "WRONG: wrong, to blame: sin" in done.stdout
    saved = sorted((tmp_path / "f").glob("*.json"))
    assert saved
    again = gradproof("replay", str(saved[0]), "--engine", "my_engine:Wrong")
    assert again.returncode == 1
    assert "to blame: sin" in again.stdout
    right = gradproof("replay", str(saved[0]), "--engine", "native")
    assert right.returncode == 0
    assert "AGREE" in right.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify", "nativ"), "no engine named 'nativ'. Did you mean 'native'"),
        (("verify", "nosuch"), "no engine named 'nosuch'. There are: "),
        (("verify", "my_engine"), "That is a module: write my_engine:Class"),
        (("verify", "--ops", "nothing*"), "no op matches"),
        (("verify", "--ops", "sin,nosuch"), "no op matches 'nosuch'"),
        (("verify", "--profile", "huge"), "no profile named 'huge'; there are: quick, standard, deep"),
        (("verify", "--dtype", "float8"), "dtype 'float8'"),
        (("verify", "--report", "no/such/folder/p.html"), "cannot write"),
        (("verify", "--against", "nothing.json"), "cannot read nothing.json"),
        (("replay", "nothing.json"), "cannot read nothing.json"),
        (("verify", "nowhere:Engine"), "no module named 'nowhere'"),
        (("compare", "a.json", "b.json"), "cannot read a.json"),
        (("draw", "a.json", "-o", "x.svg"), "cannot read a.json"),
        (("--nosuch",), "No such option: --nosuch. See `"),
        (("verfy",), "No such command 'verfy'. Did you mean 'verify'? See `"),
        (("verify", "--cases", "0"), "Invalid value for '--cases'"),
        (("verify", "--graphs", "-1"), "Invalid value for '--graphs'"),
        (("verify", "--jobs", "0"), "Invalid value for '--jobs'"),
        (("verify", "--seed", "-1"), "Invalid value for '--seed'"),
        (("verify", "--seed", "many"), "Invalid value for '--seed'"),
        (("verify", "--ops"), "Option '--ops' requires an argument"),
        (("verify", "--report", "."), "cannot write .: name a file"),
        (("verify", "--report", "same.html", "--json", "same.html"), "two outputs have the same path"),
        (("verify", "--save", "my_engine.py"), "cannot write graphs to my_engine.py"),
        (("verify", "--against", "."), "cannot read .: Is a directory"),
        (("verify", "my_engine:Nobody"), "module 'my_engine' has no 'Nobody'"),
        (("verify", "my_engine:"), "names no engine; expected module:Class"),
        (("verify", "my_engine:Value"), "Value() failed: TypeError"),
        (("verify", "my_engine:Namespace"), "lacks name, lineage"),
        (("verify", "--references", "torhc"), "no engine named 'torhc'. Did you mean 'torch'?"),
        (("verify", "--order", "4"), "Invalid value for '--order'"),
        (("verify", "--modes", "backward"), "no mode named 'backward'; there are: all, reverse, forward, forward over forward"),
        (("verify", "--order", "1", "--modes", "forward over reverse"), "is of order 2; leave out --order 1"),
        (("verify", "--device", "tpu"), "no device named 'tpu'; there are: cpu, cuda"),
        (("verify", "my_engine:Engine", "--device", "cuda"), "engine 'mine' runs on cpu only here; leave out --device cuda"),
        (("replay",), "Missing argument 'files'. See `"),
        (("replay", "."), "cannot read ."),
        (("ops", "--engine", "nativ"), "no engine named 'nativ'"),
        (("mutants", "--family", "nothing"), "no family matches 'nothing'"),
        (("mutants", "--oracle", "nobody"), "no oracle named 'nobody'"),
        (("mutants", "--json", "."), "cannot write ."),
        (("draw", "a.json"), "Missing option '--output'"),
        (("demo", "-o", "no/such/folder/p.html"), "cannot write"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do_and_exit_2(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(HERE)
    monkeypatch.setattr(sys, "argv", ["gradproof", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("gradproof: ")
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_process_ends_in_that_line_and_no_traceback() -> None:
    done = gradproof("verify", "--cases", "0")
    assert done.returncode == 2
    assert done.stderr.startswith("gradproof: Invalid value for '--cases'")
    assert len(done.stderr.strip().splitlines()) == 1


BASE = """
from gradproof.oracles.adapters.native import NativeEngine
from gradproof.oracles.engine import Capabilities
class Engine(NativeEngine):
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nosuchpackage", "needs 'nosuchpackage', which is not installed"),
        ("raise RuntimeError('boom')", "importing 'mine' failed: RuntimeError: boom"),
        ("def f(:", "importing 'mine' failed: SyntaxError"),
        (f"{BASE}    capabilities = 'everything'", "its capabilities is 'everything'; expected a Capabilities"),
        (f"{BASE}    name = 3", "its name is 3; expected a str"),
        (f"{BASE}    capabilities = property(lambda self: 1 / 0)", "reading its attributes failed: ZeroDivisionError"),
        (f"{BASE}    capabilities = Capabilities(at_kinks={{'abs': 'left'}})", "failed: ValueError: at_kinks['abs'] is 'left'"),
    ],
)
def test_an_engine_file_that_cannot_be_imported_is_one_line_and_exit_2(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(source)
    done = gradproof("verify", "mine:Engine", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_version_is_printed() -> None:
    done = gradproof("--version")
    assert done.returncode == 0
    assert done.stdout == f"gradproof {version('gradproof')}\n"


def test_nothing_asked_for_prints_the_help() -> None:
    done = gradproof()
    assert done.returncode == 2
    assert "verify" in done.stdout
    assert done.stderr == ""


def test_an_engine_named_twice_is_judged_once(tmp_path: Path) -> None:
    record = tmp_path / "r.json"
    gradproof("verify", "native", "native", "--ops", "sin", "--cases", "2", "--graphs", "0", "--json", str(record))
    assert json.loads(record.read_text())["totals"]["cases"] == 2 * 2


def test_the_demo_saves_its_graph_and_says_why_a_replay_agrees(tmp_path: Path) -> None:
    done = gradproof("demo", "-o", "planted.html", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<html" in (tmp_path / "planted.html").read_text()
    command = next(line.split() for line in done.stdout.splitlines() if line.startswith("  gradproof replay"))
    assert command[2] in done.stdout
    assert "lived in this process alone" in done.stdout
    again = gradproof(*command[1:], cwd=tmp_path)
    assert again.returncode == 0
    assert "AGREE" in again.stdout


def test_the_readme_names_every_command_and_every_option_of_verify() -> None:
    table = (HERE.parents[1] / "README.md").read_text().partition("## Commands")[2].partition("##")[0]
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in commands:
        assert re.search(rf"`(gradproof )?{name}\b", table), name
    row = next(line for line in table.splitlines() if line.startswith("| `gradproof verify"))
    options = {word for p in commands["verify"].params for word in p.opts if word.startswith("--")} - {"--help"}
    assert set(re.findall(r"--[a-z-]+", row)) == options


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "damaged"),
        ('{"gradproof": "graph", "version": 99}', "Upgrade gradproof"),
        ('{"gradproof": "graph", "version": 1}', "damaged"),
        ('[1, 2]', "not a gradproof graph file"),
        ('{"gradproof": "check", "version": 1}', "is a file of check_gradient"),
    ],
)
def test_a_damaged_or_newer_graph_file_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "g.json"
    path.write_text(text)
    done = gradproof("replay", str(path))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_framework_that_is_not_installed_is_named_with_its_extra(tmp_path: Path) -> None:
    blocked = tmp_path / "torch"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    done = gradproof("verify", "torch", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert 'pip install "gradproof[torch]"' in done.stderr


INTERRUPTED = """
import os, signal, sys
from gradproof.cli import main
from gradproof.specs import loop, pool

def counted(function, limit):
    seen = []
    def call(*arguments, **options):
        seen.append(1)
        if len(seen) == limit:
            os.kill(os.getpid(), came)
        return function(*arguments, **options)
    return call

if __name__ == "__main__":
    came = signal.Signals[sys.argv.pop()]
    loop.take = counted(loop.take, 5)  # one process: in the fifth case
    pool.Worker.give = counted(pool.Worker.give, 4)  # several: some tasks are done
    main()
"""


@pytest.mark.parametrize(("came", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_and_sigterm_end_every_process_and_still_write_what_was_found(
    tmp_path: Path, jobs: str, came: str, code: int
) -> None:
    record, script = tmp_path / "r.json", tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    words = ("verify", "--cases", "20", "--graphs", "100000", "--jobs", jobs, "--json", str(record))
    done = subprocess.run(
        [sys.executable, str(script), *words, came], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    data = json.loads(record.read_text())
    assert data["interrupted"]
    assert data["totals"]["cases"] >= (4 if jobs == "1" else 20)
    assert "Traceback" not in done.stderr


def test_no_colour_codes_are_written_where_the_output_is_not_a_terminal(tmp_path: Path) -> None:
    done = gradproof("verify", "--ops", "add", "--cases", "2", "--graphs", "0", cwd=tmp_path)
    assert "\x1b" not in done.stdout


def test_engines_ops_and_properties_list_what_is_there() -> None:
    assert re.search(r"native +gradproof\.engine", gradproof("engines").stdout)
    assert f"\n{len(optable.NAMES)} ops: " in gradproof("ops").stdout
    assert "linear" in gradproof("properties").stdout


def test_the_readme_counts_the_ops_that_there_are() -> None:
    assert f"the catalogue of {len(optable.NAMES)} ops" in (HERE.parents[1] / "README.md").read_text()


def test_the_table_of_ops_names_every_op_and_whatever_an_engine_lacks(tmp_path: Path) -> None:
    record = tmp_path / "r.json"
    gradproof("verify", "my_engine:Engine", "--ops", "sin,add", "--cases", "3", "--graphs", "0", "--dtype", "float64", "--json", str(record))
    lines = gradproof("ops", "--engine", "native,my_engine:Engine").stdout.splitlines()
    named = {line.split()[1] for line in lines if len(line.split()) > 1}
    assert named >= {name.removeprefix("complex.") for name in (*CATALOGUE, *COMPLEX)}
    line = next(line for line in lines if line.split()[1:2] == ["exp"])
    assert line.split()[2:] == ["64", "32", "16", "b16", "c128", "c64", "·", "·", "·", "·", "·", "·"]
    lacks = next(line for line in lines if line.startswith("my_engine:Engine float64: "))
    assert {"exp", "linalg.svd"} <= set(re.split("[ ,]+", lacks))
    assert any(line == "my_engine:Engine complex128: not declared" for line in lines)


def test_the_table_says_what_a_run_judged_and_what_it_did_not(tmp_path: Path) -> None:
    record = tmp_path / "r.json"
    gradproof("verify", "my_engine:Wrong", "--ops", "sin,multiply", "--cases", "3", "--graphs", "0", "--dtype", "float64",
              "--json", str(record), "--save", str(tmp_path / "f"))  # fmt: skip
    judged = optable.judged(records.read(record), "my_engine:Wrong")
    assert re.fullmatch(r"order 1: 3 \([1-3] failing\)", optable.told(judged, "sin"))
    assert optable.told(judged, "multiply") == "order 1: 3"
    assert optable.told(judged, "exp") == "not judged"


def test_replay_prints_a_stand_alone_script(tmp_path: Path) -> None:
    gradproof("verify", "my_engine:Wrong", "--ops", "sin", "--graphs", "0", "--dtype", "float64", "--save", str(tmp_path))
    saved = min(tmp_path.glob("*.json"))
    script = gradproof("replay", str(saved), "--script", "torch")
    assert script.returncode == 0
    assert "import torch" in script.stdout
    assert "gradproof" not in script.stdout.replace("# ", "").split("import")[1]


def test_compare_exits_1_on_a_regression_and_0_without(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    common = ("--ops", "multiply,sin", "--graphs", "10", "--dtype", "float64", "--save", str(tmp_path / "f"))
    gradproof("verify", "my_engine:Engine", "--json", str(good), *common)
    text = good.read_text()
    gradproof("verify", "my_engine:Wrong", "--json", str(bad), *common)
    bad.write_text(bad.read_text().replace("my_engine:Wrong", "my_engine:Engine"))
    assert gradproof("compare", str(good), str(good)).returncode == 0
    done = gradproof("compare", str(good), str(bad), "-o", str(tmp_path / "c.html"))
    assert done.returncode == 1, done.stdout
    assert "regressed" in done.stdout
    assert (tmp_path / "c.html").exists()
    assert text == good.read_text()
    narrow = tmp_path / "narrow.json"
    gradproof("verify", "my_engine:Engine", "--json", str(narrow), "--ops", "multiply", "--graphs", "0", "--dtype", "float64")
    shrunk = gradproof("compare", str(good), str(narrow))
    assert shrunk.returncode == 0
    assert re.match(r"the runs differ: ops -2\ncoverage shrank: \d+ cells gone\n", shrunk.stdout), shrunk.stdout
    grown = gradproof("compare", str(narrow), str(bad))
    assert grown.returncode == 1, grown.stdout
    assert "new and failing" in grown.stdout


def timeless(path: Path) -> object:
    """A record without its times, what a claim measured on the machine, and the command that made it."""

    def cut(item: object) -> object:
        if isinstance(item, dict):
            return {key: cut(value) for key, value in item.items() if key not in ("seconds", "created", "command")}
        if isinstance(item, str):
            return item.partition("Measured on this machine")[0]
        return [cut(value) for value in item] if isinstance(item, list) else item

    return cut(json.loads(path.read_text()))


@pytest.mark.parametrize(("engine", "ops"), [("native", "add,exp,max"), ("my_engine:Wrong", "sin,multiply,tan")])
def test_the_record_of_jobs_2_is_that_of_one_process_but_for_times(tmp_path: Path, engine: str, ops: str) -> None:
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    common = ("--ops", ops, "--cases", "5", "--graphs", "350", "--save", str(tmp_path / "f"))
    gradproof("verify", engine, "--json", str(one), *common)
    gradproof("verify", engine, "--json", str(two), "--jobs", "2", *common)
    assert timeless(one) == timeless(two)
    assert bool(json.loads(one.read_text())["failures"]) is (engine != "native")


def test_a_run_that_judges_nothing_does_not_pass() -> None:
    done = gradproof("verify", "my_engine:Engine", "--ops", "tan", "--graphs", "0")
    assert done.returncode == 1
    assert "Nothing was judged" in done.stdout


def test_an_engine_of_ones_own_appears_once_in_the_record(tmp_path: Path) -> None:
    record = tmp_path / "r.json"
    gradproof("verify", "my_engine:Engine", "--ops", "sin", "--graphs", "0", "--json", str(record))
    data = json.loads(record.read_text())
    assert {e["name"] for e in data["engines"]} == {e["engine"] for e in data["entries"]} == {"my_engine:Engine"}
