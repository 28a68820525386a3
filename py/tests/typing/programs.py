"""What type checkers must understand of programs: it is checked, and never run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from typing import Any

from typing_extensions import assert_type

from ferrumdb import AsyncFerrumDB, Change, Collection, FerrumDB, OpenTransaction, Snapshot, Transaction


def synchronous(db: FerrumDB) -> None:
    mapping: MutableMapping[str, Any] = db
    assert_type(db.set("a", 1, ttl=timedelta(seconds=1)), int)
    assert_type(db.delete("a"), bool)
    assert_type(db.find("role", "admin"), list[str])
    assert_type(db.collection("users"), Collection)
    assert_type(db.keys()[0], str)
    assert_type(db.keys()[1:], list[str])
    assert_type(len(mapping), int)
    assert_type(db.commit(Transaction().set("a", 1).delete("b")), int)
    names: list[str] = list(db.keys(prefix="a", limit=3))
    values: list[Any] = list(db.values())
    pairs: list[tuple[str, Any]] = list(db.items(reverse=True))
    print(names, values, pairs)
    with db.snapshot() as before:
        assert_type(before, Snapshot)
    with db.watch() as changes:
        for change in changes:
            assert_type(change, Change)
    db.update({"a": 1}, b=2)


def transacting(db: FerrumDB) -> None:
    @db.transact
    def pay(tx: OpenTransaction, payer: str, amount: int) -> bool:
        tx[payer] = tx[payer] - amount
        return True

    assert_type(pay("alice", amount=3), bool)

    @db.transact(attempts=3)
    def count(tx: OpenTransaction) -> int:
        return tx.count()

    assert_type(count(), int)
    with db.transact() as tx:
        assert_type(tx, OpenTransaction)


def caching(db: FerrumDB) -> None:
    @db.cache(ttl=60)
    def square(n: int) -> int:
        return n * n

    assert_type(square(3), int)
    assert_type(square.cache_clear(), int)


async def asynchronous() -> None:
    async with await AsyncFerrumDB.open("my.db") as db:
        assert_type(db, AsyncFerrumDB)
        assert_type(await db.set("a", 1), int)
        assert_type(await db.find("role", "admin"), list[str])
        async for key in db.keys():
            assert_type(key, str)
        async for name, _ in db.items():
            assert_type(name, str)
        async for change in await db.watch():
            assert_type(change, Change)


def iterating(db: FerrumDB, consume: Callable[[Iterator[str]], None]) -> None:
    consume(iter(db))
