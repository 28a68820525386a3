"""Owns the decorator that keeps results of functions in a database. Never keeps what JSON cannot hold exactly."""

from __future__ import annotations

import json
from collections import namedtuple
from functools import wraps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any, ParamSpec, Protocol, TypeVar

    from ._collection import Collection

    _P = ParamSpec("_P")
    _R = TypeVar("_R", covariant=True)

    class _Cached(Protocol[_P, _R]):
        """A function whose results are kept."""

        def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
        def cache_clear(self) -> int: ...
        def cache_info(self) -> CacheInfo: ...
        def cache_key(self, *args: _P.args, **kwargs: _P.kwargs) -> str: ...


CacheInfo = namedtuple("CacheInfo", ["hits", "misses", "currsize"])


def key_of(prefix: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The key for these arguments, which JSON must be able to hold."""
    # No two calls have the same one, whatever their arguments look like.
    arguments = [args, kwargs]
    key = prefix + json.dumps(arguments, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    _check_names(arguments)
    return key


def _check_names(value: Any) -> None:
    """Refuses objects that JSON would give other names: 1 and "1" would become the same."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise TypeError(f"a key of a dict among the arguments is a str, not {type(name).__name__}")
            _check_names(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check_names(inner)


def prefix_of(function: Callable[..., Any], prefix: str | None) -> str:
    return f"cache:{function.__module__}.{function.__qualname__}:" if prefix is None else prefix


def cache(
    collection: Collection, ttl: float | timedelta | None, prefix: str | None
) -> Callable[[Callable[..., Any]], Any]:
    def decorate(function: Callable[..., Any]) -> Any:
        begin = prefix_of(function, prefix)
        hits = misses = 0

        @wraps(function)
        def cached(*args: Any, **kwargs: Any) -> Any:
            nonlocal hits, misses
            key = key_of(begin, args, kwargs)
            found = collection.get_with_version(key)
            if found is not None:
                hits += 1
                return found[0]
            misses += 1
            result = function(*args, **kwargs)
            collection.put(key, result, ttl=ttl)
            # As later calls will have it: a tuple comes back as a list.
            kept = collection.get_with_version(key)
            return result if kept is None else kept[0]

        def cache_info() -> CacheInfo:
            return CacheInfo(hits, misses, len(collection.keys(prefix=begin)))

        def cache_key(*args: Any, **kwargs: Any) -> str:
            return key_of(begin, args, kwargs)

        cached.cache_clear = lambda: collection.delete_prefix(begin)  # type: ignore[attr-defined]
        cached.cache_info = cache_info  # type: ignore[attr-defined]
        cached.cache_key = cache_key  # type: ignore[attr-defined]
        return cached

    return decorate
