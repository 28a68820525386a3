"""Owns the database as programs use it, from opening to closing. Never does the work of the native half."""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from weakref import WeakValueDictionary

from . import _ferrumdb
from ._collection import Collection, entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from types import TracebackType
    from typing import Any, Literal

    from typing_extensions import Self

    from ._ferrumdb import Changes

    _Limit = Literal["key_bytes", "document_bytes", "depth", "transaction_operations", "transaction_bytes"]


class FerrumDB(Collection):
    """A database: `FerrumDB.open("myapp.db")`. Use it from as many threads as you like, and as a context manager.

    It is the `MutableMapping` of its root collection: keys are `str`, and values are what JSON has.

    >>> from ferrumdb import FerrumDB
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
        limits: dict[_Limit, int] | None = None,
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
                "limits": limits,
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
        limits: dict[_Limit, int] | None = None,
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
        - `limits`: this limit and others by their names: "key_bytes" (64 KiB), "document_bytes" (64 MiB), "depth" (128,
          and never more than 256), "transaction_operations" (a million), "transaction_bytes" (256 MiB).
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
            limits=limits,
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
        return f"<FerrumDB {str(self.path)!r} entries={entries(self)}>"

    def __reduce__(self) -> Any:
        if self._reopens:
            return (_open_read_only, (str(self.path),))
        return super().__reduce__()


def _open_read_only(path: str) -> FerrumDB:
    return FerrumDB.open(path, read_only=True)


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
