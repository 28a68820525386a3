"""Takes the tables of a TinyDB file to collections of a database: `python from_tinydb.py OLD.json NEW.db`."""

from __future__ import annotations

import sys

import tinydb

from ferrumdb import FerrumDB


def main(old: str, new: str) -> None:
    with tinydb.TinyDB(old) as tables, FerrumDB.open(new) as db:
        for name in sorted(tables.tables()):
            collection = db if name == tables.default_table_name else db.collection(name)
            # Keys are texts, and ordered as such.
            collection.update({f"{document.doc_id:012}": dict(document) for document in tables.table(name)})
            print(name, len(collection))


if __name__ == "__main__":
    main(*sys.argv[1:])
