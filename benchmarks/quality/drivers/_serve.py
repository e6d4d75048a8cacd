"""The tool's side: `serve(Tool)` answers `start`, then any number of `analyse`, until `stop`. Standard library only.

    {"op": "start"}                                                        {"version": "5.0.0"}
    {"op": "analyse", "space": [...], "params": [{...}], "values": [...], "seed": 3}    {"shares": [...], "seconds": 0.41}
    any, when it went wrong                                                {"error": "the traceback"}, and the process ends

space is as in benchmarks/peers/PROTOCOL.md. shares: one number a parameter in the space's order, as the tool gives them; what they
are shares of is the tool's business. seconds: processor time. Importing this file takes standard output away from everything else,
so import it before the tool.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import Any, Protocol

__all__ = ["Analyst", "serve"]

_answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.stdout = sys.stderr


class Analyst(Protocol):
    """What a driver wraps a tool in. `analyse` is called for one table of trials after the other."""

    version: str

    def analyse(
        self, space: list[dict[str, Any]], params: list[dict[str, Any]], values: list[float], seed: int
    ) -> list[float]: ...


def serve(analyst_class: type[Analyst]) -> None:
    """Answers one request a line until `stop` or the end of the input."""
    analyst = analyst_class()
    for line in sys.stdin:
        request = json.loads(line)
        op = request.pop("op")
        if op == "stop":
            return
        try:
            if op == "start":
                answer: dict[str, Any] = {"version": str(analyst.version)}
            else:
                before = time.process_time()
                shares = [float(s) for s in analyst.analyse(**request)]
                answer = {"shares": shares, "seconds": time.process_time() - before}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        _answers.write(json.dumps(answer) + "\n")
        _answers.flush()
        if "error" in answer:
            sys.exit(1)
