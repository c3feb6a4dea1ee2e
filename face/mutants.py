"""``gradproof mutants``: how many planted faults one oracle kills, at what cost, and how often it cries wolf."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gradproof.commands import Outputs
from gradproof.oracles.errors import MissingPackage
from gradproof.oracles.formats import dtype_named
from gradproof.oracles.registry import engine
from gradproof.selection import UsageError
from gradproof.specs.mutants import looks
from gradproof.specs.mutants.catalogue import BENIGN, MUTANTS
from gradproof.specs.mutants.mutant import Mutant
from gradproof.specs.mutants.score import Budget, Score, score
from gradproof.terminal import console, table

TYPICAL = (12, 6)  # cases of an op and graphs, as a hand-written suite would have
GRAPHS_SHARE = 0.3  # graphs shown to a mutant, for each single-op case
WAYS_SHOWN = 8


def mutants(family: str, oracle: str, seed: int, cases: int, output: Path | None) -> int:
    """Score an oracle on the catalogue, on typical inputs and on ours; both tables are printed.

    Exit 0 if on ours nothing survives and no benign variant is flagged.
    """
    if oracle not in looks.NAMES:
        raise UsageError(f"no oracle named {oracle!r}; there are: {', '.join(looks.NAMES)}.")
    Outputs(json=output).check()
    named = tuple(m for m in MUTANTS if fnmatchcase(m.family, family))
    sound = tuple(m for m in BENIGN if fnmatchcase(m.family, family))
    if not named and not sound:
        known = dict.fromkeys(m.family for m in MUTANTS + BENIGN)
        raise UsageError(f"no family matches {family!r}; there are: {', '.join(known)}.")
    planted = _installed(named)
    try:
        chosen = looks.oracle(oracle)
    except ImportError as error:
        raise UsageError(f"{oracle} needs {error.name}: install gradproof[torch,jax].") from error
    budgets = [Budget(*TYPICAL, seed, "typical"), Budget(cases, round(GRAPHS_SHARE * cases), seed)]
    scores = []
    with _bar() as bar:
        line = bar.add_task(oracle, total=len(budgets) * (len(planted) + len(sound)))
        for budget in budgets:
            scores.append(score(planted, sound, engine("native"), chosen, budget, lambda name: bar.advance(line)))
    for made in scores:
        _print(made)
    if output is not None:
        versions = {name: _version(name) for name in ("gradproof", "numpy", "python-flint", "torch", "jax")}
        record = {"versions": versions, "scores": [s.as_json() for s in scores]}
        output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        console.print(f"score   {output}")
    last = scores[-1]
    return int(bool(last.survivors or last.flagged))


def _installed(named: Sequence[Mutant]) -> tuple[Mutant, ...]:
    """Those whose dtype NumPy has here; what is left out is said."""
    missing = {}
    for dtype in {m.dtype for m in named}:
        try:
            dtype_named(dtype)
        except MissingPackage as error:
            missing[dtype] = error
            console.print(f"left out  {sum(m.dtype == dtype for m in named)} planted faults: {error}", markup=False)
    return tuple(m for m in named if m.dtype not in missing)


def _print(made: Score) -> None:
    """One score: kills by family, then everything that is not as it should be, then the totals."""
    budget = made.budget
    console.print(
        f"{made.oracle} on {budget.inputs} inputs, seed {budget.seed}: up to {budget.cases} cases of each op, then "
        f"{budget.graphs} graphs", markup=False,
    )  # fmt: skip
    rows = [(name, f"{killed}", f"{planted}", f"{100 * killed / planted:.0f} %")
            for name, (killed, planted) in made.families().items()]  # fmt: skip
    table(("family", "killed", "planted", ""), rows)
    for name in made.survivors if budget.inputs == "ours" else ():  # on typical inputs half of them do
        console.print(f"survives  {name}", markup=False)
    for result in (r for r in made.benign if r.killed):
        console.print(f"flagged   {result.mutant.name}: {result.look.property} {result.look.verdict}", markup=False)
    for alarm in made.alarms[:WAYS_SHOWN]:
        console.print(f"alarm     {alarm}", markup=False)
    ways = ", ".join(f"{f'{p} {v}'.strip()} {n}" for (p, v), n in made.ways().most_common(WAYS_SHOWN))
    console.print(f"kills by  {ways or 'nothing'}", markup=False)
    console.print(headline(made), markup=False)


def headline(made: Score) -> str:
    """The four numbers that belong together."""
    total = len(made.results)
    share = f"{100 * made.killed / total:.1f} %" if total else "-"
    usual, most = made.cases_to_kill()
    rate = f"{made.per_million:.0f} per million" if made.alarms else f"below {made.per_million_max:.0f} per million by 3/n"
    abstained = f", {100 * made.abstained / made.clean:.2f} % abstained" if made.clean and made.abstained else ""
    return (
        f"{made.killed} of {total} killed ({share}), {len(made.flagged)} of {len(made.benign)} benign flagged, "
        f"{len(made.alarms)} false alarms in {made.clean} clean cases ({rate}){abstained}, "
        f"{made.ms_per_kill:.1f} ms CPU per kill; {usual:.0f} cases to a kill in the middle, {most} at most"
    )


def _bar() -> Progress:
    """A bar over the mutants; only on a terminal, and gone when it ends."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("mutants"), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
