"""Engines that answer nothing in particular never agree where there is a gradient."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from answering import Arrays, Bent

from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import certify
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import judge
from gradproof.oracles.verdict import Kind
from gradproof.specs import build

FILLS: dict[str, Any] = {
    "zeros": lambda g: np.zeros_like(g),
    "NaN": lambda g: np.full_like(g, np.nan),
    "ones": lambda g: np.ones_like(g),
    "a constant": lambda g: np.full_like(g, 0.37),
    "infinity": lambda g: np.full_like(g, np.inf),
    "tiny": lambda g: np.full_like(g, 1e-30),
    "None": lambda g: None,
}


def nonzero(case: Case) -> bool:
    """Whether some entry of the gradient is certainly not zero, and no kink allows it to be."""
    certificate = certify(case)
    balls = certificate.enclosure()[0] if certificate.kinked else certificate.gradient
    return any(
        g.is_finite() and float(abs(g).abs_lower() if hasattr(abs(g), "abs_lower") else abs(g)) > 64 * b
        for g, b in zip(balls, certificate.bound, strict=True)
    ) and any(float(c) != 0 for ct in case.cotangents for c in np.ravel(ct))


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_no_constant_answer_agrees_on_any_op(name: str) -> None:
    rnd = random.Random(name)
    met = 0
    for i in range(8):
        case = build.single(name, rnd.randbytes(build.SINGLE_BYTES), "float64" if i % 2 else "float32")
        if not nonzero(case):
            continue
        met += 1
        for label, fill in FILLS.items():

            def gradients(grads: Arrays, cts: Arrays, call: int, fill: Any = fill) -> list[Any]:
                return [fill(g) for g in grads]

            verdict = judge(case, Bent(gradients=gradients))
            assert verdict.kind not in (Kind.AGREE, Kind.SUBGRADIENT), (label, verdict.report())
    assert met or name in ("sign", "floor", "ceil", "trunc", "round", "floor_divide")  # whose gradient is zero


def test_no_constant_answer_agrees_on_graphs() -> None:
    rnd = random.Random(0)
    ops = tuple(CATALOGUE)
    for i in range(60):
        case = build.graph(rnd.randbytes(build.GRAPH_BYTES), ops, "float64" if i % 2 else "float32")
        if not nonzero(case):
            continue
        for label, fill in FILLS.items():

            def gradients(grads: Arrays, cts: Arrays, call: int, fill: Any = fill) -> list[Any]:
                return [fill(g) for g in grads]

            verdict = judge(case, Bent(gradients=gradients))
            assert verdict.kind not in (Kind.AGREE, Kind.SUBGRADIENT), (label, verdict.report())
