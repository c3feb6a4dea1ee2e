"""The judge of a callable that shows no graph: contract checks, and looks along lines through the inputs.

Every coordinate of a small input is looked at, a sample of a large one, and random directions, which any wrong entry
turns. At a kink random directions are asked again at points beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gradproof.oracles import contract
from gradproof.oracles.callables.look import Look
from gradproof.oracles.callables.point import Opaque, Point
from gradproof.oracles.callables.survey import Survey
from gradproof.oracles.finding import Finding, Verdict, Worst
from gradproof.oracles.graph import Array
from gradproof.oracles.judge import K
from gradproof.oracles.trial import Trial, run
from gradproof.oracles.verdict import Kind

COORDINATES = 256
CHOICE = (
    "the gradient is right on both sides of the point and off only there, so either the program chooses a slope at a kink in a "
    "way that values do not show, as relu(x) - relu(-x) does at 0, or it is wrong at this very point"
)
SMOOTH = "wrong at this very point, around which f is smooth"
BESIDE = 1e-2  # how far from a kink, relative to the inputs, random directions are asked again


def judge_opaque(
    subject: Opaque,
    more: Sequence[Sequence[Array]] = (),
    *,
    k: float = K,
    seed: int = 0,
    directions: int = 4,
    coordinates: int = COORDINATES,
) -> Verdict:
    """Judge a callable by its values alone; ``more`` are further cotangents than the case's own."""
    trial = run(subject.engine, subject.case, subject.fn)
    findings = conduct(trial)
    if findings[-1].kind.fails or findings[-1].kind in (Kind.UNSUPPORTED, Kind.RANGE):
        return replace(_verdict(subject, findings, "contract checks"), note={"crash": trial.crash})
    cotangents = [subject.case.cotangents, *more]
    flat = np.concatenate([np.ravel(v) for v in subject.case.graph.primal_values] or [np.zeros(0)]).astype(float)
    if not flat.size or not any(c.size for c in subject.case.cotangents):
        return _verdict(subject, [*findings, Finding("gradient", Kind.AGREE)], "contract checks; no entry to differ in")
    with np.errstate(all="ignore"):
        own = np.concatenate([np.ravel(g) for g in trial.first]).astype(float)[None]
        gradients = np.concatenate([own, subject.gradient(flat, more)]) if more else own
        point = Point(subject, flat, cotangents, gradients, seed)
        findings += _linear(trial, point)
        return _differences(subject, point, findings, k, seed, directions, coordinates)


def _verdict(subject: Opaque, findings: Sequence[Finding], evidence: str, cotangent: Sequence[Array] = ()) -> Verdict:
    kind = max((f.kind for f in findings), key=lambda kind: kind.severity)
    case = replace(subject.case, cotangents=tuple(cotangent)) if len(cotangent) else subject.case
    return Verdict(kind, subject.engine.name, case, tuple(findings), evidence=evidence)


def conduct(trial: Trial) -> list[Finding]:
    """The contract checks that need no reference; the last finding says whether to go on."""
    if trial.unsupported:
        return [Finding("gradient", Kind.UNSUPPORTED, trial.unsupported)]
    if trial.crash is not None:
        what = str(trial.crash).strip().splitlines() or ["(no message)"]
        return [Finding("gradient", Kind.CRASHED, f"the engine raised {type(trial.crash).__name__}: {what[0]}")]
    found: list[Finding] = []
    again = "; f must give the same answer twice: fix its random state, or put its module in eval mode"
    for name, broken in (
        ("untouched", contract.untouched(trial)),
        ("shape_and_dtype", contract.output_shape_and_dtype(trial) or contract.shape_and_dtype(trial)),
        ("repeatable", contract.repeatable(trial)),
        ("preserved", contract.preserved(trial)),
        ("unused_is_zero", contract.unused_is_zero(trial)),
    ):
        if broken:
            reason = f"not deterministic: {broken}{again}" if name == "repeatable" else broken
            return [*found, Finding(name, Kind.CONTRACT, reason)]
        found.append(Finding(name, Kind.AGREE))
    if not all(np.isfinite(y).all() for y in trial.outputs):
        found.append(Finding("value", Kind.RANGE, "f is not finite at these inputs"))
    return found


def _located(subject: Opaque, flat: int) -> tuple[int, tuple[int, ...]]:
    graph = subject.case.graph
    for value, data in zip(graph.primals, graph.primal_values, strict=True):
        if flat < data.size:
            return value, tuple(int(i) for i in np.unravel_index(flat, data.shape))
        flat -= data.size
    raise IndexError(flat)


