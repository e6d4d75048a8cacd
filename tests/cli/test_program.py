"""A program under its guard: it ends with all that it started, whoever dies first."""

import os
import signal
import subprocess
import sys
import time

import pytest

from trimtab.cli._program import Program

PYTHON = sys.executable
HAS_ORPHANS_ADOPTED = sys.platform == "linux"


def run(*arguments):
    """The code of a program and what it printed."""
    program = Program(arguments, os.environ)
    printed = program.stdout.read()
    assert program.wait(30)
    program.end()
    program.stdout.close()
    program.stderr.close()
    return program.code, printed


def started(code, pids):
    """A program that runs until it is ended, after it wrote numbers of processes to a file."""
    program = Program((PYTHON, "-c", code, str(pids)), os.environ)
    wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"))
    return program, [int(pid) for pid in pids.read_text().split()]


def ended(program):
    program.end()
    program.stdout.close()
    program.stderr.close()


def test_exit_code_and_signal():
    assert run("/bin/sh", "-c", "echo hello; exit 3") == (3, b"hello\n")
    assert run("/bin/sh", "-c", "kill -KILL $$")[0] == -9


def test_signals_are_not_ignored_inside():
    """Python ignores SIGPIPE; `yes | head` would end with errors if the program inherited that."""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("needs /proc")
    code, printed = run("grep", "-E", "Sig(Ign|Blk)", "/proc/self/status")

    assert code == 0
    ours = sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT))
    assert [int(line.split()[1], 16) & ours for line in printed.splitlines()] == [0, 0]


def test_what_cannot_be_started():
    with pytest.raises(FileNotFoundError):
        Program(("no-such-program-here",), os.environ)
    with pytest.raises(PermissionError):
        Program(("/",), os.environ)
    with pytest.raises(ValueError, match="null"):
        Program(("a\0b",), os.environ)


CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session={alone})
open(sys.argv[1] + "~", "w").write(f"{{os.getpid()}} {{child.pid}}\\n")
os.replace(sys.argv[1] + "~", sys.argv[1])
{then}
"""
SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.mark.parametrize(
    "alone", [False, pytest.param(True, marks=pytest.mark.skipif(not HAS_ORPHANS_ADOPTED, reason="Linux only"))]
)
def test_what_it_leaves_behind_is_ended(tmp_path, alone):
    """Also a process that left the group, such as a daemon."""
    program, (_, child) = started(CHILD.format(child=SLEEP, alone=alone, then=""), tmp_path / "pids")

    assert program.wait(10)
    ended(program)

    assert program.code == 0
    assert not exists(child)


def test_who_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("trimtab.cli._program.GRACE", 0.5)
    program, pids = started(CHILD.format(child=STUBBORN, alone=False, then=STUBBORN), tmp_path / "pids")
    time.sleep(0.2)  # until both ignore it
    begun = time.monotonic()
    ended(program)

    assert program.code == -signal.SIGKILL
    assert 0.4 < time.monotonic() - begun < 10
    assert not any(map(exists, pids))


def test_when_trimtab_is_killed_the_program_ends_and_its_files_go(tmp_path):
    private = tmp_path / "private"
    private.mkdir()
    (private / "params.json").write_text("{}")
    inner = CHILD.format(child=SLEEP, alone=False, then=SLEEP)
    arguments = (PYTHON, "-c", inner, str(tmp_path / "pids"))
    code = f"""
import os, time
from trimtab.cli._program import Program
program = Program({arguments!r}, os.environ, {str(private)!r})
time.sleep(60)
"""
    trimtab = subprocess.Popen([PYTHON, "-c", code])
    wait_for((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(map(exists, pids))
    trimtab.kill()
    trimtab.wait()

    for pid in pids:
        wait_for(lambda pid=pid: not exists(pid))
    wait_for(lambda: not private.exists())


def test_when_the_guard_is_killed_the_program_ends(tmp_path):
    program, pids = started(CHILD.format(child=SLEEP, alone=False, then=SLEEP), tmp_path / "pids")
    program._guard.kill()

    assert program.wait(10)
    assert program.code == -signal.SIGKILL
    ended(program)
    for pid in pids:
        wait_for(lambda pid=pid: not exists(pid))


def test_it_hangs_on_to_nothing(tmp_path):
    """No zombie and no open file remains of a program that ended."""
    run("true")
    before = set(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else set()
    program = Program(("true",), os.environ)
    guard = program._guard.pid
    ended(program)

    assert not os.path.exists(f"/proc/{guard}")
    assert not before or set(os.listdir("/proc/self/fd")) == before


def exists(pid):
    """A zombie that init has not buried yet exists no more."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
