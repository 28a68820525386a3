"""Owns what is iterated over asynchronously: documents, versions, changes. Never loses one when a wait is cancelled."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from .dispatch import dispatcher, elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

    from typing_extensions import Self

    from .. import _ferrumdb

T = TypeVar("T")


class Elsewhere:
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


class Walk:
    """An asynchronous iterator that takes some documents at a time from another thread."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin
        self._walk: _ferrumdb.ScanIterator | None = None
        self._ahead: list[Any] = []
        self._elsewhere = Elsewhere()

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
        return Walk(lambda: iter(self._view))

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
        self._elsewhere = Elsewhere()

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
        self._elsewhere = Elsewhere()
        self._woken = asyncio.Event()
        self._dispatcher = dispatcher()
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
