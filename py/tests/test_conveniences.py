"""Notebooks, data frames, lines of JSON, and results that are kept."""

from __future__ import annotations

import io
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
