"""One rank of a small PyTorch model sharded over processes: what it holds, in bytes, and its part of every gradient.

Run as a program, ``python -m gradproof.oracles.adapters.torch_sharded RANK RANKS FOLDER SECONDS``: reads ``given.npz`` in the folder,
meets the other ranks there through gloo, and writes ``RANK.npz`` and ``RANK.json``. It ends itself after the seconds given.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from gradproof.oracles.graph import Array

NO_GROUP = 3  # exit status: this PyTorch or this machine forms no process group, or has no such way
EPS = 1e-5
Storages = dict[int, Any]


class Block(nn.Module):
    """x + down(tanh(up(norm(x)))) of (batch, seq, hidden)."""

    def __init__(self, hidden: int, wide: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden, eps=EPS)
        self.up = nn.Linear(hidden, wide)
        self.down = nn.Linear(wide, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        update: Tensor = self.down(torch.tanh(self.up(self.norm(x))))
        return x + update


def model(weights: dict[str, Array]) -> nn.Sequential:
    """Blocks with these weights, named as PyTorch names them: ``0.up.weight`` and so on."""
    wide, hidden = weights["0.up.weight"].shape
    blocks = 1 + max(int(name.partition(".")[0]) for name in weights)
    made = nn.Sequential(*(Block(hidden, wide) for _ in range(blocks))).to(torch.from_numpy(weights["0.up.weight"]).dtype)
    made.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    return made


# ---- bytes


def local(tensor: Tensor) -> Tensor:
    """What this rank holds of a tensor."""
    with torch.no_grad():
        return tensor.to_local() if hasattr(tensor, "to_local") else tensor.detach()


def storages(tensors: Iterable[Tensor]) -> Storages:
    """The distinct storages of this rank's parts; as long as they are held, no address is used twice."""
    held = [local(t).untyped_storage() for t in tensors]
    return {s.data_ptr(): s for s in held if s.nbytes()}


def size(held: Storages) -> int:
    """Their bytes now: a storage that was freed counts nothing."""
    return sum(s.nbytes() for s in held.values())


@contextmanager
def saved(module: nn.Module) -> Iterator[tuple[Storages, Storages]]:
    """The storages that autograd saves meanwhile for backward: of activations, and of parameters."""
    activations: Storages = {}
    parameters: Storages = {}

    def pack(tensor: Tensor) -> Tensor:
        (found,) = storages([tensor]).items()
        (parameters if found[0] in storages(module.parameters()) else activations).update([found])
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield activations, parameters


# ---- the ways to shard


def _ddp(module: nn.Module, ranks: int) -> nn.Module:
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(module)


def _fully_sharded(reshard: bool) -> Callable[[nn.Sequential, int], nn.Module]:
    def wrap(module: nn.Sequential, ranks: int) -> nn.Module:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cpu", (ranks,))
        for block in module:
            fully_shard(block, mesh=mesh, reshard_after_forward=reshard)
        fully_shard(module, mesh=mesh, reshard_after_forward=reshard)
        return module  # the same one, its class changed

    return wrap


def _by_sequence(module: nn.Sequential, ranks: int) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, SequenceParallel, parallelize_module

    plan: dict[str, Any] = {}
    for i in range(len(module)):
        plan |= {
            f"{i}.norm": SequenceParallel(),
            f"{i}.up": ColwiseParallel(input_layouts=Shard(1)),
            f"{i}.down": RowwiseParallel(output_layouts=Shard(1), use_local_output=False),
        }
    return parallelize_module(module, init_device_mesh("cpu", (ranks,)), plan)


def _alone(module: nn.Module, ranks: int) -> nn.Module:
    return module


WAYS: dict[str, Callable[[nn.Sequential, int], nn.Module]] = {
    "one device": _alone,
    "DDP": _ddp,
    "ZeRO-1": _ddp,
    "ZeRO-2": _fully_sharded(reshard=False),
    "ZeRO-3": _fully_sharded(reshard=True),
    "sequence": _by_sequence,
}


def _optimiser(way: str, module: nn.Module) -> tuple[Any, Callable[[], Any]]:
    """Adam, or the optimiser of ZeRO-1 with Adam inside, and where the state of this rank is."""
    if way == "ZeRO-1":
        from torch.distributed.optim import ZeroRedundancyOptimizer

        zero = ZeroRedundancyOptimizer(module.parameters(), torch.optim.Adam, lr=1e-3)
        return zero, lambda: zero.optim.state
    adam = torch.optim.Adam(module.parameters(), lr=1e-3)
    return adam, lambda: adam.state


