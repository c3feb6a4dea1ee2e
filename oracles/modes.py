"""Every mode an engine offers is judged apart, because rules live apart: what a nesting of its transforms computes.

A mode is a word over ``reverse`` and ``forward``, outermost first, plain, under ``vmap`` or compiled. With cotangents ct and
directions v, w, … of the primals, a word of n letters with a ``reverse`` in it computes the gradient of
<ct, D^(n-1) f(x)[v, w, …]>, an array for each primal; a word of n times ``forward`` computes D^n f(x)[v, w, …], an array for
each output. Both are certified on a tape that records tangents (``oracles.tangents``), for any nesting the same.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.oracles import excuse, pushed
from gradproof.oracles.ball import PRECISION, precision
from gradproof.oracles.bound import Rounding
from gradproof.oracles.certificate import Certificate, certify, certify_recording, record
from gradproof.oracles.engine import Engine, nestings
from gradproof.oracles.entries import gradient
from gradproof.oracles.errors import GradproofError, Unsupported
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.judge import K
from gradproof.oracles.tangents import tangents
from gradproof.oracles.trial import Trial, capabilities, function
from gradproof.oracles.verdict import Kind

Function = Callable[..., tuple[Any, ...]]
Directions = Sequence[Sequence[Array]]
VMAP, COMPILED = "vmap of ", "compiled "
REVERSE, FORWARD = "reverse", "forward"
SYMMETRIC = frozenset({"linalg.cholesky"})  # frameworks differ in what the forward derivative is along others
TANGENTS = "tangents"  # the key of a case's note that holds the directions


@dataclass(frozen=True)
class Mode:
    """One way of differentiating: a word over reverse and forward, outermost first, and what is around it."""

    name: str
    word: tuple[str, ...]
    around: str = ""

    @property
    def order(self) -> int:
        return len(self.word)

    @property
    def pushes(self) -> bool:
        """Whether it is forward all through: its results are tangents of the outputs."""
        return REVERSE not in self.word

    @property
    def levels(self) -> int:
        """How many directions it takes."""
        return self.order if self.pushes else self.order - 1

    @property
    def statement(self) -> str:
        """The property of an engine that it is."""
        what = "each output's derivative" if self.pushes else "the gradient"
        how = {"": "", VMAP: ", over a batch of other points,", COMPILED: ", compiled,"}[self.around]
        return f"{' over '.join(self.word)}{how} gives {what} of order {self.order} within K times its derived bound."


def _mode(name: str) -> Mode:
    around = next((prefix for prefix in (VMAP, COMPILED) if name.startswith(prefix)), "")
    return Mode(name, tuple(name.removeprefix(around).split(" over ")), around)


MODES: Mapping[str, Mode] = {
    mode.name: mode
    for mode in sorted(map(_mode, nestings(around=("", VMAP, COMPILED))), key=lambda m: (m.order, m.around, m.name))
    if mode.name != REVERSE  # which is judged in every run
}


def offered(engine: Engine, names: Iterable[str], order: int = 3) -> tuple[str, ...]:
    """The modes of these names, up to an order, that an engine declares.

    Raises: GradproofError for a name that is no mode.
    """
    for name in names:
        if name not in MODES and name != REVERSE:
            raise GradproofError(f"no mode named {name!r}; there are: reverse, {', '.join(MODES)}.")
    declared = capabilities(engine).modes
    return tuple(m for m in MODES if m in names and m in declared and MODES[m].order <= order)


# ---- directions


def directions(case: Case, count: int) -> list[list[Array]]:
    """``count`` directions of the primals: those saved with the case, or drawn from its content, signed, never constant."""
    values = case.graph.primal_values
    saved = case.note.get(TANGENTS)
    if isinstance(saved, Sequence) and len(saved) >= count and all(_fits(s, values) for s in saved):
        return [[_array(flat, x) for flat, x in zip(one, values, strict=True)] for one in saved[:count]]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in (*values, *case.cotangents)))
    rnd = random.Random(digest.hexdigest())
    held = {node.operands[0] for node in case.graph.nodes if node.op in SYMMETRIC}
    if held and max(held) >= len(case.graph.leaves):  # computed from other matrices: sums and products keep symmetry
        square = (p for p, v in zip(case.graph.primals, values, strict=True) if v.ndim > 1 and v.shape[-1] == v.shape[-2])
        held.update(square)
    drawn = [[_drawn(rnd, x) for x in values] for _ in range(count)]
    return [
        [_symmetric(v) if p in held else v for p, v in zip(case.graph.primals, one, strict=True)] for one in drawn
    ]


def _symmetric(v: Array) -> Array:
    return np.tril(v) + np.swapaxes(np.tril(v, -1), -1, -2)


def _fits(saved: Any, values: Sequence[Array]) -> bool:
    return len(saved) == len(values) and all(len(flat) == x.size for flat, x in zip(saved, values, strict=True))


def _array(flat: Sequence[str], like: Array) -> Array:
    return np.array([float.fromhex(v) for v in flat]).astype(like.dtype).reshape(like.shape)


def _drawn(rnd: random.Random, like: Array) -> Array:
    """Random; of ones of either sign; with zeros; or over eight decades."""
    kind = rnd.randrange(8)
    if kind == 0:
        numbers = [rnd.choice((-1.0, 1.0)) for _ in range(like.size)]
    elif kind == 1:
        numbers = [rnd.gauss(0, 1) if rnd.random() < 0.5 else 0.0 for _ in range(like.size)]
    elif kind == 2:
        numbers = [rnd.choice((-1.0, 1.0)) * 10.0 ** rnd.uniform(-4, 4) for _ in range(like.size)]
    else:
        numbers = [rnd.gauss(0, 1) for _ in range(like.size)]
    return np.array(numbers).astype(like.dtype).reshape(like.shape)


def with_directions(case: Case, count: int) -> Case:
    """The case with its directions in its note, so that it replays with them."""
    saved = [[[float(v).hex() for v in x.ravel()] for x in one] for one in directions(case, count)]
    return replace(case, note={**case.note, TANGENTS: saved})


# ---- the reference


def certify_along(case: Case, along: Directions) -> Certificate:
    """The certificate of <ct, D^n f(x)[v, w, …]>: its values are the derivatives along, its gradient of one order more."""
    if not along:
        return certify(case)
    graph, unit = case.graph, Rounding.of(case.graph.dtype)
    with precision(PRECISION):
        recording = record(graph)
        primals = [recording.values[p] for p in graph.primals]
        outputs = [recording.values[o] for o in graph.outputs]
        for one in along:
            outputs = tangents(recording, primals, outputs, one, unit)
    return certify_recording(case, recording, primals, outputs, higher=True)


# ---- the engine's answer


def composed(engine: Any, fn: Function, word: Sequence[str], cotangents: Sequence[Any], along: Sequence[Sequence[Any]]) -> Function:
    """The function of the primals that a word of an engine's transforms computes."""
    left, pulled = iter(along), False
    for letter in reversed(word):
        if letter == FORWARD:
            fn = _forward(engine, fn, tuple(next(left)))
        else:
            fn = _reverse(engine, fn, tuple(next(left) if pulled else cotangents))
            pulled = True
    return fn


