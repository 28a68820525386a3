"""Takes the tables of a sqlitedict file to collections of a database: `python from_sqlitedict.py OLD.sqlite NEW.db`."""

from __future__ import annotations

import sys

import sqlitedict

from ferrumdb import FerrumDB


def main(old: str, new: str) -> None:
    with FerrumDB.open(new, codec="extended") as db:
        for name in sorted(sqlitedict.SqliteDict.get_tablenames(old)):
            with sqlitedict.SqliteDict(old, tablename=name, flag="r") as table:
                collection = db if name == "unnamed" else db.collection(name)
                collection.update(table)
                print(name, len(collection))


if __name__ == "__main__":
    main(*sys.argv[1:])
