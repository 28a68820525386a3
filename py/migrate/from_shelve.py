"""Takes a shelf of `shelve` to a database: `python from_shelve.py OLD NEW.db`. What has no form is refused."""

from __future__ import annotations

import shelve
import sys

from ferrumdb import FerrumDB


def main(old: str, new: str) -> None:
    with shelve.open(old, flag="r") as shelf, FerrumDB.open(new, codec="extended") as db:
        db.update(shelf)
        print(len(db))


if __name__ == "__main__":
    main(*sys.argv[1:])
