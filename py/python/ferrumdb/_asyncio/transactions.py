"""Owns transactions for asyncio that read while they are made, and are run again. Never blocks the loop."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TypeVar

from .. import _transactions, errors
from .dispatch import elsewhere, finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta
    from types import TracebackType
    from typing import Any

    from .. import _ferrumdb
    from .._collection import Collection

T = TypeVar("T")


async def commit(tx: _ferrumdb.OpenTransaction) -> None:
    """Commits a transaction, unless it was ended before."""
    if tx.ended:
        return
    started = tx.start_commit()
    if started is None:
        # A read whose wait was cancelled is under way, and the thread of a loop does not wait for it.
        started = await elsewhere(tx.start_commit, wait=True)
        assert started is not None, "it has waited until nobody reads"
    await finish(started)


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
                    await commit(tx)
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
        if kind is None:
            await commit(tx)
        else:
            tx.rollback()
