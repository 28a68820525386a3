"""Owns the exceptions: one tree, whose leaves are also what Python itself raises for such things.

Never hides what the database said.
"""

from __future__ import annotations

import os


class FerrumDBError(Exception):
    """Anything that the database refuses or fails to do. Its text says what happened, and what to do.

    >>> from ferrumdb import FerrumDB, FerrumDBError
    >>> db = FerrumDB.open(":memory:")
    >>> try:
    ...     db["numbers"] = {"a": {1, 2}}
    ... except FerrumDBError as error:
    ...     print(type(error).__name__, error.code, error.key)
    ...     print(error)
    NotSerializable not-serializable numbers
    key "numbers": the value at $.a cannot be stored: JSON has no form for set; store a str, a number, a bool, \
None, a list or a dict of them
    >>> db.close()
    """

    code: str = "other"
    """What kind of error it is, in words that do not change: "locked", "conflict", "closed" and so on."""
    key: str | None = None
    """The key that the call was about, if it was about one."""
    collection: str | None = None
    """The collection of that key: None for the root."""
    path: str | os.PathLike[str] | None = None
    """The file that it is about, if it is about one."""
    found: int | None = None
    """After a conflict: the version that the key has, if it has a document."""


class Locked(FerrumDBError):
    """Somebody has the file open: this process, or another, whose number the text tells."""


class PathError(FerrumDBError, OSError):
    """The path cannot hold a database, or a backup: it names a folder, or none, or a file that is there already."""


class NotADatabase(FerrumDBError, ValueError):
    """The file is something else."""


class UnsupportedFormat(FerrumDBError):
    """The file needs a newer version of this package."""


class WrongKey(FerrumDBError, ValueError):
    """The file is encrypted and the key is missing or another one, or a key was given for a file that is not."""


class Corrupt(FerrumDBError):
    """The file is not what was written: `ferrumdb.verify` tells more, and `ferrumdb.repair` saves what it can."""


class StorageError(FerrumDBError, OSError):
    """The operating system refused: the disk is full, for instance."""


class TooLarge(FerrumDBError, ValueError):
    """A key, a value or a transaction is beyond a limit: `limits`, an argument of `FerrumDB.open`, can raise it."""


class InvalidJSON(FerrumDBError, ValueError):
    """A text is not JSON, or not JSON that can be kept exactly."""


class NotSerializable(FerrumDBError, TypeError):
    """A value has no exact form in JSON. The text says where it is in what was given."""


class OutOfRange(NotSerializable, OverflowError):
    """An integer is outside -2**63..2**64-1."""


class NonFinite(NotSerializable, ValueError):
    """A number is NaN or infinite, or a text holds half of a surrogate pair."""


class TypeMismatch(FerrumDBError, TypeError):
    """A document is not of the kind that the call needs: to add to, for instance."""


class Overflow(FerrumDBError, OverflowError):
    """A sum does not fit into 64 bits."""


class InvalidArgument(FerrumDBError, ValueError):
    """An argument cannot be understood."""


class InvalidType(FerrumDBError, TypeError):
    """An argument is of the wrong type."""


class InvalidKey(FerrumDBError, TypeError):
    """A key to store under is no `str`."""


class IndexProblem(FerrumDBError):
    """There is such an index already, or there is none."""


class Cancelled(FerrumDBError):
    """Long work was stopped before it was done, and has changed nothing."""


class Conflict(FerrumDBError):
    """A condition did not hold, or others have changed what a transaction had read. Nothing was changed."""

    attempts: int | None = None
    """How often the transaction was run."""


class InDoubt(FerrumDBError):
    """The commit may or may not survive. Nothing more is written until the database is opened again."""


class Poisoned(FerrumDBError):
    """An earlier failure stopped all writing. Reads go on."""


class ReadOnly(FerrumDBError):
    """The database was opened to read only."""


class Replaced(FerrumDBError):
    """The path of a database that is followed names another one now, or an older state of it."""


class Closed(FerrumDBError, ValueError):
    """The database, the snapshot or the transaction was closed."""


class Forked(FerrumDBError, RuntimeError):
    """This process was forked from the one that opened the database: open it after the fork."""


class HistoryDropped(FerrumDBError, LookupError):
    """A compaction has dropped what was asked for, or there is no such commit yet."""


class WrongIncrement(FerrumDBError, ValueError):
    """Backups do not belong together, or one of them is missing."""
