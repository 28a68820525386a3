"""Owns the documents of one collection as a dict. Never does the work of the native half."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from . import _ferrumdb, _transactions, errors
from ._reads import Reads, Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from typing import IO, Any, Concatenate, ParamSpec, TypeVar, overload

    from ._cache import _Cached as Cached
    from ._database import FerrumDB
    from ._ferrumdb import Changes, OpenTransaction

    _P = ParamSpec("_P")
    _R = TypeVar("_R")
else:
    Any = object

ABSENT: Any = object()
"""Stands for a default that was not given."""


class Collection(Reads, _ferrumdb.Collection, MutableMapping[str, Any]):
    """The documents of one collection, as a dict: keys of its own, and indexes of its own. The database is its root.

    >>> from ferrumdb import FerrumDB
    >>> db = FerrumDB.open(":memory:")
    >>> users = db.collection("users")
    >>> users["alice"] = {"role": "admin"}
    >>> "alice" in users, "alice" in db, db.collections()
    (True, False, {'users': 1})
    >>> db.close()
    """

    database: FerrumDB
    """The database that it belongs to."""

    def _look(self) -> _ferrumdb.Snapshot:
        return self.open_snapshot()

    __iter__ = Reads.__iter__

    if TYPE_CHECKING:

        @overload
        def pop(self, key: str, /) -> Any: ...
        @overload
        def pop(self, key: str, /, default: Any) -> Any: ...

    # `Any` takes the default of either overload of the base class.
    def pop(self, key: str, /, default: Any = ABSENT) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Removes a document, and returns its value: nobody else gets the same."""
        return popped(self.take(key) if isinstance(key, str) else (), key, default)

    def popitem(self) -> tuple[str, Any]:
        """Removes the document with the first key, and returns both: nobody else gets the same."""

        def take_first(tx: OpenTransaction) -> list[tuple[str, Any]]:
            first = tx.items(limit=1)
            for key, _ in first:
                tx.delete(key)
            return first

        for item in self.transact().run(take_first):
            return item
        raise KeyError("popitem(): the collection is empty")

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under a key, and the default is stored if there is none: the same for all who ask at once."""
        while True:
            found = self.get_with_version(key)
            if found is not None:
                return found[0]
            try:
                self.insert(key, default)
            except errors.Conflict:
                continue
            return default

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Stores several values with one commit: all of them or none."""
        items = merged(other, more)
        if items:
            self.put_all(items)

    def clear(self) -> None:
        """Removes all documents of the collection with one commit. Indexes stay, and are empty."""
        self.delete_range()

    def get_and_set(self, key: str, value: Any, default: Any = None) -> Any:
        """Stores a value, and returns the one that it replaces, or the default: nobody else gets the same."""
        replaced = self.swap(key, value)
        return replaced[0] if replaced else default

    def update_with(
        self,
        key: str,
        function: Callable[[Any], Any],
        *,
        default: Any = None,
        attempts: int = _transactions.ATTEMPTS,
    ) -> Any:
        """Replaces a value by what a function makes of it, or of the default if there is none. If somebody else has
        changed it meanwhile, the function is run again. When the document was to expire, it still does.

        >>> from ferrumdb import FerrumDB
        >>> db = FerrumDB.open(":memory:")
        >>> db.update_with("names", lambda names: names + ["alice"], default=[])
        ['alice']
        >>> db.close()
        """
        return _transactions.update_with(self, key, function, default, attempts)

    def increment(self, key: str, by: int = 1, *, field: str | list[str] | None = None) -> int:
        """Adds to the integer under a key, or to a field of the document there, of which nobody else's addition is
        lost. The answer is the sum.

        >>> from ferrumdb import FerrumDB
        >>> db = FerrumDB.open(":memory:")
        >>> db.increment("visits"), db.increment("visits", 41), db.increment("page", field="visits.today")
        (1, 42, 1)
        >>> db.close()
        """
        return self.transact().run(lambda tx: tx.increment(key, by, field=field))

    def transaction(self) -> _ferrumdb.Transaction:
        """Changes of this collection, to be committed together: `db.commit(transaction)`."""
        transaction = _ferrumdb.Transaction(codec=self.codec)
        return transaction if self.name is None else transaction.in_collection(self.name)

    if TYPE_CHECKING:

        @overload
        def transact(
            self, function: Callable[Concatenate[OpenTransaction, _P], _R], /, *, attempts: int = ...
        ) -> Callable[_P, _R]: ...
        @overload
        def transact(self, function: None = None, /, *, attempts: int = ...) -> _transactions.Transact: ...

    def transact(self, function: Any = None, /, *, attempts: int = _transactions.ATTEMPTS) -> Any:
        """A transaction that reads and writes as if nothing else happened meanwhile.

        As a decorator it is run again when others have changed what it has read. As a context manager it is run once,
        and raises `Conflict` then. As a loop of context managers it is run again, too.

        >>> from ferrumdb import FerrumDB
        >>> db = FerrumDB.open(":memory:")
        >>> db.update(alice=10, bob=0)
        >>> @db.transact
        ... def pay(tx, payer, payee, amount):
        ...     tx[payer] = tx[payer] - amount
        ...     tx[payee] = tx[payee] + amount
        >>> pay("alice", "bob", 3)
        >>> with db.transact() as tx:
        ...     tx["alice"] = tx["alice"] - 1
        >>> for attempt in db.transact(attempts=5):
        ...     with attempt as tx:
        ...         tx["bob"] = tx["bob"] + 1
        >>> db["alice"], db["bob"]
        (6, 4)
        >>> db.close()
        """
        transact = _transactions.Transact(self, attempts)
        return transact if function is None else transact(function)

    def snapshot(self) -> Snapshot:
        """The collection as it is now, for as long as the snapshot is kept."""
        return Snapshot(self.open_snapshot())

    def at(self, sequence: int) -> Snapshot:
        """The collection as it was after an earlier commit. The log is read up to there."""
        return Snapshot(self.open_past(sequence=sequence))

    def at_time(self, time: float) -> Snapshot:
        """The collection as it was at a time, in seconds since 1970."""
        return Snapshot(self.open_past(time=time))

    def watch(self, *, prefix: str | None = None, before: bool = False, after: bool = True) -> Changes:
        """What is committed in this collection from now on: an iterator that waits, and ends when the database is
        closed.

        >>> from ferrumdb import FerrumDB
        >>> db = FerrumDB.open(":memory:")
        >>> with db.watch(prefix="user:") as changes:
        ...     db["user:1"] = "alice"
        ...     change = next(changes)
        >>> change.key, change.kind, change.after
        ('user:1', 'set', 'alice')
        >>> db.close()
        """
        return self.open_changes(prefix=prefix, before=before, after=after)

    def changes(self, since: int, *, prefix: str | None = None, before: bool = False, after: bool = True) -> Changes:
        """What was committed behind a commit, and then what `watch` tells: `Changes.sequence` says where to go on."""
        return self.open_changes(prefix=prefix, since=since, before=before, after=after)

    def cache(
        self,
        ttl: float | timedelta | None = None,
        *,
        prefix: str | None = None,
    ) -> Callable[[Callable[_P, _R]], Cached[_P, _R]]:
        """A decorator that keeps a function's results here, by its arguments, for as long as `ttl`.

        >>> from ferrumdb import FerrumDB
        >>> db = FerrumDB.open(":memory:")
        >>> @db.cache(ttl=60)
        ... def square(n):
        ...     print("computing")
        ...     return n * n
        >>> square(3), square(3)
        computing
        (9, 9)
        >>> square.cache_clear()
        1
        >>> db.close()
        """
        from ._cache import cache

        return cache(self, ttl, prefix)

    def from_ndjson(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        *,
        key: str | None = None,
        batch: int = 1_000,
    ) -> int:
        """Stores the documents of lines of JSON, some with each commit: as `to_ndjson` has written them, or, with
        `key`, whole documents that have their key in the field of this name. The answer is how many."""
        from ._ndjson import read

        return read(self, source, key, batch)

    def __repr__(self) -> str:
        return f"<Collection {self.name!r} of {str(self.path)!r} entries={entries(self)}>"

    def __reduce__(self) -> Any:
        raise TypeError(
            "a database that is open cannot be pickled: open it where it is needed, in other processes read_only=True"
        )


def popped(taken: tuple[Any, ...], key: object, default: Any) -> Any:
    """What `pop` answers with, when this was removed."""
    if taken:
        return taken[0]
    if default is ABSENT:
        raise KeyError(key)
    return default


def merged(other: Any, more: dict[str, Any]) -> dict[str, Any]:
    """What `update` is to store, of what it may be given as a dict is."""
    if type(other) is dict and not more:
        return other
    return dict(other.items() if isinstance(other, Mapping) else _pairs(other)) | more


def _pairs(pairs: Any) -> Iterable[tuple[str, Any]]:
    return ((key, pairs[key]) for key in pairs.keys()) if hasattr(pairs, "keys") else pairs


def entries(collection: Collection) -> int | str:
    """How many there are, or why that is not known."""
    try:
        return len(collection)
    except errors.FerrumDBError as error:
        return error.code
