"""Forks, workers, signals, leaks and the end of the interpreter do what their users would expect."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest

import ferrumdb
from conftest import Run
from ferrumdb import FerrumDB


def test_a_forked_child_is_told_and_the_parent_is_unharmed(run: Run) -> None:
    done = run(
        """
        import os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        import ferrumdb
        from ferrumdb import FerrumDB
        db = FerrumDB.open("my.db", fsync="never")
        db["a"] = 1
        db["a"]
        snapshot, walk = db.snapshot(), iter(db)
        begun = db.begin()
        child = os.fork()
        if child == 0:
            calls = [
                lambda: db["a"], lambda: db.get("b"), lambda: "a" in db, lambda: len(db), lambda: db.set("a", 2),
                lambda: list(db), lambda: db.keys(), lambda: db.snapshot(), lambda: snapshot["a"],
                lambda: next(walk), lambda: db.get_many(["a"]), lambda: db.find("x", 1), lambda: db.close(),
                lambda: db.transact().run(lambda tx: tx.get("a")), lambda: db.ttl("a"), lambda: db.get_raw("a"),
                lambda: begun.get("a"), lambda: begun.set("a", 2), lambda: begun.keys(), lambda: begun.commit(),
            ]
            for number, call in enumerate(calls):
                try:
                    call()
                except ferrumdb.Forked as error:
                    assert error.code == "forked", error.code
                else:
                    print("no error from call", number)
            with FerrumDB.open("child.db") as own:
                own["b"] = 2
            print("child", repr(db))
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        begun.set("d", begun.get("a"))
        begun.commit()
        del db["d"]
        db["c"] = 3
        assert dict(db) == {"a": 1, "c": 3} and dict(snapshot) == {"a": 1}
        snapshot.close()
        db.close()
        print("parent")
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["child <FerrumDB 'my.db' entries=forked>", "parent"]


def test_spawned_workers_read_along(run: Run) -> None:
    done = run(
        """
        import multiprocessing, time
        from ferrumdb import FerrumDB

        def read_by(db):
            with db:
                # Who reads along is some milliseconds behind.
                while "a" not in db:
                    time.sleep(0.005)
                return db["a"]

        def read(path):
            return read_by(FerrumDB.open(path, read_only=True))

        if __name__ == "__main__":
            with FerrumDB.open("my.db") as db:
                db["a"] = 1
                with multiprocessing.get_context("spawn").Pool(2) as pool:
                    print(pool.map(read, ["my.db"] * 4))
                    with FerrumDB.open("my.db", read_only=True) as follower:
                        print(pool.apply(read_by, (follower,)))
        """,
        as_file=True,
    )
    assert (done.returncode, done.stdout) == (0, "[1, 1, 1, 1]\n1\n"), done.stderr


