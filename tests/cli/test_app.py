"""The group of commands: help, version, errors, speed."""

import json
import os
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import trimtab
from trimtab.cli import _app, main

COMMANDS = ["demo", "doctor", "run", "show", "best", "sensitivity", "advice", "check", "report"]


def invoke(*arguments, **keywords):
    return CliRunner().invoke(main, list(arguments), **keywords)


def test_help_lists_every_command():
    out = invoke("--help").stdout

    assert all(re.search(rf"^  {name} +[A-Z]", out, re.M) for name in COMMANDS)
    assert "trimtab demo" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_that_parse(name):
    command = main.get_command(click.Context(main), name)
    out = invoke(name, "--help").stdout
    examples = re.findall(rf"^ +trimtab {name}( .*)?$", out.split("Examples:")[1], re.M)

    assert examples
    for example in examples:
        arguments = example.split(" > ")[0].split()
        command.make_context(name, arguments)  # raises for an unknown option


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    command = main.get_command(click.Context(main), name)

    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_a_terminal_of_80_columns(name):
    out = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=80).output

    assert max(map(len, out.splitlines())) <= 80


def test_version():
    assert invoke("--version").stdout == f"trimtab {trimtab.__version__}\n"


def test_python_m_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "trimtab", "--version"], capture_output=True, text=True, timeout=60)

    assert done.stdout == f"trimtab {trimtab.__version__}\n"


def test_an_unknown_command_suggests_the_near_one():
    result = invoke("shwo")

    assert result.exit_code == 2
    assert "Did you mean 'show'?" in result.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from trimtab.cli import main; main(['run', '--help'], standalone_mode=False);"
        "print([m for m in HEAVY if m in sys.modules])"
    )
    code = code.replace("HEAVY", repr(["scipy.stats", "scipy.optimize", "sklearn", "pandas", "plotly", "rich", "yaml"]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


class Fails:
    """A command whose body raises."""

    def __init__(self, error):
        self.error = error

    def __call__(self):
        raise self.error


@pytest.fixture
def broken(monkeypatch):
    def make(error):
        command = click.Command("doctor", callback=Fails(error))
        monkeypatch.setattr(_app._Commands, "get_command", lambda self, ctx, name: command)

    return make


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (trimtab.errors.SpaceError("low [red]<[/red] high"), 2, "Error: low [red]<[/red] high\n"),
        (trimtab.errors.StorageError("disk\x1b[31m\nfull"), 1, "Error: disk\\x1b[31m\nfull\n"),
        (ZeroDivisionError("oops"), 1, "Error: ZeroDivisionError: oops\nThis is not meant to happen."),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_errors_are_messages_with_exit_codes(broken, error, code, message):
    broken(error)
    result = invoke("doctor")

    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_debug_shows_the_traceback(broken):
    broken(trimtab.errors.StudyError("x"))
    result = invoke("doctor", env={"TRIMTAB_DEBUG": "1"})

    assert isinstance(result.exception, trimtab.errors.StudyError)


def test_doctor_says_what_works_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke("doctor")
    document = json.loads(invoke("doctor", "--json").stdout)
    checks = {check["name"]: check for check in document["checks"]}

    assert result.exit_code == 0, result.output
    assert document["works"] is True
    assert checks["numpy"]["state"] == "ok"
    assert checks["this folder"]["state"] == "ok"
    assert checks["SQLite"]["state"] in ("ok", "note")
    assert ("WAL-reset" in checks["SQLite"]["remedy"]) == (checks["SQLite"]["state"] == "note")
    assert os.listdir(tmp_path) == []


def test_doctor_names_a_broken_part(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "plotly", None)
    result = invoke("doctor")

    assert result.exit_code == 1
    assert "Broken: plotly." in result.stdout
    assert "--force-reinstall plotly" in result.stdout


def test_doctor_names_what_is_not_installed(tmp_path, monkeypatch):
    from trimtab.cli import _doctor

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_doctor, "_OPTIONAL", {"nothing": ("surely_not_here", "brings nothing", "trimtab[nothing]")})
    result = invoke("doctor")

    assert result.exit_code == 0
    assert "python -m pip install 'trimtab[nothing]'" in result.stdout


def test_what_happens_is_logged_where_asked_and_only_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(
        '[study]\nn_trials = 2\nsampler = "random"\nname = "lines"\n[space]\nx = {type = "float", low = 0, high = 1}\n'
    )
    (tmp_path / "train.py").write_text('import sys\nprint("{\\"value\\": " + sys.argv[1] + "}")\n')
    command = ["run", "study.toml", "--", sys.executable, "train.py", "{x}"]

    logged = invoke("--log-json", *command).stderr
    read = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    again = invoke("--log-level", "info", *command)

    events = [line["event"] for line in read]
    assert list(dict.fromkeys(events)) == ["study_opened", "trial_finished", "study_stopped"]
    assert {line["study"] for line in read} == {"lines"}
    assert [line["trial"] for line in read if "trial" in line] == [0, 1]
    assert re.search(r"^\d{4}-\d\d-\d\d .* INFO study lines stopped after", again.stderr, re.M)
    assert "study lines" not in invoke(*command).stderr
