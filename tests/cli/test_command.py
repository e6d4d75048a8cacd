"""A program as objective: its result, its failures, its end."""

import json
import math
import os
import pickle
import sys
import threading
import time

import pytest

from trimtab.cli._command import Command, CommandFailed
from trimtab.cli._threads import Threads
from trimtab.errors import StorageError, StudyError, TrialPruned
from trimtab.records import Goals, Trial

TRIAL = Trial(4, {"lr": 0.5, "layers": (8, 4)})


class Channel:
    """Says stop when it is told to, or from so many reports on."""

    def __init__(self, most=math.inf):
        self.stop = False
        self.most = most
        self.reports = []

    def report(self, number, step, value):
        self.reports.append((number, step, value))

    def should_stop(self, number):
        return self.stop or len(self.reports) >= self.most


def python(code, **settings):
    code = code.replace("{", "{{").replace("}", "}}")  # braces of Python, not placeholders
    return Command((sys.executable, "-c", code, "{lr}"), **settings)


def test_the_last_line_that_is_a_result_counts():
    code = "print(1); print('{\"value\": 0.25, \"epoch\": 3}'); print('{\"other\": 5}'); print('done')"

    assert python(code)(TRIAL) == 0.25


@pytest.mark.parametrize(
    ("line", "value"), [("0.5", 0.5), ("-3", -3.0), ("1e-3", 1e-3), ('{"loss": 2}', 2.0), ("  7  ", 7.0)]
)
def test_a_line_that_is_a_result(line, value):
    assert python(f"print({line!r})", key="loss")(TRIAL) == value


@pytest.mark.parametrize(
    "line", ["true", '"0.5"', "[1]", "0.5 s", "null", '{"loss": "0.1"}', '{"loss": true}', "{", "[" * 5000]
)
def test_a_line_that_is_none(line):
    with pytest.raises(CommandFailed, match="printed no result"):
        python(f"print({line!r})", key="loss")(TRIAL)


def test_nan_is_a_result_that_the_study_judges():
    assert math.isnan(python("print('NaN')")(TRIAL))


def test_the_keys_of_an_object_without_the_result_are_told():
    with pytest.raises(CommandFailed, match=r"has 'loss', 'epoch'\. Set \[objective\] value"):
        python('print(\'{"loss": 1, "epoch": 2}\')')(TRIAL)


TWO = Goals.of(objectives=["error", "latency"], limits=["memory <= 8"])
LIMITED = Goals.of(limits=["memory <= 8"])


def prints(*documents):
    return ";".join(f"print({json.dumps(document)!r})" for document in documents)


def test_several_results_are_the_numbers_of_one_object():
    whole = {"error": 1, "latency": 2.5, "memory": 7, "epoch": 3, "note": "a", "ok": True, "nested": {"error": 9}}
    code = prints({"error": 8, "latency": 8, "memory": 8}, whole, {"error": 5}, 0.5, [1])

    assert python(code, goals=TWO)(TRIAL) == {"error": 1.0, "latency": 2.5, "memory": 7.0, "epoch": 3.0}


def test_with_limits_alone_the_objective_is_the_value_key():
    code = prints({"value": 4, "loss": 1, "memory": 7})

    assert python(code, goals=LIMITED)(TRIAL)["value"] == 4.0
    assert python(code, goals=LIMITED, key="loss")(TRIAL) == {"value": 1.0, "loss": 1.0, "memory": 7.0}


def test_one_name_may_be_a_number_alone():
    one = Goals.of(objectives=["loss"])

    assert python(prints(0.5), goals=one)(TRIAL) == 0.5
    assert python(prints({"loss": 0.5, "epoch": 2}), goals=one)(TRIAL) == {"loss": 0.5, "epoch": 2.0}


