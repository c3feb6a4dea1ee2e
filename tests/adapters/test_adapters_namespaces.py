"""Both namespaces hold the whole catalogue, in modules that can be copied into a script side by side."""

import ast
import builtins
from operator import attrgetter
from pathlib import Path

import pytest

from gradproof.oracles import adapters
from gradproof.oracles.catalogue import CATALOGUE

PARTS = {"torch": ("ops", "linalg", "nn", "layers", "recurrent", "special", "activations", "losses"), "jax": ("ops", "linalg", "nn", "layers", "special", "activations")}


def modules(framework):
    """The statements of each module of a framework's namespace."""
    folder = Path(adapters.__file__).parent
    return [ast.parse((folder / f"{framework}_{part}.py").read_text()).body for part in PARTS[framework]]


def functions(statements):
    return [statement for statement in statements if isinstance(statement, ast.FunctionDef)]


def assigned(statements):
    return {statement.targets[0].id for statement in statements if isinstance(statement, ast.Assign)}


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_every_op_of_the_catalogue_is_there_but_for_those_named_as_absent(request, absent, name):
    namespace = request.getfixturevalue(f"{name}_engine").namespace
    missing = set()
    for op in CATALOGUE:
        try:
            assert callable(attrgetter(op)(namespace)), op
        except AttributeError:
            missing.add(op)
    assert missing == absent[name]


def test_every_op_of_the_catalogue_has_a_row_of_its_own_here(first_row):
    for op in CATALOGUE:
        assert first_row(op)


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_no_function_uses_a_builtin_that_an_op_hides(framework):
    copied = {function.name for module in modules(framework) for function in functions(module)}
    for module in modules(framework):
        hidden = (copied | assigned(module)) & set(dir(builtins))
        for function in functions(module):
            own = {argument.arg for argument in function.args.args}
            used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            assert not (used & hidden) - own, function.name


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_no_two_functions_of_a_framework_share_a_name(framework):
    names = [function.name for module in modules(framework) for function in functions(module)]
    assert len(names) == len(set(names))
