"""Axis: a negative axis, a tuple, None or keepdims is misread, so that a cotangent lands along another axis."""

from __future__ import annotations

from typing import Any

import numpy as np

import gradproof.engine as ge
from gradproof.specs.mutants.mutant import Family, kept

AXIS = Family("axis")


def _cube(x: Any) -> bool:
    """Whether the first two axes have the same length, so that exchanging them keeps the shape."""
    return np.ndim(x) >= 2 and bool(np.shape(x)[0] == np.shape(x)[1])


def _turned(g: Any, x: Any) -> Any:
    return np.swapaxes(g, 0, 1) if _cube(x) else g


def _other_part(g: Any, ct: Any, arrays: Any, argument: int, axis: int, starts: Any) -> Any:
    other = (argument + 1) % len(arrays)
    if arrays[other].shape != arrays[argument].shape:
        return g
    n = arrays[other].shape[axis]
    return ct[(slice(None),) * axis + (slice(starts[other], starts[other] + n),)]


def keeps(ct: Any, axes: Any, x: Any) -> bool:
    """Whether permuting the cotangent by ``axes`` themselves gives the shape of ``x``."""
    return bool(tuple(ct.shape[a] for a in axes) == tuple(x.shape))


# fmt: off
AXIS.wrap("nn.softmax", "every axis taken for the last", lambda g, xp, ct, out, x, axis:
          out * (ct - np.sum(ct * out, axis=-1, keepdims=True)))
AXIS.wrap("nn.softmax", "summed over all axes", lambda g, xp, ct, out, x, axis: out * (ct - np.sum(ct * out)))
AXIS.wrap("nn.log_softmax", "a negative axis counted from the front", lambda g, xp, ct, out, x, axis:
          ct - np.exp(out) * np.sum(ct, axis=-axis - 1 if axis < 0 else axis, keepdims=True))
AXIS.wrap("nn.log_softmax", "every axis taken for the first", lambda g, xp, ct, out, x, axis:
          ct - np.exp(out) * np.sum(ct, axis=0, keepdims=True))
AXIS.wrap("roll", "forward again", lambda g, xp, ct, out, x, shift, axis: np.roll(ct, shift, axis))
AXIS.wrap("roll", "only the first shift of a tuple turned round", lambda g, xp, ct, out, x, shift, axis:
          np.roll(ct, (-shift[0], *shift[1:]), axis) if isinstance(shift, tuple) else g)
AXIS.wrap("roll", "along the last axis where axis is None", lambda g, xp, ct, out, x, shift, axis:
          np.roll(ct, -shift, -1) if axis is None and np.ndim(x) else g)
AXIS.wrap("flip", "only the first axis of a tuple", lambda g, xp, ct, out, x, axis:
          np.flip(ct, axis[0]) if isinstance(axis, tuple) else g)
AXIS.wrap("flip", "only the last axis where axis is None", lambda g, xp, ct, out, x, axis:
          np.flip(ct, -1) if axis is None and np.ndim(x) else g)
AXIS.wrap("flip", "a negative axis counted from the front", lambda g, xp, ct, out, x, axis:
          np.flip(ct, -axis - 1) if isinstance(axis, int) and axis < 0 else g)
AXIS.wrap("mean", "a tuple counted by its first axis", lambda g, xp, ct, out, x, axis, keepdims:
          g * (np.prod([x.shape[a] for a in axis[1:]], dtype=int) or 1) if isinstance(axis, tuple) else g)
AXIS.wrap("mean", "a negative axis counted one too far", lambda g, xp, ct, out, x, axis, keepdims:
          g * (x.shape[axis] / max(x.shape[axis - 1], 1)) if isinstance(axis, int) and -np.ndim(x) < axis < 0 else g)
AXIS.wrap("cumulative_sum", "a negative axis not reversed", lambda g, xp, ct, out, x, axis, include_initial:
          np.flip(g, axis) if axis < 0 else g)
AXIS.wrap("cumulative_sum", "the first entry dropped at the wrong end", lambda g, xp, ct, out, x, axis, include_initial:
          np.flip(np.cumsum(np.flip(np.take(ct, range(ct.shape[axis] - 1), axis), axis), axis), axis) if include_initial else g)