def test_a_read_only_database_refuses_writes(db: FerrumDB, path: Path) -> None:
    db["a"] = 1
    with FerrumDB.open(path, read_only=True) as follower:
        with pytest.raises(ferrumdb.ReadOnly):
            follower["a"] = 2
        db["a"] = 3
        deadline = time.monotonic() + 60
        while follower.get("a") != 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert follower["a"] == 3 and follower.lag()["sequence"] == 2


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that takes a second and more to be read."""
    folder = tmp_path_factory.mktemp("large")
    with FerrumDB.open(folder / "my.db", fsync="never") as db:
        for part in range(4):
            db.update({f"{part}:{n:05}": {"list": list(range(200)), "n": n} for n in range(5_000)})
    return folder


@pytest.mark.long
@pytest.mark.parametrize(
    "call",
    [
        "db.find('nothing', 1)",
        "db.find_range('nothing', 5)",
        "list(db.items())",
        "db.verify()",
        "db.compact()",
        "next(db.watch())",
        "FerrumDB.open('my.db', lock_timeout=60)",
        "db.from_ndjson('endless.ndjson')",
    ],
)
def test_ctrl_c_ends_a_long_call_soon(tmp_path: Path, large: Path, call: str) -> None:
    told: list[float] = []
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        told.append(interrupted_after(folder, large, call))
        # 100 ms are promised; the rest is for a machine that has other things to do. What does not end soon never does.
        if told[-1] < 0.5:
            return
    raise AssertionError(told)


def interrupted_after(tmp_path: Path, large: Path, call: str) -> float:
    """How many seconds after Ctrl-C a call has ended, in a process of its own."""
    for file in large.iterdir():
        shutil.copy(file, tmp_path)
    os.mkfifo(tmp_path / "endless.ndjson")
    program = textwrap.dedent(
        f"""
        import threading, time
        from ferrumdb import FerrumDB
        db = FerrumDB.open("my.db", fsync="never")
        try:
            print("ready", flush=True)
            while True:
                {call}
        except KeyboardInterrupt:
            print("interrupted", time.monotonic(), flush=True)
        db["after"] = 1
        assert db["after"] == 1 and db.verify()["is_sound"]
        db.close()
        """
    )
    feed = "ferrumdb" if "ndjson" in call else None
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        if feed:
            # Somebody writes there, and nothing comes.
            writer = os.open(tmp_path / "endless.ndjson", os.O_WRONLY)
            os.write(writer, b'{"key":"k","value":1}\n')
        time.sleep(0.4)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        while True:
            try:
                out, err = process.communicate(timeout=30)
                break
            except subprocess.TimeoutExpired:
                # A signal that comes just before a read of a file begins does not end it, whoever reads.
                process.send_signal(signal.SIGINT)
        if feed:
            os.close(writer)
    assert process.returncode == 0 and out.startswith("interrupted"), err
    return float(out.split()[1]) - sent


def test_a_handle_that_is_not_closed_is_told_of(run: Run) -> None:
    done = run(
        """
        import gc
        from ferrumdb import FerrumDB
        db = FerrumDB.open("my.db")
        db["a"] = 1
        del db
        gc.collect()
        with FerrumDB.open("my.db") as db:
            print(db["a"])
        """
    )
    assert done.stdout == "1\n" and "ResourceWarning" in done.stderr and "never closed" in done.stderr
    assert done.stderr.count("ResourceWarning: <") == 1, done.stderr


def test_the_end_of_the_interpreter_is_clean(run: Run) -> None:
    done = run(
        """
        import asyncio, threading
        from ferrumdb import AsyncFerrumDB, FerrumDB
        kept = FerrumDB.open("my.db", fsync="periodic:10000")
        kept["a"] = 1
        watching = kept.watch()
        threading.Thread(target=lambda: list(watching), daemon=True).start()

        async def work():
            db = await AsyncFerrumDB.open("other.db")
            await asyncio.gather(*(db.set(str(n), n) for n in range(100)))
            return db

        other = asyncio.run(work(), debug=False)
        iterator = iter(kept.items())
        next(iterator)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    again = run("from ferrumdb import FerrumDB; db = FerrumDB.open('my.db'); print(db.stats()['recovery']['clean'])")
    assert again.stdout == "True\n"


def test_importing_is_quick_and_small(run: Run) -> None:
    done = run("import sys, ferrumdb; print(sorted({'asyncio', 'typing', 'logging', 'json'} & set(sys.modules)))")
    # Some versions of Python import typing by themselves in this mode.
    assert "asyncio" not in done.stdout and "logging" not in done.stdout and "json" not in done.stdout


def test_the_librarys_events_come_to_logging(run: Run, tmp_path: Path) -> None:
    program = """
        import logging, sys
        if "quiet" not in sys.argv:
            logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s", stream=sys.stdout)
        from ferrumdb import FerrumDB
        with FerrumDB.open("my.db") as db:
            db["a"] = 1
            db.compact()
            for _ in range(100):
                db["a"]
        """
    told = run(program)
    assert (told.returncode, told.stderr) == (0, "")
    assert "ferrumdb INFO compacted the database" in told.stdout
    quiet = run(program, "quiet")
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_studio_is_served_until_the_database_is_closed(db: FerrumDB, capsys: pytest.CaptureFixture[str]) -> None:
    url = db.start_studio(0)
    assert url.startswith("http://") and url in capsys.readouterr().err
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(url, timeout=300) as page:
        assert b"<html" in page.read().lower()
    db.close()
    with pytest.raises(OSError):
        browser.open(url, timeout=300)
