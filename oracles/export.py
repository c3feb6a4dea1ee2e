"""A case as a stand-alone script for NumPy and one framework: a bug report that needs no gradproof.

The functions that the graph needs are copied in from the adapter's namespace, read as source: the framework need not
be installed here. A name that is only another name for the framework's own function is written as that function.
"""

from __future__ import annotations

import ast
import math
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from string import Template

from gradproof.oracles.catalogue import op
from gradproof.oracles.errors import EngineError, Unsupported
from gradproof.oracles.formats import is_float
from gradproof.oracles.graph import Array, Case, Graph, Node, Param

SCRIPT = Template('''\
"""$title"""

$imports
$setup

$helpers


def floats(dtype, shape, text):
    """An array from hex floats."""
    return np.array([float.fromhex(word) for word in text.split()], dtype=dtype).reshape(shape)


def show(name, x):
    print(f"{name}: {x.dtype} {tuple(x.shape)} {x.tolist()}")


$leaves


def graph($primals):
$body


$gradients

print("$framework", $framework.__version__)
for i, y in enumerate(outputs):
    show(f"output {i}", $plain)
for name, gradient in zip([$names], gradients):
    show(f"gradient of {name}", gradient)
''')

TORCH_GRADIENTS = Template('''\
primals = [$primals]
for x in primals:
    x.requires_grad_()
outputs = graph(*primals)
cotangents = [
$cotangents
]
gradients = [torch.zeros_like(x) for x in primals]
seeds = [(y, ct) for y, ct in zip(outputs, cotangents) if y.requires_grad]
if seeds and primals:
    reached, cotangents = zip(*seeds)
    gradients = torch.autograd.grad(reached, primals, cotangents, allow_unused=True, materialize_grads=True)''')

JAX_GRADIENTS = Template('''\
outputs, pullback = jax.vjp(graph, $primals)
cotangents = (
$cotangents
)
gradients = pullback(cotangents)''')


@dataclass(frozen=True)
class Target:
    """What is a framework's own in a script; ``plain`` is an output ``y`` that can be printed."""

    imports: tuple[str, ...]
    convert: str
    gradients: Template
    plain: str = "y"
    setup: str = ""


TARGETS = {
    "torch": Target(("import numpy as np", "import torch"), "torch.from_numpy", TORCH_GRADIENTS, plain="y.detach()"),
    "jax": Target(
        ("import jax", "import numpy as np"),
        "jax.device_put",
        JAX_GRADIENTS,
        setup='\njax.config.update("jax_enable_x64", True)\n',
    ),
}


def to_script(case: Case, framework: str) -> str:
    """A Python script that rebuilds the case with NumPy and ``framework`` ("torch" or "jax") and prints what it gives.

    Outputs and gradients are printed with all their digits, so that they can be compared bit for bit.

    Raises: EngineError for another framework; Unsupported if its namespace lacks an op of the graph.
    """
    if framework not in TARGETS:
        raise EngineError(f"no script for {framework!r}; there are scripts for {', '.join(TARGETS)}.")
    target = TARGETS[framework]
    sources = _Sources(framework)
    graph = case.graph
    body = [f"    {line}" for line in _statements(graph, sources)]
    returned = "".join(f"v{o}, " for o in graph.outputs)
    body.append(f"    return ({returned.strip()})")
    primals = [f"v{i}" for i in graph.primals]
    named = ", ".join(primals)
    cotangents = "\n".join(f"    {_leaf(ct, target.convert)}," for ct in case.cotangents)
    return SCRIPT.substitute(
        title=_title(case, framework),
        imports="\n".join(sorted({*target.imports, *sources.imports}, key=lambda line: line.split()[1])),
        setup=target.setup,
        helpers="\n\n\n".join(sources.functions) or f"# Every op of this graph is {framework}'s own function.",
        leaves="\n".join(f"v{i} = {_leaf(leaf.data, target.convert)}" for i, leaf in enumerate(graph.leaves)),
        primals=named,
        body="\n".join(body),
        gradients=target.gradients.substitute(primals=named, cotangents=cotangents),
        framework=framework,
        plain=target.plain,
        names=", ".join(f'"{name}"' for name in primals),
    )


def _title(case: Case, framework: str) -> str:
    lines = [
        f"The gradient of a small graph, by {framework}: a report made with gradproof {version('gradproof')}.",
        "",
        *(f"{key}: {value}" for key, value in case.note.items()),
        f"Run it with: python this_file.py (it needs numpy and {framework})",
    ]
    return "\n".join(lines).replace("\\", "/").replace('"""', "'''") + "\n"


