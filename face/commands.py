"""What each command does; ``cli`` only parses. Each returns the exit code."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gradproof.evidence import save_failures
from gradproof.oracles import codec
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.errors import EngineError
from gradproof.oracles.export import to_script
from gradproof.oracles.modes import MODES
from gradproof.oracles.picture import picture
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.registry import names
from gradproof.oracles.registry import version as engine_version
from gradproof.oracles.trial import capabilities, supports
from gradproof.reports import compare as comparison
from gradproof.reports import record as records
from gradproof.reports import render
from gradproof.reports.history import History
from gradproof.selection import UsageError, known_modes, modes_of, on_device, profile_of
from gradproof.session import Session, command_line
from gradproof.specs import run
from gradproof.specs.properties import PROPERTIES
from gradproof.terminal import console, engine_table, progress, summary, table


@dataclass(frozen=True)
class Outputs:
    """Where a run writes; None where it does not."""

    report: Path | None = None
    json: Path | None = None
    junit: Path | None = None
    against: Path | None = None
    save: Path | None = None
    history: Path | None = None

    def check(self) -> None:
        """Refuse paths that cannot be written before the run, so that nothing is lost after it."""
        files = [path.absolute() for path in (self.report, self.json, self.junit) if path is not None]
        if len(set(files)) < len(files):
            raise UsageError("two outputs have the same path; give --report, --json and --junit a file each.")
        for path in (self.report, self.json, self.junit):
            if path is None:
                continue
            if path.is_dir() or not path.parent.is_dir():
                raise UsageError(f"cannot write {path}: name a file in a folder that exists.")
            existed = path.exists()
            try:
                with path.open("a"):
                    pass
            except OSError as error:
                raise UsageError(f"cannot write {path}: {error.strerror}. Choose another path.") from error
            if not existed:
                path.unlink()
        if self.history is not None:
            History(self.history)
        if self.save is not None:
            nearest = next(p for p in (self.save, *self.save.absolute().parents) if p.exists())
            if not nearest.is_dir() or not os.access(nearest, os.W_OK):
                raise UsageError(f"cannot write graphs to {self.save}: name a folder that can be made, with --save.")


def verify(
    engines: tuple[str, ...],
    *,
    profile: str,
    ops: str,
    graphs: int | None,
    cases: int | None,
    dtypes: tuple[str, ...] | None,
    order: int | None,
    modes: tuple[str, ...],
    device: str,
    references: tuple[str, ...],
    seed: int,
    jobs: int,
    outputs: Outputs,
) -> int:
    """The main job. Engines named beside a subject are its references."""
    chosen = profile_of(profile, graphs, cases, dtypes)
    names_of_ops = run.selected(ops)
    known_modes(modes, order)
    outputs.check()
    old = records.read(outputs.against) if outputs.against else None
    engines = tuple(on_device(name, device) for name in engines)
    subjects = [by_name(name) for name in engines]
    witnesses = tuple(dict.fromkeys((*references, *engines)))
    session = Session(
        command_line(), profile, seed, subjects, [by_name(name) for name in references], outputs.save, engines
    )
    todo = [
        task
        for name, subject in zip(engines, subjects, strict=True)
        for task in run.tasks(
            subject, replace(chosen, modes=modes_of(subject, modes, order)), seed, names_of_ops, witnesses, name
        )
    ]
    session.notes = [
        note for name, e in zip(engines, subjects, strict=True) for note in run.undrawn(e, chosen, name).values()
    ]
    return finish(session, outputs, old, gathered(session, todo, jobs))


def gathered(session: Session, todo: Sequence[run.Task], jobs: int) -> int:
    """The tasks run and their results in the session; 0, or the exit code of what ended it before."""
    with stoppable() as stopped, progress(todo) as advance:
        try:
            for result in run.results(todo, jobs):
                session.add(result)
                advance(result)
        except KeyboardInterrupt:
            return stopped()
    return 0


@contextmanager
def stoppable() -> Iterator[Callable[[], int]]:
    """SIGTERM in the block is as Ctrl-C; the exit code of the one that came."""
    code = 128 + signal.SIGINT

    def end(number: int, frame: object) -> None:
        nonlocal code
        code = 128 + number
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield lambda: code
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield lambda: code
    finally:
        signal.signal(signal.SIGTERM, before)


def finish(session: Session, outputs: Outputs, old: records.Record | None, interrupted: int = 0) -> int:
    """Print the summary, write what was asked for, and give the exit code: ``interrupted``, if a signal ended the run."""
    from gradproof.claims import claims

    session.claims = claims(session.names)
    record = session.record(bool(interrupted))
    saved = save_failures(record, outputs.save) if outputs.save else []
    summary(record, saved, session.notes)
    write(record, outputs, old)
    code = 0 if record.clean else 1
    if not record.decided:
        why = "refused every case of" if record.totals.refused else "has none of"
        console.print(f"Nothing was judged, so nothing is shown: the engine {why} these ops or dtypes.")
        code = 1
    if old is not None:
        difference = comparison.compare(old, record)
        console.print(str(difference), markup=False)
        code = code or int(difference.is_regression)
    return interrupted or code


def write(record: records.Record, outputs: Outputs, old: records.Record | None = None) -> None:
    """The record, the page, the JUnit file and the history, each where asked for."""
    runs = History(outputs.history) if outputs.history else None
    if runs and not record.interrupted:  # half a run would look like a better one
        runs.add(record)
        console.print(f"history {runs.path}")
    if outputs.json:
        records.write(record, outputs.json)
        console.print(f"record  {outputs.json}")
    if outputs.report:
        render.write(record, outputs.report, old, runs.cells() if runs else ())
        console.print(f"page    {outputs.report}")
    if outputs.junit:
        from gradproof.reports.junit import to_junit

        records.save(outputs.junit, to_junit(record))
        console.print(f"junit   {outputs.junit}")


def replay(files: tuple[Path, ...], engine: str | None, script: str | None) -> int:
    """Judge saved graphs again, or print them as stand-alone scripts; exit 0 where each passes or is declared."""
    code = 0
    for path in files:
        case = codec.load(path)
        if script is not None:
            if script not in ("torch", "jax"):
                raise UsageError(f"no script for {script!r}; there are: torch, jax.")
            print(to_script(case, script))
            continue
        name = engine or str(case.note.get("engine", "native"))
        by_name(name)
        verdicts, trace = run.replayed(case, name)
        console.print(f"{path}", markup=False)
        for verdict in verdicts:
            console.print(verdict.report(), markup=False)
            told, declarable = run.reason(name, verdict) if verdict.kind.fails else "", verdict.kind.declarable
            if told:
                console.print(f"{'declared' if declarable else 'known'}: {told}", markup=False)
            code = code or int(verdict.kind.fails and not (told and declarable))
        if trace:
            console.print(f"\n{trace}", markup=False)
    return code


def engines() -> int:
    """Table of the registered engines."""
    rows = []
    for name in names():
        try:
            subject = by_name(name)
        except EngineError as error:
            rows.append((name, "-", "not installed", "-", str(error)))
            continue
        have = sum(supports(subject, o) for o in CATALOGUE)
        dtypes = ", ".join(capabilities(subject).dtypes)
        rows.append((name, subject.lineage, engine_version(subject), f"{have} of {len(CATALOGUE)}", dtypes))
    engine_table(rows)
    return 0


def properties() -> int:
    """Table of the properties."""
    plain = [(mode.name, mode.statement) for mode in MODES.values() if not mode.around]
    table(("property", "what is claimed"), [*((p.name, p.statement) for p in PROPERTIES), *plain])
    console.print("The last ones are modes (--order, --modes); each is also judged under 'vmap of' and 'compiled'.")
    return 0


def compare(old: Path, new: Path, output: Path | None) -> int:
    """Regressions between two runs."""
    before, after = records.read(old), records.read(new)
    difference = comparison.compare(before, after)
    console.print(str(difference), markup=False)
    if output is not None:
        render.write(after, output, before)
        console.print(f"page    {output}")
    return int(difference.is_regression)


def report(runs: tuple[Path, ...], output: Path) -> int:
    """The page of the last record, against the one before it."""
    read = [records.read(path) for path in runs]
    render.write(read[-1], output, read[-2] if len(read) > 1 else None)
    console.print(f"page    {output}")
    return 0


def draw(graph: Path, output: Path) -> int:
    """A graph file as SVG, with its exact values and adjoints."""
    records.save(output, picture(codec.load(graph)))
    console.print(f"drawing {output}")
    return 0


def demo(output: Path) -> int:
    """A planted fault, found, blamed and drawn."""
    from gradproof.demo import demo as planted

    return planted(output)

