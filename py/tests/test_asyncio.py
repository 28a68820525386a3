"""The asyncio face has the same names, never blocks the loop, and loses nothing when it is cancelled."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import ferrumdb
from ferrumdb import AsyncFerrumDB, FerrumDB

Work = Callable[[AsyncFerrumDB], Awaitable[Any]]


def with_db(path: Path, work: Work, **options: Any) -> Any:
    async def main() -> Any:
        async with await AsyncFerrumDB.open(path, **options) as db:
            return await work(db)

    return asyncio.run(main())


def test_the_asyncio_face_has_every_name_of_the_other_one() -> None:
    names = {name for name in dir(FerrumDB) if not name.startswith(("_", "start_", "open_"))}
    # What has another form there: attributes, and what asyncio needs not.
    others = {"begin", "codec", "database", "get_cached", "has_closed", "keys_of", "popitem", "stop_studios"}
    spelled_otherwise = {"swap": "get_and_set", "take": "pop"}
    missing = names - set(dir(AsyncFerrumDB)) - others - set(spelled_otherwise)
    assert missing == set()


def test_both_faces_take_the_same_arguments() -> None:
    def parameters(call: Any) -> list[tuple[str, Any, Any]]:
        taken = inspect.signature(call).parameters.values()
        return [(one.name, one.kind, one.default) for one in taken if one.name != "self"]

    compared = 0
    with FerrumDB.open(":memory:") as db:
        pairs = [(FerrumDB, AsyncFerrumDB), (type(db.snapshot()), type(AsyncFerrumDB(db).snapshot()))]
        for own, other in pairs:
            for name in {name for name in dir(other) if not name.startswith("_")} & set(dir(own)):
                if callable(getattr(own, name)):
                    assert parameters(getattr(own, name)) == parameters(getattr(other, name)), name
                    compared += 1
    assert compared > 60


def test_calls_answer_as_those_of_the_other_face(path: Path) -> None:
    async def work(db: AsyncFerrumDB) -> None:
        assert await db.set("a", '{"x": 1}') == 1 and await db.get("a") == {"x": 1} and await db.get("b", 5) == 5
        assert await db.put("t", "[1]", ttl=60) == 2 and await db.get("t") == "[1]"
        assert 0 < (await db.ttl("t") or 0) <= 60 and await db.persist("t") and await db.expire("t", 300)
        assert await db.exists("a") and not await db.exists(5) and await db.count() == 2
        assert await db.get_many(["a", "zz"]) == {"a": {"x": 1}} and await db.exists_many(["a", "zz"]) == {"a"}
        assert await db.get_raw("a") == b'{"x":1}'
        with pytest.raises(ferrumdb.Conflict):
            await db.insert("a", 1)
        with pytest.raises(TypeError, match=r"\$\.s"):
            await db.set("bad", {"s": {1}})
        found = await db.get_with_version("a")
        assert found is not None and await db.set_if_version("a", {"x": 2}, found[1])
        await db.create_index("x")
        assert await db.find("x", 2) == ["a"] and await db.find_items("x", 2) == [("a", {"x": 2})]
        assert await db.find_range("x", 0) == ["a"] and [k async for k, _ in db.items_by("x", 0)] == ["a"]
        assert "x" in await db.indexes()
        await db.update({f"k:{n}": n for n in range(10)})
        assert await db.keys(prefix="k:", limit=2).list() == ["k:0", "k:1"]
        assert await db.values(prefix="k:", reverse=True, limit=1).list() == [9]
        assert [item async for item in db.items(start="k:8", end="l")] == [("k:8", 8), ("k:9", 9)]
        assert await db.keys(prefix="k:").count() == 10 and await db.keys().contains("a")
        assert [key async for key in db][0] == "a" and len(await db.keys_with_prefix("k:")) == 10
        assert await db.pop("k:0") == 0 and await db.pop("k:0", "none") == "none"
        with pytest.raises(KeyError):
            await db.pop("k:0")
        await db.update([("p", 1)], q=2)
        assert await db.to_dicts(start="p", limit=1) == [{"key": "p", "value": 1}]
        assert await db.pop("p") == 1 and await db.pop("q") == 2
        assert await db.get_and_set("k:1", "new") == 1 and await db.setdefault("k:1", "x") == "new"
        assert await db.increment("n", 5) == 5 and await db.update_with("n", lambda n: n * 2) == 10
        assert await db.delete("n") and not await db.delete("n") and await db.delete_prefix("k:") == 9
        async with db.transact() as tx:
            await tx.set("b", await tx.get("a"))
            assert await tx.keys() == ["a", "b", "t"] and await tx.increment("c") == 1
        assert await db.get("b") == {"x": 2}
        users = db.collection("users")
        await users.set("alice", 1)
        assert await db.collections() == {"users": 1} and await users.get("alice") == 1
        assert await db.drop_collection("users")
        async with db.snapshot() as before:
            await db.clear()
            assert await before.count() == 4 and await before.get("c") == 1 and await db.count() == 0
        async with await db.at(1) as then:
            assert await then.get("a") == {"x": 1}
        assert [version.kind async for version in db.history("b")] == ["deleted", "set"]
        assert (await db.verify())["is_sound"] and (await db.compact())["bytes_after"] > 0
        assert (await db.backup(path.with_suffix(".bak")))["records"] >= 0
        await db.sync()
        assert (await db.stats())["key_count"] == 0 and (await db.metrics())["sets"] > 0

    # Idle, under other policies, a writer notes in the log that it is synced, which takes a number.
    with_db(path, work, fsync="never")


def test_many_writes_are_under_way_at_once(path: Path) -> None:
    async def work(db: AsyncFerrumDB) -> None:
        sequences = await asyncio.gather(*(db.set(f"{n}", n) for n in range(2_000)))
        assert sequences == sorted(set(sequences)), "they are committed in the order of the calls"
        assert (await db.metrics())["groups"] < 2_000, "and share syncs"

    with_db(path, work)


def test_a_cached_read_answers_without_a_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(db: AsyncFerrumDB) -> None:
        await db.set("a", 1)
        assert await db.get("a") == 1
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "run_in_executor", None)
        coroutine = db.get("a")
        with pytest.raises(StopIteration) as stopped:
            coroutine.send(None)
        assert stopped.value.value == 1 and await db.get("missing") is None
        monkeypatch.undo()

    with_db(path, work)


def test_nothing_blocks_the_loop(path: Path) -> None:
    with FerrumDB.open(path, fsync="never") as db:
        for part in range(4):
            db.update({f"{part}:{n:05}": {"text": "x" * 200, "n": n} for n in range(10_000)})

    async def longest_pause(db: AsyncFerrumDB) -> tuple[float, float]:
        longest, is_over = 0.0, False

        async def heart() -> None:
            nonlocal longest
            while not is_over:
                begin = time.perf_counter()
                await asyncio.sleep(0)
                longest = max(longest, time.perf_counter() - begin)

        beating = asyncio.create_task(heart())
        begin = time.perf_counter()
        await asyncio.gather(
            db.find("n", 5),
            db.find_range("n", 5, 10),
            db.verify(),
            db.compact(),
            db.keys().count(),
            db.get_many([f"0:{n:05}" for n in range(1_000)]),
            *(db.set(f"new:{n}", n) for n in range(100)),
            *(db.get(f"1:{n:05}") for n in range(100)),
        )
        seen = 0
        async for _ in db.items(limit=5_000):
            seen += 1
        took, is_over = time.perf_counter() - begin, True
        await beating
        assert seen == 5_000
        return longest, took

    async def work(db: AsyncFerrumDB) -> None:
        told = []
        for _ in range(20):
            longest, took = await longest_pause(db)
            told.append((longest, took))
            # What was done takes much longer than the longest pause: the loop was free meanwhile. What blocks it does
            # so every time; a machine that has other things to do, now and then.
            if longest < max(0.1, took / 3):
                return
        raise AssertionError(told)

    with_db(path, work, cache_bytes=0)


def test_a_cancelled_wait_leaves_everything_as_it_should_be(path: Path) -> None:
    async def work(db: AsyncFerrumDB) -> None:
        for n in range(50):
            task = asyncio.create_task(db.set(f"{n}", n))
            await asyncio.sleep(0)
            # The writer may have answered before the wait began: then there is nothing to cancel.
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
        assert await db.set("last", 1) == 51, "what was begun is carried out"
        assert await db.count() == 51

        async with await db.changes(0) as changes:
            told = []
            while len(told) < 51:
                try:
                    told.append((await asyncio.wait_for(changes.__anext__(), 0.0005)).key)
                except asyncio.TimeoutError:
                    continue
            assert told == [*(f"{n}" for n in range(50)), "last"], "no change is lost"

    with_db(path, work, fsync="never")


def test_changes_come_until_the_watch_is_closed(path: Path) -> None:
    async def work(db: AsyncFerrumDB) -> None:
        told: list[tuple[str, str]] = []
        changes = await db.watch(prefix="u:")

        async def watch() -> None:
            async for change in changes:
                told.append((change.key, change.kind))
                if change.kind == "deleted":
                    changes.close()

        watching = asyncio.create_task(watch())
        await db.set("u:1", 1)
        await db.set("x", 1)
        await db.delete("u:1")
        await asyncio.wait_for(watching, 300)
        assert told == [("u:1", "set"), ("u:1", "deleted")]
        many = [await db.watch_all() for _ in range(50)]
        await asyncio.wait_for(db.get_many(["x"]), 300)
        waiting = [asyncio.create_task(one.__anext__()) for one in many]
        await asyncio.sleep(0.05)
        await asyncio.wait_for(db.set("y", 2), 300)
        assert {(await asyncio.wait_for(task, 300)).key for task in waiting} == {"y"}
        for one in many:
            one.close()

    with_db(path, work)


def test_transactions_run_again_until_nobody_was_faster(path: Path) -> None:
    async def work(db: AsyncFerrumDB) -> None:
        await db.set("n", 0)

        @db.transact
        async def add(tx: Any, by: int) -> int:
            value: int = await tx.get("n") + by
            await asyncio.sleep(0)
            await tx.set("n", value)
            return value

        await asyncio.gather(*(add(1) for _ in range(20)))
        assert await db.get("n") == 20
        with pytest.raises(ferrumdb.Conflict):
            async with db.transact() as tx:
                await tx.set("n", await tx.get("n") + 1)
                await db.set("n", 100)
        with pytest.raises(ZeroDivisionError):
            async with db.transact() as tx:
                await tx.delete("n")
                raise ZeroDivisionError
        assert await db.get("n") == 100

    with_db(path, work)


def test_results_of_coroutine_functions_are_kept(path: Path) -> None:
    async def work(db: AsyncFerrumDB) -> None:
        runs = []

        @db.cache(ttl=60)
        async def double(n: int) -> int:
            runs.append(n)
            return 2 * n

        assert [await double(2), await double(2), await double(3)] == [4, 4, 6] and runs == [2, 3]
        assert await double.cache_clear() == 2 and await double(2) == 4 and runs == [2, 3, 2]

        @db.cache()
        async def pair(*args: Any, **kwargs: Any) -> Any:
            runs.append(0)
            return (1, 2)

        assert [await pair(1, a=2), await pair(1, a=2), await pair([1], {"a": 2})] == [[1, 2]] * 3
        assert runs == [2, 3, 2, 0, 0]
        with pytest.raises(TypeError, match="not int"):
            await pair({1: 2})

    with_db(path, work)


def test_calls_after_closing_and_locks_are_told(path: Path) -> None:
    async def main() -> None:
        db = await AsyncFerrumDB.open(path)
        with pytest.raises(ferrumdb.Locked):
            await AsyncFerrumDB.open(path)
        await db.close()
        assert db.closed
        with pytest.raises(ferrumdb.Closed):
            await db.set("a", 1)
        with pytest.raises(ferrumdb.Closed):
            await db.get("a")
        await db.close()

    asyncio.run(main())
