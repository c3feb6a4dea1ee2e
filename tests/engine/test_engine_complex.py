"""Complex numbers and Fourier transforms in the engine: the convention of cotangents, parts, dtypes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine.errors import DtypeError, MissingRule, NoGradient, ShapeError

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
DZ = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))


def pairing(f: Callable[[Any], Any], x: Any, dx: Any) -> tuple[float, float]:
    """Re <ct, f's change along dx> by a central difference, and Re <pullback(ct), dx>."""
    out, pullback = ge.vjp(f, x)
    ct = np.random.default_rng(1).normal(size=out.shape)
    if out.dtype.kind == "c":
        ct = ct + 1j * np.random.default_rng(2).normal(size=out.shape)
    h = 1e-6
    change = (f(ge.as_array(x + h * dx)).numpy() - f(ge.as_array(x - h * dx)).numpy()) / (2 * h)
    return float(np.sum(ct * change).real), float(np.sum(pullback(ct.astype(out.dtype))[0].numpy() * dx).real)


@pytest.mark.parametrize(
    "f",
    [ge.conj, ge.real, ge.imag, ge.abs, ge.angle, ge.tanh, lambda z: ge.exp(z) * ge.conj(z), lambda z: ge.matmul(z, ge.conj(z.mT)),
     lambda z: ge.linalg.vecdot(z, ge.sin(z)), lambda z: ge.linalg.inv(z[:, :3]), lambda z: ge.linalg.det(z[:, :3]),
     lambda z: ge.linalg.solve(z[:, :3], z), lambda z: ge.linalg.expm(z[:, :3]), lambda z: ge.linalg.triangular_solve(z[:, :3], z, lower=True)],
)  # fmt: skip
def test_a_cotangent_stands_for_the_real_part_of_its_product_with_a_change(f: Callable[[Any], Any]) -> None:
    by_difference, by_pullback = pairing(f, Z, DZ)
    assert by_pullback == pytest.approx(by_difference, rel=1e-7)


def test_a_holomorphic_function_pulls_back_as_a_real_one_does_without_a_conjugate() -> None:
    _, pullback = ge.vjp(ge.exp, Z)
    np.testing.assert_allclose(pullback(DZ)[0].numpy(), DZ * np.exp(Z), rtol=1e-14)


def test_the_gradient_of_a_real_loss_is_the_conjugate_of_the_steepest_ascent() -> None:
    g = ge.grad(lambda z: ge.sum(ge.square(ge.abs(z))))(Z)
    np.testing.assert_allclose(g.numpy(), 2 * np.conj(Z), rtol=1e-14)


def test_a_real_operand_of_complex_numbers_has_a_real_gradient() -> None:
    g = ge.grad(lambda x: ge.sum(ge.real(x * Z)))(Z.real)
    assert g.dtype == np.float64
    np.testing.assert_allclose(g.numpy(), Z.real)
    assert ge.grad(lambda x: ge.sum(ge.imag(ge.sum(x * Z) * 1j)))(Z.real.astype(np.float32)).dtype == np.float32


def test_single_precision_stays() -> None:
    z = Z.astype(np.complex64)
    assert ge.complex(z.real, z.imag).dtype == np.complex64
    assert ge.grad(lambda z: ge.sum(ge.abs(ge.tanh(z))))(z).dtype == np.complex64


def test_infinity_is_joined_without_a_nan() -> None:
    assert ge.complex(np.array(1.0), np.array(np.inf)).item() == complex(1.0, np.inf)


def hermitian(z: Any) -> Any:
    return ge.matmul(z, ge.conj(z.mT)) + 2.0 * np.eye(z.shape[-2])


DECOMPOSED: list[tuple[Callable[[Any], Any], int, int]] = [
    (lambda z: ge.linalg.eigh(z).eigenvalues, 3, 3), (lambda z: ge.linalg.eigh(z).eigenvectors, 3, 3), (ge.linalg.eigvalsh, 3, 3),
    *((lambda z, r=r: ge.linalg.svd(z, r), m, n) for r in ("U", "S", "Vh") for m, n in ((3, 3), (4, 2), (2, 4))),
    *((lambda z, r=r: ge.linalg.qr(z, r), m, n) for r in ("Q", "R") for m, n in ((3, 3), (4, 2), (2, 4))),
    *((ge.linalg.pinv, m, n) for m, n in ((3, 3), (4, 2), (2, 4))),
    (lambda z: ge.linalg.cholesky(hermitian(z)), 3, 3), (lambda z: ge.linalg.cholesky_solve(ge.linalg.cholesky(hermitian(z)), Z[:, :2]), 3, 3),
    (lambda z: ge.linalg.slogdet(z).sign, 3, 3), (lambda z: ge.linalg.slogdet(z).logabsdet, 3, 3), (lambda z: ge.linalg.lstsq(z, Z), 3, 2),
    (lambda z: ge.linalg.matrix_norm(z, ord="nuc"), 3, 2), (lambda z: ge.linalg.matrix_norm(z, ord="fro"), 3, 2),
    (lambda z: ge.linalg.vector_norm(z, ord=3), 3, 2), (ge.asinh, 2, 2), (ge.acosh, 2, 2), (lambda z: ge.cumulative_prod(z, axis=0), 3, 2),
    (lambda z: ge.nn.conv1d(z[None], Z[:, None, :2], None), 1, 4),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(DECOMPOSED)))
