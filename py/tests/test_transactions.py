"""Transactions are all or nothing, and those that read are serializable."""

from __future__ import annotations

import threading

import pytest

from ferrumdb import Closed, Conflict, FerrumDB, OpenTransaction, Transaction


def test_a_transaction_is_all_or_nothing(db: FerrumDB) -> None:
    db["a"] = 1
    tx = Transaction().set("b", 2).if_version("a", 1).if_absent("b").if_exists("a").expire("a", 60)
    assert len(tx) == 2 and db.commit(tx) == 2 and (db.ttl("a") or 0) <= 60
    with pytest.raises(Conflict) as conflict:
        db.commit(tx.set("c", 3))
    assert conflict.value.key == "a" and "c" not in db
    kept = Transaction().set("x", 1)
    with pytest.raises(TypeError):
        kept.set("y", {1})
    db.commit(kept.persist("a").put("t", "[1]").set_raw("r", b"[1]").delete("b"))
    assert dict(db) == {"a": 1, "r": [1], "t": "[1]", "x": 1} and db.ttl("a") == float("inf")
    assert db.commit(Transaction()) > 0


def test_a_decorated_function_runs_again_until_nobody_was_faster(db: FerrumDB) -> None:
    db["n"] = 0

    @db.transact
    def add(tx: OpenTransaction, by: int) -> int:
        tx["n"] = tx["n"] + by
        value: int = tx["n"]
        return value

    threads = [threading.Thread(target=lambda: [add(1) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db["n"] == 200 and add(by=5) == 205


def test_a_conflict_is_told_when_attempts_are_used_up(db: FerrumDB) -> None:
    db["n"] = 0
    runs = []

    @db.transact(attempts=3)
    def late(tx: OpenTransaction) -> None:
        runs.append(tx["n"])
        db.increment("n")
        tx["n"] = -1

    with pytest.raises(Conflict) as conflict:
        late()
    assert runs == [0, 1, 2] and conflict.value.attempts == 3 and db["n"] == 3


def test_a_block_commits_at_its_end_unless_it_raises(db: FerrumDB) -> None:
    with db.transact() as tx:
        tx["a"] = 1
        tx.set("b", 2, ttl=60)
        assert tx["a"] == 1 and "a" in tx and "a" not in db and tx.count() == 2
    assert dict(db) == {"a": 1, "b": 2}
    with pytest.raises(ZeroDivisionError), db.transact() as tx:
        del tx["a"]
        raise ZeroDivisionError
    assert db["a"] == 1
    with pytest.raises(Closed):
        tx.get("a")
    with pytest.raises(Conflict), db.transact() as tx:
        tx["a"] = tx["a"] + 1
        db["a"] = 10
    for attempt in db.transact(attempts=10):
        with attempt as tx:
            if tx["a"] == 10:
                db["a"] = 11
            tx["a"] = tx["a"] + 100
    assert db["a"] == 111
    with db.transact() as tx:
        tx["a"] = 0
        tx.rollback()
    assert db["a"] == 111


def test_ranges_and_finds_of_a_transaction_are_validated(db: FerrumDB) -> None:
    db.update({"q:1": {"by": "x"}, "q:2": {"by": "y"}})
    with db.transact() as tx:
        assert tx.keys(prefix="q:", limit=1) == ["q:1"] and tx.keys(reverse=True) == ["q:2", "q:1"]
        assert tx.items(start="q:2") == [("q:2", {"by": "y"})] and tx.find("by", "x") == ["q:1"]
        tx.update("q:1", {"by": "z"})
        assert tx.find("by", "z") == ["q:1"] and tx.find_range("by", "y", "z") == ["q:2"]
        assert tx.increment("n", 5) == 5 and tx.increment("page", field="hits.day") == 1
        tx.in_collection("other")
        tx["k"] = 1
        tx.in_collection()
        assert "k" not in tx
    assert db["page"] == {"hits": {"day": 1}} and db.collection("other")["k"] == 1
    with pytest.raises(Conflict), db.transact() as tx:
        tx["count"] = len(tx.keys(prefix="q:"))
        db["q:3"] = 1


def test_a_counter_loses_no_addition(db: FerrumDB) -> None:
    def work() -> None:
        for _ in range(50):
            db.increment("n")
            db.update_with("list", lambda items: items + [1], default=[])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db["n"] == 150 and len(db["list"]) == 150
    db["text"] = "x"
    with pytest.raises(TypeError, match="integer"):
        db.increment("text")
    db["big"] = 2**63 - 1
    with pytest.raises(OverflowError):
        db.increment("big")
