"""The command line: `trimtab demo | doctor | run | show | best | sensitivity | report`. One command a file."""

from trimtab.cli._app import main

__all__ = ["main"]