@pytest.mark.parametrize(
    ("document", "goals", "message"),
    [
        (0.5, TWO, r'such as \{"error": 0.25, "latency": 0.25, "memory": 0.25\}; it printed \'0.5\' last'),
        ({"error": 1, "memory": 2}, TWO, r"has 'error', 'memory'\. It needs a number for 'latency'"),
        ({"error": 1, "latency": "2", "memory": True}, TWO, r"needs a number for 'latency' and 'memory'"),
        ({"value": 1}, LIMITED, r"needs a number for 'memory'"),
        ({"loss": 1, "memory": 2}, LIMITED, r"Set \[objective\] value"),
    ],
)
def test_a_missing_result_is_named(document, goals, message):
    with pytest.raises(CommandFailed, match=message):
        python(prints(document), goals=goals)(TRIAL)


def test_a_line_with_a_step_is_a_report():
    channel = Channel()
    code = prints(
        {"loss": 3, "step": 0}, {"loss": 2.5, "step": 1, "more": 7}, {"step": 2}, {"loss": 0.5}, {"loss": 9, "step": 2}
    )

    assert python(code, key="loss")(Trial(4, {"lr": 1.0}, channel=channel)) == 0.5
    assert channel.reports == [(4, 0.0, 3.0), (4, 1.0, 2.5), (4, 2.0, 9.0)]


def test_without_a_result_the_last_report_is_it():
    channel = Channel()
    documents = [{"error": i, "latency": 1, "memory": 7, "step": i} for i in range(3)]

    assert python(prints(*documents), goals=TWO)(Trial(4, {"lr": 1.0}, channel=channel))["error"] == 2.0
    assert [report[2] for report in channel.reports] == [0.0, 1.0, 2.0]


def test_an_objective_called_step_has_no_reports():
    channel = Channel()

    assert python(prints({"step": 3}), key="step")(Trial(4, {"lr": 1.0}, channel=channel)) == 3.0
    assert channel.reports == []


def test_reports_come_while_the_program_runs_and_a_pruner_may_end_it(tmp_path):
    code = (
        "import itertools, json, time\n"
        "for step in itertools.count():\n"
        "    print(json.dumps({'value': 1 / (1 + step), 'step': step}), flush=True)\n"
        "    time.sleep(0.02)"
    )
    channel = Channel(most=5)

    with pytest.raises(TrialPruned, match="after"):
        python(code)(Trial(0, {"lr": 1.0}, channel=channel))
    assert [step for _, step, _ in channel.reports[:5]] == [0, 1, 2, 3, 4]


def test_derivatives_are_reported():
    code = prints({"gradient": {"lr": 9, "momentum": 2}}, {"value": 3, "gradient": {"lr": 0.5}})
    trial = Trial(0, {"lr": 1.0, "momentum": 0.5}, numeric=("lr", "momentum"), channel=Channel())

    assert python(code)(trial) == 3.0
    assert trial.gradient == {"lr": 0.5, "momentum": 2.0}
    with pytest.raises(CommandFailed, match="'momentum' is none of this configuration's"):
        python(code)(Trial(0, {"lr": 1.0}, numeric=("lr",), channel=Channel()))


def test_the_program_finds_its_hyperparameters():
    code = (
        "import json, os, sys; p = json.loads(os.environ['TRIMTAB_PARAMS']);"
        "n = int(os.environ['TRIMTAB_TRIAL']);"
        "print(json.dumps({'value': p['lr'] + float(sys.argv[1]) + sum(p['layers']) + n}))"
    )

    assert python(code)(TRIAL) == 0.5 + 0.5 + 12 + 4


def test_each_hyperparameter_has_a_variable_of_its_own(monkeypatch):
    monkeypatch.setenv("TRIMTAB_PARAM_MOMENTUM", "of another run")
    params = {"lr": 0.5, "layers": (8, 4), "name": "a b", "no name": 1, "x": 1, "X": 2, "nul": "\0", "lone": "\ud800"}
    code = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('TRIMTAB_PARAM_')} | {'value': 1}))"
    command = python(f"{code}; import sys; sys.exit(1)")

    with pytest.raises(CommandFailed) as caught:
        command(Trial(0, params))
    seen = json.loads(str(caught.value).splitlines()[-1])
    assert seen == {
        "TRIMTAB_PARAM_LR": "0.5",
        "TRIMTAB_PARAM_LAYERS": "[8, 4]",
        "TRIMTAB_PARAM_NAME": "a b",
        "value": 1,
    }