def _linear(trial: Trial, point: Point) -> list[Finding]:
    """The pullback of -2 times the cotangent is -2 times the gradient, and that of zeros is zeros."""
    scaled = np.concatenate([np.ravel(g) for g in trial.scaled[:-1]]).astype(float) / -2
    zero = np.concatenate([np.ravel(g) for g in trial.zero[:-1]]).astype(float)
    own = point.gradients[0]
    findings = []
    largest = float(np.max(np.abs(own), initial=0.0, where=np.isfinite(own)))
    allowed = point.allowance[0] + 1024 * point.subject.unit * largest
    off = np.flatnonzero(~(np.abs(scaled - own) <= allowed) & np.isfinite(own))
    if len(off):
        i = int(off[0])
        where, index = _located(point.subject, i)
        worst = Worst(where, index, float(scaled[i]), float(own[i]), 0.0, float(allowed[i]))
        reason = "not linear in the cotangent: the pullback of -2 ct, divided by -2, is not that of ct"
        findings.append(Finding("linear", Kind.CONTRACT, reason, worst.units, worst))
    off = np.flatnonzero((zero != 0) & np.isfinite(own))  # at an infinite slope zero times it is no number
    if len(off):
        i = int(off[0])
        where, index = _located(point.subject, i)
        worst = Worst(where, index, float(zero[i]), 0.0, 0.0, 0.0)
        kind = Kind.NAN_UNTAKEN if np.isnan(zero[off]).all() else Kind.CONTRACT
        findings.append(Finding("zero", kind, f"a zero cotangent gives {zero[i]!r}, expected 0", worst=worst))
    return findings


def _differences(
    subject: Opaque,
    point: Point,
    findings: list[Finding],
    k: float,
    seed: int,
    directions: int,
    coordinates: int,
) -> Verdict:
    rng = np.random.default_rng([seed, 1])
    survey = Survey(point, k)
    survey.directions(directions, rng)
    n = point.flat.size
    chosen = range(n) if n <= coordinates else _sample(point, coordinates, rng)
    for i in chosen:
        survey.coordinate(int(i))
    for direction, seen in survey.random:
        if seen.status == "wrong" and not any(c.status == "wrong" for c in survey.coordinates.values()):
            survey.locate(direction)
    looks = list(survey.coordinates.values())
    if n > len(looks) and directions and not survey.covered and survey.beyond_directions:
        survey.directions(directions, rng, survey.beyond_directions)
    evidence = survey.evidence()
    wrong = {i: seen for i, seen in survey.coordinates.items() if seen.status == "wrong"}
    astray = survey.astray()
    if wrong:
        i = max(wrong, key=lambda i: _units(wrong[i], k))
        others = f"{len(wrong)} of {len(looks)} entries looked at are wrong" if len(wrong) > 1 else "one entry is wrong"
        at = survey.points.get(i, point)
        return _blame(subject, at, findings, i, wrong[i], k, f"{others}: {_reason(wrong[i])}", evidence)
    if astray and not survey.kinked and not survey.choices:
        direction, seen = astray[0]
        i = int(np.argmax(np.abs(point.gradients[seen.worst] * direction)))
        reason = "along a random direction <g, d> is off, in no single entry enough to tell which"
        return _blame(subject, point, findings, i, seen, k, reason, evidence)
    if survey.kinked or survey.choices:
        beside = _beside(subject, point, k, rng, directions)
        if beside is not None:
            where, seen, i = beside
            reason = f"just beside a kink of f (inputs moved by 1 %): {_reason(seen)}"
            return _blame(subject, where, findings, i, seen, k, reason, evidence)
        if survey.choices:
            i = max(survey.choices, key=lambda i: _units(survey.choices[i], k))
            at = survey.points.get(i, point)
            if subject.by_hand and survey.smooth():
                reason = f"{SMOOTH}: {_reason(survey.choices[i])}"
                return _blame(subject, at, findings, i, survey.choices[i], k, reason, evidence)
            found = _blame(subject, at, findings, i, survey.choices[i], k, _choice(survey.choices[i]), evidence)
            last = replace(found.findings[-1], kind=Kind.UNDECIDED)
            return _verdict(subject, [*findings, last], evidence, found.case.cotangents)
    unseen = 0 if survey.covered else n - len(looks)
    said = partial(Finding, "gradient", entries=n, undecided=len(survey.undecided) + unseen)
    serious = {i: why for i, why in survey.undecided.items() if not why.slight}
    if serious:
        i, why = next(iter(serious.items()))
        worst = _shown(subject, i, survey.coordinates[i])
        reason = f"{why.reason} ({len(serious)} of {n} entries so)"
        return _verdict(subject, [*findings, said(Kind.UNDECIDED, reason, worst=worst)], evidence)
    if unseen and directions:
        reason = f"only {len(looks)} of {n} entries were looked at alone, and random directions tell nothing of the rest; try coordinates={n}"
        return _verdict(subject, [*findings, said(Kind.UNDECIDED, reason)], evidence)
    left = _left(subject, survey, unseen)
    if survey.kinked:
        count = sum(seen.status == "kink" for seen in looks)
        reason = f"on a kink of f along {count} of {len(looks)} coordinates, between the slopes from left and right"
        return _verdict(subject, [*findings, said(Kind.SUBGRADIENT, f"{reason}; {left}" if left else reason)], evidence)
    units = max((_units(seen, k) for seen in survey.looks if seen.status == "agrees"), default=0.0)
    reason = f"within the error of differences; {left}" if left else ""
    return _verdict(subject, [*findings, said(Kind.AGREE, reason, units)], evidence)


