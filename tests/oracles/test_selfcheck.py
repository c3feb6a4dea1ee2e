"""The judge checks itself, and a tampered slope is noticed."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from answering import Bent, case, chain

from gradproof.oracles import scalar
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import certify
from gradproof.oracles.selfcheck import self_check
from gradproof.oracles.verdict import Kind
from gradproof.specs import build, run


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_certificate_passes_its_own_differences_on_every_op(name: str) -> None:
    rnd = random.Random(name)
    for _ in range(6):
        one = build.single(name, rnd.randbytes(build.SINGLE_BYTES))
        assert not self_check(certify(one))


def test_the_certificate_passes_its_own_differences_on_graphs() -> None:
    rnd = random.Random(0)
    for _ in range(40):
        assert not self_check(certify(build.graph(rnd.randbytes(build.GRAPH_BYTES), tuple(CATALOGUE))))


TAMPERED = sorted(
    set(scalar.UNARY) & {"exp", "sin", "log", "tanh", "sqrt", "erf", "softplus", "asinh", "square", "rsqrt"}
)


@pytest.mark.parametrize("factor", [-1.0, 2.0, 1 + 1e-6])
@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_slope_is_noticed(name: str, factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    row = scalar.UNARY[name]
    monkeypatch.setitem(scalar.UNARY, name, replace(row, slope=lambda F, x, y: row.slope(F, x, y) * factor))
    op = {"softplus": "nn.softplus"}.get(name, name)
    assert self_check(certify(case(op, [0.7, 1.9], ct=[1.0, -0.5])))


def test_a_tampered_slope_is_the_oracles_fault_and_never_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    row = scalar.UNARY["sin"]
    monkeypatch.setitem(scalar.UNARY, "sin", replace(row, slope=lambda F, x, y: -F.cos(x)))
    one = chain([0.7, 1.9], "sin", "exp")
    verdict = run.witnessed(run.verdict_of(one, Bent()), Bent(), [])
    assert verdict.kind is Kind.ORACLE


def test_kinks_and_jumps_are_passed_over() -> None:
    assert not self_check(certify(case("abs", [0.0])))
    assert not self_check(certify(case("sign", [0.5])))
    assert not self_check(certify(case("exp", np.zeros((0,)))))


def test_an_entry_at_zero_is_moved_too_and_no_further_than_its_neighbours() -> None:
    small = certify(case("hypot", [-6.4e-155, 2.3e-154], [0.0, 0.0], ct=[-1.6, 0.9]))
    assert self_check(small) == ""
    product = certify(case("multiply", [0.0, 0.0], [2.0, 3.0]))
    product.gradient[0] = product.gradient[0] + 1
    assert self_check(product)


def test_a_product_with_many_zeros_passes_its_own_differences() -> None:
    """They are of the order of the step to the number of zeros: below the range of floats, as their own error is."""
    x = np.ones(60)
    x[::3] = 0.0
    assert not self_check(certify(case("prod", x, ct=-1.0, axis=None, keepdims=False)))
