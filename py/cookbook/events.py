"""A log of events, and a reader that remembers how far it has come, also when the program is started again."""

from __future__ import annotations

import sys

from ferrumdb import FerrumDB


def log(db: FerrumDB, kind: str, **details: object) -> None:
    number = db.increment("events:next")
    db[f"event:{number:012}"] = {"kind": kind, **details}


def read(db: FerrumDB, reader: str) -> list[str]:
    """What this reader has not seen yet."""
    seen = db.get(f"seen:{reader}", 0)
    kinds = []
    with db.changes(seen, prefix="event:") as changes:
        while (change := changes.poll()) is not None:
            kinds.append(change.after["kind"])
        db[f"seen:{reader}"] = changes.sequence
    return kinds


def main(path: str) -> None:
    with FerrumDB.open(path, history="all") as db:
        log(db, "started", by="alice")
        log(db, "stopped")
        print(read(db, "mailer"), read(db, "mailer"))
        log(db, "started")
    with FerrumDB.open(path, history="all") as db:
        print(read(db, "mailer"), read(db, "auditor"))
        print([event["kind"] for event in db.values(prefix="event:", reverse=True, limit=2)])


if __name__ == "__main__":
    main(sys.argv[1])
