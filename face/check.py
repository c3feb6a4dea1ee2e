"""``check_gradient``: is the gradient of this function right, at these inputs, in the framework's own arithmetic?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradproof import failures
from gradproof.arguments import Arguments, gather
from gradproof.arguments import Leaf as Named
from gradproof.frameworks import Framework, Function, framework, guess
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.finding import Verdict
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.judge import K, weigh
from gradproof.oracles.opaque import COORDINATES, conduct, judge_opaque
from gradproof.oracles.point import Opaque
from gradproof.oracles.trial import run
from gradproof.oracles.verdict import Kind
from gradproof.paste import Call, name_of, path_of

ORDER_MAX = 3
LARGE_S = 10.0  # for each of the two cotangents, where an array is too large for the tape of scalars
NATIVE_GUESSED = (
    "check_gradient called f with the native engine's arrays, because it was given none of a framework. "
    'Give f the arrays of its framework, or name that: engine="torch".'
)
GRADED = 3.0  # the second cotangent spans this many decades up and down


class GradientError(GradproofError, AssertionError):
    """A gradient is wrong, or breaks a rule of conduct; the text is the report, ``verdict`` the verdict."""

    def __init__(self, report: str, verdict: Verdict) -> None:
        super().__init__(report)
        self.verdict = verdict


class InconclusiveError(GradproofError):
    """Nothing could be decided, and why."""


def check_gradient(
    f: Callable[..., Any],
    *args: Any,
    engine: str | None = None,
    order: int = 1,
    meaning: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    seed: int = 0,
    k: float = K,
    directions: int = 4,
    coordinates: int = COORDINATES,
    save: str | Path | None = "gradproof-failures",
) -> Verdict:
    """Check the gradient of ``f`` at ``args``, and return the verdict if it is right.

    ``args`` are NumPy arrays, floats, or the framework's arrays, also in tuples, lists and dicts; ``f`` takes and
    returns the framework's own. All float arguments are differentiated: but only those at ``argnums`` if it is given,
    else only the tensors that require grad if any does. Integers and booleans are held fixed. A module of PyTorch is
    judged by its inputs and parameters. ``engine`` is native, torch, jax or module:Class; left out, it is guessed.

    With ``meaning``, the same function written in NumPy, the bound is certified: the formula runs in ball arithmetic.
    Without, it is the error of adaptive differences. ``order=2`` judges Hessian-vector products as well, ``order=3``
    also the third derivative along two directions: each is the framework's own gradient of the order before.

    Accuracy: float64 where f accepts it; ``verdict.evidence`` says what the bound rests on.

    Raises: GradientError, with the report as its text, if the gradient is wrong; InconclusiveError if nothing could be
    decided; whatever f itself raises when it is called.

    >>> import gradproof.engine as ge
    >>> check_gradient(lambda x: ge.sum(ge.sin(x) * x), np.array([0.5, 2.0])).kind
    <Kind.AGREE: 'AGREE'>
    """
    _usable(f, meaning, order, seed, k, directions, coordinates)
    guessed = engine or guess(f, list(_flat(args)))
    own = framework(guessed)
    call = Call(f, args, guessed, order, meaning, argnums, seed, k)
    with own.untouched(), np.errstate(all="ignore"):
        try:
            setting = _Setting.of(f, args, own, argnums)
        except Exception as error:
            if engine is None and guessed == "native" and not isinstance(error, GradproofError):
                error.add_note(NATIVE_GUESSED)
            raise
        verdict = setting.judged(order, meaning, seed=seed, k=k, directions=directions, coordinates=coordinates)
    if verdict.kind.fails:
        crash = verdict.note.get("crash")
        report = failures.report(verdict, call, setting.given, save)
        raise GradientError(report, verdict) from (crash if isinstance(crash, BaseException) else None)
    if not verdict.kind.decided:
        raise InconclusiveError(f"{verdict.kind}: {setting.name}: {_undecided(verdict, setting.given)}. {_advice(verdict)}")
    return verdict


def _usable(
    f: object, meaning: object, order: object, seed: object, k: object, directions: object, coordinates: object
) -> None:
    """Raises: TypeError or ValueError for an option that cannot be meant."""
    if not callable(f):
        raise TypeError(f"f is {type(f).__name__}; expected a function, and then its arguments.")
    if meaning is not None and not callable(meaning):
        raise TypeError(f"meaning is {type(meaning).__name__}; expected f written in NumPy, a function.")
    for name, value, least in (("seed", seed, 0), ("directions", directions, 0), ("coordinates", coordinates, 1)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name} {value!r} cannot be; expected a whole number from {least} on.")
    if not isinstance(order, int) or not 1 <= order <= ORDER_MAX:
        raise ValueError(f"order {order!r} is not offered; expected 1 to {ORDER_MAX}.")
    if not isinstance(k, int | float) or not k > 0:
        raise ValueError(f"k {k!r} cannot be; expected how many bounds are accepted, a number above 0.")


def _undecided(verdict: Verdict, arguments: Arguments) -> str:
    worst = verdict.worst
    if worst is None:
        return failures.named(verdict.reason, arguments)
    where = failures.entry(worst, arguments)
    shown = f" where the values of f show {worst.expected!r}" if np.isfinite(worst.expected) else ""
    return f"{where}: got {worst.got!r}{shown}: {verdict.reason}"


def _advice(verdict: Verdict) -> str:
    if verdict.kind is Kind.UNDECIDED and verdict.evidence.startswith("differences"):
        return "To decide: pass meaning=, the same function written in NumPy, or move the inputs off this point."
    if verdict.kind is Kind.RANGE:
        return "Choose inputs inside its domain, or a wider dtype."
    return verdict.kind.what_to_do


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = tuple(value.values())
    return [leaf for v in value for leaf in _flat(v)] if isinstance(value, tuple | list) else [value]


def _is_float(value: Any) -> bool:
    return "float" in str(getattr(value, "dtype", ""))


class _Setting:
    """A call made ready: the function of its primals alone, in the dtype it is judged in."""

    def __init__(self, f: Callable[..., Any], own: Framework, arguments: Arguments, call: Callable[..., Any]) -> None:
        self.f, self.own, self.arguments = f, own, arguments

        def fn(*primals: Any) -> tuple[Any, ...]:
            leaves = arguments.with_primals(primals, own.engine.from_numpy)
            found = [y for y in _flat((call(*arguments.filled(leaves)),)) if _is_float(y)]
            if self.own.engine.name == "torch" and any(isinstance(y, np.ndarray) for y in found):
                raise GradproofError("f returned a NumPy array; expected tensors, which keep the way back to the inputs.")
            if not found:
                raise GradproofError("f returned no float array; expected one, or a tuple, list or dict of them.")
            return tuple(found)

        self.fn: Function = fn
        self.note = ""
        self.given = arguments  # in the user's own dtype

    @staticmethod
    def of(f: Callable[..., Any], args: Sequence[Any], own: Framework, argnums: int | Sequence[int] | None) -> _Setting:
        call, parameters = own.opened(f)
        extra = [Named(f"parameter {name!r}", data, primal) for name, data, primal in parameters]
        arguments = gather(f, args, own, argnums, extra)
        given = _Setting(f, own, arguments, call)
        floats = {x.data.dtype.name for x in arguments.leaves if x.data.dtype.kind not in "biu"}
        shapes = [tuple(y.shape) for y in own.plain(given.fn, arguments.primals)]
        if floats == {"float64"}:
            return given
        wide = _Setting(f, own, arguments.as_floats(np.dtype("float64")), call)
        try:
            outputs = own.plain(wide.fn, wide.arguments.primals)
            accepted = [tuple(y.shape) for y in outputs] == shapes and all("float64" in str(y.dtype) for y in outputs)
        except Exception:  # noqa: BLE001 - f does not take float64
            accepted = False
        if accepted:
            wide.given = arguments
            wide.note = f"; judged in float64, given {' and '.join(sorted(floats))}"
            return wide
        if not floats <= set(FORMATS):
            raise InconclusiveError(
                f"f takes {' and '.join(sorted(floats))} and does not work in float64; expected one of {', '.join(FORMATS)}."
            )
        given.note = f"; judged in {' and '.join(sorted(floats))}, because f does not work in float64"
        return given

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

    def judged(
        self, order: int, meaning: Callable[..., Any] | None, *, seed: int, k: float, directions: int, coordinates: int
    ) -> Verdict:
        """The worst verdict over the orders up to ``order``, stopping at the first that is not decided."""
        fn, name = self.fn, self.name
        verdicts: list[Verdict] = []
        cases: list[Case] = []  # of each order; the cotangents of a higher one are its directions
        for level in range(1, order + 1):
            case, graded = self.case(fn, name, np.random.default_rng([seed, level]))
            cases.append(case)
            if meaning is not None:
                verdict = self._certified(cases, graded, fn, meaning, k)
            else:
                subject = Opaque(self.own.engine, fn, self.own.values(fn), case)
                verdict = judge_opaque(
                    subject, [graded], k=k, seed=seed, directions=directions, coordinates=coordinates
                )
            note = {"order": level, **verdict.note}
            evidence = (f"order {level}: " if order > 1 else "") + verdict.evidence + self.note
            verdicts.append(replace(verdict, evidence=evidence, note=note))
            if verdict.kind.fails or not verdict.kind.decided:
                break
            fn, name = self.own.gradient(fn, case.cotangents) if level < order else fn, f"gradient of {name}"
        worst = max(verdicts, key=lambda v: v.kind.severity)
        if worst.kind.fails or not worst.kind.decided:
            return worst
        return replace(worst, evidence="; ".join(v.evidence for v in verdicts))

    def _certified(
        self, cases: Sequence[Case], graded: tuple[Array, ...], fn: Function, meaning: Callable[..., Any], k: float
    ) -> Verdict:
        """The verdict on the last of the cases, whose function is the gradient of that of the case before."""
        from gradproof.oracles.array_formula import large_formula
        from gradproof.oracles.formula import certify_formula
        from gradproof.oracles.large import weigh_large
        from gradproof.oracles.modes import REVERSE, Mode, weigh_in

        found = []
        for each in (cases[-1], replace(cases[-1], cotangents=graded)):
            trial = run(self.own.engine, each, fn)
            if trial.unsupported:
                found.append(weigh(trial, None, k))
                continue
            first, *higher = (*cases[:-1], each)
            reference = None if higher else large_formula(each, self._formula(meaning))
            if reference is not None:
                verdict = weigh_large(trial, k, budget_s=LARGE_S, reference=reference)
                found.append(verdict if trial.crash is None else replace(verdict, note={"crash": trial.crash}))
                continue
            certificate, doubtful = certify_formula(first, self._formula(meaning), [c.cotangents for c in higher])
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
        worst = max(found, key=lambda v: v.kind.severity)
        basis = worst.evidence if worst.evidence.startswith("blocked") else "certified balls"
        return replace(worst, evidence=f"{basis}, from the NumPy formula given")

    def _formula(self, meaning: Callable[..., Any]) -> Callable[..., Any]:
        """The NumPy formula over all leaves in order; a module's parameters come last, as a dict."""

        def formula(*leaves: Any) -> list[Any]:
            *given, own = self.arguments.filled(leaves)
            names = [x.name.removeprefix("parameter ").strip("'") for x in self.arguments.leaves[-len(own) :]]
            result = meaning(*given, dict(zip(names, own, strict=True))) if own else meaning(*given)
            return _flat((result,))

        return formula