def _shown(subject: Opaque, i: int, seen: Look) -> Worst:
    """An entry without a decision, at the first cotangent that shows it."""
    where, index = _located(subject, i)
    j = int(np.argmin(np.isfinite(seen.got)))
    return Worst(where, index, float(seen.got[j]), float(seen.expected[j]), float(seen.tolerance[j]), float(seen.tolerance[j]))


def _left(subject: Opaque, survey: Survey, unseen: int) -> str:
    """The entries that have no decision and are passed by, in words."""
    found = []
    if survey.undecided:
        i, why = next(iter(survey.undecided.items()))
        where, index = _located(subject, i)
        found.append(
            f"{len(survey.undecided)} of the entries, far below the others, have no decision: the first is %{where} at {list(index)}, "
            f"where the values of f show the slope {why.reason}"
        )
    if unseen:
        found.append(f"{unseen} not looked at")
    return "; ".join(found)


def _units(seen: Look, k: float) -> float:
    j = seen.worst
    with np.errstate(all="ignore"):
        units = float(np.abs(seen.got[j] - seen.expected[j]) / (seen.tolerance[j] / k))
    return units if np.isfinite(units) else (0.0 if seen.got[j] == seen.expected[j] else np.inf)


def _reason(seen: Look) -> str:
    j = seen.worst
    if np.isnan(seen.got[j]):
        return "nan where f has a slope; a nan often comes from the branch that where() did not take"
    if seen.got[j] == 0:
        return "zero where f has a slope; was a gradient dropped, or returned as None?"
    ratio = float(seen.got[j] / seen.expected[j]) if seen.expected[j] else np.inf
    if abs(ratio - 1) < 1e-3:
        return f"got differs from expected by a part {abs(ratio - 1):.1e} of it"
    if abs(ratio) < 1e6:
        return f"got is {ratio:.6g} times expected"
    if abs(seen.expected[j]) <= seen.tolerance[j]:
        return "a slope where the values of f show none; was it rounded, or cut to pieces that are flat?"
    return "got is more than a million times expected"


def _choice(seen: Look) -> str:
    if seen.left is None or seen.right is None:
        return CHOICE
    j = seen.worst
    return f"the slopes are {seen.left[j]:.6g} from the left and {seen.right[j]:.6g} from the right; {CHOICE}"


def _blame(
    subject: Opaque, point: Point, findings: list[Finding], i: int, seen: Look, k: float, reason: str, evidence: str
) -> Verdict:
    j = seen.worst
    where, index = _located(subject, i)
    bound = float(seen.tolerance[j]) / k
    worst = Worst(where, index, float(seen.got[j]), float(seen.expected[j]), bound, bound)
    finding = Finding("gradient", Kind.WRONG, reason, worst.units, worst)
    return _verdict(subject, [*findings, finding], evidence, point.cotangents[j])


def _sample(point: Point, count: int, rng: np.random.Generator) -> list[int]:
    """Entries of the largest gradients, and others at random."""
    largest = np.argsort(-np.abs(point.gradients).max(axis=0))[: count // 4]
    return sorted({*largest.tolist(), *rng.choice(point.flat.size, count - len(largest), replace=False).tolist()})


def _beside(
    subject: Opaque, point: Point, k: float, rng: np.random.Generator, directions: int
) -> tuple[Point, Look, int] | None:
    """Random directions at points beside the kink: the first entry found wrong there."""
    for _ in range(2):
        moved = point.flat + BESIDE * point.scale * rng.uniform(-1, 1, point.flat.size)
        moved = np.concatenate([np.ravel(v) for v in subject.split(moved)]).astype(float)
        try:
            other = Point(subject, moved, point.cotangents, subject.gradient(moved, point.cotangents), point.seed)
        except Exception:  # noqa: BLE001, S112 - as in ``Point.projected``
            continue
        if not np.isfinite(other.middle).all():
            continue
        survey = Survey(other, k)
        survey.directions(max(2, directions // 2), rng)
        for direction, seen in survey.random:
            i = survey.locate(direction) if seen.status == "wrong" else None
            if i is not None and survey.coordinates[i].status == "wrong":
                return other, survey.coordinates[i], i
    return None
