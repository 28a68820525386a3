"""Owns what notebooks show of a collection: its first documents as a table. Never more than some of them."""

from __future__ import annotations

from html import escape
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHOWN = 10
"""So many documents are shown,"""
CHARS = 200
"""and so much of each."""


def table(collection: Any) -> str:
    shown = list(islice(collection.items(), SHOWN + 1))
    rows = "".join(f"<tr><td>{_cut(key)}</td><td>{_cut(repr(value))}</td></tr>" for key, value in shown[:SHOWN])
    more = "<tr><td>…</td><td></td></tr>" if len(shown) > SHOWN else ""
    return (
        f"<p>{escape(repr(collection))}</p>"
        f"<table><thead><tr><th>key</th><th>value</th></tr></thead><tbody>{rows}{more}</tbody></table>"
    )


def _cut(text: str) -> str:
    return escape(text if len(text) <= CHARS else text[: CHARS - 1] + "…")
