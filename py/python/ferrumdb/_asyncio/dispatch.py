"""Owns the ways to an event loop: from the writer, and from other threads. Never blocks the loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from functools import partial
from typing import TypeVar

from .. import _ferrumdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

T = TypeVar("T")


class Dispatcher:
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


_dispatcher: Dispatcher | None = None
_starting = threading.Lock()


def dispatcher() -> Dispatcher:
    global _dispatcher
    if _dispatcher is None:
        with _starting:
            if _dispatcher is None:
                _dispatcher = Dispatcher()
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
    telling = dispatcher()
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def again() -> None:
        if future.done():
            return
        try:
            answer = started.poll(telling.completions, token)
        except Exception as error:
            future.set_exception(error)
        else:
            if answer is not None:
                future.set_result(answer[0])

    token = telling.token(loop, again)
    try:
        again()
        return await future
    finally:
        telling.forget(token)


async def elsewhere(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Has another thread do what may wait for a disk, or take long."""
    return await asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))
