"""The runner's side of the protocol (see PROTOCOL.md): one driver process, one question after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from benchmarks.peers.spaces import Params, Plain
from benchmarks.peers.tools import TOOLS

__all__ = ["Driver", "DriverError", "Process", "commit", "python_of"]

HERE = Path(__file__).resolve().parent
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class DriverError(RuntimeError):
    """A driver could not be started, or gave an error or nothing instead of an answer."""


class Process:
    """A tool's process, in an empty folder of its own that goes with it. It answers lines of JSON by lines of JSON.

    python, script, arguments: what is started. source: the folder that it may import trimtab from; None: it knows only the tool.
    limit: seconds after which the process is killed.
    """

    def __init__(
        self, tool: str, python: Path, script: Path, arguments: Sequence[str], source: Path | None, limit: float
    ) -> None:
        self._tool, self._limit, self._late = tool, limit, False
        self._folder = tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True)
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  closed by `close`
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
        environment |= dict.fromkeys(ONE_THREAD, "1") | {"PYTHONHASHSEED": "0"}
        if source is not None:
            environment["PYTHONPATH"] = str(source)
        self._process = subprocess.Popen(
            [str(python), str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=self._folder.name,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        self._clock = threading.Timer(limit, self._kill)
        self._clock.daemon = True
        self._clock.start()

    def close(self) -> None:
        """Ends the process, politely first."""
        self._clock.cancel()
        try:
            self._process.communicate('{"op": "stop"}\n', timeout=10)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self._process.kill()
            self._process.communicate()
        self._errors.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kill(self) -> None:
        self._late = True
        self._process.kill()

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise DriverError(self._silent(request["op"]))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise DriverError(f"{self._tool} failed at {request['op']!r}:\n{answer['error']}")
        return answer

    def _silent(self, op: str) -> str:
        if self._late:
            return f"{self._tool} was ended after {self._limit:.0f} s (--limit), at {op!r}."
        self._errors.seek(0)
        last = "".join(self._errors.readlines()[-15:])
        return f"{self._tool} ended at {op!r} without an answer; its last words:\n{last}"


class Driver(Process):
    """A tool that proposes.

    envs: where the peers' virtual environments are. source: the folder our own tools import trimtab from.
    limit: seconds after which the process is killed.
    asked_cpu, told_cpu, wall: what `ask` and `tell` took so far, seconds.
    """

    def __init__(self, tool: str, envs: Path | None, source: Path, limit: float) -> None:
        known, python = TOOLS[tool], python_of(tool, envs)
        self.asked_cpu = self.told_cpu = self.wall = 0.0
        script = HERE / "drivers" / f"{known.driver}.py"
        super().__init__(tool, python, script, known.arguments, source if known.env is None else None, limit)

    def start(self, space: Plain, seed: int, budget: int) -> str:
        """The tool's version."""
        return str(self._request({"op": "start", "space": space, "seed": seed, "budget": budget})["version"])

    def ask(self) -> dict[str, Any]:
        answer = self._request({"op": "ask"})
        self.asked_cpu += answer["seconds"]
        self.wall += answer["wall"]
        return dict(answer["params"])

    def tell(self, params: Params, value: float) -> None:
        answer = self._request({"op": "tell", "params": dict(params), "value": value})
        self.told_cpu += answer["seconds"]
        self.wall += answer["wall"]

    def recommend(self) -> dict[str, Any] | None:
        params = self._request({"op": "recommend"})["params"]
        return None if params is None else dict(params)


def python_of(tool: str, envs: Path | None) -> Path:
    """The Python that runs a tool's driver. DriverError says how to make a missing one."""
    env = TOOLS[tool].env
    if env is None:
        return Path(sys.executable)
    if envs is None:
        raise DriverError(f"{tool} runs in a virtual environment of its own. Say where: --envs DIR.")
    python = envs.resolve() / env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        raise DriverError(f"{tool} has no {python}. Make it: python -m benchmarks.peers setup --envs {envs} {tool}")
    return python


def commit(source: Path) -> str:
    """The git commit that `source` is in, with -dirty where it was changed since; "unknown" outside git."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(source), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=10", "HEAD") + ("-dirty" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
