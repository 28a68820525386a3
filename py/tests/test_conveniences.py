"""Notebooks, data frames, lines of JSON, and results that are kept."""

from __future__ import annotations

import io
import json
import math
import time
from pathlib import Path

import pytest

import ferrumdb
from ferrumdb import FerrumDB


def test_documents_go_out_and_in_as_lines(db: FerrumDB, tmp_path: Path) -> None:
    db.update({'k"1': {"n": 1.5, "s": "ü\n"}, "k2": [1], "other": None})
    assert db.to_ndjson(tmp_path / "all.ndjson") == 3
    lines = io.BytesIO()
    assert db.to_ndjson(lines, prefix="k") == 2
    assert lines.getvalue() == '{"key":"k\\"1","value":{"n":1.5,"s":"ü\\n"}}\n{"key":"k2","value":[1]}\n'.encode()
    copy = db.collection("copy")
    assert copy.from_ndjson(tmp_path / "all.ndjson", batch=2) == 3 and dict(copy) == dict(db)
    people = io.BytesIO(b'{"id": "alice", "age": 31}\n\n{"id": "bob"}\n')
    assert copy.from_ndjson(people, key="id") == 2 and copy["alice"] == {"id": "alice", "age": 31}
    for bad in (b"{", b'{"key": 5, "value": 1}', b'{"key": "a"}', b"[]"):
        with pytest.raises(ValueError, match="line 1"):
            copy.from_ndjson(io.BytesIO(bad))


def test_lines_keep_texts_and_lifetimes(tmp_path: Path) -> None:
    raw = b'{"n":1.10,"e":1E5,"big":18446744073709551615,"when":{"$date":"2024-02-29"}}'
    with FerrumDB.open(":memory:", codec="extended") as db:
        db.set_raw("raw", raw)
        db.put("bytes", b"x", ttl=1_000)
        db["literal"] = {"$date": "no date"}
        lines = io.BytesIO()
        assert db.to_ndjson(lines) == 3
        expiry = json.loads(lines.getvalue().splitlines()[0])["expires_at"]
        assert 900 < expiry / 1000 - time.time() <= 1_000 and lines.getvalue().count(b"expires_at") == 1
        copy = db.collection("copy")
        assert copy.from_ndjson(io.BytesIO(lines.getvalue())) == 3 and dict(copy) == dict(db)
        assert copy.get_raw("raw") == db.get_raw("raw")
        assert copy["bytes"] == b"x" and 900 < (copy.ttl("bytes") or 0) <= 1_000 and copy.ttl("raw") == math.inf
        again = io.BytesIO()
        copy.to_ndjson(again)
        assert again.getvalue() == lines.getvalue(), "a copy of a copy is the same"
        assert copy.from_ndjson(io.BytesIO(b'{"id":"whole","x":{"$date":"2024-02-29"}}'), key="id") == 1
        assert copy.get_raw("whole") == b'{"id":"whole","x":{"$date":"2024-02-29"}}'
        copy.from_ndjson(io.BytesIO(b'{"key":"past","value":1,"expires_at":5}'))
        assert "past" not in copy
        for bad in (b'["a",1]', b'{"key":"a","value":1,"expires_at":"soon"}', b'{"key":"a","value":1} x'):
            with pytest.raises(ValueError, match="line 1"):
                copy.from_ndjson(io.BytesIO(bad))


def test_documents_become_rows(db: FerrumDB) -> None:
    db.update({"a": {"n": 1}, "b": 2})
    assert db.to_dicts() == [{"key": "a", "n": 1}, {"key": "b", "value": 2}]
    assert db.to_dicts(key="id", limit=1) == [{"id": "a", "n": 1}]


def test_notebooks_show_a_table_of_some(db: FerrumDB) -> None:
    db.update({f"<{n:02}>": "x" * 500 for n in range(20)})
    shown = db._repr_html_()
    assert shown.count("<tr>") == 12 and "&lt;00&gt;" in shown and "<00>" not in shown and len(shown) < 5_000
    assert "entries=20" in repr(db) and str(db.path) in repr(db)
    assert "'c'" in repr(db.collection("c"))


def test_results_are_kept_by_their_arguments(db: FerrumDB) -> None:
    runs: list[object] = []

    @db.cache(ttl=60)
    def work(n: int, *, name: str = "x") -> object:
        """What it does."""
        runs.append((n, name))
        return None if n == 0 else {"n": n, "name": name}

    assert work(1) == {"n": 1, "name": "x"} == work(1) and work(1, name="y") == {"n": 1, "name": "y"}
    assert work(0) is None and work(0) is None, "None is a result, too"
    assert runs == [(1, "x"), (1, "y"), (0, "x")] and work.__doc__ == "What it does."
    assert work.cache_info() == (2, 3, 3) and (db.ttl(work.cache_key(1)) or 0) <= 60
    assert work.cache_clear() == 3 and work(1) and len(runs) == 4
    with pytest.raises(TypeError):
        work(object())  # type: ignore[arg-type]

    @db.cache()
    def either(*args: object, **kwargs: object) -> object:
        runs.append((args, kwargs))
        return (args, kwargs)

    del runs[:]
    assert either(1, a=2) == [[1], {"a": 2}] == either(1, a=2)
    assert either([1], {"a": 2}) == [[[1], {"a": 2}], {}] and len(runs) == 2
    assert either({"1": 2}) == [[{"1": 2}], {}]
    for unclear in ({1: 2}, [({"a": {None: 1}},)]):
        with pytest.raises(TypeError, match="among the arguments"):
            either(unclear)

    @db.cache()
    def bad() -> object:
        return {1}

    with pytest.raises(ferrumdb.NotSerializable):
        bad()


def test_a_database_in_memory_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with FerrumDB.open(":memory:") as db:
        db["a"] = 1
        assert dict(db) == {"a": 1}
    assert list(tmp_path.iterdir()) == []