AXIS.wrap("cumulative_sum", "along the first axis always", lambda g, xp, ct, out, x, axis, include_initial:
          g if include_initial else np.flip(np.cumsum(np.flip(ct, 0), 0), 0))
for op, negative in (("sum", True), ("max", True), ("min", True), ("logsumexp", True), ("var", True), ("std", True),
                     ("sum", False)):
    AXIS.wrap(op, f"a {'negative' if negative else 'positive'} axis spread along another",
              lambda g, xp, ct, out, x, axis, negative=negative, **params:
              _turned(g, x) if isinstance(axis, int) and (axis < 0) == negative else g)
AXIS.wrap("linalg.vector_norm", "a tuple of axes spread along others", lambda g, xp, ct, out, x, axis, keepdims, ord:
          _turned(g, x) if isinstance(axis, tuple) else g, "vector_norm")
AXIS.wrap("sum", "with keepdims spread along another axis", lambda g, xp, ct, out, x, axis, keepdims:
          _turned(g, x) if keepdims else g)
AXIS.rule("logsumexp", "softmax over the last axis whatever the axis", lambda xp, ct, out, x, axis, keepdims:
          kept(ct, x, axis, keepdims) * xp.softmax(x, axis=-1 if np.ndim(x) else None))
AXIS.wrap("var", "the mean over all axes", lambda g, xp, ct, out, x, axis, correction, keepdims:
          g * 0 + kept(ct, x, axis, keepdims) * 2 * (x - np.mean(x)) / (max(np.size(x), 1) / max(np.size(out), 1) - correction))
AXIS.wrap("max", "the share counted over the last axis", lambda g, xp, ct, out, x, axis, keepdims:
          np.where(x == kept(out, x, axis, keepdims), kept(ct, x, axis, keepdims) / np.maximum(
              np.sum(x == kept(out, x, axis, keepdims), axis=-1, keepdims=True), 1), 0) if np.ndim(x) else g)
AXIS.wrap("concat", "parts of equal length exchanged", lambda g, xp, ct, out, *arrays, argument, axis, starts:
          _other_part(g, ct, arrays, argument, axis, starts))
AXIS.wrap("concat", "split along the last axis where that has the same length", lambda g, xp, ct, out, *arrays, argument, axis, starts:
          np.swapaxes(g, axis, -1) if g.shape[axis] == g.shape[-1] else g)
AXIS.wrap("stack expand_dims", "a negative axis reverses", lambda g, xp, ct, out, x, axis:
          np.flip(g) if isinstance(axis, int) and axis < 0 else g, "expand_dims")
AXIS.wrap("squeeze", "a negative axis reverses", lambda g, xp, ct, out, x, axis:
          np.flip(g) if isinstance(axis, int) and axis < 0 else g)
AXIS.wrap("tensordot", "a middle axis permuted again instead of back", lambda g, xp, ct, out, x, axes:
          np.transpose(ct, axes) if len(axes) == 3 and keeps(ct, axes, x) else g, "permute_dims")
AXIS.wrap("repeat tile", "along an equal axis next to it", lambda g, xp, ct, out, x, shape: np.swapaxes(g, 0, 1)
          if np.ndim(g) > 1 and np.shape(g)[0] == np.shape(g)[1] else g, "broadcast_to")
AXIS.swap("take_along_axis", "a negative axis takes along the first", ge, "take_along_axis",
          lambda right: lambda x, indices, axis: _taken(right, x, indices, axis))
AXIS.swap("vecdot", "a positive axis loses its first slice", ge, "vecdot",
          lambda right: lambda x, y, axis: right(x, y, axis=axis) + 0 * right(x, y, axis=axis) if axis < -1 else
          right(ge.where(np.arange(np.shape(x)[-1]) > 0, x, ge.stop_gradient(x)), y, axis=axis))
# fmt: on


def _taken(right: Any, x: Any, indices: Any, axis: int) -> Any:
    """The right values; their gradient only where the axis is not negative."""
    return right(x if axis >= 0 else 0.5 * x + ge.stop_gradient(0.5 * x), indices, axis=axis)


MUTANTS = AXIS.mutants
