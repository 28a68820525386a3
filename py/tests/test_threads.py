"""Threads may share every object."""

from __future__ import annotations

import asyncio
import random
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path

from ferrumdb import AsyncFerrumDB, Closed, Conflict, FerrumDB, Transaction


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Runs it in so many threads, which begin at once, and raises what one of them has raised."""
    failures: list[BaseException] = []
    begin = threading.Barrier(count)

    def run(number: int) -> None:
        begin.wait()
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_may_share_every_object(db: FerrumDB) -> None:
    """Ready for an interpreter without a lock: nothing here rests on there being one."""
    db.update({f"k:{n:03}": {"n": n} for n in range(200)})
    shared = Transaction()
    walk = iter(db.items())
    taken: list[str] = []

    def work(seed: int) -> None:
        choose = random.Random(seed)
        for n in range(150):
            key = f"k:{choose.randrange(200):03}"
            value = db.get(key)
            assert value is None or value["n"] >= 0
            db[f"own:{seed}:{n}"] = {"n": n}
            shared.put(f"shared:{seed}:{n}", n)
            view = db.keys(prefix=f"own:{seed}:")
            assert len(view) == n + 1 == len(list(view))
            try:
                taken.append(next(walk)[0])
            except (StopIteration, RuntimeError):
                pass  # it is at its end, or another thread is taking from it
            with db.snapshot() as before:
                assert before.get(f"own:{seed}:{n}") == {"n": n}
            db.increment("total")
            try:
                with db.transact() as tx:
                    tx["contended"] = tx.get("contended", 0) + 1
                    db["other"] = n
            except Conflict:
                pass

    in_threads(4, work)
    assert db["total"] == 600 and len(shared) == 600
    assert len(set(taken)) == len(taken) and sorted(taken) == [f"k:{n:03}" for n in range(len(taken))]
    db.commit(shared)
    assert len(db.keys(prefix="shared:")) == 600


def test_one_object_is_worked_on_by_several_threads(db: FerrumDB) -> None:
    """Each call is done whole or refused, whichever object it is of."""
    db.update({f"k:{n:03}": n for n in range(100)})
    tx, changes, history = db.begin(), db.changes(0), db.history("k:000")
    before, view = db.snapshot(), db.keys(prefix="k:")
    told: list[str] = []

    def work(number: int) -> None:
        for n in range(100):
            tx.set(f"t:{number}:{n}", tx.get(f"k:{n:03}"))
            assert list(view)[n] == f"k:{n:03}" and len(view) == 100
            try:
                change = changes.poll(0)
                if change is not None:
                    told.append(change.key)
                assert [version.value for version in history] in ([], [0])
            except RuntimeError:
                pass  # another thread waits for it
            try:
                assert before.get(f"k:{n:03}") == n
            except Closed:
                pass
            if number == 0 and n == 50:
                before.close()

    in_threads(4, work)
    tx.commit()
    while (change := changes.poll(0)) is not None:
        told.append(change.key)
    changes.close()
    assert sorted(told[:100]) == [f"k:{n:03}" for n in range(100)] and len(told) == len(set(told)) == 500
    assert len(db.keys(prefix="t:")) == 400


def test_loops_of_several_threads_share_a_database(path: Path) -> None:
    db = asyncio.run(AsyncFerrumDB.open(path, fsync="never"))

    def work(number: int) -> None:
        async def main() -> None:
            for n in range(20):
                await asyncio.gather(*(db.set(f"{number}:{n}:{m}", n) for m in range(10)), db.increment("total"))
                assert await db.get(f"{number}:{n}:9") == n
            assert await db.keys(prefix=f"{number}:").count() == 200

        asyncio.run(main())

    in_threads(4, work)
    assert asyncio.run(db.get("total")) == 80
    asyncio.run(db.close())


def test_a_database_is_closed_while_others_use_it(path: Path) -> None:
    for _ in range(5):
        db = FerrumDB.open(path, fsync="never")

        def work(number: int, db: FerrumDB = db) -> None:
            try:
                for n in range(10_000):
                    if number == 0 and n == 20:
                        db.close()
                    db[f"{number}"] = n
                    assert db[f"{number}"] == n
                    list(db.items())
                    db.transact().run(lambda tx, n=n: tx.set("last", n))  # type: ignore[misc]
            except Closed:
                return
            raise AssertionError("it was closed")

        in_threads(4, work)
    with FerrumDB.open(path) as again:
        assert set(again) <= {"0", "1", "2", "3", "last"} and again.verify()["is_sound"]


def test_an_interpreter_without_a_lock_stays_so() -> None:
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert not sys._is_gil_enabled()  # type: ignore[attr-defined, unused-ignore]
