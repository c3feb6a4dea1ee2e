"""Where a known difference may occur, as data: intervals that measures of the blamed op's operands must meet.

A condition is a list of regions in the note of a saved graph (CONTRIBUTING.md). A region holds for a failing verdict if
its ``dtypes`` and ``params`` hold, if every one of its ``operands`` clauses finds an entry between ``at_least`` and
``at_most`` (numbers, one number a dtype, or a name of ``LIMITS``, which follows from the dtype's range), and if the
``answer``, where it limits one, is as far off as its cause allows. Of an elementwise op only the entries are looked at
that the worst answer depends on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.oracles.codec import encode_param
from gradproof.oracles.errors import GraphError
from gradproof.oracles.finding import Worst
from gradproof.oracles.formats import FORMATS, Format
from gradproof.oracles.graph import Array

REGION = {"dtypes", "params", "operands", "answer"}
CLAUSE = {"measure", "operand", "at_least", "at_most"}
ANSWER = {"is", "error_at_most", "relative_error_at_most", "bounds_at_most"}
LIMITS: dict[str, Callable[[Format], float]] = {
    "sqrt_largest": lambda f: math.sqrt(f.largest),  # beyond, a square overflows
    "sqrt_smallest": lambda f: math.sqrt(f.eta),  # below, a square is subnormal or 0
    "smallest_reciprocal": lambda f: 1 / f.largest,  # below, 1 over a number overflows
    "reciprocal_square": lambda f: 1 / math.sqrt(f.eta),  # beyond, 1 over a square is subnormal or 0
    "reciprocal_squares": lambda f: 1 / math.sqrt(2 * f.eta),  # and here 1 over the sum of two squares
    "log_largest": lambda f: math.log(f.largest),  # beyond, an exponential overflows
    "log10_largest": lambda f: math.log10(f.largest),
    "log10_smallest": lambda f: math.log10(f.eta),
}


@dataclass(frozen=True, eq=False)
class Site:
    """The blamed node as it was met: its operands, its parameters, its cotangent, and the leaf that each operand is."""

    operands: tuple[Array, ...]
    params: Mapping[str, Any]
    cotangent: Array
    leaves: tuple[int, ...] = ()


Measure = Callable[[Site, int], Array]


def _slices(site: Site, operand: int) -> Array:
    """The entries that each result of a reduction is made of, one slice a row."""
    x = np.asarray(site.operands[operand], dtype=float)
    axis = site.params.get("axis")
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    reduced = [a % x.ndim for a in axes] if x.ndim else []
    kept = [a for a in range(x.ndim) if a not in reduced]
    count = math.prod(x.shape[a] for a in reduced)
    return x.transpose([*kept, *reduced]).reshape(-1, count) if x.size else np.zeros((0, count))


def _lengths(rows: Array) -> Array:
    """The length of each row, whose squares may leave the range."""
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    scale = np.where(largest > 0, largest, 1.0)
    return scale * np.sqrt(np.sum((rows / scale[:, None]) ** 2, axis=1))  # type: ignore[no-any-return]


def _deviations(site: Site, operand: int) -> Array:
    """The standard deviation of each slice, with the correction of the op."""
    rows = _slices(site, operand)
    count = rows.shape[1]
    freedom = count - float(site.params.get("correction", 0))
    if not count or freedom <= 0:
        return np.zeros(0)
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    scale = np.where(largest > 0, largest, 1.0)
    scaled = rows / scale[:, None]
    return scale * _lengths(scaled - scaled.mean(axis=1, keepdims=True)) / math.sqrt(freedom)


def _sizes(site: Site, operand: int) -> Array:
    """The larger magnitude of each pair of entries of two operands that broadcast."""
    return np.maximum(*(np.abs(x) for x in site.operands))


def _regularity(site: Site, operand: int) -> Array:
    """The smallest singular value over the largest, of each matrix; 0 if it is singular."""
    x = np.asarray(site.operands[operand], dtype=float)
    if not x.size:
        return np.zeros(0)
    values = np.linalg.svd(x / (np.max(np.abs(x)) or 1.0), compute_uv=False).reshape(-1, x.shape[-1])
    return np.where(values[:, 0] > 0, values[:, -1] / np.where(values[:, 0] > 0, values[:, 0], 1.0), 0.0)


def _gaps(site: Site, operand: int) -> Array:
    """The smallest difference of two singular values over the largest, of each matrix."""
    x = np.asarray(site.operands[operand], dtype=float)
    if not x.size or x.shape[-1] < 2:
        return np.zeros(0)
    values = np.linalg.svd(x / (np.max(np.abs(x)) or 1.0), compute_uv=False).reshape(-1, x.shape[-1])
    return np.min(values[:, :-1] - values[:, 1:], axis=1) / np.where(values[:, 0] > 0, values[:, 0], 1.0)  # type: ignore[no-any-return]


def _ratios(site: Site, operand: int) -> Array:
    """The largest magnitude over the smallest, of each slice that a product is made of, where no entry is 0."""
    rows = np.abs(_slices(site, operand))
    rows = rows[np.all(rows > 0, axis=1)]
    return np.max(rows, axis=1) / np.min(rows, axis=1) if rows.size else np.zeros(0)


def _log10(x: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log10(np.abs(np.asarray(x, dtype=float)))  # type: ignore[no-any-return]


def _with_cotangent(site: Site, operand: int) -> Array:
    """The decimal exponent of the operand times the cotangent; NaN where one of them is 0."""
    found: Array = np.asarray(_log10(site.operands[operand]) + _log10(site.cotangent))
    return np.where(np.isfinite(found), found, math.nan)


def _dots_with_cotangent(site: Site, operand: int) -> Array:
    """The decimal exponent of the largest dot product of a row of the operand and one of the cotangent that is possible."""
    x = np.asarray(site.operands[operand], dtype=float)
    if not x.size or not site.cotangent.size:
        return np.zeros(0)
    return _log10(np.max(np.abs(x))) + _log10(np.max(np.abs(site.cotangent))) + _log10(np.array([x.shape[-1]]))


def _column_sums(site: Site, operand: int) -> Array:
    """The largest sum of magnitudes in a column of each matrix."""
    found: Array = np.asarray(np.abs(np.asarray(site.operands[operand], dtype=float)).sum(axis=-2).max(axis=-1))
    return found


MEASURES: dict[str, Measure] = {
    "value": lambda site, operand: site.operands[operand],
    "magnitude": lambda site, operand: np.abs(site.operands[operand]),
    "larger magnitude": _sizes,
    "difference": lambda site, operand: np.abs(np.subtract(*site.operands)),
    "real part": lambda site, operand: np.broadcast_to(np.abs(site.operands[operand][..., :1]), site.operands[operand].shape),
    "axes": lambda site, operand: np.array([site.operands[operand].ndim]),
    "length": lambda site, operand: _lengths(_slices(site, operand)),
    "deviation": _deviations,
    "count": lambda site, operand: np.array([_slices(site, operand).shape[1]]),
    "rows": lambda site, operand: np.array([site.operands[operand].shape[-1]]),
    "regularity": _regularity,
    "gap of singular values": _gaps,
    "ratio of magnitudes": _ratios,
    "log10 of product": lambda site, operand: _log10(_slices(site, operand)).sum(axis=1),
    "column sum": _column_sums,
    "log10 of cotangent": lambda site, operand: _log10(np.abs(site.cotangent)),
    "log10 with cotangent": _with_cotangent,
    "log10 of dot with cotangent": _dots_with_cotangent,
}


ENTRYWISE = {"value", "magnitude", "larger magnitude", "difference", "real part", "log10 with cotangent"}


def holds(condition: Sequence[Mapping[str, Any]], site: Site, worst: Worst | None, dtype: str) -> bool:
    """Whether a verdict whose blamed node is ``site`` lies in a region of the condition.

    Raises: GraphError if the condition is damaged.
    """
    return any(_region(region, site, worst, dtype) for region in condition)


def check(condition: object, where: str) -> None:
    """Look at the words of a condition.

    Raises: GraphError, naming the word, if the condition is no list of regions or a word of it means nothing.
    """
    regions = condition if isinstance(condition, list) else []
    if not regions or not all(isinstance(r, dict) and r.get("dtypes") for r in regions):
        raise GraphError(f"{where}: a condition is a list of regions, each with its dtypes; see CONTRIBUTING.md.")
    for region in regions:
        clauses = region.get("operands", [])
        words = (region.keys() - REGION) | (region.get("answer", {}).keys() - ANSWER)
        words |= {word for clause in clauses for word in clause.keys() - CLAUSE}
        words |= {clause.get("measure") for clause in clauses} - MEASURES.keys()
        words |= {c[end] for c in clauses for end in ("at_least", "at_most") if isinstance(c.get(end), str)} - LIMITS.keys()
        if words:
            raise GraphError(f"{where}: a condition has no {sorted(map(str, words))}; see specs/condition.py.")


def _region(region: Mapping[str, Any], site: Site, worst: Worst | None, dtype: str) -> bool:
    given = {name: encode_param(value) for name, value in site.params.items()}
    return (
        dtype in region["dtypes"]
        and all(given.get(name) in allowed for name, allowed in region.get("params", {}).items())
        and all(_clause(clause, site, worst, dtype) for clause in region.get("operands", ()))
        and ("answer" not in region or _answer(region["answer"], worst))
    )


def _clause(clause: Mapping[str, Any], site: Site, worst: Worst | None, dtype: str) -> bool:
    operand = clause.get("operand", 0)
    found = np.asarray(MEASURES[clause["measure"]](site, operand), dtype=float)
    if worst is not None and clause["measure"] in ENTRYWISE:
        found = _met(found, site, worst)
    low, high = (_threshold(clause.get(end, other), dtype) for end, other in (("at_least", -math.inf), ("at_most", math.inf)))
    return bool(((low <= found) & (found <= high)).any())


def _met(found: Array, site: Site, worst: Worst) -> Array:
    """Of the entries of an elementwise op, those that the worst answer depends on: one, or those its operand is spread over."""
    shapes = [o.shape for o in site.operands]
    if len(shapes) == 1:  # the worst answer of a mode may be a tangent, and an output longer than its operand
        inside = len(worst.index) == found.ndim and all(i < n for i, n in zip(worst.index, found.shape, strict=True))
        return np.asarray(found[worst.index] if inside else found)
    result = np.broadcast_shapes(*shapes)
    spread = np.broadcast_to(found, result)
    if worst.input not in site.leaves:  # the worst entry of the output
        return np.asarray(spread[worst.index])
    shape = shapes[site.leaves.index(worst.input)]
    within = [i if n == m else slice(None) for i, n, m in zip(worst.index, shape, result[len(result) - len(shape) :], strict=True)]
    return np.asarray(spread[(..., *within)])


def _threshold(given: Any, dtype: str) -> float:
    """The number for a dtype; NaN, which no entry meets, where none is given for it."""
    if isinstance(given, str):
        return LIMITS[given](FORMATS[dtype])
    return float(given.get(dtype, math.nan) if isinstance(given, dict) else given)


def _answer(answer: Mapping[str, Any], worst: Worst | None) -> bool:
    """Whether the engine's worst entry is one of the values named, or not further off than the cause allows."""
    if worst is None:
        return False
    name = "nan" if math.isnan(worst.got) else "inf" if math.isinf(worst.got) else "zero" if worst.got == 0 else ""
    error = abs(worst.got - worst.expected)
    return (
        name in answer.get("is", ())
        or error <= answer.get("error_at_most", -1.0)
        or error <= answer.get("relative_error_at_most", -1.0) * abs(worst.expected)
        or error <= answer.get("bounds_at_most", -1.0) * worst.bound
    )
