"""Rows of a damaged SQLite file, read page by page, without its indexes and tree (https://www.sqlite.org/fileformat2.html).

A table's rows lie in its leaf pages; each leaf is readable by itself, whatever became of the pages above it. Nothing here trusts
what it reads: a page or a cell that makes no sense is passed over, and whether a row is one of ours is for others to judge.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["Value", "rows_of"]

Value = int | float | str | bytes | None

_LEAF = 0x0D  # the kind of a page that holds rows
_PAGE = 4096  # SQLite's default, where the header is destroyed
_WIDTHS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # bytes of an integer by its serial type
_LARGEST = 64_000_000  # bytes of a row, as in storage._connect


def rows_of(path: str) -> Iterator[tuple[int, list[Value]]]:
    """(rowid, values) of all rows on all leaf pages, tables mixed; in the order of the pages."""
    with Path(path).open("rb") as file:
        header = file.read(100)
        size = int.from_bytes(header[16:18], "big")
        size = 65_536 if size == 1 else size
        if size < 512 or size & (size - 1):
            size = _PAGE
        usable = size - (header[20] if len(header) == 100 and header[20] <= 32 else 0)
        pages = _Pages(file, size)
        for number in range(1, pages.count + 1):
            page = pages[number]
            base = 100 if number == 1 else 0
            if len(page) < size or page[base] != _LEAF:
                continue
            for k in range(int.from_bytes(page[base + 3 : base + 5], "big")):
                at = base + 8 + 2 * k
                try:
                    yield _row(page, int.from_bytes(page[at : at + 2], "big"), usable, pages)
                except (IndexError, ValueError, struct.error):
                    continue


class _Pages:
    """Pages by number, from 1. count: those that the file has in full."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.count = file.seek(0, 2) // size

    def __getitem__(self, number: int) -> bytes:
        if not 1 <= number <= self.count:
            raise IndexError(f"there is no page {number}")
        self._file.seek((number - 1) * self._size)
        return self._file.read(self._size)


def _row(page: bytes, at: int, usable: int, pages: _Pages) -> tuple[int, list[Value]]:
    """The row whose cell begins there. ValueError or IndexError where there is none."""
    length, at = _varint(page, at)
    rowid, at = _varint(page, at)
    if not 0 < length <= _LARGEST:
        raise ValueError("no length of a row")
    here = _local(length, usable)
    payload = page[at : at + here]
    if here < length:
        payload += _overflow(pages, int.from_bytes(page[at + here : at + here + 4], "big"), length - here, usable)
    if len(payload) != length:
        raise ValueError("a row that is cut")
    return rowid, _values(payload)


def _local(length: int, usable: int) -> int:
    """Bytes of a row that lie in its leaf; the rest is in overflow pages."""
    most = usable - 35
    if length <= most:
        return length
    least = (usable - 12) * 32 // 255 - 23
    k = least + (length - least) % (usable - 4)
    return k if k <= most else least


def _overflow(pages: _Pages, number: int, missing: int, usable: int) -> bytes:
    """The rest of a row, along its chain of pages."""
    parts: list[bytes] = []
    while missing > 0:
        page = pages[number]
        parts.append(page[4 : 4 + min(missing, usable - 4)])
        missing -= len(parts[-1])
        number = int.from_bytes(page[:4], "big")
    return b"".join(parts)


def _values(payload: bytes) -> list[Value]:
    """The columns of a record."""
    end, at = _varint(payload, 0)
    types: list[int] = []
    while at < end:
        kind, at = _varint(payload, at)
        types.append(kind)
    values: list[Value] = []
    at = end
    for kind in types:
        value, width = _value(payload, at, kind)
        values.append(value)
        at += width
    if at != len(payload):
        raise ValueError("a record of another length")
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    """One column and its width."""
    if kind == 0:
        return None, 0
    if kind in _WIDTHS:
        return int.from_bytes(payload[at : at + _WIDTHS[kind]], "big", signed=True), _WIDTHS[kind]
    if kind == 7:
        (real,) = struct.unpack(">d", payload[at : at + 8])
        return float(real), 8
    if kind in (8, 9):
        return kind - 8, 0
    if kind < 12:
        raise ValueError("no type of a column")
    width = (kind - 12) // 2
    data = payload[at : at + width]
    return (data.decode(errors="surrogateescape") if kind % 2 else data), width


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, and where it ends."""
    value = 0
    for k in range(8):
        byte = data[at + k]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + k + 1
    return value << 8 | data[at + 8], at + 9
