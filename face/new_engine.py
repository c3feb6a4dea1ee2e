"""``gradproof new-engine NAME``: a working adapter, to be pointed at an engine of one's own, with its test."""

from __future__ import annotations

import keyword
from pathlib import Path

from gradproof.oracles.errors import GradproofError

ADAPTER = '''"""{name} as an engine for gradproof. It works as it stands, over NumPy; replace what NEXT marks by your engine's own."""

import numpy as np
from gradproof.oracles import from_backward, grouped


class Tensor:  # NEXT: delete it, and import your engine's
    def __init__(self, data, inputs=(), pull=None):
        self.data, self.inputs, self.pull, self.grad = np.asarray(data), inputs, pull, None

    def backward(self, ct=1.0):
        ct = np.broadcast_to(ct, np.shape(ct) or self.data.shape)
        lost = tuple(range(ct.ndim - self.data.ndim))
        ct = ct.sum(lost + tuple(i + len(lost) for i, n in enumerate(self.data.shape) if n == 1), keepdims=True)
        ct = ct.reshape(self.data.shape)  # summed over what was broadcast
        self.grad = ct if self.grad is None else self.grad + ct
        for x, part in zip(self.inputs, self.pull(ct) if self.pull else (), strict=True):
            x.backward(part)


FUNCTIONS = {{  # NEXT: your engine's functions, by the names that `gradproof ops` lists
    "add": lambda x, y: Tensor(x.data + y.data, (x, y), lambda ct: (ct, ct)),
    "multiply": lambda x, y: Tensor(x.data * y.data, (x, y), lambda ct: (ct * y.data, ct * x.data)),
    "exp": lambda x: Tensor(np.exp(x.data), (x,), lambda ct: (ct * np.exp(x.data),)),
}}


def total(outputs, cotangents):  # NEXT: the sum of outputs times cotangents, on which backward() is called
    parts = [Tensor((y.data * ct.data).sum(), (y,), lambda g, c=ct: (g * c.data,)) for y, ct in zip(outputs, cotangents, strict=True)]
    return Tensor(sum(p.data for p in parts), tuple(parts), lambda g: (g,) * len(parts))


Engine = from_backward(
    "{name}",
    grouped(FUNCTIONS),
    from_numpy=Tensor,  # NEXT: an array to a tensor of yours
    to_numpy=lambda x: np.array(getattr(x, "data", x)),  # NEXT: and back
    variable=lambda x: Tensor(x.data),  # NEXT: a fresh tensor that gradients are wanted of
    total=total,
)
'''

TEST = '''"""{name} before gradproof: `pytest test_{name}_engine.py`."""

import subprocess
import sys
from pathlib import Path


def test_{name}_is_clean():
    command = [sys.executable, "-m", "gradproof", "verify", "{name}_engine:Engine", "--cases", "10", "--graphs", "50"]
    run = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
'''

LADDER = """wrote   {adapter}, {test}
now     gradproof verify {name}_engine:Engine --ops add
then    replace what NEXT marks in {adapter}, and climb (docs/your-engine.md):
        gradproof verify {name}_engine:Engine --ops 'add,multiply,exp' --graphs 100     broadcasting
        gradproof verify {name}_engine:Engine --ops 'matmul,sum,reshape'                products, reductions, shapes
        gradproof verify {name}_engine:Engine                                           all that it has"""


def write(name: str, folder: Path) -> str:
    """Write the adapter and its test; what to do next, as text.

    Raises: GradproofError if the name is no identifier, or a file is there already.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise GradproofError(f"{name!r} is no name for a module; use letters, digits and underscores, for instance my_engine.")
    files = {folder / f"{name}_engine.py": ADAPTER, folder / f"test_{name}_engine.py": TEST}
    there = [path for path in files if path.exists()]
    if there:
        raise GradproofError(f"{there[0]} is there already; it is not overwritten. Move it away, or take another name.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text.format(name=name), encoding="utf-8")
    adapter, test = files
    return LADDER.format(name=name, adapter=adapter, test=test)
