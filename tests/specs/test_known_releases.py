"""A declared difference is of some releases, and of things that exist; when its engine is right, that is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from gradproof import differences as command
from gradproof.cli import app
from gradproof.oracles.verdict import Kind
from gradproof.specs import known as declared
from gradproof.specs.known import Known, corpus, numbers


def one(engine: str = "torch") -> Known:
    return next(k for k in corpus() if k.engine == engine)


@pytest.mark.parametrize(
    ("at_least", "below", "version", "applies"),
    [
        ("", "", "2.13.0+cpu", True), ("2.13", "", "2.13.0+cpu", True), ("2.13", "", "2.9.1", False), ("", "2.14", "2.13.0", True),
        ("", "2.14", "2.14.0", False), ("2.9", "2.13", "2.10", True), ("2.9", "", "unknown", True),
    ],
)  # fmt: skip
def test_it_applies_to_the_releases_it_names(at_least: str, below: str, version: str, applies: bool) -> None:
    assert replace(one(), at_least=at_least, below=below).applies(version) is applies


def test_releases_are_compared_by_number() -> None:
    assert numbers("0.10.2") > numbers("0.9.9")


def test_what_does_not_exist_is_named() -> None:
    strange = replace(one(), engine="no-engine", blame="no-op", property="no property", also=("*forward", "sideways*"))
    assert strange.strays() == ["engine 'no-engine'", "op 'no-op'", "property 'no property'", "property 'sideways*'"]


def test_an_unexpected_pass_fails_and_a_stray_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("autograd", reason="autograd is not installed")
    still = one("autograd")
    monkeypatch.setattr(command, "corpus", lambda: (still,))
    assert CliRunner().invoke(app, ["differences", "autograd"]).exit_code == 0
    right = replace(still, engine="native")  # which has no such fault
    monkeypatch.setattr(command, "corpus", lambda: (right, replace(still, name="elsewhere", also=("sideways*",), below="0.1")))
    found = CliRunner().invoke(app, ["differences"])
    assert found.exit_code == 1
    assert "UNEXPECTED PASS" in found.output
    assert "another release" in found.output
    assert "elsewhere names property 'sideways*', which does not exist" in found.output
    assert "nothing is declared of 'jax'" in CliRunner().invoke(app, ["differences", "jax"]).output


def test_an_engine_that_fails_in_another_way_is_not_called_right(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("autograd", reason="autograd is not installed")
    still = one("autograd")
    other = replace(still, verdict=Kind.LOSSY if still.verdict is not Kind.LOSSY else Kind.SPEC)
    monkeypatch.setattr(command, "corpus", lambda: (other,))
    found = CliRunner().invoke(app, ["differences"])
    assert found.exit_code == 1
    assert f"ANOTHER VERDICT: {still.verdict}" in found.output
    assert "UNEXPECTED PASS" not in found.output


def test_a_difference_of_another_release_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from gradproof.oracles.blame import blame
    from gradproof.oracles.judge import judge
    from gradproof.oracles.registry import engine

    assert torch
    tanh = next(k for k in corpus() if k.name == "torch-tanh-tail")
    verdict = blame(judge(tanh.case, engine("torch")), engine("torch"))
    assert declared.reason("torch", verdict) == tanh.reason
    monkeypatch.setattr(declared, "corpus", lambda: (replace(tanh, below="1.0"),))
    assert declared.reason("torch", verdict) == ""
