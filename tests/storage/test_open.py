"""open_storage: from what the user writes to a storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab.errors import InputError, StorageError
from trimtab.storage import Memory, SQLite, open_storage


def test_none_is_memory():
    assert isinstance(open_storage(None), Memory)
    assert open_storage(None).describe() == "memory"


def test_a_storage_is_itself():
    storage = Memory()

    assert open_storage(storage) is storage


@pytest.mark.parametrize("write", [str, Path, lambda path: f"sqlite:///{path}"])
def test_paths_and_urls_name_one_file(tmp_path, write):
    path = tmp_path / "x.db"

    storage = open_storage(write(path))

    assert isinstance(storage, SQLite)
    assert path.is_file()
    storage.close()


def test_a_relative_path_stays_where_it_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = open_storage("x.db")
    monkeypatch.chdir("/")

    assert storage.describe() == "x.db"
    assert storage.names() == []
    assert (tmp_path / "x.db").is_file()
    storage.close()


@pytest.mark.parametrize("target", [3, "", b"x.db", "a\0b", "sqlite:///", object()])
def test_refuses_what_names_no_storage(target):
    with pytest.raises(InputError, match="storage"):
        open_storage(target)


def test_refuses_other_databases_without_showing_the_password():
    with pytest.raises(InputError, match=r"mysql://.*not supported") as caught:
        open_storage("mysql://user:secret@host/db")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("how", [{"must_exist": True}, {"readonly": True}])
def test_a_missing_file_is_an_error_for_readers_and_is_not_made(tmp_path, how):
    with pytest.raises(StorageError, match=r"no file '.*x\.db'"):
        open_storage(tmp_path / "x.db", **how)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [{"must_exist": True}, {"readonly": True}])
def test_an_empty_file_is_no_study_for_readers(tmp_path, how):
    (tmp_path / "x.db").touch()

    with pytest.raises(StorageError, match="empty"):
        open_storage(tmp_path / "x.db", **how)
