"""Ops whose counted pullback costs more than three forward passes: how much more, and why. A ceiling, not a wish: no op may get dearer.

An op that is not here keeps the budget of ``cost.py`` in all three counts. Numbers are factors of the forward pass, a seventh
above what was counted when the line was written: other draws of the cases shift them by that much.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Excess:
    """Ops that cost more for one and the same reason: (operations, flops, bytes), 0 where the usual budget holds."""

    reason: str
    ops: dict[str, tuple[int, int, int]]


EXCESSES = (
    Excess(
        "a function of one SciPy or NumPy pass; its slope is several passes over the same numbers, cheap beside the function itself",
        {
            "acos": (11, 0, 10), "acosh": (11, 0, 10), "asin": (10, 0, 10), "atan": (0, 0, 5), "atanh": (9, 0, 8),
            "cos": (0, 0, 5), "erf": (6, 0, 7), "erfc": (6, 0, 7), "log": (5, 0, 0), "log1p": (6, 0, 5),
            "log2": (6, 0, 5), "log10": (6, 0, 5), "tan": (0, 0, 5), "tanh": (10, 0, 11), "nn.sigmoid": (12, 0, 13),
            "nn.silu": (8, 0, 8), "pow": (11, 0, 8), "hypot": (11, 0, 8), "atan2": (24, 4, 15),
            "logaddexp": (7, 0, 5), "xlogy": (7, 10, 0), "cbrt": (8, 0, 7), "lgamma": (7, 0, 4), "digamma": (9, 0, 5),
            "polygamma": (5, 4, 0), "i1": (6, 0, 7), "i0e": (6, 0, 8), "i1e": (9, 0, 12), "log_ndtr": (5, 0, 6), "entr": (5, 8, 0),
            "logaddexp2": (10, 0, 9), "xlog1py": (7, 5, 0), "rel_entr": (9, 0, 6), "nn.mish": (5, 0, 6),
            "nn.glu": (5, 0, 5), "nn.kl_div": (4, 0, 0), "nn.gaussian_nll": (5, 0, 0),
        },
    ),
    Excess(
        "an inverse of a special function: one SciPy pass forward, and the slope refined so that it is right to the last bits",
        {
            "erfinv": (29, 4, 26), "ndtri": (32, 5, 29), "logit": (7, 6, 6),
        },
    ),
    Excess(
        "one pass forward; the rule keeps inf, zero, signs and ties apart with masks, each a pass of its own",
        {
            "reciprocal": (11, 9, 8), "rsqrt": (6, 5, 4), "sqrt": (7, 6, 5), "divide": (15, 11, 8),
            "maximum": (13, 12, 10), "minimum": (13, 12, 10), "copysign": (7, 5, 5), "remainder": (5, 4, 0),
            "max": (8, 4, 7), "min": (7, 4, 6), "ptp": (6, 4, 7), "amax": (7, 4, 6), "amin": (8, 4, 6),
        },
    ),
    Excess(
        "a matrix equation of its own for the cotangent: products and solves with n³ operations each, about as many as factors",
        {
            "linalg.solve": (17, 4, 14), "linalg.inv": (5, 0, 6), "linalg.det": (8, 8, 45),
            "linalg.cholesky": (119, 8, 58), "linalg.eigh": (4, 5, 5), "linalg.eigvalsh": (4, 5, 5),
            "linalg.svd": (7, 7, 6), "linalg.svdvals": (7, 7, 6), "linalg.matrix_norm": (5, 6, 5),
            "linalg.qr": (4, 5, 4), "linalg.slogdet": (20, 0, 9), "linalg.pinv": (20, 15, 27),
            "linalg.lstsq": (13, 10, 14), "linalg.triangular_solve": (0, 0, 4), "linalg.cholesky_solve": (5, 0, 6),
            "linalg.expm": (0, 9, 6), "linalg.matrix_power": (6, 0, 6),
        },
    ),
    Excess(
        "a running operation: its pullback runs back and divides, masks or takes logarithms",
        {
            "cumulative_sum": (4, 0, 4), "cumulative_prod": (71, 10, 15), "cumulative_max": (17, 11, 15),
            "cumulative_min": (72, 11, 17), "logcumsumexp": (131, 4, 21), "linear_recurrence": (4, 4, 4),
        },
    ),
    Excess(
        "windows and layers: one product for each operand, and the windows added back where they overlap; cases are small",
        {
            "nn.conv1d": (4, 4, 5), "nn.conv2d": (5, 0, 5), "nn.conv3d": (7, 13, 19),
            "nn.adaptive_max_pool2d": (4, 0, 0), "nn.adaptive_max_pool3d": (4, 0, 0), "nn.lstm_cell": (5, 0, 0),
            "nn.lstm": (4, 0, 0),
        },
    ),
    Excess(
        "moves or adds of few entries, whose pullback scatters them into zeros",
        {
            "linalg.trace": (0, 5, 0), "linalg.kron": (4, 0, 0), "sort": (0, 0, 4), "topk": (0, 0, 4),
            "average": (6, 0, 0), "block_diag": (0, 4, 0),
        },
    ),
)
EXCESS: dict[str, dict[str, float]] = {
    name: {what: float(n) for what, n in zip(("operations", "flops", "bytes"), factors, strict=True) if n}
    for group in EXCESSES
    for name, factors in group.ops.items()
}
