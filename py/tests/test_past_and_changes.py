"""Snapshots stand still, changes are told, and what was is known: history, backups, verification, compaction."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import ferrumdb
from ferrumdb import FerrumDB


def test_a_snapshot_shows_one_moment_until_it_is_closed(db: FerrumDB) -> None:
    db.update(a=1, b=[1])
    with db.snapshot() as before:
        db["a"] = 2
        del db["b"]
        assert dict(before) == {"a": 1, "b": [1]} and before["a"] == 1 and "b" in before and len(before) == 2
        assert before.get_raw("b") == b"[1]" and before.get_many(["a", "c"]) == {"a": 1} and before.ttl("a")
        assert before.sequence == 1 and abs(before.time - time.time()) < 60 and "entries=2" in repr(before)
        assert list(before.keys(reverse=True)) == ["b", "a"] and before == {"a": 1, "b": [1]}
        with pytest.raises(KeyError):
            before["c"]
    with pytest.raises(ferrumdb.Closed):
        before["a"]
    assert before.closed and repr(before) == "<Snapshot closed>"


def test_the_past_is_read_by_commit_and_by_time(db: FerrumDB) -> None:
    first = db.set("n", 1)
    db["n"] = 2
    with db.at(first) as then:
        assert then["n"] == 1
    with db.at_time(0) as beginning:
        assert len(beginning) == 0
    with pytest.raises(LookupError) as none:
        db.at(99)
    assert none.value.code == "no-such-commit"  # type: ignore[attr-defined]


def test_changes_are_told_in_order_until_the_end(path: Path) -> None:
    db = FerrumDB.open(path)
    told: list[tuple[str, str, object, object]] = []

    def watch(changes: ferrumdb.Changes) -> None:
        for change in changes:
            told.append((change.key, change.kind, change.before, change.after))

    changes = db.watch(prefix="u:", before=True)
    thread = threading.Thread(target=watch, args=(changes,))
    thread.start()
    db["u:1"] = 1
    db["x"] = 1
    db["u:1"] = {"a": 2}
    db.collection("other")["u:9"] = 1
    del db["u:1"]
    db.close()
    thread.join(300)
    assert not thread.is_alive()
    assert told == [("u:1", "set", None, 1), ("u:1", "set", 1, {"a": 2}), ("u:1", "deleted", {"a": 2}, None)]


def test_a_watcher_goes_on_where_it_was(db: FerrumDB) -> None:
    db.update(a=1, b=2)
    with db.changes(0) as changes:
        first = next(changes)
        assert (first.key, first.after, first.sequence, first.ends_commit) == ("a", 1, 1, False)
        assert changes.sequence == 0, "half of a commit was told"
        next(changes)
        assert changes.sequence == 1 and changes.poll() is None and changes.poll(0.01) is None
    assert next(changes, None) is None
    with db.watch_all() as everywhere:
        db.collection("other")["k"] = 1
        change = everywhere.poll(300)
        assert change is not None and (change.collection, change.key) == ("other", "k")
        db.drop_collection("other")
        assert next(everywhere).kind == "dropped"


def test_closing_changes_ends_a_wait(db: FerrumDB) -> None:
    changes = db.watch()
    thread = threading.Thread(target=lambda: list(changes))
    thread.start()
    changes.close()
    thread.join(300)
    assert not thread.is_alive()


def test_a_key_tells_its_versions(db: FerrumDB) -> None:
    db["k"] = 1
    db["k"] = {"n": 2}
    del db["k"]
    versions = list(db.history("k"))
    assert [(v.kind, v.value, v.sequence) for v in versions] == [
        ("deleted", None, 3),
        ("set", {"n": 2}, 2),
        ("set", 1, 1),
    ]
    assert list(db.history("never")) == [] and list(db.history(5)) == []


def test_a_backup_and_its_increment_are_restored(db: FerrumDB, tmp_path: Path) -> None:
    db["a"] = 1
    full = db.backup(tmp_path / "full.db")
    db["b"] = 2
    part = db.backup(str(tmp_path / "part.inc"), since=full["sequence"])
    assert full["records"] == 1 and part["since"] == full["sequence"] and full["took"] >= 0
    with pytest.raises(OSError) as exists:
        db.backup(tmp_path / "full.db")
    assert exists.value.code == "already-exists"  # type: ignore[attr-defined]
    report = ferrumdb.restore(tmp_path / "full.db", tmp_path / "new.db", increments=[tmp_path / "part.inc"])
    assert report["sequence"] == part["sequence"]
    with FerrumDB.open(tmp_path / "new.db") as restored:
        assert dict(restored) == {"a": 1, "b": 2}


def test_compaction_and_verification_report(path: Path, tmp_path: Path) -> None:
    with FerrumDB.open(path, fsync="never") as db:
        for n in range(300):
            db["k"] = "x" * n
        report = db.compact()
        assert report["bytes_after"] < report["bytes_before"] and report["records_dropped"] >= 299
        assert db.cancel_compaction() is False
        sound = db.verify()
        assert sound["is_sound"] and sound["documents"] == 1 and sound["findings"] == []
        assert db.metrics()["commits"] >= 300 and db.metrics()["uptime"] > 0 and db.lag()["behind"] == 0
        db.sync()
    whole = path.read_bytes()
    place = whole.rindex(b"x" * 200)
    path.write_bytes(whole[:place] + b"y" + whole[place + 1 :])
    checked = ferrumdb.verify(path)
    assert not checked["is_sound"] and checked["findings"]
    with pytest.raises(ferrumdb.Corrupt) as damaged, FerrumDB.open(path) as db:
        db["k"]
    assert damaged.value.code == "damaged"
    saved = ferrumdb.repair(path, tmp_path / "saved.db")
    assert saved["lost_bytes"] > 0


def test_keys_open_what_they_have_sealed(path: Path) -> None:
    with FerrumDB.open(path, passphrase="correct horse") as db:
        db["pin"] = 1234
    with pytest.raises(ferrumdb.WrongKey) as needed:
        FerrumDB.open(path)
    assert needed.value.code == "key-needed" and isinstance(needed.value, ValueError)
    with pytest.raises(ferrumdb.WrongKey) as wrong:
        FerrumDB.open(path, passphrase="battery staple")
    assert wrong.value.code == "wrong-key" and Path(str(wrong.value.path)) == path
    with FerrumDB.open(path, passphrase="correct horse") as db:
        db.rekey(b"k" * 32)
    with FerrumDB.open(path, encryption_key=b"k" * 32) as db:
        assert db["pin"] == 1234
    assert b"1234" not in path.read_bytes()
    with pytest.raises(ValueError, match="either"):
        FerrumDB.open(path, encryption_key=b"k" * 32, passphrase="x")


def test_every_other_setting_is_understood(tmp_path: Path) -> None:
    for number, fsync in enumerate(["always", "never", "periodic", "periodic:50", 0.05]):
        with FerrumDB.open(tmp_path / f"{number}.db", fsync=fsync, cache_bytes=0, history=3) as db:
            db["a"] = 1
            assert db["a"] == 1
    for wrong in ({"fsync": "sometimes"}, {"codec": "pickle"}, {"history": "some"}, {"fsync": -1}):
        with pytest.raises(ValueError):
            FerrumDB.open(tmp_path / "x.db", **wrong)
    with pytest.raises(OSError) as no_folder:
        FerrumDB.open(tmp_path / "no" / "x.db")
    assert no_folder.value.code == "no-such-folder"  # type: ignore[attr-defined]
    with pytest.raises(ferrumdb.NotADatabase):
        (tmp_path / "text").write_text("hello, I am no database at all" * 999)
        FerrumDB.open(tmp_path / "text")
