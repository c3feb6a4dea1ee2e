"""Scale: the right gradient times 1 + 1e-1 ... 1 + 1e-12; only a derived bound is sharp enough for the last decades."""

from __future__ import annotations

from gradproof.engine.backend import raw
from gradproof.specs.mutants.mutant import Family, primitive_of, scaled

SCALE = Family("scale")

ROWS = (
    (1, "asinh"), (1, "cumulative_sum"), (2, "atan"), (2, "max"), (3, "sin"), (3, "pad"), (3, "nn.softmax"), (4, "erf"),
    (4, "acos"), (4, "linalg.inv"), (5, "nn.softplus"), (5, "hypot"), (5, "var"), (6, "log"), (6, "concat"), (6, "pow"),
    (7, "mean"), (7, "atan2"), (7, "nn.relu"), (8, "logsumexp"), (8, "abs"), (8, "roll"), (9, "add"), (9, "maximum"),
    (9, "tanh"), (10, "reshape"), (10, "square"), (10, "linalg.diagonal"), (11, "sum"), (11, "minimum"), (11, "exp"),
    (12, "matmul"), (12, "linalg.solve"), (12, "linalg.cholesky"), (12, "linalg.det"), (12, "linalg.vector_norm"),
    (12, "std"), (12, "flip"), (12, "permute_dims"), (12, "broadcast_to"), (12, "nn.log_softmax"), (12, "where"),
    (12, "subtract"), (12, "sqrt"), (12, "clip"), (12, "tril"), (12, "negative"), (12, "squeeze"), (12, "copysign"),
)  # fmt: skip

for exponent, ops in ROWS:
    SCALE.wrap(ops, f"times 1 + 1e-{exponent}", scaled(1 + 10.0**-exponent), primitive_of(ops), argument=int(ops == "where"))
SCALE.wrap("einsum", "times 1 + 1e-12", scaled(1 + 1e-12), "contract")
SCALE.wrap("divide", "the second argument times 1 + 1e-12", scaled(1 + 1e-12), argument=1)
SCALE.wrap("multiply", "the second argument times 1 - 1e-11", scaled(1 - 1e-11), argument=1)
SCALE.swap("nn.unfold", "times 1 + 1e-12", raw, "fold", lambda right: lambda x, **p: right(x, **p) * (1 + 1e-12))
SCALE.swap(
    "getitem take", "times 1 + 1e-12", raw, "scatter", lambda right: lambda x, **p: right(x * (1 + 1e-12), **p)
)
SCALE.wrap("tan", "times 1 + 1e-5 in float32", scaled(1 + 1e-5), dtype="float32")
SCALE.wrap("nn.sigmoid", "times 1 + 3e-5 in float32", scaled(1 + 3e-5), dtype="float32")
MUTANTS = SCALE.mutants
