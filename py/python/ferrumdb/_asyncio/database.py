"""Owns the database as asyncio has it. Never blocks the loop."""

from __future__ import annotations

from .. import _ferrumdb
from .._database import FerrumDB
from .collection import AsyncCollection
from .dispatch import elsewhere, finish
from .iteration import AsyncChanges

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from datetime import timedelta
    from typing import Any, Literal

    from typing_extensions import Self

    from .._database import _Limit


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
        limits: dict[_Limit, int] | None = None,
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
            "limits": limits,
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
