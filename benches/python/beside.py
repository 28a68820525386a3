#!/usr/bin/env python3
"""Measures the Python package beside others, one after the other within each round, and prints a table.

`pip install ferrumdb lmdb orjson diskcache rocksdict`, then `beside.py [ROUNDS]`; what is not installed is left out. The older
package `ferrumdb` has the same name as this one: `beside.py --older PYTHON` measures it by an interpreter that has it.
Nothing is synced, but by the older package, which always does; all documents fit into memory.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

DOCUMENTS = 20_000
READS = 50_000
WRITES = 5_000
BATCH = 1_000


def document(number: int) -> dict[str, Any]:
    """One of about 300 bytes as JSON."""
    return {
        "id": number,
        "name": f"user number {number}",
        "mail": f"user.{number}@example.com",
        "roles": ["reader", "writer", "owner"],
        "address": {"street": "Main Street 17", "city": "Springfield", "zip": "12345"},
        "score": number * 1.5,
        "active": number % 2 == 0,
        "about": "It likes long walks, short keys, and values that come back as they were.",
    }


class Store:
    """A store that is measured."""

    name = ""
    set_is_synced = False
    is_for_batches = False

    def __init__(self, folder: str) -> None:
        raise NotImplementedError

    def get(self, key: str) -> Any:
        raise NotImplementedError

    def get_raw(self, key: str) -> bytes | None:
        return None

    def set(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def batch(self, items: Iterable[tuple[str, Any]]) -> None:
        for key, value in items:
            self.set(key, value)

    def batches(self, parts: list[list[tuple[str, Any]]]) -> None:
        for part in parts:
            self.batch(part)

    def close(self) -> None:
        """Lets go of everything."""


class Ferrum(Store):
    name = "ferrumdb"

    def __init__(self, folder: str) -> None:
        from ferrumdb import FerrumDB

        self.db = FerrumDB.open(os.path.join(folder, "my.db"), fsync="never")
        self.get, self.get_raw, self.set = self.db.get, self.db.get_raw, self.db.put  # type: ignore[method-assign]

    def batch(self, items: Iterable[tuple[str, Any]]) -> None:
        self.db.put_all(items)

    def close(self) -> None:
        self.db.close()


class FerrumAhead(Store):
    name = "ferrumdb, each begun before the last is awaited"
    is_for_batches = True

    def __init__(self, folder: str) -> None:
        from ferrumdb import AsyncFerrumDB

        self.loop = asyncio.new_event_loop()
        self.db = self.loop.run_until_complete(AsyncFerrumDB.open(os.path.join(folder, "my.db"), fsync="never"))

    def set(self, key: str, value: Any) -> None:
        self.loop.run_until_complete(self.db.put(key, value))

    def batches(self, parts: list[list[tuple[str, Any]]]) -> None:
        async def write() -> None:
            last = None
            for part in parts:
                begun = asyncio.create_task(self.db.put_all(part))
                if last:
                    await last
                last = begun
            if last:
                await last

        self.loop.run_until_complete(write())

    def close(self) -> None:
        self.loop.run_until_complete(self.db.close())
        self.loop.close()


class Lmdb(Store):
    name = "py-lmdb and orjson"

    def __init__(self, folder: str) -> None:
        lmdb, self.json = importlib.import_module("lmdb"), importlib.import_module("orjson")
        self.env = lmdb.open(os.path.join(folder, "lmdb"), map_size=1 << 30, sync=False, metasync=False)

    def get(self, key: str) -> Any:
        with self.env.begin() as tx:
            return self.json.loads(tx.get(key.encode()))

    def get_raw(self, key: str) -> bytes | None:
        with self.env.begin() as tx:
            found: bytes | None = tx.get(key.encode())
            return found

    def set(self, key: str, value: Any) -> None:
        with self.env.begin(write=True) as tx:
            tx.put(key.encode(), self.json.dumps(value))

    def batch(self, items: Iterable[tuple[str, Any]]) -> None:
        with self.env.begin(write=True) as tx:
            for key, value in items:
                tx.put(key.encode(), self.json.dumps(value))

    def close(self) -> None:
        self.env.close()


class Sqlite(Store):
    name = "sqlite3 and json"

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "my.sqlite")
        self.own = threading.local()
        self.db.execute("create table t (k text primary key, v text) without rowid")

    @property
    def db(self) -> sqlite3.Connection:
        """The connection of this thread, as the module wants it."""
        if not hasattr(self.own, "db"):
            self.own.db = sqlite3.connect(self.path, isolation_level=None)
            self.own.db.execute("pragma journal_mode = wal")
            self.own.db.execute("pragma synchronous = off")
        connection: sqlite3.Connection = self.own.db
        return connection

    def get(self, key: str) -> Any:
        return json.loads(self.db.execute("select v from t where k = ?", (key,)).fetchone()[0])

    def get_raw(self, key: str) -> bytes | None:
        text: str = self.db.execute("select v from t where k = ?", (key,)).fetchone()[0]
        return text.encode()

    def set(self, key: str, value: Any) -> None:
        self.db.execute("insert or replace into t values (?, ?)", (key, json.dumps(value)))

    def batch(self, items: Iterable[tuple[str, Any]]) -> None:
        self.db.execute("begin")
        for key, value in items:
            self.set(key, value)
        self.db.execute("commit")

    def close(self) -> None:
        self.db.close()


class Diskcache(Store):
    name = "diskcache"

    def __init__(self, folder: str) -> None:
        diskcache = importlib.import_module("diskcache")
        self.cache = diskcache.Cache(os.path.join(folder, "cache"), sqlite_synchronous=0)
        self.get, self.set = self.cache.get, self.cache.set  # type: ignore[method-assign]

    def batch(self, items: Iterable[tuple[str, Any]]) -> None:
        with self.cache.transact():
            super().batch(items)

    def close(self) -> None:
        self.cache.close()


class Rocks(Store):
    name = "rocksdict"

    def __init__(self, folder: str) -> None:
        self.rocks = importlib.import_module("rocksdict")
        self.db = self.rocks.Rdict(os.path.join(folder, "rocks"))

    def get(self, key: str) -> Any:
        return self.db[key]

    def set(self, key: str, value: Any) -> None:
        self.db[key] = value

    def batch(self, items: Iterable[tuple[str, Any]]) -> None:
        batch = self.rocks.WriteBatch()
        for key, value in items:
            batch.put(key, value)
        self.db.write(batch)

    def close(self) -> None:
        self.db.close()


class Older(Store):
    name = "the older ferrumdb"
    set_is_synced = True

    def __init__(self, folder: str) -> None:
        self.db = importlib.import_module("ferrumdb").FerrumDB.open(os.path.join(folder, "older.db"))
        self.get, self.set = self.db.get, self.db.set  # type: ignore[method-assign]
        self.transaction = importlib.import_module("ferrumdb").Transaction

    def batch(self, items: Iterable[tuple[str, Any]]) -> None:
        transaction = self.transaction()
        for key, value in items:
            transaction.set(key, value)
        self.db.commit(transaction)


class Dict(Store):
    name = "a dict of json"

    def __init__(self, folder: str) -> None:
        self.texts: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.texts[key])

    def set(self, key: str, value: Any) -> None:
        self.texts[key] = json.dumps(value)


STORES: list[type[Store]] = [Ferrum, FerrumAhead, Lmdb, Sqlite, Diskcache, Rocks, Dict]


def rate(count: int, work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return count / (time.perf_counter() - begin)


def reading(get: Callable[[str], Any], keys: list[str]) -> None:
    for key in keys:
        get(key)


def measured(store: type[Store]) -> dict[str, float]:
    """Operations a second of one round."""
    folder = tempfile.mkdtemp(prefix="ferrumdb-beside-")
    opened = store(folder)
    found: dict[str, float] = {}
    documents = [(f"user:{number:06}", document(number)) for number in range(DOCUMENTS)]
    try:
        singles = documents[: WRITES // (20 if store.set_is_synced else 1)]
        found["set"] = rate(len(singles), lambda: [opened.set(*pair) for pair in singles] and None)
        parts = [documents[begin : begin + BATCH] for begin in range(0, DOCUMENTS, BATCH)]
        found["set in transactions of 1,000"] = rate(DOCUMENTS, lambda: opened.batches(parts))
        if store.is_for_batches:
            return {"set in transactions of 1,000": found["set in transactions of 1,000"]}
        choose = random.Random(1)
        keys = [f"user:{choose.randrange(DOCUMENTS):06}" for _ in range(READS // (10 if store.set_is_synced else 1))]
        reading(opened.get, [key for key, _ in documents])
        found["get"] = rate(len(keys), lambda: reading(opened.get, keys))
        if opened.get_raw(keys[0]) is not None:
            found["get_raw"] = rate(len(keys), lambda: reading(opened.get_raw, keys))
        halves = [threading.Thread(target=reading, args=(opened.get, keys[part::2])) for part in (0, 1)]

        def both() -> None:
            for half in halves:
                half.start()
            for half in halves:
                half.join()

        found["get by two threads"] = rate(len(keys), both)
    finally:
        opened.close()
        shutil.rmtree(folder, ignore_errors=True)
    return found


def import_time() -> float:
    """How long importing the package takes, in milliseconds, beyond what starting the interpreter does."""
    program = "import time; begin = time.perf_counter(); import ferrumdb; print((time.perf_counter() - begin) * 1000)"
    return min(float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--older", help="an interpreter that has the older package")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(Older)))
        return
    stores = []
    for store in STORES:
        try:
            store(tempfile.mkdtemp(prefix="ferrumdb-beside-")).close()
            stores.append(store)
        except ImportError as error:
            print(f"left out: {store.name} ({error})", file=sys.stderr)
    rounds: dict[str, list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):
        for store in stores:
            rounds.setdefault(store.name, []).append(measured(store))
        if arguments.older:
            text = subprocess.check_output([arguments.older, __file__, "--one", "older"])
            rounds.setdefault(Older.name, []).append(json.loads(text))
    rows = ["get", "get_raw", "get by two threads", "set", "set in transactions of 1,000"]
    print(
        f"CPython {sys.version.split()[0]}, {os.cpu_count()} cores, median of {arguments.rounds} rounds, operations a second"
    )
    print(f"importing ferrumdb: {import_time():.1f} ms\n")
    print("| |", " | ".join(rows), "|")
    print("|---" * (len(rows) + 1) + "|")
    for name, each in rounds.items():
        cells = [f"{statistics.median(one[row] for one in each):,.0f}" if row in each[0] else "" for row in rows]
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
