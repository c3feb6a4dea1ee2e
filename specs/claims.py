"""The claims of the source document, each with how it was tested, what was measured, and a verdict.

A row whose machinery does not exist yet is NOT YET SHOWN: counted, never green. Nothing here is a stored result.
"""



from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from gradproof.oracles.certificate import certify
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Verdict
from gradproof.oracles.graph import Case, Graph, Leaf
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.rewrite import forward_values, opened
from gradproof.oracles.verdict import Kind
from gradproof.specs import (
    claims_cost,
    claims_engines,
    claims_health,
    claims_memory,
    claims_precision,
    claims_sharded,
    digits,
    training,
    trap,
    walk,
    worked,
)
from gradproof.specs.claim import CLAIMS, HISTORY, Claim, decided, unshown
from gradproof.specs.worked import Digit, Example

__all__ = ["CLAIMS", "EVIDENCE", "HISTORY", "Claim", "claim", "claims"]

DTYPES = trap.DTYPES
ACCURACY_MIN = 0.95
JUDGED_MIN = 10
RANDOM_WALKS = 40

# ---- claims 1 to 3: the worked examples


def _cast(graph: Graph, dtype: str) -> Graph:
    return replace(graph, leaves=tuple(Leaf(leaf.data.astype(dtype), leaf.constant) for leaf in graph.leaves))


def cases(graph: Graph) -> list[Case]:
    """What an engine is judged on for a worked example, so that every value and every slope on the way is seen.

    The graph with all its values as outputs, and the graph opened at each value on the way: that value as an input.
    """
    first, last = len(graph.leaves), graph.outputs[0]
    one = Case(graph, (np.ones((), graph.dtype),))
    values = forward_values(certify(one))
    shown = tuple(range(first, last))
    zeros = tuple(np.zeros_like(values[v]) for v in shown)
    whole = Case(replace(graph, outputs=(*shown, last)), (*zeros, *one.cotangents))
    return [whole, *(opened(one, values, v) for v in shown)]


def judged(graph: Graph, engine: Engine, expected: Iterable[Kind] = (Kind.AGREE,)) -> tuple[list[Verdict], list[str]]:
    """Verdicts on each case of a worked example, and those that are not as expected, in words."""
    verdicts = [judge(case, engine) for case in cases(graph)]
    faults = [f"{v.kind} in {graph.dtype.name}: {v.reason}" for v in verdicts if v.kind not in expected]
    return verdicts, faults


def _printed_faults(digits: Iterable[Digit]) -> list[str]:
    return [f"{d.name} is printed {d.printed}, exactly {d.exact}" for d in digits if d.wrong]


def _printed_figure(digits: Sequence[Digit]) -> str:
    corrected = [f"{d.name} {d.printed} is {d.rounded}" for d in digits if d.verdict == "corrected"]
    fixed = f"; {len(corrected)} corrected ({', '.join(corrected)}: cut off, not rounded)" if corrected else ""
    return f"{len(digits) - len(corrected)} of {len(digits)} printed numbers ticked{fixed}"


def worked_claim(number: int, example: Example, engine: Engine) -> Claim:
    """Claim 1 or 3 for an engine: its example off every kink."""
    numbers = "rationals" if not example.given else "arithmetic (rationals, and balls of 128 bits past the sigmoid)"
    how = (
        f"printed numbers against exact {numbers} at the decimals printed; {engine.name} engine, float64 and float32: "
        "every value and every slope on the way inside the certified bound"
    )
    digits = example.digits()
    faults = _printed_faults(digits)
    units, count = 0.0, 0
    for dtype in DTYPES:
        verdicts, found = judged(_cast(example.graph, dtype), engine)
        faults += found
        count += len(verdicts)
        units = max(units, *(v.units for v in verdicts))
    figure = f"{_printed_figure(digits)}; {count} judged cases AGREE, worst error {units:.2g} bounds"
    return decided(number, how, figure, faults, digits=digits, svg=example.svg())


# ---- claim 2: and its trap


def net_claim(engine: Engine) -> Claim:
    """Claim 2 for an engine."""
    example = worked.net()
    how = (
        f"printed numbers against exact rationals; {engine.name} engine, every value and slope on the way judged. The trap: z[0] "
        "is exactly 0, floats make it 2.8e-17 or -2.2e-8, so the dead and the alive unit must both be SUBGRADIENT, in "
        "both orders of the sum, in float64 and float32"
    )
    digits = example.digits()
    faults = _printed_faults(digits)
    for dtype in DTYPES:
        faults += judged(_cast(example.graph, dtype), engine, (Kind.AGREE, Kind.SUBGRADIENT))[1]
    answers = trap.answers(engine)
    faults += [f"{t.label}: {t.verdict.kind}" for t in answers if t.verdict.kind is not Kind.SUBGRADIENT]
    floats = ", ".join(f"{trap.computed_z(d, False):.2g} in {d}" for d in DTYPES)
    figure = f"{_printed_figure(digits)}; z[0] is {floats}: {len(answers)} of {len(answers)} answers SUBGRADIENT"
    return decided(2, how, figure, faults, digits=digits, svg=example.svg())


