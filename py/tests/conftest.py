"""Owns what the tests share: databases in temporary folders, and programs that run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ferrumdb import FerrumDB

collect_ignore = ["typing"]  # for type checkers, not to be run

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "my.db"


@pytest.fixture
def db(path: Path) -> Iterator[FerrumDB]:
    with FerrumDB.open(path, fsync="never") as opened:
        yield opened


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program with this interpreter; warnings are shown, and what it prints is kept."""

    def run(program: str, *arguments: object, timeout: float = 60, **environment: str) -> Any:
        return subprocess.run(
            [sys.executable, "-X", "dev", "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )

    return run
