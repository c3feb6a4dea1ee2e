"""The other engines mean what NumPy means, op by op; the test of one that is not installed is skipped and says so."""

import warnings

import numpy as np
import pytest

from gradproof.oracles.trial import supports

OTHERS = {"autograd": (np.float64, 1e-12, 60), "mlx": (np.float32, 2e-5, 60), "tensorflow": (np.float64, 1e-9, 60)}
THEIRS = {("tensorflow", "nn.gelu"): 1e-7}  # its float64 has a constant of float32


@pytest.mark.parametrize("name", OTHERS)
def test_another_engine_means_what_numpy_means(name, named, rows, outcome):
    engine = named(name)
    dtype, tolerance, ops_min = OTHERS[name]
    judged = set()
    for row in rows:
        if not supports(engine, row.op):
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = row.expected(row.cast(dtype)).astype(dtype)
            try:
                value, gradients = outcome(engine, row, dtype)
            except Exception:  # noqa: BLE001, S112 - what it cannot do is the judge's to say; here only answers are looked at
                continue
        within = THEIRS.get((name, row.op), tolerance)
        np.testing.assert_allclose(value, expected, rtol=within, atol=within, err_msg=str(row))
        assert [g.dtype for g in gradients] == [dtype] * len(gradients)
        judged.add(row.op)
    assert len(judged) >= ops_min
