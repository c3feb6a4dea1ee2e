"""Kernels of other array libraries for what the array API cannot say, by library and by the module they come from.

As in a family's table, a string is a function of that module and ``def name(module, x)`` is bound to it. ``LACKING`` are the
kernels that array-api-strict, which has the standard and no more, goes without; a test holds it to exactly those.
"""

from __future__ import annotations

from typing import Any

from gradproof.engine.kernels.kernel import Raw, Table, standard


def _einsum(library: Any, *operands: Raw, terms: tuple[str, ...], result: str) -> Raw:
    return library.einsum(",".join(terms) + "->" + result, *operands)


def _torch_add_flat(xp: Any, size: int, where: Raw, value: Raw) -> Raw:
    return xp.zeros(size, dtype=value.dtype, device=value.device).index_put_((where,), value, accumulate=True)


def _cupy_add_flat(xp: Any, size: int, where: Raw, value: Raw) -> Raw:
    out = xp.zeros(size, dtype=value.dtype)
    xp.add.at(out, where, value)
    return out


ADD_FLAT = {"torch": _torch_add_flat, "cupy": _cupy_add_flat}
OTHERS: dict[str, dict[str, Table]] = {
    "torch": {
        "torch": standard("special.erf special.erfc") | {"contract": _einsum},
    },
    "cupy": {
        "cupy": {"contract": _einsum},
        "cupyx.scipy.special": standard("erf erfc"),
    },
}
LACKING = frozenset({"erf", "erfc"})
