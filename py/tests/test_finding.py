"""Documents are found by their fields, with an index or without, and lifetimes end them."""

from __future__ import annotations

import datetime
import math
import time

import pytest

import ferrumdb
from ferrumdb import FerrumDB

PEOPLE = {
    "alice": {"role": "admin", "age": 31, "city": {"name": "Rome"}, "tags": ["a", "b"]},
    "bob": {"role": "true", "age": 17, "city": {"name": "Oslo"}},
    "carol": {"role": '"admin"', "age": 64, "ok": True},
    "dave": {"role": "1", "age": 31.0},
}


@pytest.mark.parametrize("indexed", [False, True])
def test_values_are_found_as_python_has_them(db: FerrumDB, indexed: bool) -> None:
    db.update(PEOPLE)
    for field in ("role", "age", "city.name", "tags", "ok") if indexed else ():
        db.create_index(field)
    assert db.find("role", "admin") == ["alice"] == db.find("role", '"admin"')
    assert db.find("role", '"admin"', exact=True) == ["carol"]
    assert db.find("role", "true") == ["bob"] and db.find("role", "1") == ["dave"]
    assert sorted(db.find("age", 31)) == ["alice", "dave"] and db.find("age", "31") == []
    assert db.find("ok", True) == ["carol"] and sorted(db.find("ok", None)) == ["alice", "bob", "dave"]
    assert db.find("city.name", "Rome") == ["alice"] == db.find(["city", "name"], "Rome")
    assert db.find("tags", "b") == ["alice"] and db.find("role", {"x": 1}) == []
    assert db.find_items("age", 17) == [("bob", PEOPLE["bob"])]
    assert db.find_range("age", 18) == ["alice", "dave", "carol"]
    assert db.find_range("age", 17, 64, reverse=True) == ["dave", "alice", "bob"]
    assert db.find_range("age", limit=1) == ["bob"] and db.find_range("role", "a", "b") == ["alice"]
    assert [key for key, _ in db.items_by("age", 31)] == ["alice", "dave", "carol"]
    with db.snapshot() as before:
        db.clear()
        assert before.find("age", 17) == ["bob"] and before.find_range("age", 60) == ["carol"]
    assert db.find("age", 17) == []


def test_indexes_are_listed_and_dropped(db: FerrumDB) -> None:
    assert isinstance(db.create_index("role"), int) and db.create_index("role") is None
    with pytest.raises(ferrumdb.IndexProblem) as exists:
        db.create_index("role", exist_ok=False)
    assert exists.value.code == "index-exists"
    db.update(PEOPLE)
    db.find("role", "admin")
    assert db.indexes() == {"role": {"entries": 4, "bytes": db.indexes()["role"]["bytes"], "uses": 1}}
    db.drop_index("role")
    assert db.indexes() == {}
    with pytest.raises(ValueError):
        db.create_index([])
    with pytest.raises(TypeError):
        db.find(5, 1)  # type: ignore[arg-type]


def test_lifetimes_are_seconds_or_timedeltas(db: FerrumDB) -> None:
    db.set("a", 1, ttl=60)
    db.set("b", 1, ttl=datetime.timedelta(hours=1))
    db.set_ex("c", 1, 0.001)
    db["d"] = 1
    assert 0 < (db.ttl("a") or 0) <= 60 and 3500 < (db.ttl("b") or 0) <= 3600
    assert db.ttl("d") == math.inf and db.ttl("nothing") is None and db.ttl(5) is None
    deadline = time.monotonic() + 60
    while "c" in db and time.monotonic() < deadline:
        time.sleep(0.002)
    assert "c" not in db and db.get("c") is None and list(db) == ["a", "b", "d"]
    assert db.expire("d", 30) and not db.expire("nothing", 30) and db.persist("a") and not db.persist("nothing")
    assert db.ttl("a") == math.inf and (db.ttl("d") or 0) <= 30
    db.update_with("d", lambda n: n + 1)
    assert (db.ttl("d") or math.inf) <= 30, "a document that is updated expires when it was to"
    for wrong in (-1, math.nan):
        with pytest.raises(ValueError, match="ttl"):
            db.set("e", 1, ttl=wrong)
    for odd in ("5", True):
        with pytest.raises(TypeError, match="ttl"):
            db.set("e", 1, ttl=odd)  # type: ignore[arg-type]
    db.set("gone", 1, ttl=0)
    assert "gone" not in db
    db.set("long", 1, ttl=1e300)
    assert "long" in db


def test_collections_have_keys_and_indexes_of_their_own(db: FerrumDB) -> None:
    users = db.collection("users")
    assert users.name == "users" and db.name is None and users.database is db and len(users) == 0
    users["alice"] = {"role": "admin"}
    db["alice"] = "root"
    users.create_index("role")
    assert users.find("role", "admin") == ["alice"] and db.find("role", "admin") == []
    assert db.collections() == {"users": 1} and list(users.items()) == [("alice", {"role": "admin"})]
    db.commit(users.transaction().set("bob", 1).in_collection().set("count", 2).in_collection("logs").set("x", 3))
    assert users["bob"] == 1 and db["count"] == 2 and db.collections() == {"logs": 1, "users": 2}
    with db.snapshot() as before:
        assert db.drop_collection("users") is True and db.drop_collection("users") is False
        assert before.collection("users")["bob"] == 1 and before.collections() == {"logs": 1, "users": 2}
        assert before.collection("users").root()["count"] == 2
    assert "bob" not in users and dict(users) == {}
    with pytest.raises(ValueError, match="name"):
        db.collection("")
    with pytest.raises(TypeError):
        db.collection(5)  # type: ignore[arg-type]
