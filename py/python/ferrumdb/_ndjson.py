"""Owns documents as lines of JSON, out and in. Never holds more than a batch of them."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext

from . import _ferrumdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import IO

    from ._collection import Collection
    from ._views import Range

BATCH_BYTES = 8 << 20
"""A batch ends when its lines have so many bytes, however few they are."""


def write(snapshot: _ferrumdb.Snapshot, range: Range, target: str | os.PathLike[str] | IO[bytes]) -> int:
    written = 0
    with _opened(target, "wb") as file:
        for key, text in snapshot.walk("texts", range.asked):
            expires_at = _ferrumdb.expires_at(snapshot, key)
            expiry = b"" if expires_at is None else b',"expires_at":%d' % expires_at
            file.write(b'{"key":%s,"value":%s%s}\n' % (json.dumps(key).encode(), text, expiry))
            written += 1
    return written


def read(collection: Collection, source: str | os.PathLike[str] | IO[bytes], field: str | None, batch: int) -> int:
    stored, held = 0, 0
    transaction = collection.transaction()
    with _opened(source, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            _ferrumdb.add_line(transaction, line, number, field)
            stored, held = stored + 1, held + len(line)
            if len(transaction) >= batch or held >= BATCH_BYTES:
                collection.commit(transaction)
                transaction, held = collection.transaction(), 0
    if len(transaction):
        collection.commit(transaction)
    return stored


def _opened(file: str | os.PathLike[str] | IO[bytes], mode: str) -> AbstractContextManager[IO[bytes]]:
    return open(file, mode) if isinstance(file, (str, os.PathLike)) else nullcontext(file)
