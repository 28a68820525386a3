"""Owns the collection as asyncio has it. Never blocks the loop."""

from __future__ import annotations

from functools import partial, wraps
from typing import TypeVar

from .. import _cache, _transactions, errors
from .._collection import ABSENT, Collection, merged, popped
from .dispatch import elsewhere, finish
from .iteration import AsyncChanges, AsyncHistory
from .reads import AsyncReads, AsyncSnapshot
from .transactions import AsyncTransact, AsyncTransaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import timedelta
    from typing import IO, Any

    from .. import _ferrumdb

T = TypeVar("T")


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

    async def pop(self, key: str, /, default: Any = ABSENT) -> Any:
        """Removes a document, and returns its value, or the default if there is one: nobody else gets the same."""
        return popped(await finish(self._own.start_take(key)) if isinstance(key, str) else (), key, default)

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

    async def update(self, other: Any = (), /, **more: Any) -> None:
        """Stores several values with one commit: all of them or none."""
        items = merged(other, more)
        if items:
            await finish(self._own.start_put_all(items))

    async def put_all(self, items: dict[str, Any] | Iterable[tuple[str, Any]]) -> int:
        """Stores what a dict, or an iterable of pairs, holds, with one commit. The answer is its number."""
        return await finish(self._own.start_put_all(items))

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

            async def kept(key: str) -> tuple[T, ...]:
                found = self._own.get_cached(key)
                if found is None:
                    pair = await elsewhere(self._own.get_with_version, key)
                    found = () if pair is None else pair[:1]
                return found

            @wraps(function)
            async def cached(*args: Any, **kwargs: Any) -> T:
                key = _cache.key_of(begin, args, kwargs)
                if found := await kept(key):
                    return found[0]
                result = await function(*args, **kwargs)
                await self.put(key, result, ttl=ttl)
                # As later calls will have it.
                return (await kept(key) or (result,))[0]

            cached.cache_clear = partial(self.delete_prefix, begin)  # type: ignore[attr-defined]
            return cached

        return decorate

    def __repr__(self) -> str:
        return f"<Async{repr(self._own)[1:]}"
