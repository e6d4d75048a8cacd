"""How right sensitivity analyses are: ours and other tools' against exact answers, on the same trials.

    python -m benchmarks.quality setup --envs DIR [ANALYSIS ...]      makes the other tools' virtual environments
    python -m benchmarks.quality run --seeds 5 --envs DIR             all analyses on uniform trials and on those of optimisers
    python -m benchmarks.quality run --analyses trimtab --designs uniform --trials 60 --scales rank,log --families fcnet,hpobench
    python -m benchmarks.quality table [--readme]                     the tables of what was run; --readme writes the README's too
    python -m benchmarks.quality truths                               computes the shares of the formulas again (half a minute)
    python -m benchmarks.quality --quick                              a few analyses of ours in seconds; nothing is kept

Results are kept in benchmarks/results/quality, one JSON line each; what is there is not run again. Optimisers' trials are kept too; their
environments are those of benchmarks.peers: --peers DIR. The data is taken from $TRIMTAB_BENCH_DATA (default: ../shared/data).
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before NumPy is imported; processes inherit it
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.lines import append, keep, read
from benchmarks.peers.driving import DriverError
from benchmarks.peers.environments import make
from benchmarks.peers.running import tool_seed
from benchmarks.peers.tasks import MissingData
from benchmarks.quality import tables
from benchmarks.quality.analyses import ANALYSES, Analyst, Place
from benchmarks.quality.anova import SCALES
from benchmarks.quality.designs import OPTIMISERS, UNIFORM, trials
from benchmarks.quality.scores import scored
from benchmarks.quality.tasks import FAMILIES, load, scales_of, task_names, write_truths

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "quality"
UNIFORM_TRIALS, OPTIMISER_TRIALS = (30, 60, 120, 300), (30, 50, 60, 120, 300)
QUICK = ("--analyses", "trimtab,equal", "--tasks", "function:ishigami,null:noise", "--designs", UNIFORM, "--trials", "60",
         "--scales", "rank", "--seeds", "1")  # fmt: skip
Job = tuple[int, str, str, int, str, str]  # seed, task, design, trials, scale, analysis


def main(words: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if list(words) == ["--quick"]:
        with tempfile.TemporaryDirectory() as folder:
            return main(["run", *QUICK, "--results", folder]) or main(["table", "--results", folder])
    arguments = _parser().parse_args(words)
    try:
        return int(arguments.verb(arguments) or 0)
    except (DriverError, MissingData, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def setup(arguments: argparse.Namespace) -> None:
    for env in dict.fromkeys(ANALYSES[name].env for name in arguments.names or ANALYSES):
        if env is not None:
            make(env, arguments.envs, Path(__file__).resolve().parent / "requirements")


def run(arguments: argparse.Namespace) -> int:
    """Runs what is not there yet. 1 if something failed."""
    wanted = _jobs(arguments)
    if arguments.again:
        for name in arguments.analyses:
            path = arguments.results / f"{name}.jsonl"
            keep(path, [row for row in read(path) if _job(row) not in wanted])
    there = {_job(row) for name in arguments.analyses for row in read(arguments.results / f"{name}.jsonl")}
    jobs = [job for job in wanted if job not in there]
    print(f"{len(jobs)} analyses to run; {len(wanted) - len(jobs)} are there already.", flush=True)
    failed, begun, place = 0, time.monotonic(), Place(arguments.envs)
    with ExitStack() as stack:
        analysts = {name: stack.enter_context(Analyst(name, place)) for name in arguments.analyses}
        for done, job in enumerate(jobs, 1):
            try:
                row = _row(job, analysts[job[-1]], arguments)
            except DriverError as error:
                failed += 1
                print(f"{' '.join(map(str, job))} FAILED: {error}", file=sys.stderr, flush=True)
                continue
            append(arguments.results / f"{job[-1]}.jsonl", row)
            if done % 50 == 0 or done == len(jobs):
                print(f"[{done}/{len(jobs)}, {time.monotonic() - begun:.0f} s] {' '.join(map(str, job))}", flush=True)
    if failed:
        print(f"{failed} of {len(jobs)} analyses failed and were not kept.", file=sys.stderr)
    return int(failed > 0)


def table(arguments: argparse.Namespace) -> int:
    rows = [row for path in sorted(arguments.results.glob("*.jsonl")) for row in read(path)]
    rows = [r for r in rows if r["family"] in arguments.families and r["analysis"] in (arguments.analyses or ANALYSES)]
    if not rows:
        print("Nothing was run for this table.", file=sys.stderr)
        return 1
    rows = [row | {"scores": scored(row)} for row in rows]
    print(tables.everything(rows))
    if arguments.readme:
        from benchmarks.quality import picture

        tables.write_readme(rows, ROOT / "README.md")
        picture.draw(rows, ROOT / "docs" / "pictures" / "quality.png")
    return 0


def truths(arguments: argparse.Namespace) -> None:
    write_truths()


def _jobs(arguments: argparse.Namespace) -> list[Job]:
    found = []
    for seed in arguments.seeds:
        for task in arguments.tasks or task_names(arguments.families):
            d = len(load(task).space)
            for design in arguments.designs:
                for n in arguments.trials or (UNIFORM_TRIALS if design == UNIFORM else OPTIMISER_TRIALS):
                    for scale in (s for s in arguments.scales if s in scales_of(task)):
                        names = (name for name in arguments.analyses if d <= ANALYSES[name].most)
                        found += [(seed, task, design, n, scale, name) for name in names]
    return found


def _job(row: dict[str, Any]) -> Job:
    return row["seed"], row["task"], row["design"], row["n"], row["scale"], row["analysis"]


def _row(job: Job, analyst: Analyst, arguments: argparse.Namespace) -> dict[str, Any]:
    """A line of results: what was found, not how right it is. DriverError if the tool or the optimiser failed."""
    seed, task, design, n, scale, name = job
    longest = max(arguments.trials or [n])
    params, values = trials(design, task, seed, n, longest, arguments.results, arguments.peers, ROOT / "src")
    version, found = analyst.analyse(load(task).space, params, values, scale, tool_seed(task, seed))
    return {
        "analysis": name,
        "version": version,
        "task": task,
        "family": task.partition(":")[0],
        "design": design,
        "n": n,
        "seed": seed,
        "scale": scale,
        **found,
        "seconds": float(f"{found['seconds']:.3g}"),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Any, help: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help, description=help)
        added.set_defaults(verb=function)
        return added

    added = verb("setup", setup, "make the other tools' virtual environments")
    added.add_argument("names", nargs="*", choices=[[], *ANALYSES], metavar="ANALYSIS", help=", ".join(ANALYSES))
    added.add_argument("--envs", type=Path, required=True, help="folder of the environments")

    added = verb("run", run, "analyse and keep")
    added.add_argument("--analyses", type=_names, default=list(ANALYSES), help="with commas between; otherwise all")
    added.add_argument("--families", type=_words, default=list(FAMILIES), help=", ".join(FAMILIES))
    added.add_argument("--tasks", type=_words, help="instead of families, such as hpobench:car,null:dead")
    added.add_argument(
        "--designs", type=_words, default=[UNIFORM, *OPTIMISERS], help=f"{UNIFORM}, or tools of benchmarks.peers"
    )
    added.add_argument("--trials", type=lambda t: [int(w) for w in _words(t)], help="numbers of trials")
    added.add_argument("--scales", type=_words, default=["rank"], help=", ".join(SCALES))
    added.add_argument("--seeds", type=_seeds, default=range(5), help="how many (5: 0 to 4), or from-to (5-9)")
    added.add_argument("--envs", type=Path, help="folder of the other analyses' environments")
    added.add_argument("--peers", type=Path, help="folder of the optimisers' environments (see benchmarks.peers)")
    added.add_argument("--results", type=lambda t: Path(t).resolve(), default=RESULTS)
    added.add_argument("--again", action="store_true", help="throw away what is there of these first")

    added = verb("table", table, "print the tables of what was run")
    added.add_argument("--analyses", type=_names, help="only these")
    added.add_argument("--families", type=_words, default=list(FAMILIES))
    added.add_argument("--results", type=lambda t: Path(t).resolve(), default=RESULTS)
    added.add_argument(
        "--readme", action="store_true", help="write the README's block `quality` and docs/pictures/quality.png"
    )

    verb("truths", truths, "compute the shares of the formulas again, into benchmarks/quality/truths.json")
    return parser


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _names(text: str) -> list[str]:
    names = _words(text)
    unknown = [name for name in names if name not in ANALYSES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no analysis {', '.join(unknown)}; known: {', '.join(ANALYSES)}")
    return names


def _seeds(text: str) -> range:
    first, _, last = text.rpartition("-")
    return range(int(first), int(last) + 1) if first else range(int(last))


if __name__ == "__main__":
    sys.exit(main())
