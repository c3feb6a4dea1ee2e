"""A PyTorch function or module that can be traced gets the certified judge beside differences; what is not known stays opaque, and is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradproof import GradientError, check_gradient
from gradproof.oracles.verdict import Kind

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional
X = np.random.default_rng(0).standard_normal((3, 4))
CERTIFIED = "certified balls, from the program that was traced"


def written(x: Any) -> Any:
    out = x.clone()
    return out.mul_(2.0).add_(x)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "products": lambda x: torch.sin(x) * x,
    "softmax": lambda x: torch.softmax(x, -1),
    "log softmax": lambda x: torch.log_softmax(x, 0),
    "logsumexp": lambda x: torch.logsumexp(x, 1),
    "gelu": F.gelu,
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "elu": F.elu,
    "leaky relu": F.leaky_relu,
    "hardtanh": F.hardtanh,
    "norm": torch.linalg.vector_norm,
    "norms of rows": lambda x: torch.linalg.vector_norm(x, dim=1, keepdim=True),
    "matmul": lambda x: torch.tanh(x @ x.T),
    "linear": lambda x: F.linear(x, x[:2], x[:2, 0]),
    "batched einsum": lambda x: torch.einsum("bi,bj->bij", x, x),
    "layer norm": lambda x: F.layer_norm(x, (4,)),
    "group norm": lambda x: F.group_norm(x.reshape(1, 4, 3), 2),
    "batch norm": lambda x: F.batch_norm(x, None, None, training=True),
    "powers": lambda x: x**3 + (x * x + 1) ** 1.5 + (x + 5) ** -2,
    "slices": lambda x: torch.cat([x.flip(1), x[1:, :]], 0),
    "places": lambda x: x[torch.tensor([0, 2, 2])] * x[:, [1]][:3],
    "gather": lambda x: x.gather(1, torch.tensor([[0, 3], [1, 1], [2, 0]])),
    "sort": lambda x: torch.sort(x)[0],
    "max along": lambda x: x.max(1).values,
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "where": lambda x: torch.where(x > 0, x * x, torch.sin(x)),
    "var": lambda x: x.var(0) + x.std(0, correction=0),
    "convolution": lambda x: F.conv2d(x.reshape(1, 1, 3, 4), x[:2, :2].reshape(1, 1, 2, 2), padding=1, stride=2),
    "grouped convolution": lambda x: F.conv1d(x.reshape(1, 2, 6), x[:2, :3].reshape(2, 1, 3), x[0, :2], dilation=2, groups=2),
    "max pool": lambda x: F.max_pool2d(x.reshape(1, 1, 3, 4), 2),
    "cross entropy": lambda x: F.cross_entropy(x, torch.tensor([1, 0, 3])),
    "losses": lambda x: F.mse_loss(x, 2 * x + 1) + F.smooth_l1_loss(x, 3 * x) + F.huber_loss(x, -x),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "solve": lambda x: torch.linalg.solve(x[:, :3] @ x[:, :3].T + torch.eye(3, dtype=x.dtype), x),
    "det": lambda x: torch.linalg.det(x[:, :3]) + torch.linalg.inv(x[:, 1:]).sum(),
    "triangles": lambda x: x.tril() - x.triu(1) + x.split([1, 2])[1].sum(),
    "in place": written,
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=0.5),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_traced_program_certifies(name: str) -> None:
    verdict = check_gradient(FUNCTIONS[name], torch.tensor(X), save=None)
    assert verdict.kind in (Kind.AGREE, Kind.SUBGRADIENT)
    assert CERTIFIED in verdict.evidence, verdict.evidence


def sine(slope: Callable[[Any], Any]) -> Any:
    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return ct * slope(x)

    return Sine.apply


def test_a_fault_in_the_last_digits_of_a_backward_is_caught_without_a_formula() -> None:
    assert CERTIFIED in check_gradient(sine(torch.cos), torch.tensor(X), save=None).evidence
    with pytest.raises(GradientError, match=CERTIFIED):
        check_gradient(sine(lambda x: torch.cos(x) * (1 + 1e-13)), torch.tensor(X), save=None)


def test_a_module_is_certified_by_its_inputs_and_parameters() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.LayerNorm(5), torch.nn.ReLU(), torch.nn.Linear(5, 2)).double()
    verdict = check_gradient(net, torch.tensor(X), save=None)
    assert CERTIFIED in verdict.evidence
    assert verdict.entries > 50


def test_a_fault_of_a_module_s_own_function_is_certified_wrong() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(4, dtype=torch.float64))
            self.sine = sine(lambda x: 1.01 * torch.cos(x))

        def forward(self, x: Any) -> Any:
            return self.sine(x * self.weight)

    with pytest.raises(GradientError, match=CERTIFIED):
        check_gradient(Net(), torch.tensor(X), save=None)


def test_kinks_that_cancel_are_decided() -> None:
    x = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64)
    assert check_gradient(lambda x: F.relu(x) - F.relu(-x), x, save=None).kind is Kind.SUBGRADIENT


def test_what_is_not_known_stays_opaque_and_is_named() -> None:
    verdict = check_gradient(lambda x: torch.special.gammaln(x * x + 1), torch.tensor(X), save=None)
    assert verdict.kind is Kind.AGREE
    assert verdict.evidence.startswith("differences")
    assert verdict.evidence.endswith("; opaque: lgamma is not known")


def test_a_custom_operator_is_opaque_by_its_name() -> None:
    @torch.library.custom_op("gradproof_traced::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2.0

    twice.register_autograd(lambda ctx, ct: ct * 2.0)
    verdict = check_gradient(twice, torch.tensor(X), save=None)
    assert "opaque: gradproof_traced::twice is not known" in verdict.evidence


def test_what_values_cannot_tell_is_decided_by_the_program() -> None:
    x = torch.tensor([30.0, 1.0], dtype=torch.float64)

    class Cut(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sigmoid(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return ct * torch.where(x > 20, torch.zeros_like(x), torch.sigmoid(x) * torch.sigmoid(-x))

    with pytest.raises(GradientError, match=CERTIFIED):
        check_gradient(Cut.apply, x, save=None)


def test_a_plain_root_at_its_end_is_no_fault_though_a_zero_cotangent_gives_nan() -> None:
    verdict = check_gradient(torch.sqrt, torch.tensor([0.0, 1.0], dtype=torch.float64), save=None)
    assert verdict.kind is Kind.AGREE
    assert verdict.evidence.endswith("a cotangent of 0 gives NaN")


def test_a_write_through_a_view_is_no_program_that_is_believed() -> None:
    def f(x: Any) -> Any:
        out = x.clone()
        out[0] = out[0] * 2.0
        return out * x

    verdict = check_gradient(f, torch.tensor(X), save=None)
    assert verdict.kind is Kind.AGREE
    assert "writes through a view" in verdict.evidence


def test_order_two_is_certified_by_the_same_program() -> None:
    verdict = check_gradient(lambda x: torch.tanh(x) * x, torch.tensor(X), order=2, save=None)
    assert verdict.evidence.count(CERTIFIED) == 2


@pytest.mark.parametrize(
    "f",
    [
        lambda x: torch.from_numpy(np.sin(x.detach().numpy())),
        lambda x: x * torch.from_numpy(x.detach().numpy() ** 2),
        lambda x: x * float(x.detach().numpy()[0]),
    ],
)
def test_what_leaves_pytorch_is_no_constant_that_acquits_a_lost_gradient(f: Any) -> None:
    with pytest.raises(GradientError, match="outside of PyTorch is a constant"):
        check_gradient(f, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), save=None)
