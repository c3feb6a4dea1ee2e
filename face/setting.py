"""A call of ``check_gradient`` made ready: the function of its primals alone, and its verdict in the dtypes it is judged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof import failures
from gradproof.arguments import Arguments, gather
from gradproof.arguments import Leaf as Named
from gradproof.beyond import broken as _broken
from gradproof.beyond import by_cotangent, crashing
from gradproof.forward import forwarded, not_linear
from gradproof.frameworks import Framework, Function
from gradproof.oracles.callables.opaque import conduct, judge_opaque
from gradproof.oracles.callables.point import Opaque
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.finding import Verdict
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.judge import weigh
from gradproof.oracles.trial import run
from gradproof.oracles.verdict import Kind
from gradproof.paste import name_of, path_of
from gradproof.traced import beside
from gradproof.trees import flat

LARGE_S = 10.0  # for each of the two cotangents, where an array is too large for the tape
SINGLE = 2.0**-24  # the coarsest unit roundoff in which differences tell enough
GRADED = 3.0  # the second cotangent spans this many decades up and down


class InconclusiveError(GradproofError):
    """An entry of a gradient, or all of it, could not be decided, and why."""


def is_float(value: Any) -> bool:
    return any(word in str(getattr(value, "dtype", "")) for word in ("float", "double", "half"))


@dataclass(frozen=True)
class Options:
    """How a call is to be judged, as its user said."""

    order: int
    meaning: Callable[..., Any] | None
    seed: int
    k: float
    directions: int
    coordinates: int
    allow: frozenset[Kind] = frozenset()  # failures that the user accepts

    def stops(self, verdict: Verdict) -> bool:
        """Whether the verdict is one to raise: not decided, or a failure that is not accepted."""
        return not verdict.kind.decided or (verdict.kind.fails and verdict.kind not in self.allow)

    def worst(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The worst one: before any that is accepted, one to raise."""
        return max(verdicts, key=lambda v: (self.stops(v), v.kind.severity))

    def together(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The worst one alone if it is one to raise, else with the findings and the evidence of all."""
        worst = self.worst(verdicts)
        if self.stops(worst):
            return worst
        findings = tuple(f for v in verdicts for f in v.findings)
        return replace(worst, findings=findings, evidence="; ".join(v.evidence for v in verdicts))

    def without_accepted(self, verdict: Verdict) -> Verdict:
        """An accepted verdict, or what beside the failure that is accepted has no decision."""
        rest = tuple(f for f in verdict.findings if f.kind not in self.allow)
        kind = max((f.kind for f in rest), key=lambda kind: kind.severity, default=Kind.AGREE)
        return verdict if kind.decided or self.stops(verdict) else replace(verdict, kind=kind, findings=rest)


class Setting:
    """A call made ready: the function of its primals alone, in the dtype it is judged in."""

    def __init__(self, f: Callable[..., Any], own: Framework, arguments: Arguments, call: Callable[..., Any]) -> None:
        self.f, self.own, self.arguments, self.call = f, own, arguments, call

        def fn(*primals: Any) -> tuple[Any, ...]:
            leaves = arguments.with_primals(primals, own.engine.from_numpy)
            found = [y for y in flat((call(*arguments.filled(leaves)),)) if is_float(y)]
            if self.own.engine.name == "torch" and any(isinstance(y, np.ndarray) for y in found):
                raise GradproofError("f returned a NumPy array; expected tensors, which keep the way back to the inputs.")
            if not found:
                raise GradproofError("f returned no float array; expected one, or a tuple, list or dict of them.")
            return tuple(found)

        self.fn: Function = fn
        self.note = ""
        self.given = arguments  # in the user's own dtype
        self.narrow: Setting | None = None  # the call in that dtype, where another one is judged

    @staticmethod
    def of(
        f: Callable[..., Any],
        args: Sequence[Any],
        own: Framework,
        argnums: int | Sequence[int] | None,
        keywords: Mapping[str, Any] | None = None,
    ) -> Setting:
        call, parameters = own.opened(f)
        extra = [Named(f"parameter {name!r}", data, primal) for name, data, primal in parameters]
        arguments = gather(f, args, own, argnums, extra, keywords)
        given = Setting(f, own, arguments, call)
        floats = {x.data.dtype.name for x in arguments.leaves if x.data.dtype.kind not in "biu"}
        shapes = [tuple(y.shape) for y in own.plain(given.fn, arguments.primals)]
        if floats == {"float64"}:
            return given
        if not own.widens and floats <= set(FORMATS):
            given.note = f"; judged in {' and '.join(sorted(floats))} only: float64 of {own.engine.name} is not right to its last digits"
            return given
        wide = Setting(f, own, arguments.as_floats(np.dtype("float64")), call)
        try:
            outputs = own.plain(wide.fn, wide.arguments.primals)
            accepted = [tuple(y.shape) for y in outputs] == shapes and all("float64" in str(y.dtype) or "double" in str(y.dtype) for y in outputs)
        except Exception:  # noqa: BLE001 - f does not take float64
            accepted = False
        if accepted:
            wide.given = arguments
            wide.narrow = given
            wide.note = f"; judged in float64, given {' and '.join(sorted(floats))}"
            return wide
        if not floats <= set(FORMATS):
            raise InconclusiveError(
                f"f takes {' and '.join(sorted(floats))} and does not work in float64; expected one of {', '.join(FORMATS)}."
            )
        given.note = f"; judged in {' and '.join(sorted(floats))}, because f does not work in float64"
        return given

    def forwarded(self) -> Setting:
        """The same call, whose gradient is that of forward mode."""
        own = forwarded(self.own, sum(x.size for x in self.arguments.primals))
        other = Setting(self.f, own, self.arguments, self.call)
        other.note, other.given = f"; forward mode{self.note}", self.given
        return other

    @property
    def name(self) -> str:
        return path_of(self.f) or name_of(self.f)

    def case(self, fn: Function, name: str, rng: np.random.Generator) -> tuple[Case, tuple[Array, ...]]:
        """Inputs, one node in the function's name, and two sets of cotangents: signed, and signed over decades.

        The first of a function with one number as its output is 1, so that a report shows its plain derivative.
        """
        leaves = tuple(Leaf(x.data, constant=not x.primal) for x in self.arguments.leaves)
        outputs = [np.asarray(y) for y in self.own.values(fn)(self.arguments.primals)]
        signs = [rng.choice([-1.0, 1.0], y.shape) for y in outputs]
        first = tuple(
            np.asarray(s * rng.uniform(0.5, 1.5, y.shape), y.dtype) for s, y in zip(signs, outputs, strict=True)
        )
        if sum(y.size for y in outputs) == 1:
            first = tuple(np.ones(y.shape, y.dtype) for y in outputs)
        graded = tuple(
            np.asarray(rng.standard_normal(y.shape) * 10.0 ** rng.uniform(-GRADED, GRADED, y.shape), y.dtype)
            for y in outputs
        )
        node = Node(name, tuple(range(len(leaves))), {}, len(outputs))
        produced = tuple(range(len(leaves), len(leaves) + len(outputs)))
        return Case(Graph(leaves, (node,), produced), first), graded

    def judged(self, options: Options) -> Verdict:
        """The worst verdict over the orders up to ``order``, stopping at the first that is not decided."""
        fn, name, order = self.fn, self.name, options.order
        verdicts: list[Verdict] = []
        cases: list[Case] = []  # of each order; the cotangents of a higher one are its directions
        for level in range(1, order + 1):
            case, graded = self.case(fn, name, np.random.default_rng([options.seed, level]))
            cases.append(case)
            if options.meaning is not None:
                verdict = self._certified(cases, graded, fn, self._formula(options.meaning), options)
            else:
                subject = Opaque(self.own.engine, fn, self.own.values(fn), case, level == 1 and self.own.by_hand(self.f))
                verdict = judge_opaque(
                    subject,
                    [graded],
                    k=options.k,
                    seed=options.seed,
                    directions=options.directions,
                    coordinates=options.coordinates,
                )
                verdict = self._beside(verdict, cases, graded, fn, options)
            verdict = options.without_accepted(verdict)
            if level == 1 and not options.stops(verdict):
                verdict = self._laid_out(verdict)
            if level == 2 and not self.own.forward and not options.stops(verdict):
                verdict = by_cotangent(verdict, self.own, self.fn, cases[0])
            note = {"order": level, "mode": "forward" if self.own.forward else "reverse", **verdict.note}
            evidence = (f"order {level}: " if order > 1 else "") + verdict.evidence + self.note
            verdicts.append(replace(verdict, evidence=evidence, note=note))
            if options.stops(verdicts[-1]):
                break
            fn, name = self.own.gradient(fn, case.cotangents) if level < order else fn, f"gradient of {name}"
        return options.together(verdicts)

    def _beside(
        self, verdict: Verdict, cases: Sequence[Case], graded: tuple[Array, ...], fn: Function, options: Options
    ) -> Verdict:
        """A verdict of differences, and what the traced program says where f can be traced."""
        of_values = verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT, Kind.UNDECIDED, Kind.WRONG)
        if not of_values or not self.own.traces:
            return verdict
        primals = self.arguments.primals
        which = [x.primal for x in self.arguments.leaves]

        def certify(program: Callable[..., Any]) -> Verdict:
            return self._certified(cases, graded, fn, lambda *xs: program(*(x for x, p in zip(xs, which, strict=True) if p)), options)

        return beside(verdict, lambda: self.own.traced(self.fn, primals), sum(x.size for x in primals), certify)

    def _laid_out(self, verdict: Verdict) -> Verdict:
        """A passing verdict, once the framework has been asked with arrays laid out in other ways."""
        case = verdict.case
        if self.own.forward:
            broken = not_linear(self.own.engine, self.fn, case.graph.primal_values)
            return _broken(verdict, "linear", broken) if broken else verdict
        own = [not x.name.startswith("parameter ") for x in self.arguments.leaves if x.primal]
        broken, refused = self.own.layouts(self.fn, case.graph.primal_values, case.cotangents, own)
        if broken:
            return _broken(verdict, "layout", broken)
        return replace(verdict, evidence=f"{verdict.evidence}; {refused}") if refused else verdict

    def as_given(self, verdict: Verdict, options: Options) -> Verdict:
        """A passing verdict of float64, once f has been judged in the dtype that the user gave as well."""
        if self.narrow is None:
            return verdict
        floats = {x.data.dtype.name for x in self.given.leaves if x.data.dtype.kind not in "biu"}
        dtype = " and ".join(sorted(floats))
        if len(floats) > 1 and (crashed := crashing(self.narrow, dtype)):
            return crashed
        if len(floats) > 1 or not floats <= set(FORMATS) or (options.meaning is None and FORMATS[dtype].u > SINGLE):
            return replace(verdict, evidence=f"{verdict.evidence}; {dtype} itself was not looked at")
        own = self.narrow.judged(options)
        if own.kind.fails and options.stops(own):
            return replace(own, evidence=f"{own.evidence}; judged in {dtype}, as given; in float64 nothing is wrong")
        said = own.evidence if own.kind.decided else f"not decided ({own.kind})"
        worse = own if own.kind.fails and own.kind.severity > verdict.kind.severity else verdict  # one that is accepted
        return replace(worse, evidence=f"{verdict.evidence}; in {dtype} itself: {said}")

    def _certified(
        self, cases: Sequence[Case], graded: tuple[Array, ...], fn: Function, formula: Callable[..., Any], options: Options
    ) -> Verdict:
        """The verdict on the last of the cases, whose function is the gradient of that of the case before."""
        from gradproof.oracles.callables.formula import certify_formula
        from gradproof.oracles.large.formula import large_formula
        from gradproof.oracles.large.judge import weigh_large
        from gradproof.oracles.modes import REVERSE, Mode, weigh_in

        k, found = options.k, []
        for each in (cases[-1], replace(cases[-1], cotangents=graded)):
            trial = run(self.own.engine, each, fn)
            if trial.unsupported:
                found.append(weigh(trial, None, k))
                continue
            first, *higher = (*cases[:-1], each)
            reference = None if higher else large_formula(each, formula)
            if reference is not None:
                verdict = weigh_large(trial, k, budget_s=LARGE_S, reference=reference)
                found.append(verdict if trial.crash is None else replace(verdict, note={"crash": trial.crash}))
                continue
            certificate, doubtful = certify_formula(first, formula, [c.cotangents for c in higher])
            if not higher:
                verdict = weigh(trial, certificate, k)
            else:
                findings = conduct(trial)
                if not findings[-1].kind.fails:
                    findings.append(weigh_in(trial, Mode("gradient", (REVERSE,) * len(cases)), certificate, k))
                kind = max((f.kind for f in findings), key=lambda kind: kind.severity)
                verdict = Verdict(kind, self.own.engine.name, each, tuple(findings), bits=certificate.bits)
            if trial.crash is not None:
                verdict = replace(verdict, note={"crash": trial.crash})
            found.append(failures.doubted(verdict, doubtful) if doubtful else verdict)
        worst = options.worst(found)
        basis = worst.evidence if worst.evidence.startswith("blocked") else "certified balls"
        return replace(worst, evidence=f"{basis}, from the NumPy formula given")

    def _formula(self, meaning: Callable[..., Any]) -> Callable[..., Any]:
        """The NumPy formula over all leaves in order; a module's parameters come last, as a dict."""

        def formula(*leaves: Any) -> list[Any]:
            *given, keywords, own = self.arguments.filled(leaves)
            names = [x.name.removeprefix("parameter ").strip("'") for x in self.arguments.leaves[-len(own) :]]
            try:
                result = meaning(*given, *([dict(zip(names, own, strict=True))] if own else ()), **keywords)
            except Exception as error:  # whatever the formula raises is raised on, with what it may mean
                if not isinstance(error, GradproofError):
                    error.add_note("meaning takes NumPy functions (np.sin, say): it is called with arrays of NumPy, never a framework's.")
                raise
            return flat((result,))

        return formula
