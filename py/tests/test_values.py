"""Every value that JSON has comes back as it was, and every other one is refused with the place where it is."""

from __future__ import annotations

import datetime
import decimal
import enum
import gc
import json
import math
import random
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import pytest

import ferrumdb
from ferrumdb import FerrumDB, NotSerializable


def made(choose: random.Random, depth: int) -> Any:
    """A value of any kind."""
    kind = choose.randrange(8 if depth else 6)
    if kind == 0:
        return choose.choice([None, True, False])
    if kind == 1:
        return choose.choice([0, -1, 2**63 - 1, -(2**63), 2**64 - 1, choose.randrange(-(2**63), 2**64)])
    if kind == 2:
        return choose.choice([0.0, -0.0, 5e-324, 1.7976931348623157e308, 1e16, 1.0, choose.uniform(-1e9, 1e9)])
    if kind in (3, 4, 5):
        return "".join(choose.choice(["a", '"', "\\", "\n", "\x00", "é", "\u2028", "😀", "$date"]) for _ in range(5))
    if kind == 6:
        return [made(choose, depth - 1) for _ in range(choose.randrange(4))]
    return {str(made(choose, 0)): made(choose, depth - 1) for _ in range(choose.randrange(4))}


@pytest.mark.parametrize("codec", ["json", "extended"])
def test_any_value_comes_back_exactly(tmp_path: Path, codec: Any) -> None:
    choose = random.Random(7)
    values = {f"{n}": made(choose, 4) for n in range(500)}
    with FerrumDB.open(tmp_path / "v.db", codec=codec, fsync="never") as db:
        db.update(values)
    with FerrumDB.open(tmp_path / "v.db", codec=codec) as db:
        for key, value in values.items():
            # The text tells -0.0 from 0.0, and 1 from 1.0 and True.
            assert repr(db[key]) == repr(value)


def test_what_is_like_what_json_has_becomes_that(db: FerrumDB) -> None:
    class Color(str, enum.Enum):
        RED = "red"

    class Level(enum.IntEnum):
        HIGH = 3

    Point = namedtuple("Point", ["x", "y"])
    db["v"] = {"t": (1, (2,)), "c": Color.RED, "l": Level.HIGH, "p": Point(1, 2), "o": OrderedDict(z=1, a=2)}
    assert db["v"] == {"t": [1, [2]], "c": "red", "l": 3, "p": [1, 2], "o": {"z": 1, "a": 2}}
    assert list(db["v"]["o"]) == ["z", "a"] and type(db["v"]["c"]) is str


@pytest.mark.parametrize(
    ("value", "classes", "where"),
    [
        (2**64, (OverflowError, ferrumdb.OutOfRange), r"at \$ "),
        ({"a": [0, -(2**63) - 1]}, (OverflowError,), r"at \$\.a\[1\] "),
        ([math.nan], (ValueError,), r"at \$\[0\] .*NaN"),
        ({"x": math.inf}, (ValueError,), r"at \$\.x "),
        ({"x": {"y": b"1"}}, (TypeError,), r'at \$\.x\.y .*bytes.*codec="extended"'),
        (datetime.datetime(2024, 1, 1), (TypeError,), 'datetime.*codec="extended"'),
        ([decimal.Decimal("1.5")], (TypeError,), r'at \$\[0\] .*Decimal.*codec="extended"'),
        ({"s": {1}}, (TypeError,), r"at \$\.s .*set"),
        ({1: 2}, (TypeError,), "key of an object is a str, not int"),
        (object(), (TypeError,), "object"),
        ("\ud800", (ValueError,), "surrogate"),
        ({"\udfff": 1}, (ValueError,), "surrogate"),
    ],
)
def test_what_has_no_form_is_refused_with_its_place(
    db: FerrumDB, value: object, classes: tuple[type[Exception], ...], where: str
) -> None:
    for store in (db.set, db.put, db.insert, db.transaction().set, db.get_and_set):
        with pytest.raises(NotSerializable, match=where) as refused:
            store("k", value)
        assert all(isinstance(refused.value, one) for one in (TypeError, *classes))
        assert refused.value.code == "not-serializable" and refused.value.key == "k"
    assert "k" not in db


