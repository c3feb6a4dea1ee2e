"""A small store of runs in one SQLite file: add a record, list the runs, follow an op through them."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gradproof.reports.record import CASE, Entry, Record, RecordError, from_json

VERSION = 1
_TABLES = """
CREATE TABLE run (id INTEGER PRIMARY KEY, digest TEXT UNIQUE, created TEXT, gradproof TEXT, command TEXT,
                  seed TEXT, profile TEXT, cases INTEGER, failing INTEGER, record BLOB);
CREATE TABLE op (run INTEGER REFERENCES run, engine TEXT, op TEXT, cases INTEGER, failing INTEGER, worst REAL,
                 PRIMARY KEY (run, engine, op)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Run:
    """A stored run in brief; ``failing`` counts its failing cases."""

    id: int
    created: str
    gradproof: str
    command: str
    seed: int
    profile: str
    cases: int
    failing: int


@dataclass(frozen=True)
class Point:
    """One op of one engine in one run; ``worst`` is the largest error in units of the bound."""

    run: int
    created: str
    engine: str
    op: str
    cases: int
    failing: int
    worst: float | None


@dataclass(frozen=True)
class Cells:
    """One engine in one run: of ``cells`` ops (random graphs are one more), ``failing`` had a failing case."""

    created: str
    gradproof: str
    profile: str
    seed: int
    engine: str
    cells: int
    failing: int
    cases: int
    failing_cases: int


class History:
    """Runs in a SQLite file at ``path``, made on first use. Raises: RecordError if the file is not such a store."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self._open() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                database.executescript(_TABLES + f"PRAGMA user_version = {VERSION};")
            elif version != VERSION:
                raise RecordError(f"{path} is a history of version {version}, expected {VERSION}. Name another file.")

    def add(self, record: Record) -> int:
        """Store a run and return its id; a run stored before keeps the id it has."""
        text = record.to_json()
        digest = hashlib.sha256(text.encode()).hexdigest()
        points = _points(record)
        failing = sum(point.failing for point in points)
        with self._open() as database:
            known = database.execute("SELECT id FROM run WHERE digest = ?", (digest,)).fetchone()
            if known:
                return int(known[0])
            brief = (record.created, record.gradproof, record.command, str(record.seed), record.profile)
            row = (digest, *brief, record.totals.cases, failing, zlib.compress(text.encode()))
            cursor = database.execute(
                "INSERT INTO run (digest, created, gradproof, command, seed, profile, cases, failing, record) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            run = int(cursor.lastrowid or 0)
            database.executemany(
                "INSERT INTO op VALUES (?, ?, ?, ?, ?, ?)",
                [(run, p.engine, p.op, p.cases, p.failing, p.worst) for p in points],
            )
            return run

    def runs(self) -> tuple[Run, ...]:
        """Every run, the oldest first."""
        columns = "id, created, gradproof, command, seed, profile, cases, failing"
        with self._open() as database:
            found = [Run(*row) for row in database.execute(f"SELECT {columns} FROM run ORDER BY created, id")]
        return tuple(replace(run, seed=int(run.seed)) for run in found)  # text in the file: a seed may have any size

    def load(self, run: int) -> Record:
        """The whole record of a run. Raises: RecordError if there is no such run."""
        with self._open() as database:
            row = database.execute("SELECT record FROM run WHERE id = ?", (run,)).fetchone()
        if row is None:
            raise RecordError(f"{self.path} holds no run {run}. List them with runs().")
        return from_json(zlib.decompress(row[0]).decode(), f"run {run} of {self.path}")

    def cells(self) -> tuple[Cells, ...]:
        """How many ops failed for each engine through the runs, the oldest first: what the page shows as a trend."""
        query = (
            "SELECT created, gradproof, profile, seed, engine, count(*), sum(op.failing > 0), sum(op.cases), "
            "sum(op.failing) FROM op JOIN run ON run.id = op.run GROUP BY run, engine ORDER BY created, run, engine"
        )
        with self._open() as database:
            found = [Cells(*row) for row in database.execute(query)]
        return tuple(replace(cells, seed=int(cells.seed)) for cells in found)

    def trend(self, op: str | None = None, engine: str | None = None) -> tuple[Point, ...]:
        """Failing counts and worst units through the runs, oldest first, of one op or all, of one engine or all."""
        query = (
            "SELECT run, created, engine, op, op.cases, op.failing, worst FROM op JOIN run ON run.id = op.run "
            "WHERE (?1 IS NULL OR op = ?1) AND (?2 IS NULL OR engine = ?2) ORDER BY created, run, engine, op"
        )
        with self._open() as database:
            return tuple(Point(*row) for row in database.execute(query, (op, engine)))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection that commits if all went well, and is closed in any case."""
        try:
            database = sqlite3.connect(self.path)
        except sqlite3.Error as error:
            raise RecordError(f"cannot open the history {self.path}: {error}. Name a file you can write to.") from None
        try:
            with database:
                yield database
        except sqlite3.DatabaseError as error:
            raise RecordError(f"cannot use the history {self.path}: {error}. Name another file.") from None
        finally:
            database.close()


def _points(record: Record) -> list[Point]:
    """One point for each engine and op of a record, from the entries that count whole cases where there are any."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in record.entries:
        groups.setdefault((entry.engine, entry.op), []).append(entry)
    points = []
    for (engine, op), entries in groups.items():
        whole = [entry for entry in entries if entry.property == CASE] or entries
        points.append(
            Point(
                run=0,
                created=record.created,
                engine=engine,
                op=op,
                cases=sum(sum(entry.counts.values()) for entry in whole),
                failing=sum(sum(record.failing(entry).values()) for entry in whole),
                worst=max((entry.worst for entry in entries if entry.worst is not None), default=None),
            )
        )
    return points
