"""Programs that were written for the older package of this name run as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import ferrumdb
from ferrumdb import FerrumDB, Transaction


def test_the_quick_start_of_the_older_package_runs(tmp_path: Path) -> None:
    db = FerrumDB.open(str(tmp_path / "myapp.db"))
    db.set("user:1", {"name": "alice", "role": "admin", "score": 99})
    db.set("user:2", '{"name": "bob", "role": "user", "score": 45}')
    db.set_ex("session:abc", {"token": "xyz"}, 60)
    assert db.get("user:1") == {"name": "alice", "role": "admin", "score": 99}
    assert db.get("user:2") == {"name": "bob", "role": "user", "score": 45}
    assert db.get("user:9") is None
    assert db.count() == 3
    assert sorted(db.keys()) == ["session:abc", "user:1", "user:2"]
    assert db.keys()[0] == "session:abc" and db.keys()[1:] == ["user:1", "user:2"]
    assert db.exists("user:1") and not db.exists("user:9")
    assert sorted(db.keys_with_prefix("user:")) == ["user:1", "user:2"]
    stats = db.stats()
    assert stats["key_count"] == 3 and stats["disk_size_bytes"] > 0
    assert stats["index_memory_estimate"] == 0 and stats["expired_keys"] == 0
    assert db.delete("user:2") is True and db.delete("user:2") is False
    assert "entries=2" in repr(db)
    db.close()


def test_indexes_and_transactions_of_the_older_package_run(tmp_path: Path) -> None:
    db = FerrumDB.open(str(tmp_path / "myapp.db"), "my_super_secret_key_32_bytes_!!?")
    db.create_index("role")
    db.create_index("role")  # its programs do so each time they start
    for number, role in enumerate(["admin", "user", "admin"], 1):
        db.set(f"user:{number}", {"role": role})
    assert sorted(db.find("role", '"admin"')) == ["user:1", "user:3"]
    tx = Transaction()
    tx.set("key1", {"value": 1})
    tx.set("key2", '{"value": 2}')
    tx.set_ex("cache:temp", {"data": 123}, 300)
    tx.delete("user:1")
    assert repr(tx) == "<Transaction ops=4>"
    sequence = db.commit(tx)
    assert isinstance(sequence, int) and db.set("more", 1) > sequence
    assert db.get("key2") == {"value": 2} and not db.exists("user:1")
    db.close()
    with FerrumDB.open(tmp_path / "myapp.db", encryption_key="my_super_secret_key_32_bytes_!!?") as again:
        assert again.get("key1") == {"value": 1}
        assert again.find("role", "admin") == ["user:3"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ('{"a": 1}', {"a": 1}),
        (' [1, {"b": null}]\n', [1, {"b": None}]),
        ("12", "12"),
        ("true", "true"),
        ('"x"', '"x"'),
        ("plain", "plain"),
        ("{bad", "{bad"),
        ("", ""),
    ],
)
def test_set_alone_takes_texts_of_objects_and_arrays_as_documents(db: FerrumDB, given: str, stored: object) -> None:
    db.set("set", given)
    db.set_ex("set_ex", given, 60)
    db.commit(Transaction().set("tx", given))
    assert [db["set"], db["set_ex"], db["tx"]] == [stored] * 3
    db["item"] = given
    db.insert("insert", given)
    db.update(update=given)
    assert [db["item"], db["insert"], db["update"]] == [given] * 3


def test_where_the_older_package_was_silent_there_are_errors(db: FerrumDB, path: Path) -> None:
    for lost in [2**100, float("nan"), {1: 2}, {"a": (b"x",)}]:
        with pytest.raises(ferrumdb.NotSerializable):
            db.set("lost", lost)
    assert "lost" not in db
    with pytest.raises(ferrumdb.Locked, match=r"process \d+|this process"):
        FerrumDB.open(path)
    with pytest.raises(ValueError, match="32 bytes"):
        FerrumDB.open(path, encryption_key="short")
