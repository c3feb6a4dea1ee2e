"""Pullbacks of Fourier transforms. The matrix of a transform is its own transpose, so a transform pulls back as itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.engine.rules.rule import Table, rule


def _rfft(xp: Any, ct: Any, out: Any, x: Any, axis: int, norm: str) -> Any:
    """The half that was not computed had no reader; the sweep takes the real part."""
    width = [(0, 0)] * len(x.shape)
    width[axis] = (0, x.shape[axis] - ct.shape[axis])
    return xp.fftn(xp.pad(ct, pad_width=tuple(width), value=0.0), axes=(axis,), norm=norm)


def _irfft(xp: Any, ct: Any, out: Any, x: Any, n: int, axis: int, norm: str) -> Any:
    """All frequencies but the first, and the last of an even length, stand for themselves and for their mirror image."""
    twice = np.full(x.shape[axis], 2.0)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    shape = [1] * len(x.shape)
    shape[axis] = -1
    back = {"backward": "forward", "forward": "backward"}.get(norm, norm)
    return xp.conj(xp.rfft(ct, axis=axis, norm=back)) * xp.beside(ct, values=twice.reshape(shape))


# fmt: off
RULES: Table = {
    "fftn":  (rule("", lambda xp, ct, out, x, axes, norm: xp.fftn(ct, axes=axes, norm=norm)),),
    "ifftn": (rule("", lambda xp, ct, out, x, axes, norm: xp.ifftn(ct, axes=axes, norm=norm)),),
    "rfft":  (rule("", _rfft),),
    "irfft": (rule("", _irfft),),
}
# fmt: on
