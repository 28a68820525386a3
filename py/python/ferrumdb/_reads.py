"""Owns what a collection and a snapshot of one have in common, the mapping in order, and snapshots. Never writes."""

from __future__ import annotations

from collections.abc import Mapping

from . import _ferrumdb
from ._views import Items, Keys, Range, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from types import TracebackType
    from typing import IO, Any

    from typing_extensions import Self
else:
    Any = object

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

        >>> from ferrumdb import FerrumDB
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

        >>> from ferrumdb import FerrumDB
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

        >>> from ferrumdb import FerrumDB
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
        """Writes a line of JSON for each document, `{"key": ..., "value": ...}`, with `expires_at` in milliseconds
        since 1970 if it expires, to a file or a path. The answer is how many."""
        from ._ndjson import write

        return write(self._look(), Range(prefix, start, end, False, None), target)

    def _repr_html_(self) -> str:
        from ._notebook import table

        return table(self)


class Snapshot(Reads, _ferrumdb.Snapshot, Mapping[str, Any]):
    """A database, or one of its collections, as it was at one moment, however long it is kept: `db.snapshot()`.

    While it is open, what it shows is remembered when it is replaced; so close it, or use `with`.

    >>> from ferrumdb import FerrumDB
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
