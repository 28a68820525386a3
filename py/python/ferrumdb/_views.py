"""Owns the views of a collection's keys, values and items: sized, iterable again and again, as of one moment.

Never holds a list of what it shows.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView

from . import _ferrumdb, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

    from ._ferrumdb import _Asked as Asked
    from ._ferrumdb import _Gives as Gives
else:
    Any = object

SHOWN = 10
"""So many entries a view's `repr` shows."""


class Range:
    """Which keys, in which order, and how many of them."""

    __slots__ = ("asked", "limit")

    def __init__(
        self, prefix: str | None, start: str | None, end: str | None, reverse: bool, limit: int | None
    ) -> None:
        if limit is not None and limit < 0:
            raise errors.InvalidArgument(f"a limit cannot be {limit}")
        self.limit = limit
        self.asked: Asked = (prefix, start, end, reverse, limit)

    def backwards(self) -> Asked:
        prefix, start, end, reverse, limit = self.asked
        return (prefix, start, end, not reverse, limit)


class Keys(KeysView[str]):
    """Keys in the order of their UTF-8 bytes, as they were when the view was made.

    >>> from ferrumdb import FerrumDB
    >>> db = FerrumDB.open(":memory:")
    >>> db.update(a=1, b=2, c=3)
    >>> keys = db.keys(start="b")
    >>> db["d"] = 4
    >>> len(keys), list(keys), "d" in keys, keys & {"a", "b"}, keys[-1]
    (2, ['b', 'c'], False, {'b'}, 'c')
    >>> db.close()
    """

    __slots__ = ("_range", "_snapshot")

    def __init__(self, snapshot: _ferrumdb.Snapshot, range: Range) -> None:
        self._snapshot, self._range = snapshot, range

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)

    def __len__(self) -> int:
        return self._snapshot.count_in(self._range.asked)

    def __contains__(self, key: object) -> bool:
        return self._snapshot.contains_in(key, self._range.asked)

    def __iter__(self) -> Iterator[str]:
        return self._snapshot.walk("keys", self._range.asked)

    def __reversed__(self) -> Iterator[str]:
        return _reversed(self._snapshot, self._range, "keys")

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> str: ...
        @overload
        def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """One key, or some of them, by their places: for programs that take the keys for a list."""
        if isinstance(index, slice):
            return list(self)[index]
        walk = iter(self) if index >= 0 else self.__reversed__()
        for place, key in enumerate(walk):
            if place == (index if index >= 0 else -index - 1):
                return key
        raise IndexError("there are not so many keys")

    def __repr__(self) -> str:
        return _shown("Keys", self)


class Values(ValuesView[Any]):
    """Values in the order of their keys, as they were when the view was made."""

    __slots__ = ("_range", "_snapshot")

    def __init__(self, snapshot: _ferrumdb.Snapshot, range: Range) -> None:
        self._snapshot, self._range = snapshot, range

    def __len__(self) -> int:
        return self._snapshot.count_in(self._range.asked)

    def __contains__(self, value: object) -> bool:
        return any(value == own for own in self)

    def __iter__(self) -> Iterator[Any]:
        return self._snapshot.walk("values", self._range.asked)

    def __reversed__(self) -> Iterator[Any]:
        return _reversed(self._snapshot, self._range, "values")

    def __repr__(self) -> str:
        return _shown("Values", self)


class Items(ItemsView[str, Any]):
    """Keys and values in the order of the keys, as they were when the view was made."""

    __slots__ = ("_range", "_snapshot")

    def __init__(self, snapshot: _ferrumdb.Snapshot, range: Range) -> None:
        self._snapshot, self._range = snapshot, range

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)

    def __len__(self) -> int:
        return self._snapshot.count_in(self._range.asked)

    def __contains__(self, item: object) -> bool:
        if not (isinstance(item, tuple) and len(item) == 2):
            return False
        key, value = item
        return self._snapshot.contains_in(key, self._range.asked) and bool(self._snapshot.get(key) == value)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return self._snapshot.walk("items", self._range.asked)

    def __reversed__(self) -> Iterator[tuple[str, Any]]:
        return _reversed(self._snapshot, self._range, "items")

    def __repr__(self) -> str:
        return _shown("Items", self)


def _reversed(snapshot: _ferrumdb.Snapshot, range: Range, gives: Gives) -> Iterator[Any]:
    if range.limit is None:
        return snapshot.walk(gives, range.backwards())
    # The last ones of a limited walk are not the first ones of the walk back.
    return iter(list(snapshot.walk(gives, range.asked))[::-1])


def _shown(name: str, view: Keys | Values | Items) -> str:
    entries: list[str] = []
    for entry in view:
        if len(entries) == SHOWN:
            entries.append("...")
            break
        entries.append(repr(entry))
    return f"{name}([{', '.join(entries)}])"
