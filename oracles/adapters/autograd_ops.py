"""autograd's functions under the catalogue's names: what is not NumPy's by the same name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
from autograd.scipy import special
from autograd.scipy.stats import norm

from gradproof.oracles.adapters.numpy_names import key_of
from gradproof.oracles.errors import Unsupported


def _lacking(what: str) -> Any:
    raise Unsupported(f"autograd has no derivative of {what}")


def _special(**names: str) -> dict[str, Callable[..., Any]]:
    """Those of autograd's special functions that this release has."""
    return {name: getattr(special, theirs) for name, theirs in names.items() if hasattr(special, theirs)}


def _along(x: Any, axis: int, name: str, function: Callable[..., Any]) -> Any:
    return function(x) if axis in (-1, x.ndim - 1) else _lacking(f"{name} along an axis but the last")


def _signs(vectors: Any) -> Any:
    """Constant signs: of each column, the sum weighted by exp(-i/3) becomes positive."""
    weights = anp.exp(-anp.arange(vectors.shape[-2]) / 3).astype(vectors.dtype)
    return anp.where(anp.matmul(weights, vectors) < 0, -1.0, 1.0).astype(vectors.dtype)


def _eigh(x: Any, result: str) -> Any:
    values, vectors = anp.linalg.eigh((x + anp.swapaxes(x, -1, -2)) / 2)
    return values if result == "eigenvalues" else vectors * _signs(vectors)[..., None, :]


def _svd(x: Any, result: str) -> Any:
    u, s, vh = anp.linalg.svd(x, full_matrices=False)
    return s if result == "S" else u * _signs(u)[..., None, :] if result == "U" else vh * _signs(u)[..., :, None]


def _norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    """Over one axis, which autograd has the rule of: several are made one, and kept axes are put back."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    rest = tuple(a for a in range(x.ndim) if a not in axes)
    flat = anp.reshape(anp.transpose(x, (*rest, *axes)), (*(x.shape[a] for a in rest), math.prod(x.shape[a] for a in axes)))
    found = anp.linalg.norm(flat, ord, -1)
    return anp.reshape(found, tuple(1 if a in axes else x.shape[a] for a in range(x.ndim))) if keepdims else found


def _diagonal(x: Any, offset: int) -> Any:
    """The main one, which autograd has the rule of, of the matrix that begins at the offset."""
    return anp.diagonal(x[..., :, offset:] if offset >= 0 else x[..., -offset:, :], 0, -1, -2)


def _matrix_norm(x: Any, ord: Any, keepdims: bool) -> Any:
    return anp.linalg.norm(x, ord, (-2, -1)) if ord in ("fro", "nuc") and not keepdims else _lacking(f"the matrix norm {ord!r}")


def _initial(x: Any, axis: int, include_initial: bool) -> Any:
    return anp.cumsum(x, axis) if not include_initial else _lacking("a running sum with an initial zero")


EXCEPTIONS: dict[str, Callable[..., Any]] = {
    "erf": special.erf,
    "erfc": special.erfc,
    "logsumexp": special.logsumexp,
    "nn__sigmoid": special.expit,
    "clip": lambda x, min, max: anp.clip(x, min, max),
    "var": lambda x, axis, correction, keepdims: anp.var(x, axis, ddof=correction, keepdims=keepdims),
    "std": lambda x, axis, correction, keepdims: anp.std(x, axis, ddof=correction, keepdims=keepdims),
    "concat": lambda arrays, axis: anp.concatenate([anp.ravel(x) for x in arrays] if axis is None else arrays, axis or 0),
    "matrix_transpose": lambda x: anp.swapaxes(x, -1, -2),
    "tile": lambda x, repetitions: anp.tile(x, repetitions),
    "pad": lambda x, pad_width, value: anp.pad(x, pad_width, "constant", constant_values=value),
    "getitem": lambda x, key: x[key_of(key)],
    "linalg__diagonal": _diagonal,
    "linalg__trace": lambda x, offset: anp.trace(x, offset) if x.ndim == 2 else _lacking("trace of a stack of matrices"),
    "broadcast_to": lambda x, shape: anp.broadcast_to(x, shape),
    "roll": lambda x, shift, axis: anp.roll(x, shift, axis) if isinstance(shift, int) else _lacking("roll by several shifts"),
    "nn__embedding": lambda table, ids: table[ids],
    **_special(lgamma="gammaln", digamma="digamma", i0="i0", i1="i1", erfinv="erfinv", logit="logit", xlogy="xlogy"),
    "polygamma": lambda x, n: special.polygamma(n, x),
    "ndtr": norm.cdf,
    "log_ndtr": norm.logcdf,
    "rsqrt": lambda x: 1 / anp.sqrt(x),
    "cumulative_sum": _initial,
    "sort": lambda x, axis, descending: _along(x, axis, "sort", anp.sort) if not descending else _lacking("a falling sort"),
    "amax": lambda x, axis, keepdims: anp.amax(x, axis, keepdims=keepdims),
    "amin": lambda x, axis, keepdims: anp.amin(x, axis, keepdims=keepdims),
    "diff": lambda x, axis, n: anp.diff(x, n, axis),
    "ravel": anp.ravel,
    "rot90": lambda x, k, axes: anp.rot90(x, k) if axes == (0, 1) else _lacking("a turn in a plane but the first"),
    "moveaxis": lambda x, source, destination: anp.moveaxis(x, source, destination),
    "swapaxes": lambda x, axis1, axis2: anp.swapaxes(x, axis1, axis2),
    "split": lambda x, sections, axis, piece: anp.split(x, sections, axis)[piece],
    "diag": lambda x, k: anp.diag(x, k),
    "vecdot": lambda x, y, axis: anp.sum(x * y, axis),
    "linalg__cross": lambda x, y, axis: anp.cross(x, y, axis=axis),
    "linalg__kron": lambda x, y: anp.kron(x, y),
    "linalg__eigh": _eigh,
    "linalg__eigvalsh": lambda x: _eigh(x, "eigenvalues"),
    "linalg__svd": _svd,
    "linalg__svdvals": lambda x: anp.linalg.svd(x, compute_uv=False),
    "linalg__slogdet": lambda x, result: anp.linalg.slogdet(x)[1],
    "linalg__pinv": lambda x: anp.linalg.pinv(x),
    "linalg__vector_norm": _norm,
    "linalg__matrix_norm": _matrix_norm,
}