def test_depth_and_cycles_are_refused_soon(db: FerrumDB) -> None:
    deep: Any = 1
    for _ in range(3_000):
        deep = [deep]
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (deep, cycle):
        with pytest.raises(ferrumdb.TooLarge, match="128"):
            db["deep"] = value
    allowed: Any = 1
    for _ in range(128):
        allowed = [allowed]
    db["deep"] = allowed
    assert db["deep"] == allowed


def test_a_value_that_is_looked_for_may_not_be_deep_either(db: FerrumDB) -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = {"f": deep}
    around, row = {"f": [1]}, ([],)  # type: ignore[var-annotated]
    around["f"] = [around]  # type: ignore[list-item]
    row[0].append(row)
    with db.transact() as tx:
        for value in (deep, around, row):
            for ask in (
                lambda value=value: db.find("f", value),
                lambda value=value: db.find_range("f", value),
                lambda value=value: db.find_range("f", None, value),
                lambda value=value: db.items_by("f", value),
                lambda value=value: tx.find("f", value),
                lambda value=value: tx.find_range("f", value),
            ):
                with pytest.raises(ferrumdb.TooLarge, match="256") as refused:
                    ask()
                assert refused.value.code == "too-large"
    shallow: Any = 1
    for _ in range(128):
        shallow = [shallow]
    db["a"] = {"f": shallow[0]}
    assert db.find("f", shallow[0]) == ["a"]


def test_a_document_beyond_the_limit_is_refused(path: Path) -> None:
    with FerrumDB.open(path, max_document_bytes=100) as db:
        with pytest.raises(ferrumdb.TooLarge) as refused:
            db["k"] = "x" * 100
        assert refused.value.code == "too-large" and isinstance(refused.value, ValueError)


def test_each_limit_can_be_set(path: Path) -> None:
    deep = [[[1]]]
    refused: list[tuple[dict[Any, int], Any]] = [
        ({"key_bytes": 1}, lambda db: db.put("kk", 1)),
        ({"document_bytes": 3}, lambda db: db.put("k", 1234)),
        ({"depth": 2}, lambda db: db.put("k", deep)),
        ({"transaction_operations": 1}, lambda db: db.put_all({"a": 1, "b": 2})),
        ({"transaction_bytes": 8}, lambda db: db.put_all({"a": "long", "b": "long"})),
    ]
    for limits, write in refused:
        with FerrumDB.open(path, limits=limits) as db, pytest.raises(ferrumdb.TooLarge):
            write(db)
        with FerrumDB.open(path, max_document_bytes=100) as db:
            write(db)
    deeper: Any = deep
    for _ in range(253):
        deeper = [deeper]
    with FerrumDB.open(path, limits={"depth": 256}) as db:
        db["k"] = deeper
        with pytest.raises(ferrumdb.TooLarge):
            db["k"] = [deeper]
        assert db["k"] == deeper
    with FerrumDB.open(path) as db:
        assert db["k"] == deeper, "a limit is one of writing"
    unknown: Any = {"width": 1}
    with pytest.raises(ferrumdb.InvalidArgument, match="width"):
        FerrumDB.open(path, limits=unknown)


