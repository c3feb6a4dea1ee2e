"""What the first gradients of all results do not show: a result that nobody uses, the second derivative by the cotangent, a crash
in operands of two dtypes. Each is an identity of the framework with itself, so that no difference is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradproof.forward import ENTRIES_MAX
from gradproof.oracles.engine import Engine
from gradproof.oracles.finding import Finding, Verdict
from gradproof.oracles.formats import FORMATS
from gradproof.oracles.graph import Array, Case
from gradproof.oracles.trial import run
from gradproof.oracles.verdict import Kind

if TYPE_CHECKING:
    from gradproof.frameworks import Framework, Function
    from gradproof.setting import Options, Setting

RESULTS_MAX = 4  # results that are used alone, one after the other


def broken(verdict: Verdict, name: str, reason: str, kind: Kind = Kind.CONTRACT) -> Verdict:
    """The verdict, with a property that does not hold."""
    return replace(verdict, kind=kind, findings=(*verdict.findings, Finding(name, kind, reason)))


def by_cotangent(verdict: Verdict, own: Framework, fn: Function, case: Case) -> Verdict:
    """A passing verdict of the second order, once the pullback has been differentiated by its cotangent too.

    In g(f(x)) the cotangent of f is a function of x. As a pullback is linear, pulling v back through it, along u, gives <v, pull(u)>.
    """
    rng = np.random.default_rng(0)
    us = case.cotangents
    engine = own.reverse
    like = case.graph.primal_values
    vs = [np.asarray(rng.standard_normal(x.shape), x.dtype) for x in like]
    primals = [engine.from_numpy(np.array(x)) for x in like]
    first = [np.asarray(engine.to_numpy(g), float) for g in engine.vjp(fn, primals)[1](tuple(engine.from_numpy(np.array(u)) for u in us))]
    _, back = engine.vjp(own.pullback(fn, primals), [engine.from_numpy(np.array(u)) for u in us])
    second = [np.asarray(engine.to_numpy(w), float) for w in back(tuple(engine.from_numpy(v) for v in vs))]
    left, right = ([np.sum(a * b) for a, b in zip(x, y, strict=True)] for x, y in ((second, us), (first, vs)))
    terms = sum(float(np.sum(np.abs(a * b))) for x, y in ((second, us), (first, vs)) for a, b in zip(x, y, strict=True))
    off = abs(float(sum(left)) - float(sum(right)))
    allowed = float(np.sqrt(max(FORMATS[x.dtype.name].u for x in (*like, *us)))) * terms  # sums in other orders, at any condition up to its root
    if not np.isfinite(terms) or off <= allowed:
        return verdict
    reason = (
        "the gradient's derivative by the cotangent is wrong, which g(f(x)) needs for its second derivative: along the cotangent it "
        f"gives {float(sum(left)):.6g}, and a pullback is linear, so expected {float(sum(right)):.6g}; was the cotangent detached?"
    )
    return broken(verdict, "second order by the cotangent", reason, Kind.WRONG)


def own_forward_rule(setting: Setting, options: Options) -> list[Verdict]:
    """The verdict on forward mode where it has a rule of the user's own; none where f as a whole does not run in forward mode."""
    primals = setting.arguments.primals
    if sum(x.size for x in primals) > ENTRIES_MAX or not setting.own.has_own_jvp(setting.fn, primals):
        return []
    forward = setting.forwarded()
    try:
        verdict = forward.judged(replace(options, order=1))
    except NotImplementedError:  # of some op in f, which its author never asked for
        return []
    except Exception as error:  # noqa: BLE001 - the jvp's own; f itself has run
        case, _ = setting.case(setting.fn, setting.name, np.random.default_rng(0))
        return [crashed(setting.own.engine, case, error, "contract checks; forward mode")]
    return [] if isinstance(verdict.note.get("crash"), NotImplementedError) else [verdict]


