"""Pullbacks between real and complex numbers, and which other rules hold for complex numbers as they stand.

A cotangent ct of a complex value y stands for the change Re(ct dy), the convention of JAX (specs/conventions.md, C17). A
function that has a complex derivative then pulls back as a real one does, ct f'(x), in the same line: no rule needs a
conjugate but those below. A real operand gets a complex cotangent's real part, in the sweep.
"""

from __future__ import annotations

from gradproof.engine.rules.rule import Table, rule

# fmt: off
RULES: Table = {
    "real":    (rule("", lambda xp, ct, out, x: ct),),
    "imag":    (rule("", lambda xp, ct, out, x: -1j * ct),),
    "conj":    (rule("", lambda xp, ct, out, x: xp.conj(ct)),),
    "complex": (rule("", lambda xp, ct, out, re, im: ct),
                rule("", lambda xp, ct, out, re, im: 1j * ct)),
    "modulus": (rule("x out", lambda xp, ct, out, x: ct * (xp.conj(x) / xp.where(out == 0, 1.0, out))),),  # C1
}
# fmt: on

_HOLDS = """real imag conj complex modulus add subtract multiply divide over scale meet negative reciprocal square sqrt rsqrt exp expm1 log log1p
    log2 log10 sin cos tan sinh cosh tanh sech2 asin acos atan asinh acosh atanh pow power_slope where astype sum mean cumulative_sum
    reshape expand_dims squeeze broadcast_to permute_dims matrix_transpose flip roll pad tril triu diagonal embed_diagonal
    concat getitem scatter windows fold matmul contract inv det solve expm triangular_solve fftn ifftn rfft irfft eigh svd qr
    cholesky cholesky_pullback logabsdet signdet pinv cumulative_prod linear_recurrence shifted exp2 conv conv_transpose conv_filter"""
HOLDS = frozenset(_HOLDS.split())  # with a complex operand: linear maps, and functions with a complex derivative