def test_decompositions_of_complex_matrices_pull_back_as_their_change_says_at_first_and_second_order(place: int) -> None:
    f, m, n = DECOMPOSED[place]
    rng = np.random.default_rng(place)
    z, dz = (rng.normal(size=(m, n)) + 1j * rng.normal(size=(m, n)) for _ in range(2))
    by_difference, by_pullback = pairing(f, z, dz)
    assert by_pullback == pytest.approx(by_difference, rel=1e-6, abs=1e-8)

    def slope(z: Any) -> Any:
        return ge.grad(lambda z: ge.sum(ge.real((0.3 + 0.7j) * ge.square(f(z)))))(z)

    by_difference, by_pullback = pairing(slope, z, dz)
    assert by_pullback == pytest.approx(by_difference, rel=1e-5, abs=1e-6)


def test_vectors_of_complex_matrices_have_the_phase_of_the_convention_and_multiply_back() -> None:
    z = Z[:, :3]
    u, s, vh = ge.linalg.svd(z)
    np.testing.assert_allclose(ge.matmul(u * s, vh).numpy(), z, atol=1e-13)
    values, vectors = ge.linalg.eigh(z)
    np.testing.assert_allclose(ge.matmul(vectors * values, ge.conj(vectors.mT)).numpy(), (z + z.conj().T) / 2, atol=1e-13)
    weights = np.exp(-np.arange(3) / 3.0)
    for sums in (weights @ u.numpy(), weights @ vectors.numpy()):
        np.testing.assert_allclose(sums.imag, 0.0, atol=1e-14)
        assert (sums.real > 0).all()
    q, r = ge.linalg.qr(z)
    np.testing.assert_allclose(ge.matmul(q, r).numpy(), z, atol=1e-13)
    assert (np.diagonal(r.numpy()).real > 0).all()
    assert np.abs(np.diagonal(r.numpy()).imag).max() < 1e-15


def test_eigenvectors_of_a_repeated_eigenvalue_have_no_gradient() -> None:
    with pytest.raises(NoGradient, match="eigh"):
        ge.grad(lambda z: ge.real(ge.linalg.eigh(z).eigenvectors[1, 0]))(np.eye(2) + 0j)


def test_the_modulus_at_zero_has_slope_zero() -> None:
    assert ge.grad(ge.abs)(0j).item() == 0


def test_the_second_derivative_of_a_modulus() -> None:
    def size(x: ge.Array) -> ge.Array:
        return ge.abs(ge.complex(x[0], x[1]))

    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(ge.hessian(size)(x).numpy(), (np.eye(2) - np.outer(x, x) / 25) / 5, rtol=1e-13)


def test_a_rule_that_would_be_wrong_for_complex_numbers_is_refused() -> None:
    with pytest.raises(MissingRule, match=r"'logsumexp' of complex numbers.*real and imag"):
        ge.grad(lambda z: ge.abs(ge.logsumexp(z)))(Z)


def test_a_complex_value_has_no_gradient_of_one_cotangent() -> None:
    with pytest.raises(DtypeError, match="complex"):
        ge.grad(ge.sum)(Z)


# ---- Fourier transforms

SEVERAL = [("fftn", Z), ("ifftn", Z), ("rfftn", Z.real), ("irfftn", Z)]


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize(("name", "x"), SEVERAL)
@pytest.mark.parametrize("s", [None, (3, 5), (2, 6), (4, 1)])
def test_a_transform_is_numpys_and_pulls_back_as_its_transpose(name: str, x: Any, s: tuple[int, int] | None, norm: str) -> None:
    def f(z: Any) -> Any:
        return getattr(ge.fft, name)(z, s=s, axes=(1, 0), norm=norm)

    np.testing.assert_allclose(f(x).numpy(), getattr(np.fft, name)(x, s=s, axes=(1, 0), norm=norm), atol=1e-13)
    by_difference, by_pullback = pairing(f, x, DZ if np.iscomplexobj(x) else DZ.real)
    assert by_pullback == pytest.approx(by_difference, rel=1e-7, abs=1e-8)


def test_the_shift_and_its_inverse_cancel_for_every_length() -> None:
    for n in (1, 4, 5):
        x = np.arange(float(n))
        np.testing.assert_array_equal(ge.fft.fftshift(x).numpy(), np.fft.fftshift(x))
        np.testing.assert_array_equal(ge.fft.ifftshift(ge.fft.fftshift(x)).numpy(), x)


def test_parsevals_identity_has_the_gradient_of_the_square() -> None:
    x = Z.real[0]
    g = ge.grad(lambda x: ge.sum(ge.square(ge.abs(ge.fft.fft(x, norm="ortho")))))(x)
    np.testing.assert_allclose(g.numpy(), 2 * x, rtol=1e-13)


def test_axes_and_norms_that_mean_nothing_are_named() -> None:
    with pytest.raises(ShapeError, match="its own axes, each once"):
        ge.fft.fftn(Z, axes=(0, -2))
    with pytest.raises(ValueError, match="norm='both'"):
        ge.fft.fft(Z, norm="both")
    with pytest.raises(ShapeError, match="at least 1"):
        ge.fft.fft(Z, n=0)
