"""A database is a `MutableMapping` of texts to what JSON has."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from collections.abc import MutableMapping

import pytest

from ferrumdb import Conflict, FerrumDB, InvalidKey


def test_it_behaves_as_a_dict_does(db: FerrumDB) -> None:
    assert isinstance(db, MutableMapping) and not db and len(db) == 0 and dict(db) == {}
    db["b"], db["a"] = {"x": [1, None]}, "text"
    assert db and len(db) == 2 and list(db) == ["a", "b"] and list(reversed(db)) == ["b", "a"]
    assert db == {"a": "text", "b": {"x": [1, None]}} and db != {"a": 1}
    assert db.get("a") == "text" and db.get("c") is None and db.get("c", 5) == 5
    del db["a"]
    with pytest.raises(KeyError) as missing:
        db["a"]
    assert missing.value.args == ("a",)
    with pytest.raises(KeyError):
        del db["a"]
    assert db.pop("b") == {"x": [1, None]} and db.pop("b", "none") == "none"
    with pytest.raises(KeyError):
        db.pop("b")
    with pytest.raises(KeyError):
        db.popitem()
    assert db.setdefault("n", 1) == 1 and db.setdefault("n", 2) == 1
    db.update({"p": 1}, q=2)
    db.update([("r", 3)])
    assert db.popitem() == ("n", 1)
    db.clear()
    assert dict(db) == {}


@pytest.mark.parametrize("key", [5, None, b"a", ("a",), 1.0, "\ud800"])
def test_a_key_that_is_no_text_is_not_there_and_cannot_be(db: FerrumDB, key: object) -> None:
    assert key not in db and db.get(key, "d") == "d" and not db.exists(key)  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        db[key]  # type: ignore[index]
    with pytest.raises(KeyError):
        del db[key]  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        db[key] = 1  # type: ignore[index]
    if not isinstance(key, str):
        with pytest.raises(InvalidKey):
            db.set(key, 1)  # type: ignore[arg-type]
    assert len(db) == 0


def test_update_and_clear_are_one_commit_each(db: FerrumDB) -> None:
    with db.watch() as changes:
        db.update({f"k:{n:03}": n for n in range(300)})
        db.clear()
        told = [next(changes) for _ in range(600)]
    assert {change.sequence for change in told} == {1, 2}
    assert db.put_all([("a", 1), ("b", "[2]")]) == 3 and db["b"] == "[2]"
    with pytest.raises(TypeError):
        db.put_all([("good", 1), (5, 1)])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        db.update({"good": 1, "bad": {1, 2}})
    assert "good" not in db


def test_several_keys_are_read_as_of_one_moment(db: FerrumDB) -> None:
    db.update(a=1, b=None)
    assert db.get_many(["b", "zz", "a", 5]) == {"b": None, "a": 1}  # type: ignore[list-item]
    assert db.exists_many(["b", "zz"]) == {"b"}
    assert db.get_many(f"k{n}" for n in range(1_000)) == {}


def test_raw_texts_go_in_and_out(db: FerrumDB) -> None:
    db.set_raw("a", '{"price": 1.50, "n": [1,2]}')
    db.set_raw("b", bytearray(b"[1]"))
    assert db.get_raw("a") == b'{"price":1.50,"n":[1,2]}' and db["a"] == {"price": 1.5, "n": [1, 2]}
    assert db.get_raw("b") == b"[1]" and db.get_raw("c") is None and db.get_raw("c", b"") == b""
    with pytest.raises(ValueError, match='key "c"'):
        db.set_raw("c", "{not json")


def test_conditions_hold_or_nothing_happens(db: FerrumDB) -> None:
    first = db.insert("leader", "alice", ttl=60)
    with pytest.raises(Conflict) as conflict:
        db.insert("leader", "bob")
    assert (conflict.value.key, conflict.value.found, conflict.value.code) == ("leader", first, "conflict")
    found = db.get_with_version("leader")
    assert found == ("alice", first) and db.get_with_version("nobody") is None
    second = db.set_if_version("leader", "carol", first)
    with pytest.raises(Conflict):
        db.delete_if_version("leader", first)
    db.delete_if_version("leader", second)
    with pytest.raises(Conflict):
        db.replace("leader", "dave")
    assert db.get_and_set("token", "red") is None and db.get_and_set("token", "blue") == "red"


def test_views_are_sized_and_stand_still(db: FerrumDB) -> None:
    db.update({key: key.upper() for key in ["a", "b", "c", "d"]})
    keys, values, items = db.keys(), db.values(start="b"), db.items(prefix="c")
    db["e"] = "E"
    del db["a"]
    assert len(keys) == 4 and list(keys) == ["a", "b", "c", "d"] == list(keys)
    assert "a" in keys and "e" not in keys and 5 not in keys
    assert list(values) == ["B", "C", "D"] and len(values) == 3 and "B" in values and "A" not in values
    assert list(items) == [("c", "C")] and ("c", "C") in items and ("c", "D") not in items
    assert keys & {"a", "z"} == {"a"} and keys | {"z"} == {"a", "b", "c", "d", "z"} and keys == {*"abcd"}
    assert list(reversed(keys)) == ["d", "c", "b", "a"] and keys[-1] == "d"
    with pytest.raises(IndexError):
        keys[4]
    assert repr(keys) == "Keys(['a', 'b', 'c', 'd'])" and list(db) == ["b", "c", "d", "e"]


def test_ranges_say_which_keys_in_which_order_and_how_many(db: FerrumDB) -> None:
    names = ["a", "aa", "ab", "b", "ba", "c", "é", "\U0001f600", "\uffff"]
    db.update(dict.fromkeys(names, 1))
    by_bytes = sorted(names, key=str.encode)
    assert list(db.keys()) == by_bytes and list(db.keys(reverse=True)) == by_bytes[::-1]
    assert list(db.keys(start="aa", end="b")) == ["aa", "ab"]
    assert list(db.keys(start="aa", end="b", reverse=True)) == ["ab", "aa"]
    assert list(db.keys(prefix="a", start="ab")) == ["ab"] and list(db.keys(prefix="b", end="b")) == []
    assert list(db.keys(start="z", end="a")) == [] and len(db.keys(start="z", end="a")) == 0
    assert list(db.keys(prefix="\U0001f600")) == ["\U0001f600"] and len(db.keys(prefix="\uffff")) == 1
    assert list(db.keys(limit=0)) == [] and len(db.keys(limit=0)) == 0 and "a" not in db.keys(limit=0)
    two, last = db.keys(limit=2), db.keys(limit=2, reverse=True)
    assert len(two) == 2 and "aa" in two and "ab" not in two
    assert list(reversed(two)) == ["aa", "a"] and by_bytes[-2] in last and "a" not in last
    with pytest.raises(ValueError, match="limit"):
        db.keys(limit=-1)


def test_an_iteration_goes_on_while_others_write(db: FerrumDB) -> None:
    db.update({f"{n:05}": n for n in range(2_000)})
    seen = []
    for key, value in db.items():
        seen.append(value)
        db[f"x{key}"] = value
        del db[key]
    assert seen == list(range(2_000)) and len(db) == 2_000


def test_an_iteration_builds_no_list(db: FerrumDB) -> None:
    for part in range(4):
        db.put_all((f"{part}:{n:05}", {"n": n}) for n in range(5_000))
    tracemalloc.start()
    try:
        for view in (db.keys(), db.values(), db.items(reverse=True)):
            assert sum(1 for _ in view) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A list of the keys alone would have more than a megabyte.
    assert peak < 200_000


def test_a_handle_that_can_write_is_not_copied_and_not_pickled(db: FerrumDB) -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(db)
