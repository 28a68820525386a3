"""Takes a database of the older package `ferrumdb` (0.2) to this one, in two steps, since both have the same name.

Where the older package is installed: `python from_older_ferrumdb.py out OLD.db DOCUMENTS.ndjson`, and where this one
is: `python from_older_ferrumdb.py in DOCUMENTS.ndjson NEW.db`. Lifetimes cannot be read from the older package.
"""

from __future__ import annotations

import json
import sys

from ferrumdb import FerrumDB


def out(old: str, lines: str) -> None:
    db = FerrumDB.open(old)
    with open(lines, "w", encoding="utf-8") as file:
        for key in db.keys():
            json.dump({"key": key, "value": db.get(key)}, file)
            file.write("\n")


def into(lines: str, new: str) -> None:
    with FerrumDB.open(new) as db:
        print(db.from_ndjson(lines))


if __name__ == "__main__":
    (out if sys.argv[1] == "out" else into)(*sys.argv[2:])
