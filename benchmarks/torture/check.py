"""What must be true of a tortured study, from its log and from what the objective itself wrote.

Notation
    run       one evaluation of a trial by one process: from its "start" to its "end", or to the kill of its process
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.torture.worker import value_of
from trimtab.records import Created, Event, Finished, Released, Started

__all__ = ["Verdict", "check"]


@dataclass
class Verdict:
    """counts: what happened. problems: what must not have, in words; none in a sound run."""

    counts: dict[str, int]
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """One evaluation. end: None where its process was killed before; until: when it was over in any case."""

    worker: str
    start: float
    end: float | None
    until: float
    told: bool


def check(events: Sequence[Event], stamps: Path, kills: Mapping[str, float], trials: int) -> Verdict:
    """stamps: the folder of the workers' files. kills: when a worker was killed, by its file's name."""
    runs = _runs(stamps, kills)
    created = {e.number: e for e in events if isinstance(e, Created)}
    finished = [e for e in events if isinstance(e, Finished)]
    state = {e.number: e for e in finished}
    started = Counter(e.number for e in events if isinstance(e, Started))
    released = Counter(e.number for e in events if isinstance(e, Released))
    lost = sum(e.lost for e in events if isinstance(e, Released))
    ended = [run for n in runs for run in runs[n] if run.end is not None]
    verdict = Verdict(
        {
            "trials": len(created),
            "finished": sum(e.state == "finished" for e in finished),
            "failed since their process died too often": sum(e.state == "failed" for e in finished),
            "evaluations": sum(map(len, runs.values())),
            "cut off by a kill": sum(run.end is None for n in runs for run in runs[n]),
            "ended, killed before it was told": sum(not run.told for run in ended),
            "handed to another process": lost,
            "told after they were handed on": 0,
        }
    )

    def must(holds: bool, problem: str) -> None:
        if not holds:
            verdict.problems.append(problem)

    must(sorted(created) == list(range(trials)), f"expected trials 0 to {trials - 1}, found {len(created)}")
    must(len(finished) == len(state), "a trial ended twice")
    for number in created:
        end = state.get(number)
        must(end is not None, f"trial {number} has not ended: it was lost, or is left running")
        if end is None:
            continue
        alone = sorted(runs.get(number, []), key=lambda run: run.start)
        late = (
            started[number] == released[number] and end.state == "finished"
        )  # told by its old owner, after all: accepted once
        verdict.counts["told after they were handed on"] += late
        must(
            late or started[number] == released[number] + 1,
            f"trial {number}: {started[number]} starts, {released[number]} handed back",
        )
        for one, two in pairwise(alone):
            must(one.until <= two.start, f"trial {number} ran twice at the same time, in {one.worker} and {two.worker}")
        if end.state == "finished":
            must(any(run.end is not None for run in alone), f"trial {number} is finished and no evaluation of it ended")
            must(end.value == value_of(**created[number].stored), f"trial {number} has the value of another")
        else:
            must("died" in (end.error or ""), f"trial {number} failed for another reason: {end.error}")
            must(not any(run.told for run in alone), f"trial {number} is failed and was told to be finished")
    for number, several in runs.items():
        acknowledged = sum(run.told for run in several)
        must(acknowledged == 0 or number in state, f"trial {number} was acknowledged and is not in the log")
        must(acknowledged <= 1, f"trial {number} was acknowledged {acknowledged} times")
    return verdict


def _runs(stamps: Path, kills: Mapping[str, float]) -> dict[int, list[Run]]:
    """The evaluations of each trial."""
    runs: dict[int, list[Run]] = defaultdict(list)
    for path in sorted(path for path in stamps.iterdir() if path.suffix != ".err"):
        steps: dict[int, list[tuple[str, float]]] = defaultdict(list)
        for line in path.read_text().splitlines():
            what, number, at = line.split()
            steps[int(number)].append((what, float(at)))
        for number, each in steps.items():
            starts = [k for k, (what, _) in enumerate(each) if what == "start"]
            for k, begin in enumerate(starts):  # a process may get the same trial again, after it was handed back
                times = dict(each[begin : starts[k + 1] if k + 1 < len(starts) else None])
                end = times.get("end")
                until = end if end is not None else max(kills.get(path.name, float("inf")), times["start"])
                runs[number].append(Run(path.name, times["start"], end, until, "told" in times))
    return runs
