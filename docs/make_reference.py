"""Writes docs/reference.md from the docstrings of the public names.

python docs/make_reference.py            write it
python docs/make_reference.py --check    fail if it is not what the docstrings say
"""

from __future__ import annotations

import ast
import inspect
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import trimtab
import trimtab.executors
import trimtab.integrations.mlflow
import trimtab.integrations.sklearn
import trimtab.integrations.tensorboard
import trimtab.logs
import trimtab.plots
import trimtab.pruners
import trimtab.samplers
import trimtab.sensitivity
import trimtab.storage
import trimtab.testing
from trimtab.space import Parameter

HERE = Path(__file__).resolve().parent
MODULES = [
    trimtab,
    trimtab.samplers,
    trimtab.pruners,
    trimtab.sensitivity,
    trimtab.plots,
    trimtab.executors,
    trimtab.storage,
    trimtab.integrations.sklearn,
    trimtab.integrations.mlflow,
    trimtab.integrations.tensorboard,
    trimtab.logs,
    trimtab.testing,
    trimtab.errors,
]
READ = ["trimtab.integrations.torch"]  # read, not imported: their extra may be missing
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
    return "\n".join([*parts, *(_read(package) for package in READ)])


def _read(package: str) -> str:
    """A package's public names from its source alone, each from the file that its __init__ takes it from."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    inside = ast.parse(Path(spec.origin).read_text())
    parts = [f"## `{package}`\n\n{_shown(ast.get_docstring(inside))}\n"]
    taken = [node for node in inside.body if isinstance(node, ast.ImportFrom) and node.module]
    source = {alias.name: node.module for node in taken for alias in node.names if node.module.startswith(package)}
    for name, module in sorted(source.items(), key=lambda item: (item[0].lower(), item[0])):
        file = Path(spec.origin).with_name(f"{module.rpartition('.')[2]}.py")
        found = [
            n
            for n in ast.parse(file.read_text()).body
            if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name
        ]
        parts += [f"### `{name}({_written(node)})`\n\n{_shown(ast.get_docstring(node))}\n" for node in found]
    return "\n".join(parts)


def _written(node: ast.ClassDef | ast.FunctionDef) -> str:
    """Arguments of a function or of a class, without their types; a record's are its fields."""
    if isinstance(node, ast.ClassDef):
        made = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        if not made:
            fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
            fields = [n for n in fields if "ClassVar" not in ast.unparse(n.annotation)]
            names = [
                f"{ast.unparse(n.target)}={ast.unparse(n.value)}" if n.value else ast.unparse(n.target) for n in fields
            ]
            return ", ".join(["*", *names]) if names else "..."
        node = made[0]
    arguments = node.args
    for argument in [*arguments.args, *arguments.kwonlyargs]:
        argument.annotation = None
    arguments.args = [a for a in arguments.args if a.arg != "self"]
    return ast.unparse(arguments)


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
    return _shown(inspect.getdoc(member))


def _shown(docstring: str | None) -> str:
    lines = (docstring or "").splitlines()
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