def _reverse(engine: Any, fn: Function, seeds: tuple[Any, ...]) -> Function:
    return lambda *xs: tuple(engine.vjp(fn, xs)[1](seeds))


def _forward(engine: Any, fn: Function, moves: tuple[Any, ...]) -> Function:
    return lambda *xs: tuple(engine.jvp(fn, xs, moves)[1])


def tried_in(engine: Any, case: Case, mode: Mode) -> Trial:
    """The engine's answer in a mode, in ``first``; exceptions are caught and kept.

    Under vmap the case is the second of a batch of two, whose first has every input in reverse order.
    """
    trial = Trial(engine, case)
    graph = case.graph
    sizes = (len(graph.primals), len(case.cotangents))

    def quantity(*flat: Any) -> tuple[Any, ...]:
        xs, cts, rest = flat[: sizes[0]], flat[sizes[0] : sum(sizes)], flat[sum(sizes) :]
        along = [rest[i : i + sizes[0]] for i in range(0, len(rest), sizes[0])] if sizes[0] else [()] * mode.levels
        return composed(engine, fn, mode.word, cts, along)(*xs)

    try:
        declared = capabilities(engine)
        if mode.name not in declared.modes:
            raise Unsupported(f"{engine.name} does not declare the mode {mode.name}")
        if graph.dtype.name not in declared.dtypes or any(declared.lacks(o, graph.dtype.name) for o in graph.ops):
            raise Unsupported(f"{engine.name} does not declare all ops of the graph in {graph.dtype.name}")
        fn = function(engine, graph)
        arrays = [*graph.primal_values, *case.cotangents, *(v for one in directions(case, mode.levels) for v in one)]
        if mode.around == VMAP:
            arrays = [np.stack([_turned(a), a]) for a in arrays]
        run = engine.vmap(quantity) if mode.around == VMAP else engine.compile(quantity) if mode.around else quantity
        answers = run(*(engine.from_numpy(np.array(a, copy=True)) for a in arrays))
        trial.first = [np.array(engine.to_numpy(a), copy=True) for a in answers]
        if mode.around == VMAP:
            trial.first = [np.array(a[1]) for a in trial.first]
    except Unsupported as why:
        trial.unsupported = str(why)
    except KeyboardInterrupt:
        raise
    except BaseException as crash:  # noqa: BLE001 - whatever an engine raises is its answer
        trial.crash = crash
    return trial


