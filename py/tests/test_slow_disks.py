"""While a disk does not answer, other threads of Python go on, and so does the loop of asyncio."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def slow_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes reads of one file wait while a gate is there."""
    library = tmp_path_factory.mktemp("slow") / "slow_reads.so"
    source = Path(__file__).with_name("slow_reads.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def run_slowly(program: str, folder: Path, slow_disk: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program there whose reads of `my.db` wait while there is a file of the name in `SLOW_GATE`. Once one does,
    there is a file of that name with `.waits` behind it."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        env={
            **os.environ,
            "LD_PRELOAD": str(slow_disk),
            "SLOW_FILE": str(folder / "my.db"),
            "SLOW_GATE": str(folder / "gate"),
        },
    )


@pytest.mark.parametrize(
    "read",
    [
        "db['cold']",
        "db.get_raw('cold')",
        "db.get_many(['cold'])",
        "db.snapshot()['cold']",
        "list(db.items())",
        "db.find('n', 1)",
        "db.transact().run(lambda tx: tx['cold'])",
    ],
)
def test_a_read_that_waits_for_the_disk_stops_no_other_thread(tmp_path: Path, slow_disk: Path, read: str) -> None:
    if sys.platform != "linux" or shutil.which("cc") is None:
        return
    program = textwrap.dedent(
        f"""
        import os, threading, time
        from ferrumdb import FerrumDB
        db = FerrumDB.open("my.db", fsync="never")
        db["hot"], db["cold"] = {{"n": 0}}, {{"n": 1}}
        db["hot"]
        gate = open(os.environ["SLOW_GATE"], "w")
        results = []
        reader = threading.Thread(target=lambda: results.append({read}))
        reader.start()
        while not os.path.exists(gate.name + ".waits"):
            time.sleep(0.001)
        hot, writes = 0, 0
        while hot < 20_000:
            hot += db["hot"]["n"] == 0
            if hot % 1_000 == 0:
                db["more"] = writes
                writes += 1
        assert reader.is_alive() and not results, "the read has not waited"
        os.unlink(gate.name)
        gate.close()
        reader.join()
        assert len(results) == 1
        db.close()
        print("read", hot, writes)
        """
    )
    done = run_slowly(program, tmp_path, slow_disk)
    assert (done.returncode, done.stdout) == (0, "read 20000 20\n"), done.stderr


def test_a_cancelled_transaction_does_not_wait_for_its_read_on_the_loop(tmp_path: Path, slow_disk: Path) -> None:
    if sys.platform != "linux" or shutil.which("cc") is None:
        return
    program = textwrap.dedent(
        """
        import asyncio, os
        import ferrumdb
        from ferrumdb import AsyncFerrumDB

        async def main():
            async with await AsyncFerrumDB.open("my.db", fsync="never") as db:
                await db.set("cold", {"n": 1})
                gate = open(os.environ["SLOW_GATE"], "w")
                begun = []

                @db.transact
                async def read(tx):
                    begun.append(tx)
                    await tx.get("cold")

                task = asyncio.create_task(read())
                while not os.path.exists(gate.name + ".waits"):
                    await asyncio.sleep(0.01)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    print("cancelled", begun[0]._tx.ended)
                os.unlink(gate.name)
                gate.close()
                try:
                    await begun[0].get("cold")
                except ferrumdb.Closed:
                    print("ended")

        asyncio.run(main())
        """
    )
    done = run_slowly(program, tmp_path, slow_disk)
    assert (done.returncode, done.stdout) == (0, "cancelled True\nended\n"), done.stderr


