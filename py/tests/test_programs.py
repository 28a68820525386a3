"""The programs of the cookbook, of the migrations and of the example do what their pages say."""

from __future__ import annotations

import dbm.dumb
import re
import shelve
import subprocess
import sys
from pathlib import Path

import pytest

from ferrumdb import FerrumDB

PACKAGE = Path(__file__).resolve().parent.parent
EXAMPLE = PACKAGE.parent / "examples" / "python-example" / "contacts.py"


def run(program: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("sessions", "{'user': 'alice', 'cart': ['book', 'pen']} True\nNone\n"),
        (
            "cache",
            "[0.95, 0.95, 1.0] ['CHF', 'EUR']\n"
            "['exchange:[[\"CHF\"],{}]', 'exchange:[[\"EUR\"],{}]'] CacheInfo(hits=1, misses=2, currsize=2)\n"
            "2 0.95 ['CHF', 'EUR', 'CHF']\n",
        ),
        ("jobs", "True 0\n"),
        (
            "events",
            "['started', 'stopped'] []\n['started'] ['started', 'stopped', 'started']\n['started', 'stopped']\n",
        ),
        (
            "notebook",
            "['run:2', 'run:3'] 2024-05-02 b'\\x02'\n0.71 0.99\n[('run:1', 0.99), ('run:2', 0.93), ('run:3', 0.88)]\n",
        ),
    ],
)
def test_a_program_of_the_cookbook_prints_what_it_should(tmp_path: Path, name: str, printed: str) -> None:
    assert run(PACKAGE / "cookbook" / f"{name}.py", tmp_path / "my.db") == printed


@pytest.mark.parametrize(("page", "printed"), [("README.md", "['user:1'] ['user:1']\n"), ("py/README.md", "")])
def test_the_first_program_of_a_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, printed: str
) -> None:
    programs = re.findall(r"```python\n(.*?)```", (PACKAGE.parent / page).read_text(), re.DOTALL)
    assert len(programs) == 1
    (tmp_path / "program.py").write_text(programs[0])
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path / "program.py") == printed


def test_the_contact_book_keeps_contacts(tmp_path: Path) -> None:
    def book(*words: str) -> str:
        return run(EXAMPLE, "--book", tmp_path / "book.db", *words).rstrip("\n")

    assert book("add", "alice", "--city", "Rome", "--tag", "friend", "--phone", "123") == "added alice"
    assert book("add", "alice") == "alice is in the book already" and book("add", "bob") == "added bob"
    assert book("find", "--city", "Rome", "--tag", "friend") == "alice: 123, Rome ['friend']"
    assert book("find", "--tag", "foe") == "nobody"
    assert book("tag", "bob", "friend") == "bob: no phone, no city ['friend']"
    assert book("rename", "bob", "alice") == "that cannot be done"
    assert book("rename", "bob", "carol") == "bob is carol now"
    assert [line.split(":")[0] for line in book("show").splitlines()] == ["alice", "carol"]
    assert book("remove", "carol") == "removed" and book("remove", "carol") == "carol is not in the book"
    assert [line.split()[2] for line in book("history", "carol").splitlines()] == ["deleted", "set"]


def test_a_shelf_is_taken_over(tmp_path: Path) -> None:
    with shelve.Shelf(dbm.dumb.open(str(tmp_path / "old"), "n")) as shelf:
        shelf["a"], shelf["b"] = {"x": [1, b"2"]}, "text"
    assert run(PACKAGE / "migrate" / "from_shelve.py", tmp_path / "old", tmp_path / "new.db") == "2\n"
    with FerrumDB.open(tmp_path / "new.db", codec="extended") as db:
        assert dict(db) == {"a": {"x": [1, b"2"]}, "b": "text"}


def test_a_diskcache_is_taken_over(tmp_path: Path) -> None:
    import diskcache

    with diskcache.Cache(str(tmp_path / "old")) as cache:
        cache.set("a", {"x": 1}, expire=1_000)
        cache.set(("tuple", 1), b"bytes")
        cache.set("lost", {1, 2})
    assert run(PACKAGE / "migrate" / "from_diskcache.py", tmp_path / "old", tmp_path / "new.db") == "2 1\n"
    with FerrumDB.open(tmp_path / "new.db", codec="extended") as db:
        assert dict(db) == {"a": {"x": 1}, "('tuple', 1)": b"bytes"} and 900 < (db.ttl("a") or 0) <= 1_000


def test_keys_of_a_diskcache_that_become_the_same_are_told(tmp_path: Path) -> None:
    import diskcache

    with diskcache.Cache(str(tmp_path / "old")) as cache:
        cache.set(1, "number")
        cache.set("1", "text")
    program = PACKAGE / "migrate" / "from_diskcache.py"
    done = subprocess.run(
        [sys.executable, program, tmp_path / "old", tmp_path / "new.db"], capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stdout == "" and "two keys would become '1'" in done.stderr
    with FerrumDB.open(tmp_path / "new.db") as db:
        assert len(db) == 0


def test_the_tables_of_tinydb_are_taken_over(tmp_path: Path) -> None:
    import tinydb

    with tinydb.TinyDB(tmp_path / "old.json") as old:
        old.insert({"name": "alice"})
        old.table("pets").insert_multiple([{"name": "rex"}, {"name": "tom"}])
    printed = run(PACKAGE / "migrate" / "from_tinydb.py", tmp_path / "old.json", tmp_path / "new.db")
    assert printed == "_default 1\npets 2\n"
    with FerrumDB.open(tmp_path / "new.db") as db:
        assert dict(db) == {"000000000001": {"name": "alice"}}
        assert db.collection("pets").find("name", "tom") == ["000000000002"]


def test_the_tables_of_sqlitedict_are_taken_over(tmp_path: Path) -> None:
    import sqlitedict

    for table, value in (("unnamed", {"x": 1}), ("other", [1])):
        with sqlitedict.SqliteDict(str(tmp_path / "old.sqlite"), tablename=table) as old:
            old["k"] = value
            old.commit()
    printed = run(PACKAGE / "migrate" / "from_sqlitedict.py", tmp_path / "old.sqlite", tmp_path / "new.db")
    assert printed == "other 1\nunnamed 1\n"
    with FerrumDB.open(tmp_path / "new.db") as db:
        assert db["k"] == {"x": 1} and db.collection("other")["k"] == [1]


def test_documents_of_the_older_package_are_taken_over(tmp_path: Path) -> None:
    # What is used of the older package, this one has as well; its own file cannot be made here.
    with FerrumDB.open(tmp_path / "old.db") as old:
        old.update(a={"x": 1}, b="ü")
    program = PACKAGE / "migrate" / "from_older_ferrumdb.py"
    leaking = ["-W", "ignore::ResourceWarning"]
    subprocess.run(
        [sys.executable, *leaking, program, "out", tmp_path / "old.db", tmp_path / "lines.ndjson"], check=True
    )
    assert run(program, "in", tmp_path / "lines.ndjson", tmp_path / "new.db") == "2\n"
    with FerrumDB.open(tmp_path / "new.db") as db:
        assert dict(db) == {"a": {"x": 1}, "b": "ü"}
