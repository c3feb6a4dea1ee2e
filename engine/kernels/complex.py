"""Kernels between real and complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.kernels.kernel import Bound, Raw, Table, standard


def joined(xp: Any, re: Raw, im: Raw) -> Raw:
    return re + 1j * im


def modulus(xp: Any, x: Raw) -> Raw:
    return xp.abs(x)


# ---- NumPy's own


def _joined(re: Raw, im: Raw) -> Raw:
    """Without a product, in which infinity times 0 would be NaN."""
    out = np.empty(np.broadcast_shapes(re.shape, im.shape), np.result_type(re, im, np.complex64))
    out.real, out.imag = re, im
    return out


KERNELS: Table = standard("conj imag real") | {"complex": joined, "modulus": modulus}
NUMPY: Bound = {"complex": _joined}
