"""The judge of large arrays: blocked projections and coordinate probes where the scalar judge would take too long.

``judge_large(case, engine)`` compares the whole of every gradient along fresh directions with forward mode on whole
arrays, whose error is bounded beside it, and says with the verdict what it would have caught (docs/judge.md 8). Values,
shapes, dtypes, conduct and the places of values that are not finite are compared entry by entry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from gradproof.oracles import contract
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.judge import CONDUCT, K
from gradproof.oracles.large.linearised import Linearised, located
from gradproof.oracles.large.projections import Block, Locality, Sampler, locality
from gradproof.oracles.large.tracked import NotLinearised
from gradproof.oracles.trial import Trial, capabilities, run
from gradproof.oracles.verdict import Kind

BUDGET_S = 20.0
CONFIDENCE = 0.99
PROBES = 16
SHARE = 0.25  # of the budget, for coordinate probes


def judge_large(
    case: Case,
    engine: Engine,
    k: float = K,
    budget_s: float = BUDGET_S,
    confidence: float = CONFIDENCE,
    seed: int | None = None,
) -> Verdict:
    """Judge one engine on one case of any size, within about ``budget_s`` seconds beside the engine's own runs.

    Directions are drawn anew each time, or from ``seed``; the verdict's note has the seed and the locality.

    >>> import numpy as np
    >>> from gradproof.oracles.graph import Graph, Leaf, Node
    >>> from gradproof.oracles.registry import engine
    >>> graph = Graph((Leaf(np.linspace(1, 2, 1000)),), (Node("sin", (0,)),), (1,))
    >>> verdict = judge_large(Case(graph, (np.ones(1000),)), engine("native"), seed=0)
    >>> verdict.kind, verdict.note["locality"].single < 1e-6
    (<Kind.AGREE: 'AGREE'>, True)
    """
    return weigh_large(run(engine, case), k, budget_s, confidence, seed)


def weigh_large(
    trial: Trial,
    k: float = K,
    budget_s: float = BUDGET_S,
    confidence: float = CONFIDENCE,
    seed: int | None = None,
    reference: Linearised | None = None,
) -> Verdict:
    """``judge_large`` for what an engine has answered; ``reference``, if given, is what the case means."""
    engine, case = trial.engine, trial.case
    if trial.unsupported:
        return _ended(trial, Finding("gradient", Kind.UNSUPPORTED, trial.unsupported))
    if trial.crash is not None:
        why = f"the engine raised {type(trial.crash).__name__}: {trial.crash}"
        return _ended(trial, Finding("gradient", Kind.CRASHED, why))
    broken = contract.output_shape_and_dtype(trial) or contract.shape_and_dtype(trial)
    if broken:
        return _ended(trial, Finding("shape_and_dtype", Kind.CONTRACT, broken))
    try:
        reference = reference or Linearised.of(case)
    except NotLinearised as why:
        return _ended(trial, Finding("gradient", Kind.UNDECIDED, str(why)))
    findings = [_value(trial, reference, k), Finding("shape_and_dtype", Kind.AGREE)]
    if findings[0].kind not in (Kind.AGREE, Kind.LOSSY):
        return _ended(trial, *findings)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    look = _Look(trial, reference, k, budget_s, confidence, np.random.default_rng(seed))
    findings += [*look.findings(), _zero(trial)]
    for name, check in CONDUCT.items():
        broken = check(trial)
        findings.append(Finding(name, Kind.CONTRACT if broken else Kind.AGREE, broken))
    kind = max((f.kind for f in findings), key=lambda kind: kind.severity)
    note = {"seed": seed, "locality": look.reached, "projections": look.sampler.pushes}
    return Verdict(kind, engine.name, case, tuple(findings), evidence=f"{look.evidence}, seed {seed}", note=note)


def parted(case: Case, seed: int = 0) -> list[tuple[int, str, Case]]:
    """Each node alone at its actual operands, with cotangents drawn at random: value id, op and case, for blame."""
    graph, rng = case.graph, np.random.default_rng(seed)
    values = [
        v if isinstance(v, np.ndarray) else np.asarray(v.value, dtype=graph.dtype) for v in Linearised.of(case).values
    ]
    found = []
    for first, node in graph.numbered():
        places = {o: i for i, o in enumerate(dict.fromkeys(node.operands))}
        fixed = [o < len(graph.leaves) and graph.leaves[o].constant for o in places]
        leaves = tuple(Leaf(values[o], constant) for o, constant in zip(places, fixed, strict=True))
        one = Node(node.op, tuple(places[o] for o in node.operands), node.params, node.results)
        outputs = tuple(range(len(leaves), len(leaves) + node.results))
        drawn = [rng.standard_normal(np.shape(values[first + r])) for r in range(node.results)]
        cotangents = tuple(np.asarray(c, dtype=graph.dtype) for c in drawn)
        if not all(fixed):
            found.append((first, node.op, Case(Graph(leaves, (one,), outputs), cotangents)))
    return found


def _ended(trial: Trial, *findings: Finding) -> Verdict:
    kind = max((f.kind for f in findings), key=lambda kind: kind.severity)
    return Verdict(kind, trial.engine.name, trial.case, findings, evidence="none: nothing was compared")


def _value(trial: Trial, reference: Linearised, k: float) -> Finding:
    """Forward values inside the forward bound, entry by entry; values that are not finite in the same places."""
    if reference.flow.jumps:
        return Finding("value", Kind.ILL_CONDITIONED, "a jump (sign, copysign) is within rounding of its argument")
    undecided = entries = 0
    for output, y, expected in zip(trial.case.graph.outputs, trial.outputs, reference.outputs, strict=True):
        got, wanted = np.asarray(y, dtype=np.float64), expected.value
        with np.errstate(all="ignore"):
            same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
            off = ~same & ~(np.abs(got - wanted) <= k * expected.error)
            known = np.isfinite(wanted) & np.isfinite(expected.error)
        entries += got.size
        undecided += int((off & ~known).sum())
        off &= known
        if not off.any():
            continue
        if not np.isfinite(got[off]).all() and float(np.abs(wanted[off]).max()) > reference.flow.unit.largest / 4:
            return Finding("value", Kind.RANGE, "a value leaves the range of the dtype")
        index = tuple(int(i) for i in np.argwhere(off)[0])
        worst = Worst(output, index, float(got[index]), float(wanted[index]), 0.0, float(expected.error[index]))
        said = f"{int(off.sum())} of {got.size} values differ"
        if not reference.flow.lossy:
            wide = _value(trial, reference.widened(), k)
            if wide.kind is Kind.AGREE:
                return Finding("value", Kind.LOSSY, f"{said}: digits are lost in a saturated tail", worst=worst)
        return Finding("value", Kind.SPEC, f"{said}: the engine computes another function here", worst=worst)
    return Finding("value", Kind.AGREE, entries=entries, undecided=undecided)


def _zero(trial: Trial) -> Finding:
    """A zero cotangent pulls back to zeros."""
    for g in trial.zero[:-1]:
        bad = np.asarray(g, dtype=np.float64)[~(np.asarray(g, dtype=np.float64) == 0)]
        if bad.size and np.isnan(bad).all() and _declared(trial):
            return Finding("zero", Kind.SUBGRADIENT, "NaN at a singular point, as the engine declares")
        if bad.size and np.isnan(bad).all():
            return Finding("zero", Kind.NAN_UNTAKEN, "a zero cotangent times an infinite slope gives NaN")
        if bad.size:
            return Finding("zero", Kind.CONTRACT, f"a zero cotangent gives {float(bad.flat[0])!r}, expected 0")
    return Finding("zero", Kind.AGREE)


def _declared(trial: Trial) -> bool:
    """Whether the engine declares NaN at a singular point of an op in this graph."""
    return bool(set(capabilities(trial.engine).nan_at) & set(trial.case.graph.ops))


def _flat(gradients: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(np.asarray(g, dtype=np.float64)) for g in gradients]) if gradients else np.zeros(0)


@dataclass
class _Look:
    """One look at the gradients of a trial."""

    trial: Trial
    reference: Linearised
    k: float
    budget_s: float
    confidence: float
    rng: np.random.Generator
    reached: Locality | None = None
    evidence: str = ""

    def __post_init__(self) -> None:
        self.gradients = [_flat(self.trial.first), _flat(self.trial.scaled[:-1]) / -2.0]
        self.sampler = Sampler(self.reference, self.gradients, self.k, self.rng)

    def findings(self) -> list[Finding]:
        """The gradient, and its linearity in the cotangent, by the same projections."""
        start = perf_counter()
        g, n = self.gradients[0], self.reference.size
        odd = np.flatnonzero(~(np.isfinite(self.gradients[0]) & np.isfinite(self.gradients[1])))
        entries = np.setdiff1d(np.arange(n), odd, assume_unique=True)
        strange = self._not_finite(odd)
        if strange is not None:
            return [strange]
        probes = self._probes(entries, start)
        rounds = self.sampler.rounds(entries, self.budget_s - (perf_counter() - start))
        self.reached = locality(rounds, g, entries, self.k, self.confidence)
        sizes = " and ".join(f"{len(r)} of {-(-len(entries) // len(r)):,} entries" for r in rounds)
        self.evidence = f"blocked projections: {sizes}; {len(probes)} entries alone"
        blocks = [*probes, *(b for part in rounds for b in part)]
        outside = [b for b in blocks if b.outside]
        if outside:
            return [self._wrong(outside, blocks)]
        seen = np.zeros(n, dtype=bool)
        for b in blocks:
            if b.decided:
                seen[b.entries] = True
        undecided = n - int(seen.sum())
        if n and undecided == n:
            why = "rounding alone may change every digit of every projection"
            return [Finding("gradient", Kind.ILL_CONDITIONED, why, entries=n, undecided=n)]
        units = self.k * max((b.excess for b in blocks if b.decided), default=0.0)
        ties = [b for b in blocks if b.projection.hull > 0]
        kind = Kind.SUBGRADIENT if ties else Kind.AGREE
        reason = f"{len(ties)} of {len(blocks)} projections meet a kink, inside the hull of its branches" if ties else ""
        return [
            Finding("gradient", kind, reason, 0.0 if ties else units, entries=n, undecided=undecided),
            Finding("linear", kind, reason, entries=n, undecided=undecided),
        ]

    def _probes(self, entries: Array, start: float) -> list[Block]:
        """Entries alone: first and last of each input, extremes of |x| and |g|, zeros, and some at random."""
        if not len(entries):
            return []
        g = np.abs(self.gradients[0])
        x = np.abs(np.concatenate([np.ravel(v).astype(np.float64) for v in self.trial.case.graph.primal_values]))
        starts = np.array(self.reference.starts)
        some = g[entries] > 0
        wanted = [entries[int(np.argmax(g[entries]))], entries[int(np.argmax(x[entries]))], entries[int(np.argmin(x[entries]))]]
        wanted += [*starts[:-1], *(starts[1:] - 1)]
        wanted += [*entries[some][np.argsort(g[entries][some])[:1]], *entries[~some][:1]]
        wanted += self.rng.choice(entries, min(len(entries), PROBES)).tolist()
        usable = set(entries.tolist())
        chosen = [int(i) for i in dict.fromkeys(map(int, wanted)) if i in usable][:PROBES]
        blocks = []
        for entry in chosen:
            blocks.append(self.sampler.coordinate(entry))
            if perf_counter() - start > SHARE * self.budget_s:
                break
        return blocks

    def _not_finite(self, odd: Array) -> Finding | None:
        """Entries of the gradient that are not finite, where the reference is."""
        g = self.gradients[0]
        for entry in odd[:PROBES].tolist():
            p = self.reference.project(np.array([entry]), np.ones(1))
            if not p.finite or (p.hull > 0 and _declared(self.trial)):
                continue
            where, index = located(self.trial.case, entry)
            worst = Worst(where, index, float(g[entry]), p.value, p.own, p.bound)
            count = f"{len(odd)} of {len(g)} entries are not finite"
            if abs(p.value) > self.reference.flow.unit.largest / 4:
                return Finding("gradient", Kind.RANGE, "a gradient leaves the range of the dtype", worst=worst)
            if p.value == 0 and np.isnan(g[entry]) and self.reference.flow.steep:
                return Finding("gradient", Kind.NAN_UNTAKEN, f"{count}: zero times an infinite slope", worst=worst)
            return Finding("gradient", Kind.WRONG, count, math.inf, worst)
        return None

    def _wrong(self, outside: Sequence[Block], blocks: Sequence[Block]) -> Finding:
        """The worst entry of what is outside, and whether digits are only lost in a saturated tail."""
        block = self.sampler.worst(max(outside, key=lambda b: b.excess))
        name = "gradient" if abs(block.residuals[0]) > block.thresholds[0] else "linear"
        which = 0 if name == "gradient" else 1
        said = f"{len(outside)} of {len(blocks)} projections are outside {self.k:g} times the bound"
        entry, p = int(block.entries[0]), block.projection
        where, index = located(self.trial.case, entry)
        if len(block.entries) > 1:
            said += f"; the smallest block that shows it holds {len(block.entries)} entries, <g, d> is given for it"
        got = p.value + block.residuals[which]
        worst = Worst(where, index, got, p.value, p.own, p.bound)
        wide = self.reference.widened()
        lossy = Sampler(wide, self.gradients, self.k, self.rng)
        if not any(lossy.block(b.entries, b.amounts).outside for b in [*outside, block]):
            return Finding(name, Kind.LOSSY, "digits are lost in a saturated tail", worst.units, worst)
        prefix = "not linear in the cotangent: " if name == "linear" else ""
        return Finding(name, Kind.WRONG, prefix + said, worst.units, worst, entries=self.reference.size)
