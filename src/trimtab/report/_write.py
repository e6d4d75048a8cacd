"""write_report: one study, one HTML file that opens offline."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from importlib import resources
from pathlib import Path
from string import Template

from trimtab.errors import InputError, StorageError
from trimtab.report._facts import Reported, facts_of
from trimtab.report._figures import Figures, packed_plotly
from trimtab.report._html import escape, tag
from trimtab.report._sections import SECTIONS, header, in_short

__all__ = ["report_html", "write_report"]


def write_report(study: Reported, path: str | os.PathLike[str]) -> Path:
    """Write the report to `path` and return it. The old file, if any, stays until the new one is complete.

    Raises InputError if `path` is a folder or empty, StorageError if its folder is missing or cannot be written.
    """
    target = _checked(path)
    page = report_html(study)
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        try:
            with open(draft, "x", encoding="utf-8", newline="\n") as file:
                file.write(page)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The report cannot be written to {os.fspath(path)!r}: {error.strerror or error}. Give another path."
        ) from error
    return Path(path)


def report_html(study: Reported, now: datetime | None = None) -> str:
    """The page as text. now: the date it shows, by default this moment."""
    facts = facts_of(study, now or datetime.now().astimezone())
    figures = Figures()
    made = [(name, title, section(facts, figures)) for name, title, section in SECTIONS]
    sections = [(name, title, inside) for name, title, inside in made if inside]
    body = [tag("section", tag("h2", title), inside, id=name) for name, title, inside in sections]
    page = Template(_file("page.html"))
    return page.substitute(
        title=escape(f"{facts.name} · trimtab report"),
        style=_file("report.css"),
        header=header(facts),
        short=in_short(facts),
        contents=tag("nav", *(tag("a", title.partition(":")[0], href=f"#{name}") for name, title, _ in sections)),
        body="\n".join(body),
        figures=figures.script(),
        plotly=packed_plotly(),
        script=_file("report.js"),
    )


def _checked(path: str | os.PathLike[str]) -> Path:
    """The real place of the file, checked before minutes go into analyses."""
    shown = os.fspath(path)
    if not isinstance(shown, str) or not shown:
        raise InputError(f"The report needs the path of a file, such as 'report.html', got {path!r}.")
    target = Path(os.path.realpath(shown))
    if target.is_dir():
        raise InputError(
            f"The report needs the path of a file, got the folder {shown!r}. "
            f"Add a name, such as {os.path.join(shown, 'report.html')!r}."
        )
    if not target.parent.is_dir():
        raise StorageError(
            f"The report cannot be written to {shown!r}: the folder {os.path.dirname(shown)!r} does not exist. "
            "Create it first."
        )
    if not os.access(target.parent, os.W_OK):
        raise StorageError(
            f"The report cannot be written to {shown!r}: no permission to write into its folder. Give another path."
        )
    return target


def _file(name: str) -> str:
    return resources.files("trimtab.report").joinpath(name).read_text(encoding="utf-8")
