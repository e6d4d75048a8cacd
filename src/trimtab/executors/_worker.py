"""The program of one worker process: takes the objective, then evaluates trials until the pipe to the study closes.

Run as a file (see `_process`), not as a module: `trimtab` can be imported only once the study's sys.path has arrived.

    from the study   a dict (path, argv, folder, objective) first; (number, seed, numeric, params) for each trial;
                     True or False for each "ask"; "where" before it is killed
    to the study     ("begun", monotonic time)  ("report", step, value)  ("ask",)  ("where", lines)  ("broken", why)
                     ("ended", value, seconds, error, exception, mro, gradient)

A thread reads the pipe, so that a worker whose study died ends too, also in the middle of an evaluation.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from multiprocessing import connection
from typing import Any, NoReturn

__all__: list[str] = []


class Pipe:
    """The worker's end. Also the channel (records.Channel) of its trial."""

    def __init__(self, handle: int) -> None:
        if sys.platform == "win32":
            self._ends = connection.PipeConnection(handle)
        else:
            os.set_inheritable(handle, False)
            self._ends = connection.Connection(handle)
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        self._answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.trials: queue.SimpleQueue[tuple[int, int, tuple[str, ...], bytes] | None] = queue.SimpleQueue()
        self.busy = False

    def send(self, *message: Any) -> None:
        with self._sending:
            self._ends.send_bytes(pickle.dumps(message))

    def receive(self) -> Any:
        return pickle.loads(self._ends.recv_bytes())

    def report(self, number: int, step: float, value: float) -> None:
        self.send("report", step, value)

    def should_stop(self, number: int) -> bool:
        with self._asking:
            self.send("ask")
            return self._answers.get()

    def listen(self) -> None:
        """Sort what comes, until the study is gone."""
        parent = os.getppid()
        try:
            while True:
                while not self._ends.poll(1.0):
                    if os.getppid() != parent:  # the study died, and a fork of it keeps its end of the pipe open
                        raise EOFError
                message = self.receive()
                if isinstance(message, bool):
                    self._answers.put(message)
                elif message == "where":
                    self.send("where", where())
                else:
                    self.busy = True
                    self.trials.put(message)
        except (EOFError, OSError):
            if self.busy:
                _die()
            self.trials.put(None)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the study's to handle
    faulthandler.enable()  # a segfault leaves the lines where it happened
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    pipe = Pipe(int(sys.argv[1]))
    try:
        setup = pipe.receive()
    except (EOFError, OSError):
        return
    sys.path[:], sys.argv[:] = setup["path"], setup["argv"]
    if os.path.isdir(setup["folder"]):
        os.chdir(setup["folder"])
    threading.Thread(target=pipe.listen, daemon=True).start()
    try:
        objective = pickle.loads(setup["objective"])
    except BaseException:
        pipe.send("broken", traceback.format_exc())
        return
    serve(pipe, objective)


def serve(pipe: Pipe, objective: Any) -> None:
    """Evaluate one trial after the other."""
    from trimtab.executors._evaluate import evaluate
    from trimtab.executors._parcels import told
    from trimtab.records import Trial

    while (task := pipe.trials.get()) is not None:
        number, seed, numeric, packed = task
        try:
            trial = Trial(number, pickle.loads(packed), seed=seed, numeric=numeric, channel=pipe)
        except BaseException:
            return pipe.send("broken", traceback.format_exc())
        pipe.send("begun", time.monotonic())  # the same clock in all processes of a machine
        outcome = evaluate(objective, trial, interruptible=False)
        sys.stdout.flush()
        sys.stderr.flush()
        pipe.busy = False
        pipe.send("ended", *told(outcome))
    return None


def where() -> str:
    """The lines at which the evaluation stands, without our own frames."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    lines = traceback.StackSummary.extract(traceback.walk_stack(frame)) if frame is not None else []
    inner = [line for line in reversed(lines) if os.path.dirname(line.filename) != os.path.dirname(__file__)]
    return "".join(traceback.format_list(inner))


def _die() -> NoReturn:
    """At once, and with the processes that the objective started."""
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
