"""Every mode an engine offers is judged apart, because rules live apart: what a nesting of its transforms computes.

A mode is a word over ``reverse`` and ``forward``, outermost first, plain, under ``vmap`` or compiled. With cotangents ct and
directions v, w, … of the primals, a word of n letters with a ``reverse`` in it computes the gradient of
<ct, D^(n-1) f(x)[v, w, …]>, an array for each primal; a word of n times ``forward`` computes D^n f(x)[v, w, …], an array for
each output. Both are certified on a tape that records tangents (``oracles.tangents``), for any nesting the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gradproof.oracles import company, excuse, pushed
from gradproof.oracles.ball import PRECISION, precision
from gradproof.oracles.bound import Rounding
from gradproof.oracles.certificate import Certificate, certify, certify_recording, record
from gradproof.oracles.directions import TANGENTS, Directions, directions, saved, with_directions
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
VMAP, COMPILED = "vmap of ", "compiled "
REVERSE, FORWARD = "reverse", "forward"


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

    Under vmap the case is one of a batch, compiled it is one of several calls: ``beside`` has the answers for the others.
    """
    trial = Trial(engine, case)
    graph = case.graph
    try:
        declared = capabilities(engine)
        if mode.name not in declared.modes:
            raise Unsupported(f"{engine.name} does not declare the mode {mode.name}")
        if graph.dtype.name not in declared.dtypes or any(declared.lacks(o, graph.dtype.name) for o in graph.ops):
            raise Unsupported(f"{engine.name} does not declare all ops of the graph in {graph.dtype.name}")
        fn = function(engine, graph)
        operands = [*graph.primal_values, *case.cotangents, *(v for one in directions(case, mode.levels) for v in one)]
        run = partial(_quantity, engine, fn, mode, len(graph.primals), len(case.cotangents))
        if mode.around:
            _in_company(trial, mode, run, operands)
        else:
            answers = run(*(engine.from_numpy(np.array(a, copy=True)) for a in operands))
            trial.first = [np.array(engine.to_numpy(a), copy=True) for a in answers]
    except Unsupported as why:
        trial.unsupported = str(why)
    except KeyboardInterrupt:
        raise
    except BaseException as crash:  # noqa: BLE001 - whatever an engine raises is its answer
        trial.crash = crash
    return trial


def _quantity(engine: Any, fn: Function, mode: Mode, primals: int, cotangents: int, *flat: Any) -> tuple[Any, ...]:
    """What a mode computes, as a function of primals, cotangents and directions."""
    xs, cts, rest = flat[:primals], flat[primals : primals + cotangents], flat[primals + cotangents :]
    along = [rest[i : i + primals] for i in range(0, len(rest), primals)] if primals else [()] * mode.levels
    return composed(engine, fn, mode.word, cts, along)(*xs)


def _in_company(trial: Trial, mode: Mode, run: Function, operands: list[Array]) -> None:
    """The answers for all examples; without other primals where the engine raises for one of the others alone too."""
    engine, case = trial.engine, trial.case
    answered, least = (company.batched, 1) if mode.around == VMAP else (company.replayed, 2)
    around = company.drawn(case, operands, least)
    try:
        rows, trial.broken = answered(engine, run, around)
    except Unsupported:
        raise
    except Exception:  # one of the others alone may be what is refused
        plain = _mode(" over ".join(mode.word))
        alone = [tried_in(engine, _example(case, around.rows[i]), plain) for i in around.others]
        if all(t.crash is None and not t.unsupported for t in alone):
            raise
        around = around.tame(len(case.graph.primals))
        rows, trial.broken = answered(engine, run, around)
    if not trial.broken:
        trial.first = rows[around.place]
        trial.beside = [Trial(engine, _example(case, around.rows[i]), first=rows[i]) for i in around.others]


def _example(case: Case, operands: Sequence[Array]) -> Case:
    """The case with other primals, cotangents and directions."""
    primals, cotangents = len(case.graph.primals), len(case.cotangents)
    xs, cts, rest = operands[:primals], operands[primals : primals + cotangents], operands[primals + cotangents :]
    along = [rest[i : i + primals] for i in range(0, len(rest), primals)] if primals else []
    return Case(case.graph.with_primals(xs), tuple(cts), {TANGENTS: saved(along)})


# ---- the judgement


def weigh_in(trial: Trial, mode: Mode, certificate: Certificate, k: float = K) -> Finding:
    """What the mode's property says of an engine's answer, by the certificate along ``mode.levels`` directions."""
    if trial.unsupported:
        return Finding(mode.name, Kind.UNSUPPORTED, trial.unsupported)
    if trial.crash is not None:
        return replace(excuse.crash(trial.crash, certificate, k), property=mode.name)
    expected = trial.case.cotangents if mode.pushes else trial.case.graph.primal_values
    broken = trial.broken or _misshapen(trial.first, expected)
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
    return _Along(engine, k, tried_in).finding(case, MODES[name])


Trying = Callable[[Any, Case, Mode], Trial]


class _Along:
    """Judges cases in modes, and certifies each once for all modes of as many directions."""

    def __init__(self, engine: Engine, k: float, trying: Trying) -> None:
        self.engine, self.k, self.trying = engine, k, trying
        self.certificates: dict[Any, Certificate] = {}

    def finding(self, case: Case, mode: Mode) -> Finding:
        """What the mode's property says of a case; of its company too, where that is sound but for what is around."""
        trial = self.trying(self.engine, case, mode)
        found = self.weighed(trial, mode)
        if found.kind.fails:
            return found
        for i, other in enumerate(trial.beside):
            beside = self.weighed(other, mode)
            if beside.kind.fails and self._sound(other.case, mode):
                return replace(beside, reason=f"another example ({i + 1} of {len(trial.beside)}): {beside.reason}")
        return found

    def weighed(self, trial: Trial, mode: Mode) -> Finding:
        along = directions(trial.case, mode.levels)
        key = tuple(a.tobytes() for a in (*trial.case.graph.primal_values, *trial.case.cotangents, *(v for one in along for v in one)))
        if (mode.levels, key) not in self.certificates:
            self.certificates[mode.levels, key] = certify_along(trial.case, along)
        return weigh_in(trial, mode, self.certificates[mode.levels, key], self.k)

    def _sound(self, case: Case, mode: Mode) -> bool:
        """Whether the engine's first gradient of a case, and what the mode nests, are sound with nothing around."""
        plain = (_mode(REVERSE), _mode(" over ".join(mode.word)))
        return not any(self.weighed(self.trying(self.engine, case, one), one).kind.fails for one in plain)


def judge_modes(verdict: Verdict, engine: Engine, names: Iterable[str], k: float = K, trying: Trying = tried_in) -> Verdict:
    """The verdict with a finding for each mode, where the engine's values and first gradient were judged and sound.

    A mode's finding decides the verdict only if it fails: that no verdict is possible in one mode says nothing of the rest.
    """
    if verdict.kind not in (Kind.AGREE, Kind.SUBGRADIENT):
        return verdict
    case, judging = verdict.case, _Along(engine, k, trying)
    found = [judging.finding(case, MODES[name]) for name in names]
    failing = [f for f in found if f.kind.fails]
    if failing:
        case = with_directions(case, max(MODES[f.property].levels for f in failing))
    kind = max((verdict.kind, *(f.kind for f in failing)), key=lambda kind: kind.severity)
    return replace(verdict, kind=kind, case=case, findings=(*verdict.findings, *found))
