"""Drop-in replacements, by signature: ``gradcheck`` and ``gradgradcheck`` of PyTorch, ``check_grads`` of JAX's test helpers.

An existing test changes its import only. Both ends of a comparison are other than there: the bound is measured, or certified,
never given, so that ``eps``, ``atol``, ``rtol`` and the rest of the arguments about tolerances are taken and not used. What a
replacement does with every other argument stands in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.check import GradientError, InconclusiveError, check_gradient
from gradproof.trees import flat, mapped

__all__ = ["check_grads", "gradcheck", "gradgradcheck"]

NOTHING_TO_CHECK = (
    "gradcheck expects at least one input tensor that requires grad: none of them does. Mark it, or call check_gradient, which takes "
    "all float tensors then."
)


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """``torch.autograd.gradcheck``: True if the gradients by the inputs that require grad are right.

    ``check_forward_ad`` and ``check_backward_ad`` choose the modes; complex tensors are checked as pairs of real ones. Not used:
    ``eps``, ``atol``, ``rtol`` (the bound is measured), ``nondet_tol`` (f must give the same twice), ``check_grad_dtypes`` (always),
    ``fast_mode`` (every entry is looked at), ``check_undefined_grad``, ``check_batched_grad``, ``check_batched_forward_grad``, ``masked``.

    Raises: GradcheckError, PyTorch's own and a GradientError, unless ``raise_exception`` is False; ValueError if no input requires grad;
    InconclusiveError if an entry has no decision (with ``raise_exception=False`` too: that is no False).
    """
    given = (inputs,) if _is_tensor(inputs) else tuple(inputs)
    if not any(_wants(x) for x in flat(given)):
        raise ValueError(NOTHING_TO_CHECK)
    modes = [name for name, asked in (("reverse", check_backward_ad), ("forward", check_forward_ad)) if asked]
    if not modes:
        raise AssertionError("Expected either check_forward_ad or check_backward_ad to be True")
    return _checked(_real(func, given), [_parts(x) for x in given], raise_exception, modes)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """``torch.autograd.gradgradcheck``: True if the gradients of the gradients are right, by the inputs and by ``grad_outputs``.

    ``grad_outputs`` left out are drawn from a fixed seed. ``check_fwd_over_rev`` and ``check_rev_over_rev`` choose the modes. Not used:
    what ``gradcheck`` does not use, and ``gen_non_contig_grad_outputs`` (layouts are always varied).

    Raises: as ``gradcheck``.
    """
    import torch

    given = (inputs,) if _is_tensor(inputs) else tuple(inputs)
    if not any(_wants(x) for x in flat(given)):
        raise ValueError(NOTHING_TO_CHECK)
    modes = [name for name, asked in (("reverse", check_rev_over_rev), ("forward", check_fwd_over_rev)) if asked]
    if not modes:
        raise AssertionError("Expected either check_fwd_over_rev or check_rev_over_rev to be True")
    real, parts = _real(func, given), [_parts(x) for x in given]
    chosen = [x for x in flat(parts) if _wants(x)]
    outputs = [y for y in flat((real(*parts),)) if _is_tensor(y) and y.requires_grad]
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        cts = [torch.tensor(rng.standard_normal(y.shape), dtype=y.dtype) for y in outputs]
    else:
        cts = flat([_parts(x) for x in ((grad_outputs,) if _is_tensor(grad_outputs) else tuple(grad_outputs))])
    cts = [c.detach().clone().requires_grad_() for c in cts]
    marks = [_wants(x) for x in flat(parts)]

    def gradient(*args: Any) -> Any:
        own, seeds = args[: len(parts)], args[len(parts) :]
        leaves = [x for x, mark in zip(flat(list(own)), marks, strict=True) if mark]
        with torch.enable_grad():
            reached = [y for y in flat((real(*own),)) if _is_tensor(y) and y.requires_grad]
            return torch.autograd.grad(reached, leaves, seeds, create_graph=True, allow_unused=True, materialize_grads=True)

    gradient.__name__ = f"gradient of {getattr(func, '__name__', 'f')}"
    assert len(chosen)
    return _checked(gradient, [*parts, *cts], raise_exception, modes)


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """``jax.test_util.check_grads``: nothing if the gradients of f up to ``order`` (at most 3) are right.

    ``args`` are JAX arrays, NumPy arrays and floats, in trees of any kind. Orders above the first are judged by the modes over reverse
    mode. Not used: ``atol``, ``rtol``, ``eps`` (the bound is measured).

    Raises: GradientError, which is an AssertionError; InconclusiveError if an entry has no decision.
    """
    words = {"fwd": "forward", "rev": "reverse"}
    chosen = [words.get(mode, mode) for mode in ([modes] if isinstance(modes, str) else modes)]
    check_gradient(f, *args, engine="jax", order=order, modes=chosen)


def _checked(f: Callable[..., Any], args: Sequence[Any], raise_exception: bool, modes: Sequence[str]) -> bool:
    try:
        check_gradient(f, *args, engine="torch", modes=modes)
    except GradientError as error:
        if not raise_exception:
            return False
        raise _error()(str(error), error.verdict) from error
    except InconclusiveError as error:
        error.add_note("gradcheck was replaced by gradproof's, which passes no entry that it could not tell from a wrong one.")
        raise
    return True


def _error() -> type[GradientError]:
    """An error that tests written for PyTorch's gradcheck expect, and a GradientError."""
    from torch.autograd.gradcheck import GradcheckError as Theirs

    return type("GradcheckError", (GradientError, Theirs), {"__module__": __name__, "__doc__": "A wrong gradient."})


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _wants(value: Any) -> bool:
    return _is_tensor(value) and bool(value.requires_grad)


def _parts(value: Any) -> Any:
    """A tree with each complex tensor as one of its real and imaginary parts, along a last axis."""
    import torch

    def parts(x: Any) -> Any:
        if not (_is_tensor(x) and x.is_complex()):
            return x
        return torch.view_as_real(x.detach().resolve_conj()).clone().requires_grad_(x.requires_grad)

    return mapped(parts, value)


def _real(func: Callable[..., Any], args: Sequence[Any]) -> Callable[..., Any]:
    """func over the parts of its complex arguments, with the parts of its complex results."""
    import torch

    whole = [_is_tensor(x) and x.is_complex() for x in flat(list(args))]

    def parted(y: Any) -> Any:
        return torch.view_as_real(y.resolve_conj()) if _is_tensor(y) and y.is_complex() else y

    def real(*given: Any) -> Any:
        flags = iter(whole)
        own = mapped(lambda x: torch.view_as_complex(x.contiguous()) if next(flags) else x, list(given))
        return mapped(parted, func(*own))

    if not any(whole) and isinstance(func, torch.nn.Module):
        return func
    real.__wrapped__ = func  # type: ignore[attr-defined]
    real.__name__ = getattr(func, "__name__", type(func).__name__)
    return real
