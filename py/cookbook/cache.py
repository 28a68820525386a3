"""A cache of what is slow to compute or to fetch, shared by all threads, and kept when the program ends."""

from __future__ import annotations

import sys

from ferrumdb import FerrumDB


def main(path: str) -> None:
    with FerrumDB.open(path, fsync="never") as db:
        calls = []

        @db.cache(ttl=3600, prefix="exchange:")
        def rate(currency: str) -> float:
            calls.append(currency)
            return {"EUR": 1.0, "CHF": 0.95}[currency]

        print([rate("CHF"), rate("CHF"), rate("EUR")], calls)
        print(list(db.keys(prefix="exchange:")), rate.cache_info())
        print(rate.cache_clear(), rate("CHF"), calls)


if __name__ == "__main__":
    main(sys.argv[1])