def crashed(engine: Engine, case: Case, error: BaseException, evidence: str) -> Verdict:
    what = str(error).strip().splitlines() or ["(no message)"]
    finding = Finding("gradient", Kind.CRASHED, f"the engine raised {type(error).__name__}: {what[0]}")
    return Verdict(Kind.CRASHED, engine.name, case, (finding,), evidence=evidence, note={"crash": error})


def crashing(setting: Setting, dtype: str) -> Verdict | None:
    """The verdict where the backward pass raises in the dtypes given, and not for want of a kernel; else None."""
    engine = setting.own.engine
    case, _ = setting.case(setting.fn, setting.name, np.random.default_rng(0))
    crash = run(engine, case, setting.fn).crash
    if crash is None or isinstance(crash, NotImplementedError) or "not implemented for" in str(crash):
        return None
    return crashed(engine, case, crash, f"contract checks in {dtype}, as given; in float64 nothing is wrong")


def torch_unused(engine: Engine, fn: Function, primals: Sequence[Array], cotangents: Sequence[Array]) -> str:
    """What is broken where one result alone is used, so that PyTorch has no cotangent of the others; "" if nothing is."""
    import torch

    if len(cotangents) < 2:
        return ""
    for i, ct in enumerate(cotangents[:RESULTS_MAX]):
        inputs = [engine.from_numpy(np.array(p)).requires_grad_() for p in primals]
        _, pullback = engine.vjp(fn, [engine.from_numpy(np.array(p)) for p in primals])
        seeds = tuple(engine.from_numpy(np.array(c if j == i else np.zeros_like(c))) for j, c in enumerate(cotangents))
        expected = [np.asarray(engine.to_numpy(g), float) for g in pullback(seeds)]
        with torch.enable_grad():
            alone = fn(*inputs)[i]
        if not alone.requires_grad:
            continue
        try:
            given: Any = torch.autograd.grad(alone, inputs, engine.from_numpy(np.array(ct)), allow_unused=True, materialize_grads=True)
        except Exception as error:  # noqa: BLE001 - whatever backward raises at the None that it asked for
            return f"where result {i} alone is used, the cotangents of the others are None, and backward raises {type(error).__name__}: {error}"
        for k, (a, g) in enumerate(zip(expected, given, strict=True)):
            b = np.asarray(engine.to_numpy(g.detach()), float)
            allowed = np.sqrt(FORMATS[primals[k].dtype.name].u) * float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a)))
            wrong = np.argwhere(~(np.abs(a - b) <= allowed) & np.isfinite(a))
            if len(wrong):
                at = tuple(int(n) for n in wrong[0])
                return f"gradient {k} at {list(at)} is {b[at]:.6g} where result {i} alone is used, and {a[at]:.6g} where the others' cotangents are zeros"
    return ""


def torch_pulled(fn: Function, inputs: Sequence[Any], cts: Sequence[Any]) -> tuple[Any, ...]:
    """The gradients of ``fn`` at inputs that require grad, on the graph."""
    import torch

    with torch.enable_grad():
        pairs = [(y, ct) for y, ct in zip(fn(*inputs), cts, strict=True) if y.requires_grad]
        if not pairs:
            return tuple(torch.zeros_like(x) for x in inputs)
        reached, given = zip(*pairs, strict=True)
        return torch.autograd.grad(reached, inputs, given, create_graph=True, allow_unused=True, materialize_grads=True)


def torch_own_jvp(fn: Function, inputs: Sequence[Any]) -> bool:
    """Whether an ``autograd.Function`` with a ``jvp`` of its own took part in ``fn``."""
    import torch

    with torch.enable_grad():
        waiting: list[Any] = [y.grad_fn for y in fn(*(x.requires_grad_() for x in inputs))]
    seen: set[Any] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        made_by = getattr(type(node), "_forward_cls", None)
        if made_by is not None and made_by.jvp is not torch.autograd.Function.jvp:
            return True
        waiting.extend(parent for parent, _ in node.next_functions)
    return False
