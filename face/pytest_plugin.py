"""The pytest plugin: options, marks, the ``check_gradient`` fixture, and ``conformance`` of ``pytest --pyargs gradproof.specs``.

It is loaded by every pytest run of an environment that has gradproof, so it imports nothing heavy until it is used.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradproof.commands import Outputs
    from gradproof.oracles.finding import Verdict
    from gradproof.session import Session
    from gradproof.specs.conformance import Conformance
    from gradproof.specs.run import Result

SESSION: pytest.StashKey[Session] = pytest.StashKey()
RESULTS: pytest.StashKey[list[Result]] = pytest.StashKey()
STOPPED: pytest.StashKey[bool] = pytest.StashKey()
MARKS = (
    "gpu: needs a CUDA device",
    "slow: an expensive campaign, outside the default run",
    "distributed: starts several processes",
    "cost: measured times, outside a run that does not ask for them (-m cost)",
)
PROFILES = ("quick", "standard", "deep")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the conformance run."""
    group = parser.getgroup("gradproof", "gradproof: verification of automatic differentiation")
    group.addoption("--gradproof-engine", default="native", metavar="NAME", help="the engine on trial (or module:Class)")
    group.addoption(
        "--gradproof-references",
        default=None,
        metavar="NAMES",
        help="engines asked as witnesses, separated by commas; default: torch and jax, where installed",
    )
    group.addoption("--gradproof-profile", default="quick", choices=PROFILES, help="how much to draw")
    group.addoption("--gradproof-seed", default=0, type=int, help="seed of every draw")
    group.addoption("--gradproof-report", default=None, type=Path, metavar="PAGE", help="write the HTML page here")
    group.addoption(
        "--gradproof-save",
        default=Path("gradproof-failures"),
        type=Path,
        metavar="FOLDER",
        help="folder for the minimal graphs of failures",
    )
    group.addoption("--gradproof-json", default=None, type=Path, metavar="FILE", help="write the run record here")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    config.stash[RESULTS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave measured times out, unless the marks asked for name them: a loaded machine is no fault of the engine."""
    if "cost" in (config.getoption("markexpr") or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("cost")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("cost")]


def _references(config: pytest.Config, subject: str) -> list[str]:
    from importlib.util import find_spec

    given = config.getoption("--gradproof-references")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    return [name for name in ("jax", "torch") if name != subject and find_spec(name) is not None]


def _outputs(config: pytest.Config) -> Outputs:
    from gradproof.commands import Outputs

    page, record, save = (config.getoption(f"--gradproof-{name}") for name in ("report", "json", "save"))
    return Outputs(page, record, save=save)


def _session(config: pytest.Config) -> Session:
    """The run's session, made when the first conformance test asks for it."""
    if SESSION not in config.stash:
        from gradproof.oracles.registry import engine
        from gradproof.session import Session, command_line

        outputs = _outputs(config)
        outputs.check()
        name = config.getoption("--gradproof-engine")
        config.stash[SESSION] = Session(
            command_line(),
            config.getoption("--gradproof-profile"),
            config.getoption("--gradproof-seed"),
            [engine(name)],
            [engine(reference) for reference in _references(config, name)],
            outputs.save,
            (name,),
        )
    return config.stash[SESSION]


@pytest.fixture(scope="session")
def conformance(request: pytest.FixtureRequest) -> Conformance:
    """The subject of the run, its references and its profile; results go to the record."""
    from gradproof.oracles.errors import GradproofError
    from gradproof.specs.conformance import Conformance
    from gradproof.specs.run import PROFILES as profiles

    config = request.config
    try:
        session = _session(config)
    except GradproofError as error:
        pytest.exit(f"gradproof: {error}", returncode=2)

    def add(result: Result) -> None:
        session.add(result)
        config.stash[RESULTS].append(result)

    return Conformance(
        config.getoption("--gradproof-engine"),
        session.subjects[0],
        session.references,
        profiles[config.getoption("--gradproof-profile")],
        config.getoption("--gradproof-seed"),
        add,
    )


@pytest.fixture(name="check_gradient")
def _check_gradient(request: pytest.FixtureRequest) -> Callable[..., Verdict]:
    """``gradproof.check_gradient`` for a test, which keeps the inputs of a failure in the folder of ``--gradproof-save``."""
    from gradproof.check import check_gradient

    return partial(check_gradient, save=request.config.getoption("--gradproof-save"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Note whether the run was cut short; a worker of pytest-xdist hands its results to the controller."""
    config = session.config
    stopped = bool(session.shouldstop or session.shouldfail)  # -x and the like
    config.stash[STOPPED] = stopped or exitstatus == pytest.ExitCode.INTERRUPTED
    output: Any = getattr(config, "workeroutput", None)
    if output is not None:
        output["gradproof"] = base64.b64encode(pickle.dumps(config.stash[RESULTS])).decode()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """The controller takes in what a worker of pytest-xdist found."""
    sent = getattr(node, "workeroutput", {}).get("gradproof")
    results = pickle.loads(base64.b64decode(sent)) if sent else []
    for result in results:
        _session(node.config).add(result)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The summary of a conformance run, and the page and record that were asked for."""
    if SESSION not in config.stash or hasattr(config, "workerinput"):
        return
    from gradproof.claims import claims
    from gradproof.commands import write
    from gradproof.evidence import save_failures
    from gradproof.specs.run import PROFILES as profiles
    from gradproof.specs.run import undrawn
    from gradproof.terminal import console, summary

    session, outputs = config.stash[SESSION], _outputs(config)
    session.claims = claims(session.names)
    record = session.record(interrupted=config.stash.get(STOPPED, False))
    saved = save_failures(record, outputs.save) if outputs.save else []
    terminalreporter.section("gradproof")
    console.file = terminalreporter._tw._file
    profile = profiles[config.getoption("--gradproof-profile")]
    summary(record, saved, list(undrawn(session.subjects[0], profile, session.names[0]).values()))
    write(record, outputs)
