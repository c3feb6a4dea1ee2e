"""``gradproof matrix``: every engine that is installed before the judge, or runs that were recorded elsewhere, as one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gradproof.commands import gathered
from gradproof.oracles.engine import Engine
from gradproof.oracles.errors import EngineError
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.registry import names
from gradproof.reports import matrix as page
from gradproof.reports import record as records
from gradproof.reports import render
from gradproof.reports.merge import merged
from gradproof.selection import UsageError, known_modes, modes_of, profile_of
from gradproof.session import Session, command_line
from gradproof.specs import run
from gradproof.specs.at_kinks import answers
from gradproof.terminal import console

BESIDE = ("native-torch", "native-cuda", "native-strict", "torch-compile")  # only where they are named: the native engine on other arrays; seconds a case


def installed() -> tuple[str, ...]:
    """The registered engines that can be imported here, native first."""
    found = []
    for name in names():
        if name in BESIDE:
            continue
        try:
            by_name(name)
        except EngineError:
            continue
        found.append(name)
    return tuple(sorted(found, key=lambda name: (name != "native", name)))


def matrix(
    engines: Sequence[str], *, records_read: Sequence[Path], ops: str, cases: int, graphs: int, dtypes: tuple[str, ...] | None, order: int | None,
    seed: int, jobs: int, json: Path | None, output: Path | None, report: Path | None,
) -> int:  # fmt: skip
    """Run, read, merge, write; the exit code is 0, also where engines fail: what they do is what the matrix shows."""
    for path in (json, output, report):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise UsageError(f"cannot write {path}: name a file in a folder that exists.")
    known_modes((), order)
    found = [records.read(path) for path in records_read]
    chosen = tuple(dict.fromkeys(engines)) or (() if found else installed())
    interrupted = 0
    if chosen:
        own, interrupted = _run(chosen, ops, cases, graphs, dtypes, order, seed, jobs)
        found.append(own)
        if json is not None:
            records.write(own, json)
            console.print(f"record  {json}")
    whole = merged(found)
    text = page.markdown(whole)
    if output is not None:
        records.save(output, text)
        console.print(f"matrix  {output}")
    if report is not None:
        render.write(whole, report)
        console.print(f"page    {report}")
    if output is None and report is None and json is None:
        console.print(text, markup=False, soft_wrap=True)
    return interrupted


def _run(
    chosen: Sequence[str], ops: str, cases: int, graphs: int, dtypes: tuple[str, ...] | None, order: int | None, seed: int, jobs: int
) -> tuple[records.Record, int]:
    """The engines one after another, and what each does at kinks."""
    profile = replace(profile_of("quick", graphs, max(cases, 1), dtypes), name="matrix")
    selected = run.selected(ops)
    subjects = [by_name(name) for name in chosen]
    session = Session(command_line(), profile.name, seed, subjects, names=chosen)
    todo = [
        task
        for name, subject in zip(chosen, subjects, strict=True)
        for task in run.tasks(subject, replace(profile, modes=modes_of(subject, (), order)), seed, selected, (), name)
        if cases
    ]
    interrupted = gathered(session, todo, jobs)
    kinks = () if interrupted else tuple(c for name, e in zip(chosen, subjects, strict=True) for c in _at_kinks(name, e))
    return replace(session.record(bool(interrupted)), conventions=kinks), interrupted


def _at_kinks(name: str, engine: Engine) -> list[records.Convention]:
    return [records.Convention(engine=name, name=a.name, found=a.found) for a in answers(engine)]
