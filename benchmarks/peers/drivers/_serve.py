"""The tool's side of the protocol (see PROTOCOL.md): `serve(Tool)` answers requests until `stop`. Standard library only.

Importing this file takes standard output away from everything else: file descriptor 1 is pointed at standard error, and the
answers go to a copy of the real one. Import it before the tool.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import Any, Protocol

__all__ = ["Driven", "serve"]

_answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.stdout = sys.stderr

Params = dict[str, Any]


class Driven(Protocol):
    """What a driver wraps a tool in. `start` is called once, first; `recommend` returns None where the tool has no such thing."""

    name: str
    version: str

    def start(self, space: list[dict[str, Any]], seed: int, budget: int) -> None: ...
    def ask(self) -> Params: ...
    def tell(self, params: Params, value: float) -> None: ...
    def recommend(self) -> Params | None: ...


def serve(tool_class: type[Driven]) -> None:
    """Answers one request a line until `stop` or the end of the input. An error is answered with its traceback and ends the process."""
    tool = tool_class()
    space: list[dict[str, Any]] = []
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "stop":
            _answer({"ok": True})
            return
        try:
            if request["op"] == "start":
                space = request["space"]
            _answer(_respond(tool, space, request))
        except BaseException:
            _answer({"error": traceback.format_exc()})
            sys.exit(1)


def _respond(tool: Driven, space: list[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    op = request["op"]
    if op == "start":
        tool.start(space, request["seed"], request["budget"])
        return {"ok": True, "tool": tool.name, "version": str(tool.version)}
    if op == "recommend":
        params = tool.recommend()
        return {"params": None if params is None else _checked(params, space)}
    cpu, wall = time.process_time(), time.perf_counter()
    if op == "ask":
        params = tool.ask()
    elif op == "tell":
        tool.tell(request["params"], request["value"])
    else:
        raise ValueError(f"op must be start, ask, tell, recommend or stop, got {op!r}.")
    spent = {"seconds": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {"params": _checked(params, space), **spent} if op == "ask" else {"ok": True, **spent}


def _checked(params: Params, space: list[dict[str, Any]]) -> Params:
    """The params as plain JSON values, in the space's order. ValueError names what is missing or outside."""
    if set(params) != {p["name"] for p in space}:
        raise ValueError(f"params must have the names {[p['name'] for p in space]}, got {sorted(params)}.")
    return {p["name"]: _plain(p, params[p["name"]]) for p in space}


def _plain(p: dict[str, Any], value: Any) -> Any:
    if p["kind"] == "choice":
        if str(value) not in p["choices"]:
            raise ValueError(f"{p['name']} must be one of {p['choices']}, got {value!r}.")
        return str(value)
    number = float(value)
    if p["kind"] == "int":
        if number != round(number):
            raise ValueError(f"{p['name']} must be a whole number, got {value!r}.")
        number = round(number)
    slack = 1e-9 * max(abs(p["low"]), abs(p["high"]))  # a bound that went through a logarithm and back
    if not p["low"] - slack <= number <= p["high"] + slack:
        raise ValueError(f"{p['name']} must be between {p['low']} and {p['high']}, got {value!r}.")
    return min(max(number, p["low"]), p["high"])


def _answer(message: dict[str, Any]) -> None:
    _answers.write(json.dumps(message) + "\n")
    _answers.flush()
