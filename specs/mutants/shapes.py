"""Shape: size 0, size 1, 0-d, many entries, several axes; the rule is right on the plain shapes of hand-written tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine import transforms
from gradproof.engine.backend import raw
from gradproof.specs.mutants.mutant import Family, scaled, when

SHAPE = Family("shape")
double, half, turned = scaled(2), scaled(0.5), scaled(-1)


def zero_d(x: Any, **params: Any) -> bool:
    return np.ndim(x) == 0


def empty(x: Any, **params: Any) -> bool:
    return np.size(x) == 0


def one_entry(x: Any, **params: Any) -> bool:
    return np.size(x) == 1


def deep(x: Any, **params: Any) -> bool:
    return np.ndim(x) >= 3


def wide(x: Any, **params: Any) -> bool:
    return np.size(x) > 100


def ones(g: Any) -> Any:
    """An array of one entry where the gradient has none."""
    return np.ones((1,), np.asarray(g).dtype)


# fmt: off
for ops, wrong, condition, change in (
    ("sum", "a size-1 array is doubled", one_entry, double), ("sum", "size 0 gives another shape", empty, ones),
    ("sum", "more than 100 entries are halved", wide, half), ("max", "0-d is doubled", zero_d, double),
    ("min", "0-d is lost", zero_d, scaled(0)), ("mean", "0-d is halved", zero_d, half),
    ("mean", "more than 100 entries are halved", wide, half), 
    ("var", "a single entry gives 1", one_entry, lambda g: g + 1), ("std", "a single entry gives 1", one_entry, lambda g: g + 1),
    ("logsumexp", "a single entry is halved", one_entry, half), ("linalg.vector_norm", "three axes are negated", deep, turned),
    ("cumulative_sum", "three axes are reversed", deep, np.flip), ("reshape", "from 0-d doubled", zero_d, double),
    ("reshape", "size 0 gives another shape", empty, ones), ("flip", "three axes are not flipped back", deep, np.flip),
    ("roll", "0-d is doubled", zero_d, double), ("exp", "0-d is negated", zero_d, turned),
    ("sin", "size 0 gives another shape", empty, ones), ("tanh", "three axes are doubled", deep, double),
    ("abs", "0-d is negated", zero_d, turned), ("square", "more than 100 entries are reversed", wide, np.flip),
    ("nn.relu", "0-d is lost", zero_d, scaled(0)), ("log", "a size-1 array is doubled", one_entry, double),
    ("clip", "three axes are reversed", deep, np.flip), ("expand_dims", "of 0-d doubled", zero_d, double),
    ("broadcast_to", "of 0-d halved", zero_d, half), ("permute_dims", "three axes are reversed", deep, np.flip),
    ("matrix_transpose", "stacks are reversed", deep, np.flip), ("tril", "stacks are lost", deep, scaled(0)),
    ("triu", "stacks are doubled", deep, double), ("linalg.diagonal", "stacks are reversed", deep, lambda g: np.flip(g, 0)),
    ("pad", "a size-1 array is doubled", one_entry, double), ("linalg.cholesky", "stacks are reversed", deep, lambda g: np.flip(g, 0)),
    ("linalg.inv", "a matrix of one entry is negated", one_entry, turned), ("linalg.det", "stacks are halved", deep, half),
    ("linalg.det", "a matrix of one entry gives 0", one_entry, scaled(0)), ("nn.softmax", "three axes are doubled", deep, double),
    ("nn.log_softmax", "a single entry passes", one_entry, lambda g: g + 1), ("sqrt", "0-d is doubled", zero_d, double),
    ("erf", "more than 100 entries are halved", wide, half), ("atan", "a size-1 array is negated", one_entry, turned),
):

    SHAPE.wrap(ops, wrong, when(condition, change))
SHAPE.wrap("nn.softmax", "a size-1 axis passes the cotangent", lambda g, xp, ct, out, x, axis: ct if x.shape[axis] == 1 else g)
SHAPE.wrap("concat", "an empty part gives a number", lambda g, xp, ct, out, *arrays, argument, axis, starts:
           g if np.size(arrays[argument]) or not np.size(ct) else np.reshape(ct, (-1,))[0])
SHAPE.wrap("concat", "a single part is doubled", lambda g, xp, ct, out, *arrays, **p: 2 * g if len(arrays) == 1 else g)
SHAPE.wrap("concat stack", "the third part gets the second's", lambda g, xp, ct, out, *arrays, argument, axis, starts:
           0.5 * g if argument == 2 else g, "concat")
SHAPE.wrap("matmul", "an empty sum gives ones", lambda g, xp, ct, out, x, y: g if 0 not in np.shape(ct) and np.size(x) else np.ones(np.shape(x)))
SHAPE.wrap("matmul", "stacks of more than one axis are halved", lambda g, xp, ct, out, x, y: g / 2 if np.ndim(x) > 3 or np.ndim(y) > 2 else g, argument=1)
SHAPE.wrap("tensordot", "a product over all axes is doubled", lambda g, xp, ct, out, x, y: 2 * g if np.shape(ct)[0] == 1 else g, "matmul")
SHAPE.wrap("broadcast_to", "a size-1 axis to 1 is doubled", lambda g, xp, ct, out, x, shape: 2 * g if 1 in x.shape and 1 in shape else g)
SHAPE.wrap("broadcast_to", "to size 0 gives ones", lambda g, xp, ct, out, x, shape: np.ones(x.shape) if 0 in shape else g)
SHAPE.wrap("squeeze", "several axes at once are reversed", lambda g, xp, ct, out, x, axis: np.flip(g) if isinstance(axis, tuple) and len(axis) > 1 else g)
SHAPE.wrap("multiply", "0-d by an array is doubled", lambda g, xp, ct, out, x, y: 2 * g if np.ndim(x) == 0 and np.ndim(y) > 0 else g)
SHAPE.wrap("divide", "an array by 0-d loses the second", lambda g, xp, ct, out, x, y: 0 * g if np.ndim(y) == 0 < np.ndim(x) else g, argument=1)
SHAPE.wrap("where", "a 0-d condition is ignored", lambda g, xp, ct, out, c, x, y: ct if np.ndim(c) == 0 else g, argument=1)
SHAPE.wrap("add", "three axes are reversed", lambda g, xp, ct, out, x, y: np.flip(g) if np.ndim(g) == 3 else g, argument=1)
SHAPE.wrap("maximum", "size-0 results give another shape", lambda g, xp, ct, out, x, y: np.ones((1,)) if np.size(ct) == 0 else g)
SHAPE.wrap("linalg.det", "more than eight rows are negated", lambda g, xp, ct, out, x: -g if x.shape[-1] > 8 else g)
SHAPE.wrap("linalg.inv", "more than four rows are halved", lambda g, xp, ct, out, x: g / 2 if x.shape[-1] > 4 else g)
SHAPE.wrap("linalg.solve", "more than four rows by x untransposed", lambda g, xp, ct, out, x, y: xp.solve(x, ct) if x.shape[-1] > 4 else g, argument=1)
SHAPE.wrap("linalg.cholesky", "more than eight rows are doubled", lambda g, xp, ct, out, x: 2 * g if x.shape[-1] > 8 else g)
SHAPE.wrap("einsum", "a result of no axes is doubled", lambda g, xp, ct, out, *x, **p: 2 * g if np.ndim(ct) == 0 else g, "contract")
SHAPE.swap("getitem take nn.embedding", "an empty index gives ones", raw, "scatter", lambda right: lambda x, *, key, shape:
           right(x, key=key, shape=shape) if np.size(x) else np.ones(shape, x.dtype))
SHAPE.swap("nn.unfold nn.max_pool2d", "a single window is halved", raw, "fold", lambda right: lambda x, **p:
           right(x, **p) * (0.5 if x.shape[-4] == x.shape[-3] == 1 else 1.0))
SHAPE.swap("sign", "an input without gradient gets none", transforms, "_gradient", lambda right: lambda found, node, taken:
           None if node.id not in found else right(found, node, taken))
SHAPE.swap("flip roll negative", "a gradient is handed back as float32", transforms, "_gradient", lambda right: lambda found, node, taken:
           right(found, node, taken).astype(np.float32))
SHAPE.swap("sin cos", "a gradient of one axis is handed back as a column", transforms, "_gradient", lambda right: lambda found, node, taken:
           right(found, node, taken).reshape(-1, 1) if len(node.shape) == 1 else right(found, node, taken))
SHAPE.swap("exp", "an input that nothing uses gets ones", transforms, "_gradient", lambda right: lambda found, node, taken:
           right(found, node, taken) if node.id in found else right(found, node, taken) + 1.0)
# fmt: on
MUTANTS = SHAPE.mutants