PRIVATE = (
    "import json, os, sys; path = sys.argv[1]; folder = os.path.dirname(path);"
    "modes = [os.stat(p).st_mode & 0o777 for p in (path, folder)];"
    "assert path == os.environ['TRIMTAB_PARAMS_FILE'] and json.load(open(path)) == {'lr': 0.5, 'layers': [8, 4]};"
    "json.dump({'value': modes[0], 'folder': modes[1], 'path': path}, open(os.environ['TRIMTAB_RESULT_FILE'], 'w'))"
)


def test_hyperparameters_come_by_a_private_file_that_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    code = PRIVATE.replace("{", "{{").replace("}", "}}")
    command = Command((sys.executable, "-c", code, "{params_file}"), goals=Goals.of(limits=["folder <= 448"]))

    assert command(TRIAL) == {"value": 0o600, "folder": 0o700}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ('{\n  "loss": 2,\n  "step": 7\n}', 2.0),
        ('{"loss": 3, "step": 1}\n{"loss": 1.5, "step": 2}\n{"note": 1}\n', 1.5),
        ("\ufeffepoch,loss\n0.25\n", 0.25),
    ],
)
def test_a_result_file(tmp_path, text, value):
    code = f"import sys; open(sys.argv[1], 'w', encoding='utf-8').write({text!r}); print(9)".replace("{", "{{").replace(
        "}", "}}"
    )

    assert Command((sys.executable, "-c", code, "{result_file}"), key="loss")(TRIAL) == value
    named = Command((sys.executable, "-c", code, f"{tmp_path}/4.json"), key="loss", result=f"{tmp_path}/{{trial}}.json")
    assert named(TRIAL) == value


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print(1)", "wrote no result: its file .* did not change"),
        ("import os; os.remove(path)", "is not there"),
        (
            "open(path, 'w').write('nothing')",
            r"should hold a number, or JSON such as \{.loss.: 0.25\}; it begins with 'nothing'",
        ),
        ("open(path, 'w').write('{{\"lss\": 1}}')", "its JSON object has 'lss'"),
        ("open(path, 'w').write('1' * 20_000_000)", "more than 10,000,000 bytes"),
        ("import os; os.remove(path); os.mkdir(path)", "cannot be read: Is a directory"),
    ],
)
def test_a_result_file_that_has_no_result(tmp_path, code, message):
    """A file of an earlier trial is none."""
    path = tmp_path / "result.json"
    path.write_text("0.125")
    command = Command((sys.executable, "-c", f"path = {str(path)!r}; {code}"), key="loss", result=str(path))

    with pytest.raises(CommandFailed, match=message):
        command(TRIAL)


def test_standard_output_tells_of_a_failure_that_has_no_standard_error():
    with pytest.raises(CommandFailed, match=r"exit code 3\. The end of its standard output:\nall is lost"):
        python("print('all is lost'); raise SystemExit(3)")(TRIAL)


def test_a_shell_command(tmp_path):
    text = "echo {trial} > log; python3 -c 'print({{}} == {{}})' > /dev/null; echo {lr} | sed s/0.5/7/"
    command = Command((text.replace("log", f"{tmp_path}/log"),), shell=True)

    assert command(TRIAL) == 7.0
    assert (tmp_path / "log").read_text() == "4\n"


def test_a_failure_keeps_the_end_of_standard_error():
    code = "import sys; print(1); sys.stderr.write('x' * 100_000 + '\\nValueError: bad rate \\xff'); sys.exit(3)"

    with pytest.raises(CommandFailed, match="exit code 3") as caught:
        python(code)(TRIAL)
    text = str(caught.value)
    assert text.splitlines()[-1].startswith("ValueError: bad rate")
    assert len(text) < 5_000


def test_a_signal_is_named():
    with pytest.raises(CommandFailed, match="ended by SIGKILL"):
        python("import os; os.kill(os.getpid(), 9)")(TRIAL)


