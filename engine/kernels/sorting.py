"""Kernels of order: sorting, the order of entries and the place that each takes in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Bound, Raw, Table


def sort(xp: Any, x: Raw, *, axis: int, descending: bool) -> Raw:
    return xp.sort(x, axis=axis, descending=descending, stable=True)


def order(xp: Any, x: Raw, *, axis: int, descending: bool) -> Raw:
    """The positions of the entries in order; tied entries keep theirs, descending too."""
    return xp.argsort(x, axis=axis, descending=descending, stable=True)


def inverse(xp: Any, order: Raw, *, axis: int) -> Raw:
    """The inverse of a permutation along an axis."""
    return xp.argsort(order, axis=axis, descending=False, stable=True)


def reorder(xp: Any, x: Raw, order: Raw, *, axis: int) -> Raw:
    """The entries permuted along an axis."""
    return xp.take_along_axis(x, order, axis=axis)


# ---- NumPy's own: it sorts upwards only


def _sort(x: Raw, *, axis: int, descending: bool) -> Raw:
    return np.flip(np.sort(x, axis=axis), axis=axis) if descending else np.sort(x, axis=axis)


def _order(x: Raw, *, axis: int, descending: bool) -> Raw:
    if not descending:
        return np.argsort(x, axis=axis, stable=True)
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis=axis), axis=axis, stable=True), axis=axis)


def _inverse(order: Raw, *, axis: int) -> Raw:
    return np.argsort(order, axis=axis)


KERNELS: Table = {"inverse": inverse, "order": order, "reorder": reorder, "sort": sort}
NUMPY: Bound = {"inverse": _inverse, "order": _order, "sort": _sort}