# ---- claim 4: the walk


def recorded(graph: Graph, walked: walk.Walk) -> bool:
    """Whether every op of the graph is on the tape, in its order (a product of vectors takes further ops)."""
    on_tape = iter(walked.ops.values())
    return all(node.op.rpartition(".")[2] in on_tape for node in graph.nodes)


def _walk() -> Claim:
    how = (
        "native engine; each rule on the tape notes its node as backward calls it, compared with the nodes that the output "
        f"depends on: the worked examples, {RANDOM_WALKS} random graphs, and a value added to itself {walk.DOUBLINGS} times"
    )
    graphs = [e.graph for e in (worked.sigma_neuron(), worked.net(), worked.chain())]
    examples = [walk.graph_walk(graph) for graph in graphs]
    faults = [
        f"an op of {g.ops} is not on the tape" for g, w in zip(graphs, examples, strict=True) if not recorded(g, w)
    ]
    double = walk.double_walk()
    walks = [*examples, double, *walk.random_walks(RANDOM_WALKS)]
    faults += [w.fault for w in walks if w.fault]
    nodes = sum(len(w.ops) for w in walks)
    figure = (
        f"{nodes} nodes on {len(walks)} tapes: each visited once, after everything that reads it; "
        f"{len(double.visits)} visits where there are {double.paths:.1e} paths"
    )
    return decided(4, how, figure, faults)


# ---- claim 16: training


def _training() -> Claim:
    done = digits.finished()
    if done is None:
        return unshown(16, "takes some seconds and needs scikit-learn: run pytest --pyargs gradproof.specs to show it")
    return training_claim(done, training.finished())


def training_claim(done: digits.Training, pairs: Sequence[training.Pair] = ()) -> Claim:
    """Claim 16 as one training run shows it, and nets trained beside PyTorch."""
    how = (
        f"a {digits.LAYERS} net on scikit-learn's digits ({done.images} images), trained by the native engine; at every "
        f"{done.every}th step the gradient that enters the update is judged, over the whole batch of {done.batch}"
    )
    faults = [f"step {j.step}: {j.verdict.kind}, {j.verdict.reason}" for j in done.judged if not j.accepted]
    if done.accuracy < ACCURACY_MIN:
        faults.append(f"test accuracy {done.accuracy:.1%}, below {ACCURACY_MIN:.0%}")
    if len(done.judged) < JUDGED_MIN:
        faults.append(f"only {len(done.judged)} steps judged")
    figure = (
        f"test accuracy {done.accuracy:.1%} after {done.steps} steps; {len(done.judged)} gradients judged, "
        f"none wrong, worst error {done.units:.2g} bounds"
    )
    if pairs:
        how += (
            "; an MLP and a conv net on the digits, a character transformer on the text of `import this`, from the same weights on the same batches by "
            f"PyTorch and its optimisers: losses within {training.ROUNDING_MAX:g} times what moving each weight by a unit in its last place at each step does"
        )
        faults += [fault for pair in pairs for fault in pair.faults]
        figure += "".join(f"; {pair.figure}" for pair in pairs)
    return decided(16, how, figure, faults, svg=training.drawing(pairs))


# ---- the table

EVIDENCE: dict[int, Callable[[], Claim]] = {
    1: lambda: worked_claim(1, worked.sigma_neuron(), by_name("native")),
    2: lambda: net_claim(by_name("native")),
    3: lambda: worked_claim(3, worked.chain(), by_name("native")),
    4: _walk,
    5: claims_cost.once,
    6: claims_cost.modes,
    7: claims_memory.memory,
    8: claims_memory.checkpointing,
    9: claims_precision.mixed,
    10: claims_sharded.sharding,
    11: claims_health.vanishing,
    12: claims_health.exploding,
    13: claims_health.nonfinite,
    14: claims_memory.traced,
    15: claims_engines.reverse_mode,
    16: _training,
    17: claims_cost.feasible,
}


def claim(number: int) -> Claim:
    """One row of the table, tested now. Evidence that raises is a WRONG row: it shows nothing, and loses no run."""
    try:
        return EVIDENCE[number]()
    except Exception as error:  # noqa: BLE001 - evidence may fail in any way, and the row says which
        return Claim(number, CLAIMS[number], "the test of this claim", f"raised {error!r}", Kind.WRONG.value)


def claims() -> tuple[Claim, ...]:
    """Every row, tested now, and the remarks that cannot be."""
    return (*map(claim, CLAIMS), HISTORY)