def _turned(v: Array) -> Array:
    """Its entries in reverse order: another point that lies in the domain."""
    return v.reshape(-1)[::-1].reshape(v.shape)


# ---- the judgement


def weigh_in(trial: Trial, mode: Mode, certificate: Certificate, k: float = K) -> Finding:
    """What the mode's property says of an engine's answer, by the certificate along ``mode.levels`` directions."""
    if trial.unsupported:
        return Finding(mode.name, Kind.UNSUPPORTED, trial.unsupported)
    if trial.crash is not None:
        return replace(excuse.crash(trial.crash, certificate, k), property=mode.name)
    expected = trial.case.cotangents if mode.pushes else trial.case.graph.primal_values
    broken = _misshapen(trial.first, expected)
    if broken:
        return Finding(mode.name, Kind.CONTRACT, broken)
    if certificate.forward.jumps:
        return Finding(mode.name, Kind.ILL_CONDITIONED, "a jump (sign, copysign) is within rounding of its argument")
    if mode.pushes:
        return pushed.judged(mode.name, trial.first, certificate, k)
    found = gradient(mode.name, trial.first, 1.0, trial, certificate, k)
    if found.kind is Kind.NAN_UNTAKEN and not all(v.is_finite() for v in certificate.value):
        return replace(found, kind=Kind.ILL_CONDITIONED, reason="the derivative of one order less is not finite here")
    return found


def _misshapen(got: Sequence[Array], expected: Sequence[Array]) -> str:
    if len(got) != len(expected):
        return f"{len(got)} results; expected {len(expected)}"
    for i, (a, like) in enumerate(zip(got, expected, strict=True)):
        if a.shape != like.shape or a.dtype != like.dtype:
            return f"result {i} is {a.dtype.name}{list(a.shape)}, expected {like.dtype.name}{list(like.shape)}"
    return ""


def judge_mode(case: Case, engine: Engine, name: str, k: float = K) -> Finding:
    """Judge one engine on one case in one mode. The plain reverse mode is ``judge``'s."""
    mode = MODES[name]
    trial = tried_in(engine, case, mode)
    return weigh_in(trial, mode, certify_along(case, directions(case, mode.levels)), k)


def judge_modes(
    verdict: Verdict,
    engine: Engine,
    names: Iterable[str],
    k: float = K,
    trying: Callable[[Any, Case, Mode], Trial] = tried_in,
) -> Verdict:
    """The verdict with a finding for each mode, where the engine's values and first gradient were judged and sound.

    A mode's finding decides the verdict only if it fails: that no verdict is possible in one mode says nothing of the rest.
    """
    if verdict.kind not in (Kind.AGREE, Kind.SUBGRADIENT):
        return verdict
    case, found, certificates = verdict.case, list(verdict.findings), dict[int, Certificate]()
    for name in names:
        mode = MODES[name]
        if mode.levels not in certificates:
            certificates[mode.levels] = certify_along(case, directions(case, mode.levels))
        found.append(weigh_in(trying(engine, case, mode), mode, certificates[mode.levels], k))
    failing = [f for f in found[len(verdict.findings) :] if f.kind.fails]
    if failing:
        case = with_directions(case, max(MODES[f.property].levels for f in failing))
    kind = max((verdict.kind, *(f.kind for f in failing)), key=lambda kind: kind.severity)
    return replace(verdict, kind=kind, case=case, findings=tuple(found))
