"""FerrumDB, an embedded JSON document database: open a file and go.

>>> from ferrumdb import FerrumDB
>>> with FerrumDB.open(":memory:") as db:  # or a path: "myapp.db"
...     db["user:1"] = {"name": "alice", "role": "admin"}
...     db["user:2"] = {"name": "bob", "role": "user"}
...     db["user:1"]["name"], len(db), list(db.keys(prefix="user:"))
('alice', 2, ['user:1', 'user:2'])
"""

from __future__ import annotations

from . import errors
from ._collection import Collection
from ._database import FerrumDB
from ._ferrumdb import (
    Change,
    Changes,
    History,
    OpenTransaction,
    Transaction,
    Version,
    __version__,
    repair,
    restore,
    verify,
)
from ._reads import Snapshot
from .errors import (
    Cancelled,
    Closed,
    Conflict,
    Corrupt,
    FerrumDBError,
    Forked,
    HistoryDropped,
    IndexProblem,
    InDoubt,
    InvalidArgument,
    InvalidJSON,
    InvalidKey,
    Locked,
    NonFinite,
    NotADatabase,
    NotSerializable,
    OutOfRange,
    Overflow,
    PathError,
    Poisoned,
    ReadOnly,
    Replaced,
    StorageError,
    TooLarge,
    TypeMismatch,
    UnsupportedFormat,
    WrongIncrement,
    WrongKey,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._asyncio import AsyncCollection, AsyncFerrumDB, AsyncSnapshot

__all__ = [
    "AsyncCollection",
    "AsyncFerrumDB",
    "AsyncSnapshot",
    "Cancelled",
    "Change",
    "Changes",
    "Closed",
    "Collection",
    "Conflict",
    "Corrupt",
    "FerrumDB",
    "FerrumDBError",
    "Forked",
    "History",
    "HistoryDropped",
    "InDoubt",
    "IndexProblem",
    "InvalidArgument",
    "InvalidJSON",
    "InvalidKey",
    "Locked",
    "NonFinite",
    "NotADatabase",
    "NotSerializable",
    "OpenTransaction",
    "OutOfRange",
    "Overflow",
    "PathError",
    "Poisoned",
    "ReadOnly",
    "Replaced",
    "Snapshot",
    "StorageError",
    "TooLarge",
    "Transaction",
    "TypeMismatch",
    "UnsupportedFormat",
    "Version",
    "WrongIncrement",
    "WrongKey",
    "__version__",
    "errors",
    "repair",
    "restore",
    "verify",
]


def __getattr__(name: str) -> Any:
    # asyncio takes longer to import than all the rest, and most programs do without.
    if name in ("AsyncCollection", "AsyncFerrumDB", "AsyncSnapshot"):
        from . import _asyncio

        return getattr(_asyncio, name)
    raise AttributeError(f"module 'ferrumdb' has no attribute {name!r}")
