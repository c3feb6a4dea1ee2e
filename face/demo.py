"""``gradproof demo``: one fault planted in one rule of the native engine, and everything gradproof makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradproof.commands import Outputs, write
from gradproof.evidence import save_failures
from gradproof.oracles.registry import engine
from gradproof.session import Session, command_line
from gradproof.specs import run
from gradproof.specs.mutants.plant import planted
from gradproof.terminal import console, progress, summary

OPS = ("tanh", "exp", "add", "multiply", "matmul", "sum", "nn.relu", "nn.sigmoid")
PROFILE = run.Profile("demo", cases=20, graphs=150, dtypes=("float64",))


def _forgets_the_tail(gradient: Any, xp: Any, ct: Any, out: Any, x: Any, **params: Any) -> Any:
    """The planted fault: one part in ten thousand, and only where the unit saturates."""
    return gradient * xp.where(abs(x) > 3.0, 1.0001, 1.0)


def demo(output: Path) -> int:
    """Plant the fault, judge, show. Returns 0 if the fault was caught and blamed on its op, else 1.

    The page is written to ``output``, the minimal graphs to the folder of its name.
    """
    outputs = Outputs(report=output, save=output.with_suffix(""))
    outputs.check()
    console.print("Planted in the native rule of tanh: a factor 1.0001 where |x| > 3. Everything else is as it should be.\n")
    subject = engine("native")
    folder = output.with_suffix("")
    session = Session(command_line(), PROFILE.name, 0, [subject], folder=folder)
    todo = run.tasks(subject, PROFILE, 0, OPS)
    with planted("tanh", _forgets_the_tail), progress(todo) as advance:
        for result in run.results(todo):
            session.add(result)
            advance(result)
    record = session.record()
    saved = save_failures(record, folder)
    summary(record, saved)
    write(record, outputs)
    caught = any(f.blame == "tanh" and f.verdict == "WRONG" for f in record.failures)
    console.print("\nThe fault was caught and blamed on tanh." if caught else "\nThe fault was NOT caught.")
    if saved:
        console.print(
            "It lived in this process alone and is taken out again, so replaying its graph judges the sound engine and says "
            f"AGREE:\n  gradproof replay {saved[0]}"
        )
    return int(not caught)
