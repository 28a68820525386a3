"""Owns documents as lines of JSON, out and in. Never holds more than a batch of them."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext

from . import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import IO, Any

    from . import _ferrumdb
    from ._collection import Collection
    from ._views import Range

BATCH_BYTES = 8 << 20
"""A batch ends when its lines have so many bytes, however few they are."""


def write(snapshot: _ferrumdb.Snapshot, range: Range, target: str | os.PathLike[str] | IO[bytes]) -> int:
    written = 0
    with _opened(target, "wb") as file:
        for key, text in snapshot.walk("texts", range.asked):
            file.write(b'{"key":%s,"value":%s}\n' % (json.dumps(key).encode(), text))
            written += 1
    return written


def read(collection: Collection, source: str | os.PathLike[str] | IO[bytes], field: str | None, batch: int) -> int:
    stored, held = 0, 0
    transaction = collection.transaction()
    with _opened(source, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            key, value = _entry(line, number, field)
            transaction.put(key, value)
            stored, held = stored + 1, held + len(line)
            if len(transaction) >= batch or held >= BATCH_BYTES:
                collection.commit(transaction)
                transaction, held = collection.transaction(), 0
    if len(transaction):
        collection.commit(transaction)
    return stored


def _entry(line: bytes, number: int, field: str | None) -> tuple[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise errors.InvalidJSON(f"line {number} is not JSON: {error}") from error
    name = "key" if field is None else field
    if not (isinstance(entry, dict) and isinstance(entry.get(name), str)):
        raise errors.InvalidArgument(f"line {number} is no object with a text under {name!r}")
    if field is not None:
        return entry[field], entry
    if "value" not in entry:
        raise errors.InvalidArgument(f"line {number} has no value")
    return entry["key"], entry["value"]


def _opened(file: str | os.PathLike[str] | IO[bytes], mode: str) -> AbstractContextManager[IO[bytes]]:
    return open(file, mode) if isinstance(file, (str, os.PathLike)) else nullcontext(file)
