"""The catalogue of planted faults: what it covers, that nothing of a mutant outlives its block, that scores repeat."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.engine import (
    batch_rules,
    batching,
    custom,
    derivatives,
    generate,
    hooks,
    recompute,
    rows,
    simplify,
    tape,
    transforms,
)
from gradproof.engine.backend import Patch, raw
from gradproof.engine.functions import nn
from gradproof.engine.functions.recorded import recorded
from gradproof.engine.rules import RULES, VARIADIC, decompositions
from gradproof.oracles.catalogue import CATALOGUE, COMPLEX
from gradproof.oracles.engine import Engine
from gradproof.oracles.registry import engine
from gradproof.specs.mutants.catalogue import BENIGN, FAMILIES, MUTANTS, named
from gradproof.specs.mutants.looks import FAILS, OURS, asked
from gradproof.specs.mutants.mutant import GRAPH, Mutant, Rewrite, Together, Wrap
from gradproof.specs.mutants.score import Budget, drawn, judged, score
from gradproof.specs.mutants.settings import SETTINGS, used

CHECKPOINT = import_module("gradproof.engine.checkpoint")  # the package has functions of these names
SECOND_ORDER = {"sech2", "power_slope", "scatter", "embed_diagonal", "excess", "shifted"}  # rules that only a second sweep reaches
NEVER_MET = {"astype", "signdet"}  # no op of the catalogue is made of them (the phase of a complex determinant)
THROUGH_THE_SWEEP = {"getitem", "windows"}  # mutated as raw.scatter and raw.fold, their transposes


@pytest.fixture(scope="module")
def native() -> Engine:
    return engine("native")


def patched(mutant: Mutant) -> set[str]:
    """The primitives whose rules a mutant changes."""
    patches = mutant.patch.make() if isinstance(mutant.patch, Together) else (mutant.patch,)
    return {p.primitive for p in patches if isinstance(p, Wrap | Rewrite)}


def test_there_are_enough_in_every_family_and_each_has_a_name_of_its_own() -> None:
    assert len(MUTANTS) >= 300
    assert len(BENIGN) >= 20
    assert min(Counter(m.family for m in MUTANTS).values()) >= 8
    assert not [name for name, count in Counter(m.name for m in MUTANTS + BENIGN).items() if count > 1]
    assert {"factor", "saved tensor", "scale", "state between calls", "NaN in the untaken branch"} <= set(FAMILIES)


def test_every_op_and_every_rule_has_a_mutant() -> None:
    ops = {op for m in MUTANTS for op in m.ops}
    assert ops - {GRAPH} - set(COMPLEX) == set(CATALOGUE)
    rules = set(RULES) | set(VARIADIC)
    reached = {p for m in MUTANTS for p in patched(m)} | THROUGH_THE_SWEEP
    assert rules - reached == SECOND_ORDER | NEVER_MET


def state() -> dict[str, Any]:
    """Everything of the engine that a patch could change."""
    owners = {"tape": tape, "transforms": transforms, "raw": raw, "recorded": recorded, "ge": ge, "nn": nn, "linalg": ge.linalg,
              "Op": tape.Op, "Patch": Patch, "decompositions": decompositions, "batching": batching,
              "generate": generate, "simplify": simplify, "trace": import_module("gradproof.engine.trace"), "rules of vmap": batch_rules,
              "hooks": hooks, "HOOK": SimpleNamespace(rules=hooks.HOOK.rules), "call": custom._Call, "Segment": CHECKPOINT.Segment,
              "rows": rows, "RowSparse": rows.RowSparse, "derivatives": derivatives, "recompute": recompute, "Writer": generate.Writer}  # fmt: skip
    found = {f"{name}.{key}": value for name, owner in owners.items() for key, value in vars(owner).items()}
    found |= {f"OPS.{name}": (op.rules, op.kernel) for name, op in tape.OPS.items()}
    found |= {f"batching.RULES.{name}": rule for name, rule in batching.RULES.items()}
    return found | {f"RULES.{k}": v for k, v in RULES.items()} | {f"VARIADIC.{k}": v for k, v in VARIADIC.items()}


def test_nothing_of_a_mutant_outlives_its_block_even_after_an_exception(native: Engine) -> None:
    before = state()
    for mutant in MUTANTS + BENIGN:
        with mutant.plant():
            assert any(now is not before[key] and now != before[key] for key, now in state().items()), mutant
        with pytest.raises(RuntimeError, match="inside"), mutant.plant():
            raise RuntimeError("inside")
    after = state()
    assert after.keys() == before.keys()
    assert all(after[key] is before[key] or after[key] == before[key] for key in before)
    assert not [name for name, op in tape.OPS.items() if op.rules is not RULES[name]]
    with np.errstate(all="ignore"):
        unmutated = score(MUTANTS[:0], BENIGN[:0], native, OURS["judge"], Budget(1, 20))
    assert unmutated.clean >= 200
    assert not unmutated.alarms


def test_mutants_are_killed_for_what_they_compute_and_not_for_raising(native: Engine) -> None:
    """A fault that crashes is no test of a judge; the few that do are faults of shape."""
    with np.errstate(all="ignore"):
        results = [judged(m, native, OURS["judge"], Budget()) for m in MUTANTS[::7]]
    crashed = [r.mutant.name for r in results if r.look.verdict == "CRASHED"]
    assert len(crashed) <= 2, crashed


def test_a_score_is_the_same_for_the_same_seed(native: Engine) -> None:
    def once(seed: int) -> list[tuple[bool, int]]:
        made = score(MUTANTS[::60], (), native, OURS["judge"], Budget(20, 1, seed))
        return [(r.killed, r.cases) for r in made.results]

    assert once(0) == once(0)
    assert once(0) != once(1)


def test_a_kill_counts_only_if_the_unmutated_engine_passes(native: Engine) -> None:
    class Wolf:
        name, float64_only = "wolf", True

        def look(self, case: Any, engine: Any) -> Any:
            from gradproof.specs.mutants.looks import Look

            return Look(FAILS)

    found = judged(named("factor: exp: doubled"), native, Wolf(), Budget(5, 0))
    assert not found.killed
    assert found.alarms == 5


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_computes_what_the_engine_computes_and_by_its_own_part(setting: str, native: Engine) -> None:
    """Sound on every op's first case; and a fault of that part is seen, which is not where it is not used."""
    mutants = [m for m in MUTANTS if m.setting == setting]
    oracle = asked(OURS["judge"], mutants[0])
    assert oracle is not None
    subject = used(native, setting)
    with np.errstate(all="ignore"):
        for op in CATALOGUE:
            look = oracle.look(next(drawn(op, "float64", Budget())), subject)
            assert look.seen != FAILS, (op, look)
        plainly = [judged(replace(m, setting=""), native, oracle, Budget(10, 0)) for m in mutants if not m.modes]
    assert not [r.mutant.name for r in plainly if r.killed]


def test_each_witness_alone_sees_a_plain_fault_and_no_benign_formula(native: Engine) -> None:
    for name in ("differences", "duals", "complex step", "exact rationals"):
        with np.errstate(all="ignore"):
            assert judged(named("factor: square: without its 2"), native, OURS[name], Budget(20, 0)).killed, name
            assert not judged(named("benign: square: x + x"), native, OURS[name], Budget(20, 0)).killed, name


def test_typical_inputs_are_plain() -> None:
    from itertools import islice

    from gradproof.specs.mutants import typical

    for op in (*CATALOGUE, *COMPLEX, GRAPH):
        for case in islice(typical.cases(op, "float64", 0), 6):
            assert op == GRAPH or op in case.graph.ops  # those on complex numbers were once drawn as graphs
            assert all(leaf.data.size for leaf in case.graph.leaves)
            assert case.cotangents[0].dtype == np.float64
