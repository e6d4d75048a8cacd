"""A program as objective: started once a trial, its reports read while it runs, its result when it has ended.

What it says and how: `_wanted`. No result, an exit code other than 0, a signal or too much time: the trial has failed,
with the end of the program's standard error (standard output where that is empty) as the reason. The program leads a
process group of its own, and nothing that it started lives on: `_guard`.
"""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.cli._printed import Errors, Output, shown
from trimtab.cli._program import GRACE, Program, exit_text
from trimtab.cli._shell import fill_shell
from trimtab.cli._template import argument_text, fill, placeholders, values_of
from trimtab.cli._trial_files import BadResult, ResultFile, TrialFiles
from trimtab.cli._wanted import Said, Wanted
from trimtab.errors import InputError, TrialPruned, TrimtabError
from trimtab.records import Goals, Trial

__all__ = ["Command", "CommandFailed"]

_LOOK = 0.1  # seconds between two looks at the clock and at trial.should_stop()
_ONE_EACH = "TRIMTAB_PARAM_"  # begins the name of the environment variable of one hyperparameter


class CommandFailed(TrimtabError):
    """The program gave no result."""


@dataclass(frozen=True)
class Command:
    """Objective that runs `arguments` (see `_template`).

    key: of the objective in a JSON object, where the goals give it no name. timeout: seconds that one trial may take,
    None for no limit. goals: of the study. With named objectives or limits the result is a mapping: every number of the
    JSON object by its name. shell: the only argument is a text for the shell (see `_shell`). result: path of the file that
    the program writes its result to, with placeholders; None: its standard output, or TRIMTAB_RESULT_FILE if it writes that.

    The program finds its hyperparameters in the environment too: all as JSON in TRIMTAB_PARAMS and in the file
    TRIMTAB_PARAMS_FILE, lr alone in TRIMTAB_PARAM_LR; the trial's number in TRIMTAB_TRIAL, a seed for its randomness in TRIMTAB_SEED.
    """

    arguments: tuple[str, ...]
    key: str = "value"
    timeout: float | None = None
    goals: Goals = field(default_factory=Goals)
    shell: bool = False
    result: str | None = None

    def __call__(self, trial: Trial) -> float | dict[str, float]:
        with TrialFiles(trial.params) as files:
            said = self._run(trial, files)
        if said.gradient:
            try:
                trial.report_gradient(said.gradient)
            except InputError as error:
                raise CommandFailed(str(error)) from None
        assert said.result is not None
        return said.result

    def _run(self, trial: Trial, files: TrialFiles) -> Said:
        """What the program says in the end. CommandFailed, or TrialPruned where it was stopped after reports."""
        values = values_of(trial.params, trial.number, trial.seed, files.params, files.result)
        if self.shell:
            arguments = ["/bin/sh", "-c", fill_shell(self.arguments[0], values)]
        else:
            arguments = fill(self.arguments, values)
        file = ResultFile(files.result if self.result is None else "".join(fill([self.result], values)))
        wanted = Wanted(self.key, self.goals)
        try:
            program = Program(arguments, self._environment(trial, files, file), files.folder)
        except (OSError, ValueError) as error:
            raise CommandFailed(f"{arguments[0]!r} cannot be started: {error}") from None
        output, errors = Output(program.stdout, wanted), Errors(program.stderr)
        try:
            stopped, reported = self._wait(program, output, trial)
        finally:
            program.end()
            for reader in (output, errors):
                reader.join(GRACE)  # it ends with the last process that holds the stream
        if stopped is None:
            if reported:
                raise TrialPruned(f"Stopped by trimtab after {reported} reports.")
            raise CommandFailed("Stopped by trimtab.")
        stopped = stopped or exit_text(program.code or 0) * bool(program.code)
        if stopped:
            raise CommandFailed(f"{stopped}{shown(errors, output)}")
        _report(output, trial, 0.0)
        if file.is_written() or self._needs_file:
            try:
                return file.read(wanted)
            except BadResult as error:
                raise CommandFailed(f"{error}{shown(errors, output)}") from None
        if output.result is None:
            raise CommandFailed(f"{output.missing()}{shown(errors, output)}")
        return Said(output.result, None, output.gradient)

    @property
    def _needs_file(self) -> bool:
        """Whether the result must be in a file: the settings or the command name one."""
        return self.result is not None or any("result_file" in placeholders(text) for text in self.arguments)

    def _environment(self, trial: Trial, files: TrialFiles, result: ResultFile) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_ONE_EACH)}
        return {
            **kept,
            **_one_each(trial.params),
            "TRIMTAB_PARAMS": json.dumps(trial.params, default=str),
            "TRIMTAB_PARAMS_FILE": files.params,
            "TRIMTAB_RESULT_FILE": result.path,
            "TRIMTAB_TRIAL": str(trial.number),
            "TRIMTAB_SEED": str(trial.seed),
        }

    def _wait(self, program: Program, output: Output, trial: Trial) -> tuple[str | None, int]:
        """Until the program ends: "". Or why it must not go on, None for trimtab's own wish. And how many reports came."""
        begun = time.monotonic()
        reported, is_open = 0, True
        while True:
            if is_open:
                came, is_open = _report(output, trial, _LOOK)
                reported += came
            if program.wait(0.0 if is_open else _LOOK):  # as a rule the program ends with its output
                return "", reported
            if trial.should_stop():
                return None, reported
            if self.timeout is not None and time.monotonic() - begun > self.timeout:
                return f"Stopped: it took longer than timeout = {self.timeout:g} seconds.", reported


def _report(output: Output, trial: Trial, seconds: float) -> tuple[int, bool]:
    """Pass reports on to the study, waiting so long for the first. How many, and whether more can come."""
    count = 0
    while True:
        try:
            news = output.news.get(timeout=seconds) if seconds and not count else output.news.get_nowait()
        except queue.Empty:
            return count, True
        if news is None:
            return count, False
        step, value = news
        trial.report(value, step)
        count += 1


def _one_each(params: Mapping[str, Any]) -> dict[str, str]:
    """One environment variable a hyperparameter, as far as names and values allow: two that differ in case only have none."""
    upper = [name.upper() for name in params]
    return {
        f"{_ONE_EACH}{name.upper()}": text
        for name, value in params.items()
        if name.isascii() and name.isidentifier() and upper.count(name.upper()) == 1
        for text in [argument_text(value)]
        if "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
    }
