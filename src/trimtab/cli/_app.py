"""The group of commands: what `trimtab` itself says, and what becomes of errors.

Exit codes: 0 done; 1 something failed; 2 the input is wrong; 130 interrupted. No traceback unless TRIMTAB_DEBUG=1
asks for it.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from trimtab._version import __version__
from trimtab.cli._output import clean
from trimtab.errors import InputError, TrimtabError

__all__ = ["main"]

_COMMANDS = {  # in the order of a first day with trimtab; each in cli/_<name>.py as `<name>`
    "demo": "Tune a real neural network now: about a minute, no code needed.",
    "doctor": "What works here: versions, file system, optional parts.",
    "run": "Tune your own program or function, as a settings file says.",
    "worker": "Join a study that is stored: evaluate trials of it, on this machine.",
    "show": "How a study stands: trials, best, failures and their reasons.",
    "best": "The best configuration of a study, ready to use.",
    "sensitivity": "Which hyperparameters matter, and how sure that is.",
    "advice": "What to do next: what to freeze, widen, shrink or repeat, or to stop.",
    "check": "Whether a stored study is whole; repairs what can be repaired.",
    "report": "Write a study as one HTML file that opens offline.",
    "export": "Write a study as CSV, Parquet or JSON lines.",
    "import": "Add a study that was exported as JSON lines to a storage.",
}


class _Commands(click.Group):
    """Imports a command only when it is asked for, and turns errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"trimtab.cli._{name}"), name.replace("import", "import_")
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(
                f"There is no command {clean(args[0])!r}.{meant} Commands: {', '.join(_COMMANDS)}.", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        _print_any_text()
        debug = os.environ.get("TRIMTAB_DEBUG", "") not in ("", "0")
        try:
            with _stopped_politely():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except TrimtabError as error:
            if debug:
                raise
            _print_error(str(error))
            ctx.exit(2 if isinstance(error, InputError) else 1)
        except Exception as error:
            if debug:
                raise
            _print_error(
                f"{type(error).__name__}: {error}\n"
                "This is not meant to happen. TRIMTAB_DEBUG=1 in the environment shows where; please report it "
                "with the output of `trimtab doctor`."
            )
            ctx.exit(1)


def _log(level: str, as_json: bool) -> Callable[[], None]:
    """Have log records written to standard error. Returns what ends it."""
    import logging

    from trimtab.logs import JSONFormatter

    logger, handler = logging.getLogger("trimtab"), logging.StreamHandler()
    before = logger.level
    handler.setFormatter(JSONFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level.upper())

    def end() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before)

    return end


def _print_error(message: str) -> None:
    """`Error: ...`; lines stay lines, everything else that is unprintable is written out."""
    shown = "\n".join(clean(line) for line in message.splitlines()) or "unknown"
    click.echo(f"Error: {shown}", err=True)


def _print_any_text() -> None:
    """Names from files may hold characters that this terminal does not know: show their codes rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _stopped_politely() -> Iterator[None]:
    """`kill` and a closed terminal work as Ctrl-C does: running programs are stopped, their trials handed back."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        kind = getattr(signal, name, None)
        if kind is not None and signal.getsignal(kind) is signal.SIG_DFL:
            with suppress(ValueError):  # not the main thread
                before[kind] = signal.signal(kind, interrupt)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command explains itself: trimtab COMMAND --help. Most take --json, for programs.",
)
@click.version_option(__version__, "-V", "--version", prog_name="trimtab", message="%(prog)s %(version)s")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Log what happens, to standard error."
)
@click.option("--log-json", is_flag=True, help="Log it as one JSON object a line, from info on.")
@click.pass_context
def main(ctx: click.Context, log_level: str | None, log_json: bool) -> None:
    """Tune a neural network, and learn which hyperparameters matter and how sure that is.

    \b
    A first look, about a minute:
      trimtab demo

    \b
    Your own training program (STUDY.toml: see trimtab run --help):
      trimtab run study.toml -- python train.py --lr {learning_rate}
      trimtab best study.db
      trimtab sensitivity study.db
      trimtab advice study.db
      trimtab report study.db

    A study is kept in one SQLite file. Run the same command again and it goes on where it stopped.
    """
    if log_level or log_json:
        ctx.call_on_close(_log(log_level or "info", log_json))