def test_much_output_does_not_block():
    code = (
        "import sys; sys.stderr.write('e' * 300_000);"
        "[print('o' * 1000) for _ in range(3000)]; print('y' * 2_000_000); print(3)"
    )

    assert python(code)(TRIAL) == 3.0


def test_a_program_that_is_not_there():
    with pytest.raises(CommandFailed, match="cannot be started"):
        Command(("no-such-program-here",))(TRIAL)


def test_a_timeout_ends_the_whole_group(tmp_path):
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}'); time.sleep(60)"
    )
    begun = time.monotonic()

    with pytest.raises(CommandFailed, match=r"longer than timeout = 1\.5 seconds"):
        python(code, timeout=1.5)(TRIAL)
    assert time.monotonic() - begun < 20
    for pid in map(int, pids.read_text().split()):
        assert gone(pid)


def test_a_child_that_holds_the_pipes_does_not_hold_the_trial():
    code = (
        "import subprocess, sys; print(5, flush=True);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    begun = time.monotonic()

    assert python(code)(TRIAL) == 5.0
    assert time.monotonic() - begun < 20


def test_stopping_ends_the_program(tmp_path):
    begun = tmp_path / "begun"
    channel = Channel()
    trial = Trial(0, {"lr": 1.0}, channel=channel)
    threading.Thread(target=lambda: (wait_for(begun), setattr(channel, "stop", True))).start()

    with pytest.raises(CommandFailed, match="Stopped"):
        python(f"import time; open({str(begun)!r}, 'w').close(); time.sleep(60)")(trial)


def test_it_travels_to_worker_processes():
    command = python("print(1)", key="loss", timeout=3.0)

    assert pickle.loads(pickle.dumps(command)) == command
    assert json.loads("1") == command(TRIAL)


def test_threads_run_programs_at_the_same_time():
    with Threads(2) as pool:
        pool.start(python("import time, sys; time.sleep(0.2); print(sys.argv[1])"), Channel())
        pool.submit(Trial(0, {"lr": 10.0}))
        pool.submit(Trial(1, {"lr": 11.0}))
        with pytest.raises(StudyError, match="2 trials are running"):
            pool.submit(Trial(2, {"lr": 12.0}))
        outcomes = []
        while len(outcomes) < 2:
            outcomes += pool.wait()
        assert {o.number: o.value for o in outcomes} == {0: 10.0, 1: 11.0}
        assert pool.wait() == []


def test_a_storage_that_cannot_be_reached_costs_no_trial():
    class Unreachable(Channel):
        def report(self, number, step, value):
            raise StorageError("gone for a while")

        def should_stop(self, number):
            raise StorageError("gone for a while")

    with Threads(1) as pool:
        pool.start(python(f"import time; {prints({'value': 3, 'step': 1})}; time.sleep(0.3); print(4)"), Unreachable())
        pool.submit(Trial(0, {"lr": 10.0}))
        (outcome,) = pool.wait()

    assert outcome.value == 4.0


def test_threads_say_why_a_trial_failed():
    with Threads(1) as pool:
        pool.start(python("import sys; sys.exit('no good')"), Channel())
        pool.submit(Trial(0, {"lr": 10.0}))
        (outcome,) = pool.wait()

    assert outcome.value is None
    assert outcome.error.startswith("The command ended with exit code 1.")
    assert outcome.error.strip().endswith("no good")
    assert "builtins.Exception" in outcome.mro


def test_stopping_threads_gives_the_trial_up(tmp_path):
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    pool = Threads(2)
    pool.start(python(code), Channel())
    pool.submit(Trial(7, {"lr": 1.0}))
    wait_for(pid)

    assert pool.wait(0.01) == []
    assert pool.stop() == [7]
    assert gone(int(pid.read_text()))
    assert pool.stop() == []


def wait_for(path, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (path.exists() and (path.stat().st_size or path.name == "begun")):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def gone(pid, seconds=5.0):
    """No such process, or a zombie that nobody has buried yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
