"""Owns running transactions that read and write until they commit. Never runs one again that met no conflict."""

from __future__ import annotations

import random
import time
from functools import wraps

from ._ferrumdb import OpenTransaction
from .errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Concatenate, ParamSpec, TypeVar

    from . import _ferrumdb

    _P = ParamSpec("_P")
    _T = TypeVar("_T")

ATTEMPTS = 1_000
"""So often a transaction is run at most, unless it is said otherwise."""
_PATIENT = 2
_PAUSE_MAX = 0.01


class Transact:
    """What `db.transact()` gives: a decorator, a context manager, and a loop of attempts."""

    def __init__(self, collection: _ferrumdb.Collection, attempts: int) -> None:
        self._collection = collection
        self._attempts = max(1, attempts)
        self._open: list[OpenTransaction] = []

    def __call__(self, function: Callable[Concatenate[OpenTransaction, _P], _T]) -> Callable[_P, _T]:
        """As a decorator: the function gets the transaction as its first argument, and is run again on a conflict."""

        @wraps(function)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            return self.run(lambda tx: function(tx, *args, **kwargs))

        return run

    def run(self, function: Callable[[OpenTransaction], _T]) -> _T:
        """Runs a function that gets the transaction, again on a conflict. The answer is what it has returned last."""
        results: list[_T] = []
        for attempt in self:
            with attempt as tx:
                results = [function(tx)]
        return results[0]

    def __enter__(self) -> OpenTransaction:
        """As a context manager: one attempt, committed at the end of the block unless that raises."""
        self._open.append(self._collection.begin())
        return self._open[-1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tx = self._open.pop()
        finish(tx, failed=kind is not None)

    def __iter__(self) -> Iterator[Attempt]:
        """As a loop: `for attempt in db.transact(): with attempt as tx: ...`, which ends with the first commit."""
        for number in range(1, self._attempts + 1):
            attempt = Attempt(self._collection, number, number == self._attempts)
            yield attempt
            if attempt.is_over:
                return
            pause(number)


class Attempt:
    """One attempt of a transaction."""

    def __init__(self, collection: _ferrumdb.Collection, number: int, is_last: bool) -> None:
        # What the attempt before has met may have been a range that it could not know.
        self._collection, self._number, self._is_last = collection, number, is_last
        self._tx: OpenTransaction | None = None
        self.is_over = False

    def __enter__(self) -> OpenTransaction:
        self._tx = self._collection.begin(reads_ranges=self._number > 1)
        return self._tx

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tx, self._tx = self._tx, None
        assert tx is not None, "it is left once for each time that it is entered"
        self.is_over = True
        try:
            finish(tx, failed=kind is not None)
        except Conflict as conflict:
            conflict.attempts = self._number
            if self._is_last:
                raise
            self.is_over = False


def finish(tx: OpenTransaction, *, failed: bool) -> None:
    """Commits a transaction, unless it has failed or was ended before."""
    if failed:
        tx.rollback()
    elif not tx.ended:
        tx.commit()


def pause(attempts: int) -> None:
    """Lets others commit, after some attempts: of many that all come back at once, one commits."""
    if attempts > _PATIENT:
        time.sleep(delay(attempts))


def delay(attempts: int) -> float:
    """How long to pause after so many attempts, in seconds."""
    return random.random() * min(attempts * 0.0002, _PAUSE_MAX)


def update_with(
    collection: _ferrumdb.Collection, key: str, function: Callable[[Any], Any], default: Any, attempts: int
) -> Any:
    """Replaces one value by what a function makes of it."""

    def replace(tx: OpenTransaction) -> Any:
        new = function(tx.get(key, default))
        tx.update(key, new)
        return new

    return Transact(collection, attempts).run(replace)
