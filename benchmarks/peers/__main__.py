"""Our samplers and other tools on the same tasks, with the same budget, seeds and noise.

    python -m benchmarks.peers setup --envs DIR [TOOL ...]      makes the tools' virtual environments
    python -m benchmarks.peers try TOOL --envs DIR              six trials on a made-up task, printed
    python -m benchmarks.peers run --tools trimtab-gp,optuna-tpe --families fcnet,hpobench --seeds 10 --budget 50 --envs DIR
    python -m benchmarks.peers check                            the runs beside the data's own runs of the same peers
    python -m benchmarks.peers table [--readme]                 the tables of what was run; --readme writes the README's and its picture

Runs are kept in benchmarks/results/peers, one JSON line each, as soon as they are finished; what is there is not run again.
The data is taken from $TRIMTAB_BENCH_DATA (default: ../shared/data beside the checkout).
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before NumPy is imported; worker processes inherit it
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.peers import results
from benchmarks.peers.driving import Driver, DriverError
from benchmarks.peers.environments import make
from benchmarks.peers.running import CHECKPOINTS, Job, Place, attempt, noise
from benchmarks.peers.tasks import FAMILIES, MissingData, Toy, data_folder, task_names
from benchmarks.peers.tools import TOOLS

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "peers"
REAL = [family for family in FAMILIES if family != "toy"]


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    try:
        return int(arguments.verb(arguments) or 0)
    except (DriverError, MissingData, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def setup(arguments: argparse.Namespace) -> None:
    for env in dict.fromkeys(TOOLS[tool].env for tool in arguments.tools or TOOLS):
        if env is not None:
            make(env, arguments.envs)


def try_(arguments: argparse.Namespace) -> None:
    """Six trials of a tool on the made-up task."""
    task = Toy()
    with Driver(arguments.tool, arguments.envs, arguments.source, 600.0) as driver:
        print(f"{arguments.tool} {driver.start(task.space, 1, arguments.budget)}")
        for number in range(1, arguments.budget + 1):
            params = driver.ask()
            value = task.observe(params, noise(task.name, 1, number))
            driver.tell(params, value)
            print(f"{number:3d}  {value:8.4f}  {params}")
        print(f"recommends {driver.recommend()}")
        each = 1000 / arguments.budget
        print(f"ask {each * driver.asked_cpu:.2f} ms, tell {each * driver.told_cpu:.2f} ms of processor time each")


def run_all(arguments: argparse.Namespace) -> int:
    """Runs what is not there yet. 1 if something failed."""
    names = arguments.tasks or task_names(arguments.families)
    wanted = [
        Job(tool, task, s, arguments.budget) for s in arguments.seeds for task in names for tool in arguments.tools
    ]
    if arguments.again:
        results.drop(arguments.results, wanted)
    there = {results.job_of(run) for run in results.read(arguments.results, arguments.tools)}
    jobs = [job for job in wanted if job not in there]
    print(f"{len(jobs)} searches to run; {len(wanted) - len(jobs)} are there already.", flush=True)
    place = Place(arguments.envs, arguments.source, arguments.limit)
    failed, begun = 0, time.monotonic()
    for done, (job, outcome) in enumerate(_outcomes(jobs, place, arguments.jobs), 1):
        title = f"[{done}/{len(jobs)}, {time.monotonic() - begun:.0f} s] {job.tool} {job.task} seed {job.seed}"
        if isinstance(outcome, Exception):
            failed += 1
            print(f"{title} FAILED: {outcome}", file=sys.stderr, flush=True)
            if isinstance(outcome, MissingData):
                return 2
        else:
            results.append(arguments.results, outcome)
            level = f"{outcome['incumbents'][-1][1]:.2f}"
            print(f"{title}: {level}, {1000 * outcome['ask_seconds']:.1f} ms an ask", flush=True)
    if failed:
        print(f"{failed} of {len(jobs)} searches failed and were not kept.", file=sys.stderr)
    return int(failed > 0)


def table(arguments: argparse.Namespace) -> int:
    from benchmarks.peers import tables

    runs = results.read(arguments.results, arguments.tools)
    runs = [r for r in runs if r["budget"] == arguments.budget and r["family"] in arguments.families]
    if not runs:
        print(f"Nothing was run with --budget {arguments.budget} on {', '.join(arguments.families)}.", file=sys.stderr)
        return 1
    print(tables.everything(runs))
    if arguments.readme:
        tables.write_readme(runs, ROOT / "README.md")
        from benchmarks.peers import picture

        picture.draw(runs, ROOT / "docs" / "pictures" / "peers.png")
    return 0


def check(arguments: argparse.Namespace) -> None:
    from benchmarks.peers import tables

    stored = results.stored_peers(data_folder("peer_results") / "dev.jsonl")
    print(tables.beside(results.read(arguments.results), stored))


def _outcomes(jobs: Sequence[Job], place: Place, n: int) -> Iterator[tuple[Job, dict[str, Any] | Exception]]:
    """Each job with its line of results or its error, as they finish."""
    if n == 1:
        for job in jobs:
            yield job, attempt(job, place)
        return
    with ProcessPoolExecutor(n, mp_context=get_context("spawn")) as pool:
        futures: dict[Future[Any], Job] = {pool.submit(attempt, job, place): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Any, help: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help, description=help)
        added.set_defaults(verb=function)
        return added

    def envs_and_source(added: argparse.ArgumentParser, need_envs: bool = False) -> None:
        added.add_argument("--envs", type=Path, required=need_envs, help="folder of the peers' virtual environments")
        added.add_argument("--source", type=Path, default=ROOT / "src", help="folder that trimtab is imported from")

    added = verb("setup", setup, "make the tools' virtual environments")
    added.add_argument("tools", nargs="*", choices=[[], *TOOLS], metavar="TOOL", help=", ".join(TOOLS))
    envs_and_source(added, need_envs=True)

    added = verb("try", try_, "drive one tool for a few trials on a made-up task")
    added.add_argument("tool", choices=TOOLS, metavar="TOOL", help=", ".join(TOOLS))
    added.add_argument("--budget", type=int, default=6)
    envs_and_source(added)

    added = verb("run", run_all, "run searches and keep them")
    added.add_argument("--tools", type=_tools, required=True, help="with commas between: " + ", ".join(TOOLS))
    added.add_argument("--families", type=_words, default=REAL, help="with commas between: " + ", ".join(FAMILIES))
    added.add_argument("--tasks", type=_words, help="instead of families, such as hpobench:car,mlp:wine")
    added.add_argument("--seeds", type=_seeds, default=range(10), help="how many (10: 0 to 9), or from-to (10-19)")
    added.add_argument("--budget", type=int, default=CHECKPOINTS[-1], help="trials a search")
    added.add_argument("--jobs", type=int, default=1, help="searches at a time")
    added.add_argument("--limit", type=float, default=3600.0, help="seconds after which a search is given up")
    added.add_argument("--results", type=lambda t: Path(t).resolve(), default=RESULTS)
    added.add_argument("--again", action="store_true", help="throw away what is there of these searches first")
    envs_and_source(added)

    added = verb("check", check, "print the runs beside the data's own runs of the same peers")
    added.add_argument("--results", type=lambda t: Path(t).resolve(), default=RESULTS)

    added = verb("table", table, "print the tables of what was run")
    added.add_argument("--tools", type=_tools, help="only these; otherwise every tool that was run")
    added.add_argument("--families", type=_words, default=REAL)
    added.add_argument("--budget", type=int, default=CHECKPOINTS[-1])
    added.add_argument("--results", type=lambda t: Path(t).resolve(), default=RESULTS)
    added.add_argument(
        "--readme", action="store_true", help="write the README's block `peers` and docs/pictures/peers.png"
    )
    return parser


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _tools(text: str) -> list[str]:
    tools = _words(text)
    unknown = [tool for tool in tools if tool not in TOOLS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no tool {', '.join(unknown)}; known: {', '.join(TOOLS)}")
    return tools


def _seeds(text: str) -> range:
    first, _, last = text.rpartition("-")
    return range(int(first), int(last) + 1) if first else range(int(last))


if __name__ == "__main__":
    sys.exit(main())
