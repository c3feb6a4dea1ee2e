"""A PyTorch function as a NumPy formula: the program that ``make_fx`` records below autograd, one ATen op after another.

An ``autograd.Function`` is followed through its forward, never its backward, so that this is what is on trial; a custom operator is one
op that is not known. What PyTorch has a decomposition of is decomposed.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions, get_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from gradproof.oracles.adapters.torch_primitives import PRIMITIVES, VIEWS
from gradproof.oracles.errors import Unsupported
from gradproof.oracles.graph import Array

Formula = Callable[..., list[Any]]
aten = torch.ops.aten
DECOMPOSED = (
    "native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit_functional", "_softmax", "_log_softmax", "addmm", "addmv", "addr", "baddbmm", "silu", "mish", "softplus", "leaky_relu", "elu",
    "hardtanh", "hardswish", "hardsigmoid", "log_sigmoid_forward", "mse_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "nll_loss_forward", "glu",
    "logsumexp", "logaddexp", "lerp", "trace", "linalg_cross", "norm", "dist", "square", "addcmul", "addcdiv", "_euclidean_dist", "celu", "prelu", "_prelu_kernel",
    "soft_margin_loss", "threshold", "softshrink", "hardshrink", "nan_to_num", "std_mean", "stack", "_unsafe_view",
)  # fmt: skip


def _table() -> dict[Any, Any]:
    """PyTorch's decompositions: those into its core, and those of the ops named, where this release has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {**core_aten_decompositions(), **get_decompositions([getattr(aten, name) for name in DECOMPOSED if hasattr(aten, name)])}


def imported(fn: Callable[..., Any], primals: Sequence[Tensor]) -> Formula:
    """``fn`` at tensors like these as a function of NumPy arrays, or of what dispatches as they do; a list of results.

    Raises: Unsupported if it uses an op that is not known here, or cannot be traced; the text says which.
    """
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = make_fx(lambda *xs: tuple(fn(*xs)), decomposition_table=_table(), tracing_mode="real")(*(p.detach().clone() for p in primals))
    except Exception as error:  # whatever f raises on proxies
        raise Unsupported(f"make_fx cannot trace f ({type(error).__name__})") from error
    nodes = _live(program)
    _known(nodes)
    return lambda *xs: _run(program, nodes, xs)


def _name(target: Any) -> str:
    """The name of an ATen op without its overload, or the full one of another library's; that of writing in place is the plain one's."""
    packet = getattr(target, "overloadpacket", None)
    if packet is None:
        return str(getattr(target, "__name__", target))
    whole: str = packet._qualified_op_name
    space, _, name = whole.partition("::")
    return whole if space != "aten" else name.rstrip("_") if not name.startswith("_") else name


def _mutates(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)


def _live(program: Any) -> list[Any]:
    """The nodes that the output depends on, and those that write: what else is there was for PyTorch's own backward."""
    live: set[Any] = set()
    for node in reversed(program.graph.nodes):
        if node.op in ("placeholder", "output") or node in live or _mutates(node):
            live |= {node, *node.all_input_nodes}
    return [node for node in program.graph.nodes if node in live]


def _known(nodes: Sequence[Any]) -> None:
    for node in nodes:
        if node.op != "call_function" or node.target is operator.getitem:
            continue
        name = _name(node.target)
        if name not in PRIMITIVES:
            raise Unsupported(f"{name} is not known")
        if _mutates(node) and getattr(node.args[0], "op", "") == "call_function" and _name(node.args[0].target) in VIEWS:
            raise Unsupported(f"{name} writes through a view")


def _run(program: Any, nodes: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    values: dict[Any, Any] = {}
    given = iter(arguments)
    for node in nodes:
        if node.op == "placeholder":
            values[node] = next(given)
        elif node.op == "get_attr":
            values[node] = _constant(getattr(program, node.target))
        elif node.op == "output":
            return [_read(values, y) for y in node.args[0]]
        elif node.target is operator.getitem:
            values[node] = values[node.args[0]][node.args[1]]
        else:
            named: Mapping[str, Any] = {k: _read(values, v) for k, v in node.kwargs.items()}
            values[node] = PRIMITIVES[_name(node.target)](*(_read(values, a) for a in node.args), **named)
    raise Unsupported("the program has no output")


def _constant(tensor: Tensor) -> Array:
    if tensor.is_complex():
        raise Unsupported("a complex constant")
    return np.asarray(tensor.detach().numpy(force=True))


def _read(values: Mapping[Any, Any], argument: Any) -> Any:
    if isinstance(argument, torch.fx.Node):
        return values[argument]
    if isinstance(argument, list | tuple):
        return type(argument)(_read(values, a) for a in argument) if type(argument) in (list, tuple) else [_read(values, a) for a in argument]
    return argument