def test_the_extended_codec_keeps_times_bytes_and_decimals(path: Path) -> None:
    utc = datetime.timezone.utc
    value = {
        "datetime": datetime.datetime(2024, 2, 29, 12, 30, 1, 500, utc),
        "naive": datetime.datetime(2024, 2, 29),
        "date": datetime.date(2024, 2, 29),
        "bytes": [bytes(range(256)), b""],
        "decimal": decimal.Decimal("1.10"),
        "looks": [
            {"$date": "2024-02-29"},
            {"$binary": b"x"},
            {"$literal": {"$date": 1}},
            {"$date": 1, "b": 2},
        ],
    }
    with FerrumDB.open(path, codec="extended") as db:
        db["v"] = value
        assert db["v"] == value and repr(db["v"]["decimal"]) == "Decimal('1.10')"
        assert type(db["v"]["date"]) is datetime.date
        db.commit(db.transaction().set("w", value["decimal"]))
        assert db["w"] == value["decimal"]
        db.set_raw("foreign", '{"$date": "no date", "n": 1}')
        db.set_raw("alone", '{"$date": "no date"}')
        db.set_raw("zulu", '[{"$date": "2024-02-29T12:30:01.500Z"}, {"$date": "2024-02-29Z"}]')
        zulu = datetime.datetime(2024, 2, 29, 12, 30, 1, 500_000, utc)
        assert db["zulu"] == [zulu, {"$date": "2024-02-29Z"}]
        assert db["foreign"] == {"$date": "no date", "n": 1} and db["alone"] == {"$date": "no date"}
        with pytest.raises(TypeError, match="set"):
            db["s"] = {1}
    with FerrumDB.open(path) as db:
        assert db["v"]["date"] == {"$date": "2024-02-29"}


def test_a_dict_that_is_changed_while_it_is_stored_is_refused(path: Path) -> None:
    changed: dict[str, object] = {}

    class Clever(datetime.date):
        def isoformat(self) -> str:
            changed[str(len(changed))] = 1
            return super().isoformat()

    class Swapping(datetime.date):
        def isoformat(self) -> str:
            del changed["last"]
            changed["other"] = 1
            return super().isoformat()

    class Refilling(datetime.date):
        def isoformat(self) -> str:
            names = list(changed)
            changed.clear()
            changed.update({name * 2: name * 3 for name in names})
            return super().isoformat()

    stored = []
    with FerrumDB.open(path, codec="extended") as db:
        for day in (Clever(2024, 2, 29), Swapping(2024, 2, 29), Refilling(2024, 2, 29)):
            changed.clear()
            changed.update({"day": day, "last": 1, "".join(("te", "xt")): "".join(("it", "self"))})
            try:
                db["k"] = changed
            except NotSerializable as refused:
                assert "changed while it is stored" in str(refused)
            else:
                stored.append(db["k"])
    day = datetime.date(2024, 2, 29)
    assert stored[0] == {"day": day, "text": "itself", "other": 1}
    assert stored[1:] in ([], [{"day": day, "lastlast": "lastlastlast", "texttext": "texttexttext"}])


def test_fields_keep_their_names_whatever_was_read_before(db: FerrumDB) -> None:
    documents: dict[str, Any] = {
        "flat": {"a": 1, "b": 2, "c": 3},
        "turned": {"c": 3, "b": 2, "a": 1},
        "nested": {"a": {"a": {"b": [{"c": 1}, {"c": 2, "d": {}}]}}, "b": [], "z": {"a": None}},
        "many": {f"field {n}": {str(n): n} for n in range(200)},
        "long": {"x" * length: length for length in (1, 2, 63, 64, 65, 66, 1_000)},
        "odd": {"": 0, "\u00e9": 1, "\U0001f980": 2, 'a"b': 3, "a\nb": 4, "\0": 5},
        "text": "a",
    }
    db.update(documents)
    choose = random.Random(7)
    for _ in range(500):
        key = choose.choice(list(documents))
        found = db[key]
        assert found == documents[key] and json.dumps(found) == json.dumps(documents[key])
    assert list(db.values()) == [documents[key] for key in sorted(documents)]


def test_a_document_is_read_while_another_is(db: FerrumDB) -> None:
    """The collector of garbage may run code of anybody's while objects are made."""

    class Reads:
        def __del__(self) -> None:
            read.append(db["inner"])

    read: list[Any] = []
    db["inner"] = {"b": {"a": 1}, "c": 2}
    db["outer"] = {"a": {str(n): {"b": n, "c": [{"d": {}}]} for n in range(2_000)}}
    for _ in range(20):
        cycle: list[object] = [Reads()]
        cycle.append(cycle)
        del cycle
        outer = db["outer"]
        assert all(outer["a"][str(n)] == {"b": n, "c": [{"d": {}}]} for n in range(2_000))
    gc.collect()
    assert len(read) == 20 and all(inner == {"b": {"a": 1}, "c": 2} for inner in read)
