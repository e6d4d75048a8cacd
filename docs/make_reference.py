"""Writes docs/reference.md from the docstrings of the public names.

python docs/make_reference.py            write it
python docs/make_reference.py --check    fail if it is not what the docstrings say
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType

import trimtab
import trimtab.integrations.sklearn
import trimtab.plots
import trimtab.samplers
import trimtab.sensitivity
import trimtab.testing
from trimtab.space import Parameter

HERE = Path(__file__).resolve().parent
MODULES = [
    trimtab,
    trimtab.samplers,
    trimtab.sensitivity,
    trimtab.plots,
    trimtab.integrations.sklearn,
    trimtab.testing,
    trimtab.errors,
]
USED = ("n_levels",)  # of the parameter classes' attributes; the others are for samplers and storages


def main() -> None:
    text = reference()
    target = HERE / "reference.md"
    if "--check" in sys.argv:
        if not target.exists() or target.read_text() != text:
            sys.exit("docs/reference.md is not what the docstrings say. Run: python docs/make_reference.py")
        return
    target.write_text(text)


def reference() -> str:
    """All modules, all public names, one page."""
    parts = ["# Reference\n\nWritten from the docstrings by `python docs/make_reference.py`.\n"]
    for module in MODULES:
        parts.append(f"## `{module.__name__}`\n\n{_text(module)}\n")
        for name in module.__all__:
            member = getattr(module, name)
            if isinstance(member, ModuleType) or name.startswith("__"):
                continue
            parts.append(_entry(name, member))
    return "\n".join(parts)


def _entry(name: str, member: object) -> str:
    lines = [f"### `{name}{_signature(member)}`\n\n{_text(member)}\n"]
    if inspect.isclass(member) and not issubclass(member, Exception):
        own = [vars(c) for c in member.__mro__[::-1] if c.__module__.startswith("trimtab.")]  # inherited ones too
        for key, value in sorted({key: value for names in own for key, value in names.items()}.items()):
            if key.startswith("_") or (issubclass(member, Parameter) and key not in USED):
                continue
            if isinstance(value, property):
                lines.append(f"- **`.{key}`** — {_first(value)}")
            elif isinstance(value, (classmethod, staticmethod)) or inspect.isfunction(value):
                function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
                lines.append(f"#### `.{key}{_signature(function)}`\n\n{_text(function)}\n")
    return "\n".join(lines)


def _signature(member: object) -> str:
    if not callable(member) or (inspect.isclass(member) and issubclass(member, Exception)):
        return ""
    try:
        signature = inspect.signature(member)
    except (TypeError, ValueError):
        return ""
    named = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    short = signature.replace(
        parameters=[p.replace(annotation=inspect.Parameter.empty) for p in named],
        return_annotation=inspect.Signature.empty,
    )
    return str(short)


def _text(member: object) -> str:
    """The docstring, its indented blocks as code."""
    lines = (inspect.getdoc(member) or "").splitlines()
    shown, code = [], False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not code and (not shown or not shown[-1].strip()):
            shown.append("```")
            code = True
        elif code and line.strip() and not indented:
            while not shown[-1].strip():
                shown.pop()
            shown += ["```", ""]
            code = False
        shown.append(line.rstrip())
    return "\n".join([*shown, "```"] if code else shown)


def _first(member: object) -> str:
    return (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    main()
