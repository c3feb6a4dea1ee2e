"""Kernels: the value of every op on plain arrays, by family; ``table(xp)`` binds them to an array library.

To add a kernel: write ``def name(xp, x, *, param)`` in its family's file over the Python array API (2024.12) and name it in
that file's ``KERNELS`` (a string there is a function of xp as it is). Then every array library has it. Where NumPy or SciPy
has a faster one, or the standard has none, name ``def _name(x, *, param)`` in the file's ``NUMPY``: it comes first for NumPy
arrays. A new file is a line in ``FAMILIES``. An op's kernel has the op's last name (``linalg.inv`` is ``inv``).

What the standard cannot say needs a line per library in ``others.py``. ``gradproof verify native-torch native-strict --ops NAME``
judges the op on torch tensors, and on arrays that have the standard alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from gradproof.engine.kernels import (
    activations,
    complex,
    convolution,
    decompositions,
    elementwise,
    fft,
    indexing,
    kernel,
    linalg,
    missing,
    nn,
    reduction,
    scans,
    scatter,
    shape,
    sorting,
    special,
)
from gradproof.engine.kernels.kernel import Bound

FAMILIES = (
    activations,
    complex,
    convolution,
    decompositions,
    elementwise,
    fft,
    indexing,
    linalg,
    missing,
    nn,
    reduction,
    scans,
    scatter,
    shape,
    sorting,
    special,
)


def table(xp: Any) -> Bound:
    """Every kernel bound to the namespace ``xp``; for ``kernel.numpy``, NumPy's own come first."""
    bound: Bound = {}
    for family in FAMILIES:
        for name, written in family.KERNELS.items():
            bound[name] = kernel.lookup(xp, written) if isinstance(written, str) else partial(written, xp)
        if xp is kernel.numpy:
            bound |= family.NUMPY
    return bound