def _statements(graph: Graph, sources: _Sources) -> Iterator[str]:
    for value, node in graph.numbered():
        results = ", ".join(f"v{value + k}" for k in range(node.results))
        yield f"{results} = {_call(node, sources.name(node.op))}"


def _call(node: Node, function: str) -> str:
    operands = [f"v{o}" for o in node.operands]
    params = dict(node.params)
    if op(node.op).call == "list":
        operands = [f"[{', '.join(operands)}]"]
    if node.op == "einsum":
        operands.insert(0, _literal(params.pop("subscripts")))
    return f"{function}({', '.join([*operands, *(f'{key}={_literal(value)}' for key, value in params.items())])})"


def _literal(param: Param) -> str:
    """The parameter as Python source."""
    if isinstance(param, tuple):
        return f"({', '.join(map(_literal, param))}{',' if len(param) == 1 else ''})"
    if isinstance(param, float) and not math.isfinite(param):
        return f'float("{param}")'
    return "..." if param is ... else repr(param)


def _leaf(array: Array, convert: str) -> str:
    """Source that rebuilds the array exactly."""
    if not is_float(array.dtype):
        return f'{convert}(np.array({array.ravel().tolist()}, dtype="{array.dtype.name}").reshape({array.shape}))'
    words = " ".join(re.sub(r"\.?0*p", "p", float(x).hex()) for x in array.ravel())
    lines = [f'"{line} "' for line in textwrap.wrap(words, 100)] or ['""']
    text = lines[0].replace(' "', '"') if len(lines) == 1 else "\n    " + "\n    ".join(lines) + "\n"
    dtype, cast = array.dtype.name, ""
    if dtype == "bfloat16" and convert.startswith("torch"):  # PyTorch takes no array of it from NumPy: exact on the way
        dtype, cast = "float64", ".to(torch.bfloat16)"
    return f'{convert}(floats("{dtype}", {array.shape},{"" if len(lines) > 1 else " "}{text})){cast}'


@dataclass
class _Sources:
    """What a script has to hold of a framework's namespace, gathered as its ops are named."""

    framework: str
    imports: dict[str, None] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)
    modules: dict[str, dict[str, list[ast.stmt]]] = field(default_factory=dict)

    def name(self, op: str) -> str:
        """How the script calls the op; what that needs is added to the script."""
        prefix, _, short = op.rpartition(".")
        module = self._module(prefix or "ops")
        if short not in module or isinstance(module[short][0], ast.Import | ast.ImportFrom):
            raise Unsupported(f"{self.framework} has no {op!r}, so there is no script for this graph.")
        self._require(module, short)
        definition = module[short][0]
        return ast.unparse(definition.value) if isinstance(definition, ast.Assign) else short

    def _module(self, part: str) -> dict[str, list[ast.stmt]]:
        if part not in self.modules:
            spec = find_spec(f"gradproof.oracles.adapters.{self.framework}_{part.replace('.', '_')}")
            text = Path(spec.origin).read_text() if spec and spec.origin else ""
            found = _definitions(ast.parse(text))
            for statement in found.pop("*", ()):  # a namespace in several files
                assert isinstance(statement, ast.ImportFrom)
                assert statement.module
                found = self._module(statement.module.partition(f"{self.framework}_")[2]) | found
            self.modules[part] = found
        return self.modules[part]

    def _require(self, module: dict[str, list[ast.stmt]], name: str) -> None:
        """Add a definition to the script, after all that it refers to."""
        for statement in module.get(name, ()):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.imports[ast.unparse(statement)] = None
                continue
            plain = _Plain().visit(statement)
            for part in ast.walk(plain):
                if isinstance(part, ast.Name) and part.id != name:
                    self._require(module, part.id)
            if isinstance(plain, ast.FunctionDef):
                self.functions[ast.unparse(plain)] = None


def _definitions(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """The module's top-level statements by the names they bind."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        names: list[str] = []
        if isinstance(statement, ast.FunctionDef):
            names = [statement.name]
        elif isinstance(statement, ast.Assign):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names = [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
        for name in names:
            found.setdefault(name, []).append(statement)
    return found


class _Plain(ast.NodeTransformer):
    """Functions without annotations: a report is read, not type-checked."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        return ast.copy_location(ast.Assign([node.target], node.value), node)
