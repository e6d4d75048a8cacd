"""A program as objective: started once a trial, its result read from its standard output.

The result is the last line that is a JSON number, or a JSON object with the objective's key; where the study needs
several numbers, a JSON object that has all of them. No such line, an exit code other than 0 or too much time: the trial
has failed, with the end of the program's standard error as the reason.

The program is the leader of a process group of its own, and the whole group is ended with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO, Any

from trimtab.cli._template import fill
from trimtab.errors import TrimtabError
from trimtab.records import VALUE, Goals, Trial

__all__ = ["Command", "CommandFailed"]

_TAIL = 4_000  # bytes of standard error that are kept with a failure
_LINE = 1_000_000  # bytes; a longer line of standard output is read in pieces, and is no result
_GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_LOOK = 0.1  # seconds between two looks at the clock and at trial.should_stop()


class CommandFailed(TrimtabError):
    """The program gave no result."""


@dataclass(frozen=True)
class Command:
    """Objective that runs `arguments` (see `_template`).

    key: of the objective in a JSON object, where the goals give it no name. timeout: seconds that one trial may take,
    None for no limit. goals: of the study. With named objectives or limits the result is a mapping: every number of the
    JSON object by its name.
    The program finds all hyperparameters as JSON in the environment variable TRIMTAB_PARAMS too, the trial's number in
    TRIMTAB_TRIAL, and a seed for its randomness in TRIMTAB_SEED.
    """

    arguments: tuple[str, ...]
    key: str = "value"
    timeout: float | None = None
    goals: Goals = field(default_factory=Goals)

    def __call__(self, trial: Trial) -> float | dict[str, float]:
        arguments = fill(self.arguments, trial.params, trial.number, trial.seed)
        environment = {
            **os.environ,
            "TRIMTAB_PARAMS": json.dumps(trial.params, default=str),
            "TRIMTAB_TRIAL": str(trial.number),
            "TRIMTAB_SEED": str(trial.seed),
        }
        try:
            program = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CommandFailed(f"{arguments[0]!r} cannot be started: {error}") from None
        output, errors = _Output(program.stdout, self.key, self.goals), _Tail(program.stderr)
        try:
            stopped = self._wait(program, output, trial)
        finally:
            if program.poll() is None:
                _stop(program)
            for reader in (output, errors):
                reader.join(_GRACE / 10)
            if output.is_alive() or errors.is_alive():  # children of the program hold its pipes
                _signal(program, "SIGKILL")
                output.join(_GRACE)
                errors.join(_GRACE)
        if stopped:
            raise CommandFailed(f"{stopped}{errors.shown()}")
        if program.returncode != 0:
            raise CommandFailed(f"{_exit_text(program.returncode)}{errors.shown()}")
        if output.value is None:
            raise CommandFailed(f"{output.missing()}{errors.shown()}")
        return output.value

    def _wait(self, program: subprocess.Popen[bytes], output: _Output, trial: Trial) -> str:
        """Until the program ends: "". Or why it must not go on."""
        begun = time.monotonic()
        while True:
            output.ended.wait(_LOOK)
            if output.ended.is_set():  # as a rule the program ends with its output
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.wait(_LOOK)
            if program.poll() is not None:
                return ""
            if trial.should_stop():
                return "Stopped by trimtab."
            if self.timeout is not None and time.monotonic() - begun > self.timeout:
                return f"Stopped: it took longer than timeout = {self.timeout:g} seconds."


def _stop(program: subprocess.Popen[bytes]) -> None:
    """Nothing of the program's process group lives on. Asked first, then killed."""
    _signal(program, "SIGTERM")
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_GRACE)
    _signal(program, "SIGKILL")  # also children that did not listen
    program.wait()


def _signal(program: subprocess.Popen[bytes], name: str) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(program.pid, getattr(signal, name))
    else:
        program.kill()


def _exit_text(code: int) -> str:
    if code > 0:
        return f"The command ended with exit code {code}."
    try:
        return f"The command was ended by {signal.Signals(-code).name}."
    except ValueError:
        return f"The command was ended by signal {-code}."


class _Output(threading.Thread):
    """Reads standard output. value: of the last line that is a result. ended: set when nothing more can come."""

    def __init__(self, stream: IO[bytes] | None, key: str, goals: Goals) -> None:
        super().__init__(daemon=True)
        assert stream is not None
        self.value: float | dict[str, float] | None = None
        self.ended = threading.Event()
        self._stream = stream
        self._plain = goals.is_single and goals.objectives == (VALUE,)
        self._keys = {name: name for name in goals.names}  # outcome -> its key in a JSON object
        if goals.objectives == (VALUE,):
            self._keys[VALUE] = key
        self._object: dict[str, Any] | None = None  # the last one
        self._last = ""
        self.start()

    def run(self) -> None:
        with self._stream:
            for line in iter(lambda: self._stream.readline(_LINE), b""):
                self._read(line)
        self.ended.set()

    def _read(self, line: bytes) -> None:
        line = line.strip()
        self._last = line[:200].decode(errors="replace") or self._last
        if not line or len(line) >= _LINE or line[:1] not in b"{-0123456789NI":
            return
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            self._object = found
        result = self._outcomes(found) if isinstance(found, dict) else self._alone(found)
        if result is not None:
            self.value = result

    def _alone(self, found: object) -> float | None:
        return _number(found) if len(self._keys) == 1 else None

    def _outcomes(self, found: dict[str, Any]) -> float | dict[str, float] | None:
        """The number of a plain study, or all numbers by name; None unless every one that is needed is there."""
        needed = {name: _number(found.get(key)) for name, key in self._keys.items()}
        if None in needed.values():
            return None
        if self._plain:
            return needed[VALUE]
        numbers = {**{key: _number(value) for key, value in found.items()}, **needed}
        return {name: number for name, number in numbers.items() if number is not None}

    def missing(self) -> str:
        """Why there is no result."""
        example = json.dumps(dict.fromkeys(self._keys.values(), 0.25))
        wanted = f"Its last line should be {'a number, or ' * (len(self._keys) == 1)}JSON such as {example}"
        if self._object is not None:
            keys = ", ".join(map(repr, list(self._object)[:10])) or "no key"
            absent = [key for key in self._keys.values() if _number(self._object.get(key)) is None]
            remedy = f"It needs a number for {' and '.join(map(repr, absent))} in one line."
            if self._keys.get(VALUE) in absent:
                remedy = "Set [objective] value = the key that holds a number."
            return f"The command printed no result. {wanted}; its last JSON object has {keys}. {remedy}"
        got = f"it printed {self._last!r} last" if self._last else "it printed nothing on standard output"
        return f"The command printed no result. {wanted}; {got}."


def _number(found: object) -> float | None:
    """A number of JSON, one that is too large as an infinity; None for anything else."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    try:
        return float(found)
    except OverflowError:
        return float("inf") if found > 0 else float("-inf")


class _Tail(threading.Thread):
    """Reads standard error and keeps its end."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert stream is not None
        self._stream = stream
        self._kept = b""
        self.start()

    def run(self) -> None:
        with self._stream:
            for piece in iter(lambda: os.read(self._stream.fileno(), 65_536), b""):
                self._kept = (self._kept + piece)[-_TAIL:]

    def shown(self) -> str:
        text = self._kept.decode(errors="replace").strip()
        return f" The end of its standard error:\n{text}" if text else ""
