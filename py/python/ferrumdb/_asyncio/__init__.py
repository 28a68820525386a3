"""Owns the asyncio face: the same names as coroutines and asynchronous iterators. Never blocks the event loop."""

from __future__ import annotations

from .collection import AsyncCollection
from .database import AsyncFerrumDB
from .reads import AsyncSnapshot

__all__ = ["AsyncCollection", "AsyncFerrumDB", "AsyncSnapshot"]
