"""`trimtab demo`: the main job on real data, from one command."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli._findings import best_json
from trimtab.cli._output import clean, note, print_json, print_result, say, say_wrapped, seconds
from trimtab.cli._view import interrupted_text, json_option, print_failures, state_text
from trimtab.errors import InputError, StudyError

if TYPE_CHECKING:
    from trimtab.cli._demo_objective import Comparison
    from trimtab.study import Study

__all__ = ["demo"]


@click.command()
@click.option(
    "--data",
    default="digits",
    show_default=True,
    type=click.Choice(["digits", "breast_cancer", "wine", "iris"]),
    help="Data set; scikit-learn ships them all.",
)
@click.option(
    "--trials",
    default=30,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Configurations to try in all, earlier calls included.",
)
@click.option(
    "--sampler", default="auto", show_default=True, metavar="NAME", help="auto, gp, tpe, cmaes, sobol or random."
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes. More are faster; then the order in which trials end, and so the search, varies from run to run.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Another seed is another study; with one worker the same seed gives the same result.",
)
@click.option(
    "--storage", default="trimtab-demo.db", show_default=True, metavar="FILE", help="SQLite file that keeps the trials."
)
@click.option(
    "--report", default="trimtab-report.html", show_default=True, metavar="HTML", help="Where to write the report."
)
@json_option
def demo(
    data: str, trials: int, sampler: str, workers: int, seed: int, storage: str, report: str, as_json: bool
) -> None:
    """Tune a neural network now: scikit-learn's MLPClassifier on images of handwritten digits. Takes about a minute.

    Searches seven hyperparameters (layers, activation, solver, learning rate, weight decay, batch size, momentum) for
    the lowest
    classification error in 3-fold cross-validation. Prints the best configuration, compares it with scikit-learn's
    default one on rows that
    the search never saw, says which hyperparameters matter, and writes a report.

    The trials are kept: the same command goes on where it stopped, and --trials 60 adds thirty more to the first
    thirty.

    \b
    Examples:
      trimtab demo
      trimtab demo --trials 60 --workers 2
      trimtab demo --data wine --sampler tpe --seed 1
    """
    _check_report(Path(report))
    if sampler == "grid":
        raise InputError(
            "The demo's hyperparameters are continuous, so there is no grid. Use auto, gp, tpe, cmaes, sobol or random."
        )
    begun = time.monotonic()
    study, before = _search(data, trials, sampler, workers, seed, storage)
    if not study.table.finished.n:
        raise StudyError(f"No trial has finished: {state_text(study)}. See trimtab show {storage}.")
    from trimtab.cli._demo_objective import compare

    note("Training the best configuration and scikit-learn's default ...")
    comparison = compare(data, seed, _rounded(study.best.params))
    note("Asking the trials which hyperparameters matter, and writing the report ...")
    sensitivity = study.sensitivity()
    study.report(report)
    if as_json:
        print_json(
            {
                "study": study.name,
                "storage": storage,
                "report": report,
                "data": data,
                "seed": seed,
                "n_trials": len(study),
                "n_trials_before": before,
                "best": best_json(study),
                "test": asdict(comparison),
                "sensitivity": sensitivity.rows(),
                "seconds": time.monotonic() - begun,
            }
        )
        return
    _print_best(study, data, seed, comparison)
    print_result(sensitivity)
    more = {"data": data, "sampler": sampler, "workers": workers, "seed": seed, "storage": storage, "report": report}
    _print_end(study, max(trials, before) + 30, more, time.monotonic() - begun)


def _search(data: str, trials: int, sampler: str, workers: int, seed: int, storage: str) -> tuple[Study, int]:
    """The study with all its trials, and how many it had before."""
    from trimtab.cli._demo_objective import DemoObjective, demo_space
    from trimtab.samplers import resolve
    from trimtab.study import Study, evaluated, minimize

    name = f"{data}-seed-{seed}"
    how: dict[str, Any] = {"sampler": resolve(sampler), "name": name, "seed": seed}
    study = Study(demo_space(), storage=storage, **how)
    before = evaluated(study)
    left = max(trials - before, 0)
    if left == 0:
        note(
            f"All {before} trials of study {name!r} are in {clean(storage)} already: here are their results. "
            f"--trials {before + 30} goes on."
        )
    elif before:
        note(f"Study {name!r} goes on after {before} trials in {clean(storage)}: {left} to go.")
    else:
        note(f"Tuning MLPClassifier on {data}: {trials} trials, kept in {clean(storage)}.")
    try:
        minimize(DemoObjective(data, seed), demo_space(), trials, storage=study.storage, workers=workers, **how)
    except KeyboardInterrupt:
        note(interrupted_text(study))
        raise click.exceptions.Exit(130) from None
    return study, before


def _print_best(study: Study, data: str, seed: int, comparison: Comparison) -> None:
    from trimtab.cli._demo_objective import MAX_ITER

    best = study.best
    assert best.value is not None
    error = f"cross-validation error {100 * best.value:.2f} %"
    say()
    say(f"Best of {len(study)} trials: number {best.number}, {error}", bold=True)
    say()
    arguments = [f"{name}={value!r}" for name, value in _rounded(best.params).items()]
    arguments += [f"max_iter={MAX_ITER}", f"random_state={seed}"]
    say("  make_pipeline(")
    say("      StandardScaler(),")
    for line in _call("MLPClassifier", arguments, 6):
        say(line)
    say("  )")
    say()
    say(f"On {comparison.n_test} held-out rows of {data}, which the search never saw:", bold=True)
    say(f"  tuned                   {100 * comparison.accuracy:5.1f} % right")
    say(f"  scikit-learn's default  {100 * comparison.default_accuracy:5.1f} % right")
    say_wrapped(_judgement(comparison), indent=2)
    say()


def _judgement(c: Comparison) -> str:
    """What the comparison shows, and what it does not."""
    if c.only_tuned == c.only_default == 0:
        return "Both give the same answers."
    rows = f"{c.only_tuned} row{'s' * (c.only_tuned != 1)}"
    split = f"Only the tuned one is right on {rows}, only the default on {c.only_default}"
    if c.only_tuned == c.only_default:
        return f"{split}: no difference."
    chance = f"chance alone would split them at least so unevenly {100 * c.p_value:.0f} % of the time"
    if c.p_value > 0.05:
        return f"{split}: no clear difference ({chance})."
    verdict = "better" if c.only_tuned > c.only_default else "worse"
    return f"{split}: {verdict}, and hardly by chance (p = {c.p_value:.2g})."


def _rounded(params: Mapping[str, object]) -> dict[str, Any]:
    """Four digits are enough to paste; what is pasted is also what is judged on the held-out rows."""
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in params.items()}


def _call(name: str, arguments: Sequence[str], indent: int, width: int = 76) -> list[str]:
    """Lines of a call that is short enough for a terminal."""
    lines = [f"{' ' * indent}{name}("]
    for argument in arguments:
        if lines[-1].endswith(",") and len(lines[-1]) + len(argument) + 2 <= width:
            lines[-1] += f" {argument},"
        else:
            lines.append(f"{' ' * (indent + 4)}{argument},")
    return [*lines, f"{' ' * indent})"]


def _print_end(study: Study, total: int, options: Mapping[str, object], took: float) -> None:
    """What was written, and what to do next. total: for --trials; options: of this call, by name."""
    print_failures(study.trials, most=2)
    default = {p.name: p.default for p in demo.params}
    given = "".join(f" --{k} {shlex.quote(clean(v))}" for k, v in options.items() if v != default[k])
    file = shlex.quote(clean(options["storage"]))
    name = f" --name {study.name}" if len(study.storage.names()) > 1 else ""
    say()
    say(f"Done in {seconds(took)}. The report is in {clean(options['report'])}: open it in a browser.", bold=True)
    say("Go on with:")
    say(f"  trimtab demo --trials {total}{given}    thirty more trials")
    say(f"  trimtab show {file}{name}    all trials")
    say(f"  trimtab advice {file}{name}    what to do next, with evidence")
    say(f"  trimtab sensitivity {file}{name} --kind robustness")
    say("      how far each knob may move before the error grows")
    say("  trimtab run --help    the same for your own program")


def _check_report(path: Path) -> None:
    """InputError before the search, not after it, if the report cannot be written there."""
    if path.is_dir():
        example = str(path / "report.html")
        raise InputError(f"--report {str(path)!r} is a folder. Name a file in it, such as {example!r}.")
    if not path.parent.is_dir():
        raise InputError(f"--report: there is no folder {str(path.parent)!r}. Make it, or choose another path.")
