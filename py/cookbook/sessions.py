"""Sessions of a web application: they end by themselves, and each request makes them last longer."""

from __future__ import annotations

import secrets
import sys
from typing import Any

from ferrumdb import Collection, FerrumDB

LIFETIME = 30 * 60


def begin(sessions: Collection, user: str) -> str:
    token = secrets.token_urlsafe(32)
    sessions.insert(token, {"user": user, "cart": []}, ttl=LIFETIME)
    return token


def touch(sessions: Collection, token: str) -> Any:
    """The session, which lasts longer from now on: None, if there is none any more."""
    return sessions.get(token) if sessions.expire(token, LIFETIME) else None


def add(sessions: Collection, token: str, item: str) -> None:
    sessions.update_with(token, lambda session: {**session, "cart": [*session["cart"], item]})


def main(path: str) -> None:
    with FerrumDB.open(path) as db:
        sessions = db.collection("sessions")
        token = begin(sessions, "alice")
        add(sessions, token, "book")
        add(sessions, token, "pen")
        print(touch(sessions, token), (sessions.ttl(token) or 0) > LIFETIME - 60)
        del sessions[token]
        print(touch(sessions, token))


if __name__ == "__main__":
    main(sys.argv[1])
