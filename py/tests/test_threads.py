"""Reads let other threads of Python go on, and threads may share every object."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import threading
from pathlib import Path

import pytest

from ferrumdb import Conflict, FerrumDB, Transaction


@pytest.fixture(scope="module")
def slow_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes reads of one file wait while a gate is there."""
    library = tmp_path_factory.mktemp("slow") / "slow_reads.so"
    source = Path(__file__).with_name("slow_reads.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def run_slowly(program: str, folder: Path, slow_disk: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program there whose reads of `my.db` wait while there is a file of the name in `SLOW_GATE`."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
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
        import os, threading
        from ferrumdb import FerrumDB
        db = FerrumDB.open("my.db", fsync="never")
        db["hot"], db["cold"] = {{"n": 0}}, {{"n": 1}}
        db["hot"]
        gate = open(os.environ["SLOW_GATE"], "w")
        results = []
        reader = threading.Thread(target=lambda: results.append({read}))
        reader.start()
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
                while not begun:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.2)
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


def test_threads_may_share_every_object(db: FerrumDB) -> None:
    """Ready for an interpreter without a lock: nothing here rests on there being one."""
    db.update({f"k:{n:03}": {"n": n} for n in range(200)})
    shared = Transaction()
    walk = iter(db.items())
    taken: list[str] = []
    failures: list[BaseException] = []
    begin = threading.Barrier(4)

    def work(seed: int) -> None:
        choose = random.Random(seed)
        begin.wait()
        try:
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
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and db["total"] == 600 and len(shared) == 600
    assert len(set(taken)) == len(taken) and sorted(taken) == [f"k:{n:03}" for n in range(len(taken))]
    db.commit(shared)
    assert len(db.keys(prefix="shared:")) == 600


def test_an_interpreter_without_a_lock_stays_so() -> None:
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert not sys._is_gil_enabled()  # type: ignore[attr-defined, unused-ignore]
