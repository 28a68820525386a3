"""Owns the asyncio face: the same names as coroutines and asynchronous iterators. Never blocks the event loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from functools import partial, wraps
from typing import Generic, TypeVar

from . import _cache, _ferrumdb, _transactions, errors
from ._database import Collection, FerrumDB, Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from datetime import timedelta
    from types import TracebackType
    from typing import IO, Any, Literal

    from typing_extensions import Self


T = TypeVar("T")
_Own = TypeVar("_Own", Collection, Snapshot)


class _Dispatcher:
    """The thread that tells event loops which operations are worth asking again."""

    def __init__(self) -> None:
        self.completions = _ferrumdb.Completions()
        self._waiting: dict[int, tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = {}
        self._next = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ferrumdb-asyncio", daemon=True)
        self._thread.start()

    def token(self, loop: asyncio.AbstractEventLoop, again: Callable[[], None]) -> int:
        """A token by which `again` is called on the loop, once for each time that it is worth it."""
        with self._lock:
            self._next += 1
            self._waiting[self._next] = (loop, again)
            return self._next

    def forget(self, token: int) -> None:
        self._waiting.pop(token, None)

    def _run(self) -> None:
        while (tokens := self.completions.next()) is not None:
            for token in tokens:
                waiting = self._waiting.get(token)
                if waiting is None:
                    continue
                loop, again = waiting
                try:
                    loop.call_soon_threadsafe(again)
                except RuntimeError:
                    # The loop is closed, and nobody waits any more.
                    self.forget(token)

    def stop(self) -> None:
        self.completions.stop()
        self._thread.join()


_dispatcher: _Dispatcher | None = None
_starting = threading.Lock()


def _dispatch() -> _Dispatcher:
    global _dispatcher
    if _dispatcher is None:
        with _starting:
            if _dispatcher is None:
                _dispatcher = _Dispatcher()
    return _dispatcher


def _forked() -> None:
    # The thread is the parent's.
    global _dispatcher, _starting
    _dispatcher, _starting = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@atexit.register
def _stop() -> None:
    # A thread that comes back from native code after the interpreter has ended would not survive it.
    if _dispatcher is not None:
        _dispatcher.stop()


async def finish(started: _ferrumdb.Started[T]) -> T:
    """The answer of an operation. If the wait is cancelled, the operation is carried out all the same."""
    dispatcher = _dispatch()
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def again() -> None:
        if future.done():
            return
        try:
            answer = started.poll(dispatcher.completions, token)
        except Exception as error:
            future.set_exception(error)
        else:
            if answer is not None:
                future.set_result(answer[0])

    token = dispatcher.token(loop, again)
    try:
        again()
        return await future
    finally:
        dispatcher.forget(token)


async def elsewhere(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Has another thread do what may wait for a disk, or take long."""
    return await asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))


class _Elsewhere:
    """One call on another thread after the other, of which no result is lost when a wait is cancelled."""

    def __init__(self) -> None:
        self._under_way: asyncio.Future[Any] | None = None

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        if self._under_way is None:
            self._under_way = asyncio.ensure_future(elsewhere(work, *args))
        try:
            result: T = await asyncio.shield(self._under_way)
        except asyncio.CancelledError:
            # The next wait gets the result.
            raise
        except BaseException:
            self._under_way = None
            raise
        self._under_way = None
        return result


