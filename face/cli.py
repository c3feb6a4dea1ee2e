"""The command line: ``gradproof verify`` and its companions. Exit 0 clean, 1 disagreement, 2 usage."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gradproof.specs import threads

for _name in threads.NAMES:  # before NumPy is imported, which reads them once
    os.environ.setdefault(_name, "1")

from gradproof import commands
from gradproof import new_engine as new_engine_file
from gradproof.oracles.errors import GradproofError

TyperError: Any = typer.BadParameter.__bases__[0]  # typer's error for any wrong command line; it has no public name

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Put an automatic-differentiation engine on trial: random graphs, certified gradients, a verdict and a page.",
)

Engines = Annotated[
    list[str] | None, typer.Argument(help="Engines by name, or module:Class for one of your own. Default: native.")
]
GraphFiles = Annotated[list[Path], typer.Argument(help="Graph files that a run saved.")]


def _version(asked: bool) -> None:
    if asked:
        print(f"gradproof {version('gradproof')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def verify(
    engines: Engines = None,
    profile: Annotated[str, typer.Option(help="How much to draw: quick, standard or deep.")] = "quick",
    ops: Annotated[str, typer.Option(help="Glob of ops, several separated by commas.")] = "*",
    graphs: Annotated[int | None, typer.Option(min=0, help="Random graphs, for each dtype.")] = None,
    cases: Annotated[int | None, typer.Option(min=1, help="Single-op cases per op, for each dtype.")] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="float64, float32, float16, bfloat16, complex128, complex64, or several separated by commas.  "
            "[default: float64 and float32, where the engine declares them]"
        ),
    ] = None,
    order: Annotated[
        int | None, typer.Option(min=1, max=3, help="Judge every mode that the engine offers up to this order.  [default: 1]")
    ] = None,
    modes: Annotated[
        str, typer.Option(help="Or these modes, separated by commas, for instance 'reverse over reverse'; 'all' for all offered.")
    ] = "",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    references: Annotated[str, typer.Option(help="Engines to ask as witnesses, separated by commas.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write the HTML page here.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the run record here.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    against: Annotated[Path | None, typer.Option(help="An earlier run record to compare with.")] = None,
    save: Annotated[Path, typer.Option(help="Folder for the minimal graphs of failures.")] = Path("gradproof-failures"),
    history: Annotated[
        Path | None, typer.Option(help="SQLite file that this run is added to; the page then shows the trend of its runs.")
    ] = None,
) -> None:
    """Put engines on trial over single-op cases and random graphs (the main job)."""
    raise typer.Exit(
        commands.verify(
            tuple(dict.fromkeys(engines or ("native",))),
            profile=profile,
            ops=ops,
            graphs=graphs,
            cases=cases,
            dtypes=None if dtype is None else tuple(d.strip() for d in dtype.split(",")),
            order=order,
            modes=tuple(m.strip() for m in modes.split(",") if m.strip()),
            device=device,
            references=tuple(r.strip() for r in references.split(",") if r.strip()),
            seed=seed,
            jobs=jobs,
            outputs=commands.Outputs(report, json, junit, against, save, history),
        )
    )


@app.command()
def replay(
    files: GraphFiles,
    engine: Annotated[str | None, typer.Option(help="Judge this engine; default: the one the file names.")] = None,
    script: Annotated[str | None, typer.Option(help="Print a stand-alone script for torch or jax instead.")] = None,
) -> None:
    """Judge saved graphs again and print each verdict with its provenance."""
    raise typer.Exit(commands.replay(tuple(files), engine, script))


@app.command()
def engines() -> None:
    """List the engines: installed or not, version, lineage, ops they support."""
    raise typer.Exit(commands.engines())


@app.command()
def ops(
    engine: Annotated[str, typer.Option(help="Engines to show, separated by commas.")] = "native",
    run: Annotated[Path | None, typer.Option(help="A run record: show what was judged of each op, at which orders.")] = None,
) -> None:
    """List the ops by family, with their kinks and the dtypes in which each engine has them; none is left out silently."""
    from gradproof.optable import ops as listed

    raise typer.Exit(listed(tuple(dict.fromkeys(e.strip() for e in engine.split(",") if e.strip())), run))


@app.command()
def properties() -> None:
    """List the properties: what is claimed of every engine."""
    raise typer.Exit(commands.properties())


@app.command()
def differences(
    engines: Annotated[list[str] | None, typer.Argument(help="Engines whose declared differences to show. Default: all.")] = None,
) -> None:
    """Ask every declared difference of an engine again on its saved graph; exit 1 where the engine is right now."""
    from gradproof.differences import differences as told

    raise typer.Exit(told(engines or []))


@app.command()
def mutants(
    family: Annotated[str, typer.Option(help="Glob of families of planted faults.")] = "*",
    json: Annotated[Path | None, typer.Option(help="Write the score here.")] = None,
    oracle: Annotated[
        str,
        typer.Option(
            help="Measure this oracle alone: judge, differences, duals, 'complex step', 'exact rationals', gradcheck, "
            "gradcheck-fast (need torch) or check_grads (needs jax)."
        ),
    ] = "judge",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    cases: Annotated[int, typer.Option(min=1, help="Single-op cases of each op that a mutant may survive.")] = 200,
) -> None:
    """Score the suite itself: planted faults killed, benign ones flagged, false alarms, cost per kill."""
    from gradproof.mutants import mutants as scored

    raise typer.Exit(scored(family, oracle, seed, cases, json))


@app.command()
def bench(
    engines: Annotated[
        list[str] | None, typer.Argument(help="Engines by name; also native-traced and jax-eager. Default: native, native-traced, torch if installed.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Sizes: quick or standard.")] = "quick",
    only: Annotated[str, typer.Option(help="Glob of workloads.")] = "*",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; below 6 nothing is decided.")] = 7,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order of engines.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Write the record here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
) -> None:
    """Time forward and backward passes in each engine, and judge the ratio; exit 1 on COST_OVER."""
    from gradproof.bench import bench as timed

    raise typer.Exit(timed(engines or [], profile, only, rounds, seed, json, report))


@app.command()
def matrix(
    engines: Annotated[list[str] | None, typer.Argument(help="Engines by name. Default: all that are installed, or none beside --record.")] = None,
    record: Annotated[list[Path] | None, typer.Option(help="A run record to take in, from another environment; may be given several times.")] = None,
    ops: Annotated[str, typer.Option(help="Glob of ops, several separated by commas.")] = "*",
    cases: Annotated[int, typer.Option(min=0, help="Single-op cases per op, for each dtype; 0: only what engines do at kinks.")] = 6,
    graphs: Annotated[int, typer.Option(min=0, help="Random graphs, for each dtype.")] = 40,
    dtype: Annotated[str | None, typer.Option(help="As for verify.")] = None,
    order: Annotated[int | None, typer.Option(min=1, max=3, help="Judge every mode that an engine offers up to this order.  [default: 1]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the run record here, for --record elsewhere.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the matrix as Markdown here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the HTML page here.")] = None,
) -> None:
    """Engines x ops x properties x dtypes in one table, with what each engine does at kinks; runs of several environments in one."""
    from gradproof.matrix import matrix as made

    dtypes = None if dtype is None else tuple(d.strip() for d in dtype.split(","))
    raise typer.Exit(
        made(engines or (), records_read=record or (), ops=ops, cases=cases, graphs=graphs, dtypes=dtypes, order=order,
             seed=seed, jobs=jobs, json=json, output=output, report=report)
    )  # fmt: skip


@app.command()
def compare(
    old: Annotated[Path, typer.Argument(help="The earlier run record.")],
    new: Annotated[Path, typer.Argument(help="The later run record.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the later run's page, with changes.")] = None,
) -> None:
    """Say what regressed, was fixed, is new or gone between two runs; exit 1 on a regression."""
    raise typer.Exit(commands.compare(old, new, output))


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run records; the last one is shown, against the one before it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page.")],
) -> None:
    """Write the page of a run record."""
    raise typer.Exit(commands.report(tuple(runs), output))


@app.command()
def draw(
    graph: Annotated[Path, typer.Argument(help="A graph file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The SVG file.")],
) -> None:
    """Draw a graph with its values and cotangents."""
    raise typer.Exit(commands.draw(graph, output))


@app.command()
def demo(output: Annotated[Path, typer.Option("--output", "-o", help="The page; graphs go to a folder of its name.")] = Path("gradproof-demo.html")) -> None:
    """Plant a fault in one native rule; see verdict, blame, minimal graph and page in ten seconds."""
    raise typer.Exit(commands.demo(output))


@app.command("new-engine")
def new_engine(
    name: Annotated[str, typer.Argument(help="A name for the engine: letters, digits and underscores.")],
    folder: Annotated[Path, typer.Option(help="Where the adapter and its test go.")] = Path(),
) -> None:
    """Write an adapter that works, to be pointed at an engine of your own, with its test."""
    print(new_engine_file.write(name, folder))


def main() -> None:
    """Entry point: whatever is wrong with a command line is one line and exit code 2."""
    try:
        code: Any = app(standalone_mode=False)
    except GradproofError as error:
        _refuse(" ".join(str(error).split()))
    except TyperError as error:
        said = " ".join(error.format_message().split())
        if said:  # else the help was printed, because nothing was asked for
            command = error.ctx.command_path if error.ctx else "gradproof"
            _refuse(f"{said if said.endswith(('.', '?')) else said + '.'} See `{command} --help`.")
        raise SystemExit(2) from None
    except typer.Abort:
        raise SystemExit(130) from None
    raise SystemExit(code)


def _refuse(line: str) -> NoReturn:
    print(f"gradproof: {line}", file=sys.stderr)
    raise SystemExit(2)
