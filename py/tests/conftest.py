"""Owns what the tests share: databases in temporary folders, and programs that run in processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ferrumdb import FerrumDB

collect_ignore = ["typing"]  # for type checkers, not to be run

# Who runs tests in the background ignores Ctrl-C, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

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

    def run(program: str, *arguments: str, as_file: bool = False) -> subprocess.CompletedProcess[str]:
        program = textwrap.dedent(program)
        if as_file:
            (tmp_path / "program.py").write_text(program)
        start = ["program.py"] if as_file else ["-c", program]
        return subprocess.run(
            [sys.executable, "-X", "dev", *start, *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
        )

    return run
