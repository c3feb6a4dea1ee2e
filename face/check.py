"""``check_gradient``: is the gradient of this function right, at these inputs, in the framework's own arithmetic?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradproof import failures
from gradproof.arguments import Arguments
from gradproof.beyond import own_forward_rule
from gradproof.frameworks import Framework, framework
from gradproof.oracles.callables.opaque import COORDINATES
from gradproof.oracles.errors import GradproofError
from gradproof.oracles.finding import Verdict
from gradproof.oracles.judge import K
from gradproof.oracles.verdict import Kind
from gradproof.ownership import guess
from gradproof.pair import Pair
from gradproof.paste import Call
from gradproof.setting import InconclusiveError, Options, Setting
from gradproof.trees import flat

__all__ = ["GradientError", "InconclusiveError", "check_gradient"]

ORDER_MAX = 3
MODES = ("reverse", "forward")
NATIVE_GUESSED = (
    "check_gradient called f with the native engine's arrays, because it was given none of a framework. "
    'Give f the arrays of its framework, or name that: engine="torch".'
)

LIST_GIVEN = "f got a list of numbers as a list, because it was given one; where it takes an array, pass np.array([...])."

ONE_GIVEN = (
    "check_gradient called f with one argument, because it was given one, which is a {kind}; where f takes its parts one by one, "
    "pass them so: check_gradient(f, x, y)."
)
FORMULA_GIVEN = "A function over NumPy arrays comes with its pullback: check_gradient(f, x, vjp=f_vjp)."


class GradientError(GradproofError, AssertionError):
    """A gradient is wrong, loses digits or breaks a rule of conduct; the text is the report, ``verdict`` the verdict."""

    def __init__(self, report: str, verdict: Verdict) -> None:
        super().__init__(report)
        self.verdict = verdict


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
    allow: Collection[str] = (),
    kwargs: Mapping[str, Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    modes: Collection[str] | None = None,
) -> Verdict:
    """Check the gradient of ``f`` at ``args``, and return the verdict if it is right.

    ``args`` are NumPy arrays, floats, or the framework's arrays, also in trees (dicts, lists, tuples, named tuples, dataclasses, what
    JAX registers); ``f`` takes and returns the framework's own, and also gets the named arguments ``kwargs``. All float arguments are differentiated: but only those at ``argnums`` if it is given,
    else only the tensors that require grad if any does. Integers and booleans are held fixed. A module of PyTorch is
    judged by its inputs and parameters. ``engine`` is native, torch, jax or any other that ``gradproof engines`` lists, or
    module:Class; left out, it is guessed.

    A function over NumPy arrays comes with its pullback: ``vjp(*args, ct)`` gives a gradient for each argument (an array alone
    for one), with ``ct`` of the structure of f's result. ``modes=("reverse", "forward")`` judges Jacobian-vector products as
    well; beyond the first order those of the gradient that reverse mode gives. Left out, reverse mode is judged, and forward mode at the
    first order too where an ``autograd.Function`` with a ``jvp`` of its own takes part.

    With ``meaning``, the same function written in NumPy, the bound is certified: the formula runs in ball arithmetic.
    Without, it is the error of adaptive differences. ``order=2`` judges Hessian-vector products as well, ``order=3``
    also the third derivative along two directions: each is the framework's own gradient of the order before.

    Accuracy: float64 where f accepts it, and then the dtype given as well, a half precision only with ``meaning``;
    ``verdict.evidence`` says what the bound rests on. ``verdict.undecided`` of ``verdict.entries`` have no decision: they are
    known to be a millionth of the largest entry at most.

    ``allow`` names failures that are returned, not raised: LOSSY (the rule is right but loses digits in a tail), NAN_UNTAKEN,
    SPEC (f and the formula differ in value; the gradient is then not judged).

    Raises: GradientError, with the report as its text, if the gradient fails in any other way; InconclusiveError if any other entry is not
    decided, and which; whatever f itself raises when it is called.

    >>> import gradproof.engine as ge
    >>> check_gradient(lambda x: ge.sum(ge.sin(x) * x), np.array([0.5, 2.0])).kind
    <Kind.AGREE: 'AGREE'>
    """
    _usable(f, meaning, order, seed, k, directions, coordinates)
    accepted = _accepted(allow)
    chosen = ("reverse",) if modes is None else _modes(modes)
    if vjp is not None:
        own: Framework = Pair(vjp)
        guessed = "NumPy"
    else:
        guessed = engine or guess(f, [*flat(args), *flat(dict(kwargs or {}))])
        own = framework(guessed)
    call = Call(f, args, guessed, order, meaning, argnums, seed, k, accepted, vjp, chosen, bool(kwargs))
    with own.untouched(), np.errstate(all="ignore"):
        try:
            setting = Setting.of(f, args, own, argnums, kwargs)
        except Exception as error:  # whatever f raises is raised on, with what it may mean
            if engine is None and guessed == "native" and not isinstance(error, GradproofError):
                error.add_note(NATIVE_GUESSED)
                error.add_note(FORMULA_GIVEN)
            if any(_is_numbers(x) for x in args) and not isinstance(error, GradproofError):
                error.add_note(LIST_GIVEN)
            if len(args) == 1 and isinstance(args[0], list | tuple) and isinstance(error, TypeError):
                error.add_note(ONE_GIVEN.format(kind=type(args[0]).__name__))
            raise
        options = Options(order, meaning, seed, k, directions, coordinates, accepted)
        verdicts = []
        for mode in chosen:
            one = setting.forwarded() if mode == "forward" else setting
            verdicts.append(one.judged(options))
            if not options.stops(verdicts[-1]):
                verdicts[-1] = one.as_given(verdicts[-1], options)
            if options.stops(verdicts[-1]):
                break
        if modes is None and not options.stops(verdicts[-1]):
            verdicts += own_forward_rule(setting, options)
        verdict = options.together(verdicts)
    if verdict.kind.fails and verdict.kind not in accepted:
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
    if isinstance(f, type) and callable(getattr(f, "apply", None)) and hasattr(f, "backward"):
        raise TypeError(f"f is the class {f.__name__}; expected a function: pass {f.__name__}.apply.")
    if meaning is not None and not callable(meaning):
        raise TypeError(f"meaning is {type(meaning).__name__}; expected f written in NumPy, a function.")
    for name, value, least in (("seed", seed, 0), ("directions", directions, 0), ("coordinates", coordinates, 1)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name} {value!r} cannot be; expected a whole number from {least} on.")
    if not isinstance(order, int) or not 1 <= order <= ORDER_MAX:
        raise ValueError(f"order {order!r} is not offered; expected 1 to {ORDER_MAX}.")
    if not isinstance(k, int | float) or not k > 0:
        raise ValueError(f"k {k!r} cannot be; expected how many bounds are accepted, a number above 0.")


def _modes(modes: object) -> tuple[str, ...]:
    """Raises: ValueError for what is no choice of modes."""
    if isinstance(modes, str) or not isinstance(modes, Collection) or not modes or not set(modes) <= set(MODES):
        raise ValueError(f"modes {modes!r} are not offered; expected some of {', '.join(MODES)}, as in modes=(\"reverse\", \"forward\").")
    return tuple(mode for mode in MODES if mode in modes)


def _is_numbers(x: object) -> bool:
    return isinstance(x, list | tuple) and bool(x) and all(_is_numbers(v) or isinstance(v, int | float) for v in x)


def _accepted(allow: object) -> frozenset[Kind]:
    """Raises: TypeError or ValueError for what is no collection of verdicts that may be accepted."""
    offered = [kind for kind in Kind if kind.declarable]
    expected = f"expected some of {', '.join(offered)}, as in allow=[\"LOSSY\"]"
    if isinstance(allow, str) or not isinstance(allow, Collection):
        raise TypeError(f"allow is {allow!r}; {expected}.")
    for name in allow:
        if name not in offered:
            raise ValueError(f"allow holds {name!r}, which cannot be accepted; {expected}.")
    return frozenset(map(Kind, allow))


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
