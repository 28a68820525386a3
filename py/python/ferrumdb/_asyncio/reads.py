"""Owns reading for asyncio: what a collection and a snapshot of one have in common, and snapshots. Never blocks it."""

from __future__ import annotations

from functools import partial
from typing import Generic, TypeVar

from .._collection import Collection
from .._reads import Snapshot
from .dispatch import elsewhere
from .iteration import AsyncView, Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterable
    from typing import IO, Any

    from typing_extensions import Self

_Own = TypeVar("_Own", Collection, Snapshot)


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
        return Walk(partial(self._own.items_by, field, start, end, reverse=reverse, limit=limit))

    async def indexes(self) -> dict[str, dict[str, int]]:
        """The indexes: the field of each, and what is known of it."""
        return self._own.indexes()

    async def to_dicts(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
        key: str = "key",
    ) -> list[dict[str, Any]]:
        """The documents as a list of dicts, for data frames: as `FerrumDB.to_dicts`."""
        return await elsewhere(
            self._own.to_dicts, prefix=prefix, start=start, end=end, reverse=reverse, limit=limit, key=key
        )

    async def to_ndjson(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> int:
        """Writes a line of JSON for each document: as `FerrumDB.to_ndjson`."""
        return await elsewhere(self._own.to_ndjson, target, prefix=prefix, start=start, end=end)


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
