"""The trap in claim 2: a hidden unit whose input is exactly 0, which no float arithmetic finds there.

In rational arithmetic z[0] is 0, on the kink of ReLU. Summed in floats it is a little more, a little less, or 0, so one
engine finds the unit alive and another finds it dead. Both are right, and a judge must say so without calling either wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.specs import worked

DTYPES = ("float64", "float32")
DEAD, ALIVE = (0.0, 1.0, 1.0), (1.0, 1.0, 1.0)
OPS = ("matmul", "add", "subtract", "square", "multiply", "getitem")


class MaskedRelu:
    """The native engine with the slopes of ReLU chosen by hand: an engine that found the unit dead, alive, or neither."""

    name = "native, ReLU chosen by hand"

    def __init__(self, mask: Sequence[float]) -> None:
        native: Any = by_name("native")
        self.lineage, self.capabilities = native.lineage, native.capabilities
        self.from_numpy, self.to_numpy, self.vjp = native.from_numpy, native.to_numpy, native.vjp
        ops = native.namespace

        def relu(x: Any) -> Any:
            return ops.multiply(x, np.array(mask, dtype=x.dtype))

        self.namespace: Any = SimpleNamespace(**{n: getattr(ops, n) for n in OPS}, nn=SimpleNamespace(relu=relu))


@dataclass(frozen=True)
class Answer:
    """What was said of one answer at the kink of claim 2."""

    dtype: str
    bias_first: bool
    unit: str
    verdict: Verdict

    @property
    def label(self) -> str:
        return f"{self.unit}, {'bias' if self.bias_first else 'product'} first, {self.dtype}"


def answers(engine: Engine) -> list[Answer]:
    """Claim 2's hidden unit, exactly on the kink: an engine's own answer, a dead and an alive one, in both orders."""
    engines: dict[str, Engine] = {
        engine.name: engine,
        "dead": MaskedRelu(DEAD),
        "alive": MaskedRelu(ALIVE),
    }
    found = []
    for dtype in DTYPES:
        for bias_first in (False, True):
            judged = case(dtype, bias_first)
            found += [Answer(dtype, bias_first, unit, judge(judged, e)) for unit, e in engines.items()]
    return found


def case(dtype: str, bias_first: bool) -> Case:
    """The net of claim 2, its sum in one order or the other."""
    return Case(worked.net_graph(dtype, bias_first), (np.ones((), dtype),))


def computed_z(dtype: str, bias_first: bool) -> float:
    """z₁ as NumPy computes it in a dtype: it need not be 0."""
    w, x, b = (np.array(worked.NET[name], dtype=dtype) for name in ("W₁", "x", "b₁"))
    p = w[0] * x
    return float((b[0] + p[0]) + p[1] if bias_first else (p[0] + p[1]) + b[0])