class _Walk:
    """An asynchronous iterator that takes some documents at a time from another thread."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin
        self._walk: _ferrumdb.ScanIterator | None = None
        self._ahead: list[Any] = []
        self._elsewhere = _Elsewhere()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if not self._ahead:
            self._ahead = (await self._elsewhere.run(self._take))[::-1]
            if not self._ahead:
                raise StopAsyncIteration
        return self._ahead.pop()

    def _take(self) -> list[Any]:
        walk = self._walk
        if walk is None:
            walk = self._walk = self._begin()
        return walk.take_batch()


class AsyncView(Generic[T]):
    """Keys, values or items as of one moment, that when it was made: asynchronously iterable again and again."""

    def __init__(self, view: Any) -> None:
        self._view = view

    def __aiter__(self) -> AsyncIterator[T]:
        return _Walk(lambda: iter(self._view))

    async def count(self) -> int:
        """How many there are."""
        return await elsewhere(len, self._view)

    async def contains(self, entry: object) -> bool:
        """Whether this is one of them."""
        return await elsewhere(self._view.__contains__, entry)

    async def list(self) -> list[T]:
        """All of them."""
        return [entry async for entry in self]


class AsyncHistory:
    """The versions of one key, the newest first: an asynchronous iterator."""

    def __init__(self, history: _ferrumdb.History) -> None:
        self._history = history
        self._elsewhere = _Elsewhere()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _ferrumdb.Version:
        version: _ferrumdb.Version | None = await self._elsewhere.run(next, self._history, None)
        if version is None:
            raise StopAsyncIteration
        return version


class AsyncChanges:
    """Changes as they are committed: an asynchronous iterator that ends when the database is closed."""

    def __init__(self, stream: _ferrumdb.ChangeStream) -> None:
        self._stream = stream
        self._elsewhere = _Elsewhere()
        self._woken = asyncio.Event()
        self._dispatcher = _dispatch()
        self._token = self._dispatcher.token(asyncio.get_running_loop(), self._woken.set)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _ferrumdb.Change:
        while True:
            told = await self._elsewhere.run(self._stream.poll, self._dispatcher.completions, self._token)
            if told is not None:
                break
            await self._woken.wait()
            self._woken.clear()
        if not told:
            raise StopAsyncIteration
        return told[0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    @property
    def sequence(self) -> int | None:
        """Where `changes(since=...)` may go on."""
        return self._stream.sequence

    def close(self) -> None:
        """Ends it, also for a task that waits."""
        self._stream.close()
        self._dispatcher.forget(self._token)
        self._woken.set()

    def __del__(self) -> None:
        self._dispatcher.forget(self._token)


class AsyncReads(Generic[_Own]):
    """What a collection and a snapshot of one have in common."""

    def __init__(self, own: _Own) -> None:
        self._own: _Own = own

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under a key, or the default."""
        return await elsewhere(self._own.get, key, default)

    async def get_raw(self, key: str, default: Any = None) -> Any:
        """The JSON text under a key as bytes, or the default."""
        return await elsewhere(self._own.get_raw, key, default)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values under those of these keys that have one, as they were at one moment."""
        return await elsewhere(self._own.get_many, keys)

    async def exists(self, key: object) -> bool:
        """Whether there is a document under a key."""
        return self._own.exists(key)

    async def ttl(self, key: object) -> float | None:
        """For how many seconds a document will stay: infinitely many, if it does not expire; None, if there is none."""
        return self._own.ttl(key)

    async def count(self) -> int:
        """How many documents there are."""
        return self._own.count()

    def keys(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> AsyncView[str]:
        """The keys in the order of their UTF-8 bytes: as `FerrumDB.keys`."""
        return AsyncView(self._own.keys(prefix=prefix, start=start, end=end, reverse=reverse, limit=limit))

    def values(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> AsyncView[Any]:
        """The values in the order of their keys: as `keys`."""
        return AsyncView(self._own.values(prefix=prefix, start=start, end=end, reverse=reverse, limit=limit))

    def items(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> AsyncView[tuple[str, Any]]:
        """The keys and values in the order of the keys: as `keys`."""
        return AsyncView(self._own.items(prefix=prefix, start=start, end=end, reverse=reverse, limit=limit))

    def __aiter__(self) -> AsyncIterator[str]:
        return self.keys().__aiter__()

    async def keys_with_prefix(self, prefix: str) -> list[str]:
        """A list of the keys that begin with a text."""
        return await elsewhere(self._own.keys_with_prefix, prefix)

    async def find(self, field: str | list[str], value: Any, *, exact: bool = False) -> list[str]:
        """The keys of the documents whose field equals a value."""
        return await elsewhere(self._own.find, field, value, exact=exact)

    async def find_items(self, field: str | list[str], value: Any, *, exact: bool = False) -> list[tuple[str, Any]]:
        """The keys and values of the documents whose field equals a value."""
        return await elsewhere(self._own.find_items, field, value, exact=exact)

    async def find_range(
        self,
        field: str | list[str],
        start: Any = None,
        end: Any = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[str]:
        """The keys of the documents whose field lies from `start` to before `end`: as `FerrumDB.find_range`."""
        return await elsewhere(self._own.find_range, field, start, end, reverse=reverse, limit=limit)

    def items_by(
        self,
        field: str | list[str],
        start: Any = None,
        end: Any = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> AsyncIterator[tuple[str, Any]]:
        """The keys and values that `find_range` finds, one by one."""
        return _Walk(partial(self._own.items_by, field, start, end, reverse=reverse, limit=limit))

    async def indexes(self) -> dict[str, dict[str, int]]:
        """The indexes: the field of each, and what is known of it."""
        return self._own.indexes()

    async def to_dicts(self, *, prefix: str | None = None, key: str = "key") -> list[dict[str, Any]]:
        """The documents as a list of dicts, for data frames."""
        return await elsewhere(self._own.to_dicts, prefix=prefix, key=key)

    async def to_ndjson(self, target: str | os.PathLike[str] | IO[bytes], *, prefix: str | None = None) -> int:
        """Writes a line of JSON for each document. The answer is how many."""
        return await elsewhere(self._own.to_ndjson, target, prefix=prefix)


class AsyncSnapshot(AsyncReads[Snapshot]):
    """A database, or one of its collections, as it was at one moment."""

    @property
    def sequence(self) -> int:
        """The number of the newest commit that it shows."""
        return self._own.sequence

    def collection(self, name: str) -> AsyncSnapshot:
        """The same moment of a collection."""
        return AsyncSnapshot(self._own.collection(name))

    def root(self) -> AsyncSnapshot:
        """The same moment of the root."""
        return AsyncSnapshot(self._own.root())

    def close(self) -> None:
        """Lets go of what it shows."""
        self._own.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Async{repr(self._own)[1:]}"


class AsyncTransaction:
    """A transaction that is being made: its reads show one moment, and what it has written itself."""

    def __init__(self, tx: _ferrumdb.OpenTransaction) -> None:
        self._tx = tx

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under a key, or the default."""
        return await elsewhere(self._tx.get, key, default)

    async def exists(self, key: object) -> bool:
        """Whether there is a document under a key."""
        return await elsewhere(self._tx.exists, key)

    async def count(self) -> int:
        """How many documents there are."""
        return await elsewhere(self._tx.count)

    async def keys(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[str]:
        """The keys in a range, in their order."""
        return await elsewhere(self._tx.keys, prefix=prefix, start=start, end=end, reverse=reverse, limit=limit)

    async def items(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[tuple[str, Any]]:
        """The keys and values in a range, in the order of the keys."""
        return await elsewhere(self._tx.items, prefix=prefix, start=start, end=end, reverse=reverse, limit=limit)

    async def find(self, field: str | list[str], value: Any, *, exact: bool = False) -> list[str]:
        """The keys of the documents whose field equals a value."""
        return await elsewhere(self._tx.find, field, value, exact=exact)

    async def find_range(self, field: str | list[str], start: Any = None, end: Any = None) -> list[str]:
        """The keys of the documents whose field lies from `start` to before `end`."""
        return await elsewhere(self._tx.find_range, field, start, end)

    async def increment(self, key: str, by: int = 1, *, field: str | list[str] | None = None) -> int:
        """Adds to the integer under a key, or to a field of the document there. The answer is the sum."""
        return await elsewhere(self._tx.increment, key, by, field=field)

    async def set(self, key: str, value: Any, *, ttl: float | timedelta | None = None) -> None:
        """The key holds this value from the commit on."""
        await elsewhere(self._tx.set, key, value, ttl=ttl)

    async def update(self, key: str, value: Any) -> None:
        """As `set`, but the value expires when the one there was to."""
        await elsewhere(self._tx.update, key, value)

    async def expire(self, key: str, ttl: float | timedelta) -> None:
        """The document, if there is one, expires so long from now."""
        await elsewhere(self._tx.expire, key, ttl)

    async def persist(self, key: str) -> None:
        """The document, if there is one, never expires."""
        await elsewhere(self._tx.persist, key)

    async def delete(self, key: str) -> None:
        """The key holds nothing from the commit on."""
        await elsewhere(self._tx.delete, key)

    async def in_collection(self, name: str | None = None) -> None:
        """From here on, keys are those of this collection; of the root, if it is None."""
        await elsewhere(self._tx.in_collection, name)

    async def rollback(self) -> None:
        """Ends it without a commit."""
        await elsewhere(self._tx.rollback)


class AsyncTransact:
    """What `db.transact()` gives: a decorator of coroutine functions, and a context manager."""

    def __init__(self, collection: Collection, attempts: int) -> None:
        self._collection, self._attempts = collection, max(1, attempts)
        self._open: list[_ferrumdb.OpenTransaction] = []

    def __call__(self, function: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """As a decorator: the function gets the transaction as its first argument, and is run again on a conflict."""

        @wraps(function)
        async def run(*args: Any, **kwargs: Any) -> T:
            attempt = 0
            while True:
                attempt += 1
                tx = self._collection.begin(reads_ranges=attempt > 1)
                try:
                    result = await function(AsyncTransaction(tx), *args, **kwargs)
                    if not tx.ended:
                        await finish(tx.start_commit())
                except errors.Conflict as conflict:
                    conflict.attempts = attempt
                    if attempt >= self._attempts:
                        raise
                    await asyncio.sleep(_transactions.delay(attempt))
                else:
                    return result
                finally:
                    tx.rollback()

        return run

    async def __aenter__(self) -> AsyncTransaction:
        """As a context manager: one attempt, committed at the end of the block unless that raises."""
        self._open.append(self._collection.begin())
        return AsyncTransaction(self._open[-1])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tx = self._open.pop()
        if kind is not None:
            tx.rollback()
        elif not tx.ended:
            await finish(tx.start_commit())


class AsyncCollection(AsyncReads[Collection]):
    """The documents of one collection, for asyncio."""

    @property
    def name(self) -> str | None:
        """The name of the collection: None for the root."""
        return self._own.name

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under a key, or the default: at once, if it is in memory."""
        found = self._own.get_cached(key)
        if found is None:
            return await elsewhere(self._own.get, key, default)
        return found[0] if found else default

    async def get_with_version(self, key: str) -> tuple[Any, int] | None:
        """The value under a key with its version: None, if there is none."""
        return await elsewhere(self._own.get_with_version, key)

    async def exists_many(self, keys: Iterable[str]) -> set[str]:
        """Those of these keys that have a document."""
        return await elsewhere(self._own.exists_many, keys)

    async def set(self, key: str, value: Any, *, ttl: float | timedelta | None = None) -> int:
        """Stores a value; a text that is a JSON object or array is stored as that."""
        return await finish(self._own.start_set(key, value, ttl=ttl))

    async def put(self, key: str, value: Any, *, ttl: float | timedelta | None = None) -> int:
        """Stores a value as it is."""
        return await finish(self._own.start_put(key, value, ttl=ttl))

    async def set_ex(self, key: str, value: Any, ttl_seconds: float | timedelta) -> int:
        """As `set`, and the document expires."""
        return await finish(self._own.start_set_ex(key, value, ttl_seconds))

    async def set_raw(self, key: str, json: str | bytes, *, ttl: float | timedelta | None = None) -> int:
        """Stores a JSON text."""
        return await finish(self._own.start_set_raw(key, json, ttl=ttl))

    async def insert(self, key: str, value: Any, *, ttl: float | timedelta | None = None) -> int:
        """Stores a value if there is none."""
        return await finish(self._own.start_insert(key, value, ttl=ttl))

    async def replace(self, key: str, value: Any, *, ttl: float | timedelta | None = None) -> int:
        """Stores a value if there is one."""
        return await finish(self._own.start_replace(key, value, ttl=ttl))

    async def set_if_version(self, key: str, value: Any, version: int, *, ttl: float | timedelta | None = None) -> int:
        """Stores a value if the one there is still of this version."""
        return await finish(self._own.start_set_if_version(key, value, version, ttl=ttl))

    async def delete(self, key: str) -> bool:
        """Removes a document. The answer is whether there was one."""
        return await finish(self._own.start_delete(key))

    async def delete_if_version(self, key: str, version: int) -> int:
        """Removes a document if it is still of this version."""
        return await finish(self._own.start_delete_if_version(key, version))

    async def delete_prefix(self, prefix: str) -> int:
        """Removes all documents whose keys begin with a text, in one commit."""
        return await finish(self._own.start_delete_prefix(prefix))

    async def delete_range(self, start: str | None = None, end: str | None = None) -> int:
        """Removes all documents with keys from `start` to before `end`, in one commit."""
        return await finish(self._own.start_delete_range(start, end))

    async def clear(self) -> None:
        """Removes all documents with one commit."""
        await finish(self._own.start_delete_range())

    async def pop(self, key: str, default: Any = None) -> Any:
        """Removes a document, and returns its value, or the default: nobody else gets the same."""
        taken = await finish(self._own.start_take(key))
        return taken[0] if taken else default

    async def get_and_set(self, key: str, value: Any, default: Any = None) -> Any:
        """Stores a value, and returns the one that it replaces, or the default."""
        replaced = await finish(self._own.start_swap(key, value))
        return replaced[0] if replaced else default

    async def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under a key, and the default is stored if there is none: the same for all who ask at once."""
        while True:
            found = await self.get_with_version(key)
            if found is not None:
                return found[0]
            try:
                await self.insert(key, default)
            except errors.Conflict:
                continue
            return default

    async def update(self, values: dict[str, Any]) -> None:
        """Stores several values with one commit: all of them or none."""
        transaction = self._own.transaction()
        for key, value in values.items():
            transaction.put(key, value)
        if len(transaction):
            await self.commit(transaction)

    async def expire(self, key: str, ttl: float | timedelta) -> bool:
        """Lets a document expire. The answer is whether there is one."""
        return await finish(self._own.start_expire(key, ttl))

    async def persist(self, key: str) -> bool:
        """Lets a document stay for ever. The answer is whether there is one."""
        return await finish(self._own.start_persist(key))

    async def increment(self, key: str, by: int = 1, *, field: str | list[str] | None = None) -> int:
        """Adds to the integer under a key, or to a field of the document there. The answer is the sum."""

        async def add(tx: AsyncTransaction) -> int:
            return await tx.increment(key, by, field=field)

        total: int = await self.transact()(add)()
        return total

    async def update_with(
        self,
        key: str,
        function: Callable[[Any], Any],
        *,
        default: Any = None,
        attempts: int = _transactions.ATTEMPTS,
    ) -> Any:
        """Replaces a value by what a function makes of it, or of the default if there is none."""

        async def update(tx: AsyncTransaction) -> Any:
            new = function(await tx.get(key, default))
            await tx.update(key, new)
            return new

        return await self.transact(attempts=attempts)(update)()

    def transaction(self) -> _ferrumdb.Transaction:
        """Changes of this collection, to be committed together: `await db.commit(transaction)`."""
        return self._own.transaction()

    async def commit(self, transaction: _ferrumdb.Transaction) -> int:
        """Commits a transaction: all of it or nothing. The answer is the number of the commit."""
        return await finish(self._own.start_commit(transaction))

    def transact(self, function: Any = None, /, *, attempts: int = _transactions.ATTEMPTS) -> Any:
        """A transaction that reads and writes as if nothing else happened meanwhile: as a decorator of coroutine
        functions it is run again on a conflict; as an asynchronous context manager it is run once."""
        transact = AsyncTransact(self._own, attempts)
        return transact if function is None else transact(function)

    async def create_index(self, field: str | list[str], *, exist_ok: bool = True) -> int | None:
        """Creates an index on a field."""
        return await finish(self._own.start_create_index(field, exist_ok=exist_ok))

    async def drop_index(self, field: str | list[str]) -> int:
        """Drops an index."""
        return await finish(self._own.start_drop_index(field))

    def snapshot(self) -> AsyncSnapshot:
        """The collection as it is now."""
        return AsyncSnapshot(self._own.snapshot())

    async def at(self, sequence: int) -> AsyncSnapshot:
        """The collection as it was after an earlier commit."""
        return AsyncSnapshot(await elsewhere(self._own.at, sequence))

    async def at_time(self, time: float) -> AsyncSnapshot:
        """The collection as it was at a time, in seconds since 1970."""
        return AsyncSnapshot(await elsewhere(self._own.at_time, time))

    def history(self, key: object) -> AsyncHistory:
        """What a key has held, the newest version first."""
        return AsyncHistory(self._own.history(key))

    async def watch(self, *, prefix: str | None = None, before: bool = False, after: bool = True) -> AsyncChanges:
        """What is committed in this collection from now on."""
        stream = await elsewhere(self._own.open_stream, prefix=prefix, before=before, after=after)
        return AsyncChanges(stream)

    async def changes(
        self, since: int, *, prefix: str | None = None, before: bool = False, after: bool = True
    ) -> AsyncChanges:
        """What was committed behind a commit, and then what `watch` tells."""
        stream = await elsewhere(self._own.open_stream, prefix=prefix, since=since, before=before, after=after)
        return AsyncChanges(stream)

    async def from_ndjson(
        self, source: str | os.PathLike[str] | IO[bytes], *, key: str | None = None, batch: int = 1_000
    ) -> int:
        """Stores the documents of lines of JSON: as `FerrumDB.from_ndjson`."""
        return await elsewhere(self._own.from_ndjson, source, key=key, batch=batch)

    def cache(self, ttl: float | timedelta | None = None, *, prefix: str | None = None) -> Any:
        """A decorator that keeps the results of a coroutine function here, by its arguments."""

        def decorate(function: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
            begin = _cache.prefix_of(function, prefix)

            @wraps(function)
            async def cached(*args: Any, **kwargs: Any) -> T:
                key = _cache.key_of(begin, args, kwargs)
                found = self._own.get_cached(key)
                if found is None:
                    pair = await elsewhere(self._own.get_with_version, key)
                    found = () if pair is None else pair[:1]
                if found:
                    kept: T = found[0]
                    return kept
                result = await function(*args, **kwargs)
                await self.put(key, result, ttl=ttl)
                return result

            cached.cache_clear = partial(self.delete_prefix, begin)  # type: ignore[attr-defined]
            return cached

        return decorate

    def __repr__(self) -> str:
        return f"<Async{repr(self._own)[1:]}"


class AsyncFerrumDB(AsyncCollection):
    """A database for asyncio: `async with await AsyncFerrumDB.open("myapp.db") as db`."""

    def __init__(self, db: FerrumDB) -> None:
        super().__init__(db)
        self._db = db

    @classmethod
    async def open(
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
        """Opens a database, and creates the file if it does not exist: as `FerrumDB.open`."""
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
        opened = await finish(_ferrumdb.start_open(path, options))
        return cls(FerrumDB(opened))

    @property
    def path(self) -> os.PathLike[str]:
        """The path that the database was opened with."""
        return self._db.path

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._db.closed

    def collection(self, name: str) -> AsyncCollection:
        """The collection of this name. The first document that is set there creates it."""
        return AsyncCollection(self._db.collection(name))

    async def collections(self) -> dict[str, int]:
        """The collections besides the root: how many documents each has."""
        return self._db.collections()

    async def drop_collection(self, name: str) -> bool:
        """Drops a collection with all that is in it. The answer is whether there was one."""
        return await finish(self._db.start_drop_collection(name))

    async def watch_all(self, *, prefix: str | None = None, before: bool = False, after: bool = True) -> AsyncChanges:
        """As `watch`, in all collections."""
        stream = await elsewhere(self._db.open_stream, prefix=prefix, before=before, after=after, everywhere=True)
        return AsyncChanges(stream)

    async def stats(self) -> dict[str, Any]:
        """What the file, the cache and the memory hold."""
        return await elsewhere(self._db.stats)

    async def metrics(self) -> dict[str, Any]:
        """What the database has done since it was opened."""
        return await elsewhere(self._db.metrics)

    async def lag(self) -> dict[str, Any]:
        """How far this database is behind its owner, if it was opened to read only."""
        return self._db.lag()

    async def sync(self) -> None:
        """Makes everything durable that was committed before."""
        await finish(self._db.start_sync())

    async def compact(self) -> dict[str, Any]:
        """Writes the database anew without what is not needed any more."""
        return await finish(self._db.start_compact())

    async def cancel_compaction(self) -> bool:
        """Stops a compaction. The answer is whether there was one."""
        return await finish(self._db.start_cancel_compaction())

    async def verify(self) -> dict[str, Any]:
        """Reads the whole log, and tells what is not as it should be."""
        return await finish(self._db.start_verify())

    async def backup(self, path: str | os.PathLike[str], *, since: int | None = None) -> dict[str, Any]:
        """Writes a backup to a new file: a full one, or what was committed behind `since`."""
        return await finish(self._db.start_backup(path, since=since))

    async def rekey(self, encryption_key: str | bytes | None = None, *, passphrase: str | None = None) -> None:
        """Lets another key open the database from now on."""
        await finish(self._db.start_rekey(encryption_key, passphrase=passphrase))

    async def start_studio(self, port: int = 7474, *, writes: bool = False, show: bool = True) -> str:
        """Serves Ferrum Studio, the dashboard, to browsers on this machine: as `FerrumDB.start_studio`."""
        return await elsewhere(self._db.start_studio, port, writes=writes, show=show)

    async def close(self) -> None:
        """Closes the database: everything is durable, and the file is free, when it returns."""
        await elsewhere(self._db.stop_studios)
        await finish(self._db.start_close())
        self._db.has_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()
