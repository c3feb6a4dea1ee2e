"""One wrong entry in a large gradient: how often the judge of large arrays sees it, and how often others do.

Run ``python -m gradproof.specs.mutants.single`` (torch and jax installed) for the table of docs/power.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.engine import Engine
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.large.judge import judge_large
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import capabilities

ERRORS = (1.0, 0.1, 1e-4, 1e-6, 1e-9)
BUDGET_S = 2.0


@dataclass
class OneWrong:
    """An engine whose gradient of the first input is off by a share of itself in one flat position."""

    inner: Engine
    position: int
    share: float
    name: str = "one wrong entry"
    lineage: str = "planted"

    def __post_init__(self) -> None:
        self.namespace: Any = self.inner.namespace
        self.capabilities = capabilities(self.inner)

    def from_numpy(self, array: Array) -> Any:
        return self.inner.from_numpy(array)

    def to_numpy(self, array: Any) -> Array:
        return self.inner.to_numpy(array)

    def vjp(self, fn: Callable[..., Any], primals: Sequence[Any]) -> tuple[tuple[Any, ...], Callable[..., Any]]:
        outputs, pull = self.inner.vjp(fn, primals)

        def pullback(cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
            first, *rest = pull(cotangents)
            bent = np.array(self.inner.to_numpy(first), copy=True)
            bent.reshape(-1)[self.position] *= 1 + self.share
            return (self.inner.from_numpy(bent), *rest)

        return outputs, pullback


def cases(n: int = 1000, seed: int = 0) -> dict[str, Case]:
    """Three gradients of n entries: of a loss, of a function entry by entry, of the weights of a layer."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n))
    width = 25
    weight, batch = rng.standard_normal((width, n // width)), rng.standard_normal((8, width))
    product = Node("multiply", (0, 1))
    loss = Graph((Leaf(x), Leaf(y, True)), (product, Node("tanh", (2,)), Node("sum", (3,), {"axis": None, "keepdims": False})), (4,))
    alone = Graph((Leaf(x), Leaf(y, True)), (product, Node("tanh", (2,))), (3,))
    layer = Graph((Leaf(weight), Leaf(batch, True)), (Node("matmul", (1, 0)), Node("nn.softplus", (2,))), (3,))
    return {
        "a loss": Case(loss, (np.asarray(1.0),)),
        "entry by entry": Case(alone, (rng.standard_normal(n),)),
        "a layer's weights": Case(layer, (rng.standard_normal((8, n // width)),)),
    }


def others() -> dict[str, Callable[[Case, Engine], bool]]:
    """The frameworks' checkers, which say whether something is wrong."""
    from gradproof.specs.mutants.checkers import CheckGrads, GradCheck
    from gradproof.specs.mutants.looks import FAILS

    checkers = (GradCheck(), GradCheck(fast=True), CheckGrads())
    return {c.name: lambda case, engine, c=c: c.look(case, engine).seen == FAILS for c in checkers}  # type: ignore[misc]


def ours(case: Case, engine: Engine) -> bool:
    """Whether the judge of large arrays says that something is wrong."""
    return judge_large(case, engine, budget_s=BUDGET_S).kind.fails


def rates(
    see: Callable[[Case, Engine], bool], case: Case, engine: Engine, positions: int, seed: int = 0
) -> Iterator[tuple[float, int, float]]:
    """For each size of error: in how many of the positions it was seen, and the CPU seconds of one look."""
    n = case.graph.primal_values[0].size
    for share in ERRORS:
        places = np.random.default_rng([seed, int(-np.log10(share))]).permutation(n)[:positions]
        start = time.process_time()
        seen = sum(see(case, OneWrong(engine, int(i), share)) for i in places)
        yield share, seen, (time.process_time() - start) / positions


def main(positions: int = 100) -> None:
    """Print the table: rows are oracles and functions, columns the error of the one wrong entry."""
    engine = by_name("native")
    print("| oracle | function | " + " | ".join(f"off by {s:g}" for s in ERRORS) + " | CPU ms a look |")
    print("|---" * (len(ERRORS) + 3) + "|")
    for name, see in {"judge_large": ours, **others()}.items():
        for what, case in cases().items():
            if see(case, engine):
                print(f"| {name} | {what} | a false alarm on the clean engine |")
                continue
            count = positions if name != "gradcheck" else max(1, positions // 5)  # it is slow
            found = list(rates(see, case, engine, count))
            shown = " | ".join(f"{seen} of {count}" for _, seen, _ in found)
            print(f"| {name} | {what} | {shown} | {1e3 * np.mean([t for *_, t in found]):.0f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
