"""Owns the classes that programs use: the database, its collections and its snapshots, as Python's mappings.

Never does the work of the native half.
"""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from collections.abc import Mapping, MutableMapping
from weakref import WeakValueDictionary

from . import _ferrumdb, _transactions, errors
from ._views import Items, Keys, Range, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta
    from types import TracebackType
    from typing import IO, Any, Concatenate, Literal, ParamSpec, TypeVar, overload

    from typing_extensions import Self

    from ._cache import _Cached as Cached
    from ._ferrumdb import Changes, OpenTransaction

    _P = ParamSpec("_P")
    _R = TypeVar("_R")
else:
    Any = object

_ABSENT: Any = object()
_ALL = (None, None, None, False, None)
_ALL_REVERSED = (None, None, None, True, None)


class Reads:
    """What a collection and a snapshot of one have in common: the mapping, in order."""

    __slots__ = ()

    def _look(self) -> _ferrumdb.Snapshot:
        raise NotImplementedError

    def keys(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Keys:
        """The keys in the order of their UTF-8 bytes: all, or those that begin with `prefix` and lie from `start` to
        before `end`.

        >>> db = FerrumDB.open(":memory:")
        >>> db.update({"a": 1, "b": 2, "c": 3})
        >>> list(db.keys(start="a", end="c", reverse=True)), len(db.keys(limit=2))
        (['b', 'a'], 2)
        >>> db.close()
        """
        return Keys(self._look(), Range(prefix, start, end, reverse, limit))

    def values(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Values:
        """The values in the order of their keys: as `keys`."""
        return Values(self._look(), Range(prefix, start, end, reverse, limit))

    def items(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Items:
        """The keys and values in the order of the keys: as `keys`."""
        return Items(self._look(), Range(prefix, start, end, reverse, limit))

    def keys_with_prefix(self, prefix: str) -> list[str]:
        """A list of the keys that begin with a text."""
        return list(self.keys(prefix=prefix))

    def find_range(
        self,
        field: str | list[str],
        start: Any = None,
        end: Any = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[str]:
        """The keys of the documents whose field lies from `start` to before `end`, in the order of its values. Of one
        kind, numbers or texts for instance: others lie outside. Without bounds, all.

        >>> db = FerrumDB.open(":memory:")
        >>> db.update({"alice": {"age": 31}, "bob": {"age": 17}, "carol": {"age": 64}})
        >>> db.find_range("age", 18), db.find_range("age", 0, 64, reverse=True, limit=1)
        (['alice', 'carol'], ['alice'])
        >>> db.close()
        """
        return list(self._look().walk_by("keys", field, (start, end), reverse, limit))

    def items_by(
        self,
        field: str | list[str],
        start: Any = None,
        end: Any = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """The keys and values that `find_range` finds, one by one."""
        return self._look().walk_by("items", field, (start, end), reverse, limit)

    def __iter__(self) -> Iterator[str]:
        return self._look().walk("keys", _ALL)

    def __reversed__(self) -> Iterator[str]:
        return self._look().walk("keys", _ALL_REVERSED)

    def to_dicts(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
        key: str = "key",
    ) -> list[dict[str, Any]]:
        """The documents as a list of dicts, for data frames: each with its key under the name `key`, and what is no
        object under "value".

        >>> db = FerrumDB.open(":memory:")
        >>> db.update({"a": {"n": 1}, "b": 2})
        >>> db.to_dicts()
        [{'key': 'a', 'n': 1}, {'key': 'b', 'value': 2}]
        >>> db.close()
        """
        items = self.items(prefix=prefix, start=start, end=end, reverse=reverse, limit=limit)
        return [{key: name, **(value if isinstance(value, dict) else {"value": value})} for name, value in items]

    def to_ndjson(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> int:
        """Writes a line of JSON for each document, `{"key": ..., "value": ...}`, to a file or a path. The answer is how
        many."""
        from ._ndjson import write

        return write(self._look(), Range(prefix, start, end, False, None), target)

    def _repr_html_(self) -> str:
        from ._notebook import table

        return table(self)


class Snapshot(Reads, _ferrumdb.Snapshot, Mapping[str, Any]):
    """A database, or one of its collections, as it was at one moment, however long it is kept: `db.snapshot()`.

    While it is open, what it shows is remembered when it is replaced; so close it, or use `with`.

    >>> db = FerrumDB.open(":memory:")
    >>> db["a"] = 1
    >>> with db.snapshot() as before:
    ...     db["a"] = 2
    ...     before["a"], db["a"], before.sequence
    (1, 2, 1)
    >>> db.close()
    """

    def _look(self) -> _ferrumdb.Snapshot:
        return self

    __iter__ = Reads.__iter__

    def collection(self, name: str) -> Snapshot:
        """The same moment of the collection that had this name then: an empty one, if there was none."""
        return Snapshot(self, name)

    def root(self) -> Snapshot:
        """The same moment of the root."""
        return Snapshot(self, root=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<Snapshot closed>"
        name = "" if self.name is None else f" of {self.name!r}"
        return f"<Snapshot{name} at commit {self.sequence} entries={len(self)}>"


class Collection(Reads, _ferrumdb.Collection, MutableMapping[str, Any]):
    """The documents of one collection, as a dict: keys of its own, and indexes of its own. The database is its root.

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
    def pop(self, key: str, /, default: Any = _ABSENT) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Removes a document, and returns its value: nobody else gets the same."""
        taken = self.take(key) if isinstance(key, str) else ()
        if taken:
            return taken[0]
        if default is _ABSENT:
            raise KeyError(key)
        return default

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
        transaction = self.transaction()
        pairs = other.items() if isinstance(other, Mapping) else _pairs(other)
        for key, value in pairs:
            transaction.put(key, value)
        for key, value in more.items():
            transaction.put(key, value)
        if len(transaction):
            self.commit(transaction)

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

        >>> db = FerrumDB.open(":memory:")
        >>> db.update_with("names", lambda names: names + ["alice"], default=[])
        ['alice']
        >>> db.close()
        """
        return _transactions.update_with(self, key, function, default, attempts)

    def increment(self, key: str, by: int = 1, *, field: str | list[str] | None = None) -> int:
        """Adds to the integer under a key, or to a field of the document there, of which nobody else's addition is
        lost. The answer is the sum.

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
        return f"<Collection {self.name!r} of {str(self.path)!r} entries={_entries(self)}>"

    def __reduce__(self) -> Any:
        raise TypeError(
            "a database that is open cannot be pickled: open it where it is needed, in other processes read_only=True"
        )


class FerrumDB(Collection):
    """A database: `FerrumDB.open("myapp.db")`. Use it from as many threads as you like, and as a context manager.

    It is the `MutableMapping` of its root collection: keys are `str`, and values are what JSON has.

    >>> with FerrumDB.open(":memory:") as db:
    ...     db["user:1"] = {"name": "alice", "tags": ["a", "b"]}
    ...     db["user:1"]["tags"], db.get("user:2", "nobody"), "user:1" in db
    (['a', 'b'], 'nobody', True)
    """

    _closed: bool
    _pid: int
    _reopens: bool
    _studios: list[_ferrumdb.Studio]

    def __new__(
        cls,
        path: str | os.PathLike[str] | _ferrumdb.Opened,
        encryption_key: str | bytes | None = None,
        *,
        passphrase: str | None = None,
        fsync: str | float | timedelta | None = None,
        read_only: bool = False,
        cache_bytes: int | None = None,
        lock_timeout: float | timedelta | None = None,
        max_document_bytes: int | None = None,
        history: Literal["none", "all"] | int | timedelta | None = None,
        codec: Literal["json", "extended"] | None = None,
    ) -> Self:
        if not isinstance(path, _ferrumdb.Opened):
            options = {
                "encryption_key": encryption_key,
                "passphrase": passphrase,
                "fsync": fsync,
                "read_only": read_only,
                "cache_bytes": cache_bytes,
                "lock_timeout": lock_timeout,
                "max_document_bytes": max_document_bytes,
                "history": history,
                "codec": codec,
            }
            path = _ferrumdb.open(path, options)
        db = super().__new__(cls, path)
        db.database = db
        db._closed = False
        db._studios = []
        db._pid = os.getpid()
        db._reopens = read_only and encryption_key is None and passphrase is None
        _OPEN[id(db)] = db
        return db

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        encryption_key: str | bytes | None = None,
        *,
        passphrase: str | None = None,
        fsync: str | float | timedelta | None = None,
        read_only: bool = False,
        cache_bytes: int | None = None,
        lock_timeout: float | timedelta | None = None,
        max_document_bytes: int | None = None,
        history: Literal["none", "all"] | int | timedelta | None = None,
        codec: Literal["json", "extended"] | None = None,
    ) -> Self:
        """Opens a database, and creates the file if it does not exist. ":memory:" stands for one without a file.

        - `encryption_key`: 32 bytes, or a text of as many; or a `passphrase` of any length.
        - `fsync`: "always", so that nothing acknowledged is ever lost; "periodic:MILLISECONDS", or a number of seconds;
          or "never". By default what the environment variable FERRUMDB_FSYNC says, or "always".
        - `read_only`: a live view of what another process writes.
        - `cache_bytes`: the memory for documents that were read. By default 256 MiB.
        - `lock_timeout`: how long to wait for another opening of the file to end.
        - `max_document_bytes`: the largest document. By default 64 MiB.
        - `history`: what compactions keep of earlier versions: "none", "all", a number of them, or a `timedelta`.
        - `codec`: "extended" stores `datetime`, `date`, `bytes` and `Decimal`, too.
        """
        return cls(
            path,
            encryption_key,
            passphrase=passphrase,
            fsync=fsync,
            read_only=read_only,
            cache_bytes=cache_bytes,
            lock_timeout=lock_timeout,
            max_document_bytes=max_document_bytes,
            history=history,
            codec=codec,
        )

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Closes the database: everything is durable, and the file is free, when it returns. A second time it does
        nothing more."""
        self.stop_studios()
        super().close()
        self.has_closed()

    def stop_studios(self) -> None:
        """Stops the dashboards that were started, which have handles of their own."""
        while self._studios:
            self._studios.pop().stop()

    def has_closed(self) -> None:
        """Notes that it was closed."""
        self._closed = True
        _OPEN.pop(id(self), None)

    def collection(self, name: str) -> Collection:
        """The collection of this name. The first document that is set there creates it."""
        collection = Collection(self, name)
        collection.database = self
        return collection

    def watch_all(self, *, prefix: str | None = None, before: bool = False, after: bool = True) -> Changes:
        """As `watch`, in all collections."""
        return self.open_changes(prefix=prefix, before=before, after=after, everywhere=True)

    def start_studio(self, port: int = 7474, *, writes: bool = False, show: bool = True) -> str:
        """Serves Ferrum Studio, the dashboard, to browsers on this machine until the database is closed. The answer is
        its address, with a secret that works once; it is printed to the standard error, too, unless `show` says no.

        If the port is taken, it is the next one that is free. Documents can be changed there if `writes` says so.
        """
        studio = _ferrumdb.Studio(self, port, writes=writes)
        self._studios.append(studio)
        url = studio.launch_url() or ""
        if show:
            print(f"Ferrum Studio is at {url}", file=sys.stderr)
        return url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Without these the opening has failed.
        if not getattr(self, "_closed", True) and self._pid == os.getpid():
            warnings.warn(f"{self!r} was never closed", ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        if self._closed:
            return f"<FerrumDB {str(self.path)!r} closed>"
        return f"<FerrumDB {str(self.path)!r} entries={_entries(self)}>"

    def __reduce__(self) -> Any:
        if self._reopens:
            return (_open_read_only, (str(self.path),))
        return super().__reduce__()


def _open_read_only(path: str) -> FerrumDB:
    return FerrumDB.open(path, read_only=True)


def _pairs(pairs: Any) -> Iterable[tuple[str, Any]]:
    return ((key, pairs[key]) for key in pairs.keys()) if hasattr(pairs, "keys") else pairs


def _entries(collection: Collection) -> int | str:
    try:
        return len(collection)
    except errors.FerrumDBError as error:
        return error.code


_OPEN: WeakValueDictionary[int, FerrumDB] = WeakValueDictionary()


@atexit.register
def _close_all() -> None:
    """Closes what is still open when the interpreter ends, while it still works."""
    for db in list(_OPEN.values()):
        if db._pid == os.getpid():
            with _ignoring():
                db.close()


class _ignoring:
    """What `contextlib.suppress` does, of whatever closing may raise: at the end there is nobody to tell."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return True
