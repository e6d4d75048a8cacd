"""Storages: where the log of a study is kept."""

from trimtab.storage._checked import Checked
from trimtab.storage._files import network_file_system
from trimtab.storage._lines import import_study, lines_of
from trimtab.storage._memory import Memory
from trimtab.storage._open import open_storage
from trimtab.storage._postgres import PostgreSQL
from trimtab.storage._protocol import Beat, Storage
from trimtab.storage._sqlite import SQLite

__all__ = [
    "Beat",
    "Checked",
    "Memory",
    "PostgreSQL",
    "SQLite",
    "Storage",
    "import_study",
    "lines_of",
    "network_file_system",
    "open_storage",
]
