"""``complex`` of the native engine's namespace: pairs (..., 2) become complex arrays, and the engine's own function is applied."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gradproof.engine as ge
from gradproof.oracles.adapters.pairs import more


def _joined(x: Any) -> Any:
    return ge.complex(x[..., 0], x[..., 1])


def _parted(z: Any) -> Any:
    return ge.stack((ge.real(z), ge.imag(z)), axis=-1)


def _paired(function: Callable[..., Any], joins: bool = True, parts: bool = True) -> Callable[..., Any]:
    """The function on pairs; ``joins`` and ``parts``: its operands, its result are complex."""

    def on_pairs(*operands: Any, **params: Any) -> Any:
        found = function(*(map(_joined, operands) if joins else operands), **params)
        return _parted(found) if parts else found

    return on_pairs


_SAME = """add subtract multiply divide negative reciprocal square exp log sqrt sin cos sinh cosh tanh sum mean prod matmul vecdot
    conj"""
_FFT = "fft ifft fftn ifftn fftshift ifftshift"

namespace = SimpleNamespace(
    **{name: _paired(getattr(ge, name)) for name in _SAME.split()},
    **more(ge, _joined, _parted),
    **{name: _paired(getattr(ge, name), parts=False) for name in ("abs", "real", "imag")},
    fft=SimpleNamespace(
        **{name: _paired(getattr(ge.fft, name)) for name in _FFT.split()},
        **{name: _paired(getattr(ge.fft, name), joins=False) for name in ("rfft", "rfftn")},
        **{name: _paired(getattr(ge.fft, name), parts=False) for name in ("irfft", "irfftn")},
    ),
)
