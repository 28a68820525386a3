#!/usr/bin/env python3
"""A contact book in one file: `contacts.py add alice --city Rome --tag friend`, `contacts.py find --tag friend`.

It shows how a small program uses FerrumDB: documents as dicts, an index on a nested field and one on a list, ranges
of keys, a transaction, and the history of a key.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ferrumdb import Conflict, FerrumDB, OpenTransaction


def add(db: FerrumDB, arguments: argparse.Namespace) -> str:
    contact = {"phone": arguments.phone, "address": {"city": arguments.city}, "tags": arguments.tag}
    try:
        db.insert(f"contact:{arguments.name}", contact)
    except Conflict:
        return f"{arguments.name} is in the book already"
    return f"added {arguments.name}"


def find(db: FerrumDB, arguments: argparse.Namespace) -> str:
    found = set(db.keys(prefix="contact:"))
    if arguments.city:
        found &= set(db.find("address.city", arguments.city, exact=True))
    for tag in arguments.tag:
        found &= set(db.find("tags", tag, exact=True))
    return "\n".join(line(key, db[key]) for key in sorted(found)) or "nobody"


def show(db: FerrumDB, arguments: argparse.Namespace) -> str:
    contacts = db.items(prefix=f"contact:{arguments.beginning}")
    return "\n".join(line(key, contact) for key, contact in contacts) or "nobody"


def tag(db: FerrumDB, arguments: argparse.Namespace) -> str:
    def with_tag(contact: dict[str, Any]) -> dict[str, Any]:
        return {**contact, "tags": sorted({*contact["tags"], arguments.tag})}

    key = f"contact:{arguments.name}"
    if key not in db:
        return f"{arguments.name} is not in the book"
    return line(key, db.update_with(key, with_tag))


def rename(db: FerrumDB, arguments: argparse.Namespace) -> str:
    @db.transact
    def move(tx: OpenTransaction, old: str, new: str) -> bool:
        if old not in tx or new in tx:
            return False
        tx[new] = tx[old]
        tx.delete(old)
        return True

    moved = move(f"contact:{arguments.name}", f"contact:{arguments.new}")
    return f"{arguments.name} is {arguments.new} now" if moved else "that cannot be done"


def remove(db: FerrumDB, arguments: argparse.Namespace) -> str:
    return "removed" if db.delete(f"contact:{arguments.name}") else f"{arguments.name} is not in the book"


def history(db: FerrumDB, arguments: argparse.Namespace) -> str:
    versions = db.history(f"contact:{arguments.name}")
    return "\n".join(
        f"commit {version.sequence}: {version.kind} {version.value or ''}".rstrip() for version in versions
    )


def line(key: str, contact: dict[str, Any]) -> str:
    name = key.removeprefix("contact:")
    return f"{name}: {contact['phone'] or 'no phone'}, {contact['address']['city'] or 'no city'} {contact['tags']}"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A contact book in one file.")
    parser.add_argument("--book", default="contacts.db", help="the file")
    commands = parser.add_subparsers(required=True)
    for call in (add, find, show, tag, rename, remove, history):
        command = commands.add_parser(call.__name__)
        command.set_defaults(call=call)
        if call in (add, tag, rename, remove, history):
            command.add_argument("name")
        if call in (add, find):
            command.add_argument("--city")
            command.add_argument("--tag", action="append", default=[])
        if call is add:
            command.add_argument("--phone")
        if call is show:
            command.add_argument("beginning", nargs="?", default="")
        if call is tag:
            command.add_argument("tag")
        if call is rename:
            command.add_argument("new")
    return parser


def main(words: list[str]) -> None:
    parsed = arguments().parse_args(words)
    with FerrumDB.open(parsed.book) as db:
        db.create_index("address.city")
        db.create_index("tags")
        print(parsed.call(db, parsed))


if __name__ == "__main__":
    main(sys.argv[1:])