def _part(whole: Tensor, way: str, rank: int, ranks: int) -> Any:
    """What a rank is given of inputs (batch, seq, hidden): all, some examples, or some places of each."""
    if way == "one device":
        return whole
    mine = whole.chunk(ranks, 1 if way == "sequence" else 0)[rank].clone()  # a view would save the whole
    if way == "sequence":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import DTensor, Shard

        return DTensor.from_local(mine, init_device_mesh("cpu", (ranks,)), [Shard(1)])
    return mine


def _placed(gradient: Any) -> str:
    """How the parts of a gradient make the whole: ``whole`` at every rank, ``sum``, or the axis along which they lie side by side."""
    if not hasattr(gradient, "placements"):
        return "whole"
    (placement,) = gradient.placements
    return str(placement.dim) if placement.is_shard() else "sum" if placement.is_partial() else "whole"


def step(way: str, rank: int, ranks: int, weights: dict[str, Array], x: Array, y: Array) -> tuple[dict[str, Array], dict[str, Any]]:
    """One training step of a way: the parts of the gradients, and what was measured."""
    from torch.distributed.tensor.debug import CommDebugMode

    plain = model(weights)
    module = WAYS[way](plain, ranks)
    inputs, labels = (_part(torch.from_numpy(a), way, rank, ranks) for a in (x, y))
    optimiser, state = _optimiser(way, module)
    resting = storages(plain.parameters())
    told: dict[str, Any] = {"parameters": size(resting)}
    counting: Any = CommDebugMode
    with counting() as collectives:
        with saved(plain) as (activations, kept):
            loss: Any = torch.square(module(inputs) - labels).mean()
        told["activations"] = size(activations)
        told["parameters between"] = size(resting | storages(plain.parameters()) | kept)
        loss.backward()
    gradients = {name: p.grad for name, p in plain.named_parameters() if p.grad is not None}
    told["gradients"] = size(storages(gradients.values()))
    told["placed"] = {name: _placed(g) for name, g in gradients.items()}
    told["collectives"] = {str(op).rpartition(".")[2]: n for op, n in collectives.get_comm_counts().items()}
    parts = {name: local(g).numpy().copy() for name, g in gradients.items()}
    optimiser.step()
    moments = [t for entry in state().values() for t in entry.values() if isinstance(t, Tensor) and t.ndim]
    told["optimiser state"] = size(storages(moments))
    return parts, told


def main(rank: int, ranks: int, folder: Path, seconds: float) -> int:
    """Every way, in every dtype given; the exit status."""
    faulthandler.dump_traceback_later(seconds, exit=True)  # whatever waits, waits no longer
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if not (dist.is_available() and dist.is_gloo_available()):
        print("this PyTorch has no torch.distributed with gloo", file=sys.stderr)
        return NO_GROUP
    try:
        meeting = (folder / "meeting").as_uri()
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks, timeout=timedelta(seconds=seconds))
        dist.barrier()
    except RuntimeError as error:
        print(f"gloo forms no process group here: {str(error).splitlines()[0]}", file=sys.stderr)
        return NO_GROUP
    arrays: dict[str, Any] = {}
    report: dict[str, Any] = {}
    with np.load(folder / "given.npz") as given:
        dtypes = sorted({key.partition("|")[0] for key in given})
        for dtype in dtypes:
            weights = {key.partition("|")[2]: given[key] for key in given if key.startswith(f"{dtype}|")}
            x, y = weights.pop("x"), weights.pop("y")
            for way in WAYS:
                try:
                    parts, report[f"{dtype}|{way}"] = step(way, rank, ranks, weights, x, y)
                except ImportError as error:
                    print(f"this PyTorch has no {way}: {error}", file=sys.stderr)
                    return NO_GROUP
                arrays |= {f"{dtype}|{way}|{name}": part for name, part in parts.items()}
    np.savez(folder / f"{rank}.npz", **arrays)
    (folder / f"{rank}.json").write_text(json.dumps(report), encoding="utf-8")
    dist.barrier()  # the one that keeps the meeting place leaves last
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])))