def test_a_commit_does_not_wait_on_the_loop_for_a_read_that_was_cancelled(tmp_path: Path, slow_disk: Path) -> None:
    if sys.platform != "linux" or shutil.which("cc") is None:
        return
    program = textwrap.dedent(
        """
        import asyncio, os
        from ferrumdb import AsyncFerrumDB

        async def main():
            async with await AsyncFerrumDB.open("my.db", fsync="never") as db:
                await db.set("cold", {"n": 1})
                gate = open(os.environ["SLOW_GATE"], "w")

                async def write():
                    async with db.transact() as tx:
                        await tx.set("new", 1)
                        read = asyncio.create_task(tx.get("cold"))
                        while not os.path.exists(gate.name + ".waits"):
                            await asyncio.sleep(0.01)
                        read.cancel()
                        cancelled.append(read)

                cancelled = []
                task = asyncio.create_task(write())
                while not cancelled:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.5)
                print("waits", not task.done())
                os.unlink(gate.name)
                gate.close()
                await task
                print("committed", await db.get("new"))

        asyncio.run(main())
        """
    )
    done = run_slowly(program, tmp_path, slow_disk)
    assert (done.returncode, done.stdout) == (0, "waits True\ncommitted 1\n"), done.stderr


def test_no_call_blocks_the_loop_while_the_disk_does_not_answer(tmp_path: Path, slow_disk: Path) -> None:
    """Where one did, it would wait for a gate that the loop itself opens."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        return
    program = textwrap.dedent(
        """
        import asyncio, os
        from concurrent.futures import ThreadPoolExecutor
        from ferrumdb import AsyncFerrumDB

        async def main():
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
            # The compaction may be over before `at` has begun.
            async with await AsyncFerrumDB.open("my.db", fsync="never", history="all") as db:
                await db.create_index("n")
                version = await db.put_all({f"k:{n:02}": {"n": n} for n in range(40)})
                cold = iter(f"k:{n:02}" for n in range(40))
                users = db.collection("users")
                await users.set("alice", {"n": 1})
                await users.create_index("n")
                watching, before = await db.changes(0, before=True), db.snapshot()
                several = db.transaction().set(next(cold), {"n": -1}).delete(next(cold)).expire(next(cold), 60)

                async def listed(iterator):
                    return [one async for one in iterator]

                async def transact():
                    async with db.transact() as tx:
                        await tx.set(next(cold), await tx.get(next(cold)))

                calls = [
                    lambda: db.get(next(cold)), lambda: db.get_raw(next(cold)), lambda: db.get_many([next(cold)]),
                    lambda: db.get_with_version(next(cold)), lambda: db.exists(next(cold)), lambda: db.ttl(next(cold)),
                    lambda: db.exists_many([next(cold)]), lambda: db.count(), lambda: before.get(next(cold)),
                    lambda: db.set(next(cold), {"n": -1}), lambda: db.put(next(cold), {"n": -1}),
                    lambda: db.set_ex(next(cold), {"n": -1}, 60), lambda: db.set_raw(next(cold), b'{"n":-1}'),
                    lambda: db.replace(next(cold), {"n": -1}), lambda: db.insert("new", {"n": -1}),
                    lambda: db.set_if_version(next(cold), {"n": -1}, version),
                    lambda: db.delete_if_version(next(cold), version), lambda: db.delete(next(cold)),
                    lambda: db.update({next(cold): {"n": -1}}), lambda: db.put_all([(next(cold), {"n": -1})]),
                    lambda: db.expire(next(cold), 60), lambda: db.persist(next(cold)), lambda: db.pop(next(cold)),
                    lambda: db.get_and_set(next(cold), {"n": -1}), lambda: db.setdefault(next(cold), {"n": -1}),
                    lambda: db.increment(next(cold), field="n"), lambda: db.update_with(next(cold), lambda old: old),
                    lambda: db.commit(several), transact, lambda: users.set("alice", {"n": 2}),
                    lambda: db.find("n", 3), lambda: db.find_items("n", 3), lambda: db.find("m", 3),
                    lambda: db.find_range("n", 3), lambda: listed(db.items_by("n", 3)), lambda: listed(db.items()),
                    lambda: db.keys().list(), lambda: db.values().list(), lambda: db.keys().count(),
                    lambda: db.items().contains(("k:00", 1)), lambda: listed(db.history("k:00")),
                    lambda: watching.__anext__(), lambda: db.at(1), lambda: db.indexes(), lambda: db.collections(),
                    lambda: db.to_dicts(), lambda: db.to_ndjson("lines"), lambda: db.stats(), lambda: db.metrics(),
                    lambda: db.create_index("m"), lambda: db.verify(), lambda: db.backup("copy"), lambda: db.sync(),
                    lambda: db.delete_prefix("k:39"), lambda: db.drop_collection("users"), lambda: db.compact(),
                ]
                gate = open(os.environ["SLOW_GATE"], "w")
                tasks = [asyncio.create_task(call()) for call in calls]
                for _ in range(20):
                    await asyncio.sleep(0.05)
                waiting = sum(not task.done() for task in tasks)
                assert waiting > 20, "the disk has answered"
                os.unlink(gate.name)
                gate.close()
                await asyncio.gather(*tasks)
                watching.close()
                before.close()

        asyncio.run(main())
        print("done")
        """
    )
    done = run_slowly(program, tmp_path, slow_disk)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.parametrize(
    ("call", "thread"),
    [
        ("db.find('nothing', 1)", "ferrumdb-python"),
        ("db.snapshot().find('nothing', 1)", "ferrumdb-python"),
        ("db.find_range('nothing', 1)", "ferrumdb-python"),
        ("db.at(24)", "ferrumdb-python"),
        ("next(db.history('gone'))", "ferrumdb-python"),
        ("db.compact()", "ferrumdb-compac"),
        ("db.verify()", "ferrumdb-verify"),
        ("ferrumdb.verify('my.db')", "ferrumdb-verify"),
        ("ferrumdb.repair('my.db', 'new.db')", "ferrumdb-verify"),
        ("ferrumdb.restore('my.db', 'new.db')", "ferrumdb-python"),
    ],
)
def test_what_ctrl_c_has_ended_reads_no_more(tmp_path: Path, slow_disk: Path, call: str, thread: str) -> None:
    if sys.platform != "linux" or shutil.which("cc") is None:
        return
    program = textwrap.dedent(
        f"""
        import glob, os, signal, threading, time
        import ferrumdb
        from ferrumdb import FerrumDB
        db = FerrumDB.open("my.db", fsync="never")
        for text in "old", "new":
            for part in range(0, 12_000, 1_000):
                db.update({{str(part + n): {{"text": text * 300}} for n in range(1_000)}})

        def is_working():
            def name(task):
                try:
                    return open(f"/proc/self/task/{{task}}/comm").read().strip()
                except OSError:
                    return ""
            return any(name(task) == "{thread}" for task in os.listdir("/proc/self/task"))

        def was_read():
            return int(open("/proc/self/io").read().split("rchar: ")[1].split()[0])

        def interrupt():
            while not (is_working() and os.path.exists(gate.name + ".waits")):
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        if "my.db" in {call!r}:
            db.close()
        gate = open(os.environ["SLOW_GATE"], "w")
        threading.Thread(target=interrupt).start()
        try:
            {call}
        except KeyboardInterrupt:
            if not db.closed:
                # A compaction is stopped by the writer, and Ctrl-C does not wait for that.
                db["after"] = 1
            before = was_read()
        gate.close()
        os.unlink(gate.name)
        while is_working():
            time.sleep(0.001)
        # What is under way is read to its end, some megabytes at most; who goes on reads all of the file.
        assert was_read() - before < os.path.getsize("my.db") // 2, was_read() - before
        assert os.path.getsize("my.db") > 20 << 20 and not glob.glob("new.db*")
        if db.closed:
            db = FerrumDB.open("my.db", fsync="never")
        assert len(db.find("text", "new" * 300)) == 12_000
        db.close()
        """
    )
    done = run_slowly(program, tmp_path, slow_disk)
    assert (done.returncode, done.stderr) == (0, "")
