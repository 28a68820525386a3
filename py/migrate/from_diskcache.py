"""Takes a cache of `diskcache` to a database, with the lifetimes: `python from_diskcache.py OLD NEW.db`."""

from __future__ import annotations

import sys
import time

import diskcache

from ferrumdb import FerrumDB, NotSerializable


def main(old: str, new: str) -> None:
    left_out = 0
    with diskcache.Cache(old) as cache, FerrumDB.open(new, codec="extended") as db:
        transaction, taken = db.transaction(), set()
        for key in cache:
            # Its keys may be anything that can be pickled.
            name = key if isinstance(key, str) else repr(key)
            if name in taken:
                sys.exit(f"two keys would become {name!r}, and one of their values be lost; nothing was taken over")
            taken.add(name)
            value, expires = cache.get(key, expire_time=True)
            try:
                ttl = None if expires is None else max(0.0, expires - time.time())
                transaction.put(name, value, ttl=ttl)
            except NotSerializable as error:
                print(error, file=sys.stderr)
                left_out += 1
        db.commit(transaction)
        print(len(db), left_out)


if __name__ == "__main__":
    main(*sys.argv[1:])
