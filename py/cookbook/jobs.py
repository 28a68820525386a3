"""A queue of jobs that several workers take from: no job is lost, and none is done twice unless its worker has died."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from ferrumdb import Collection, FerrumDB, OpenTransaction

LEASE = 60


def put(jobs: Collection, what: Any) -> str:
    """Adds a job: keys are in the order in which jobs are to be done."""
    number = jobs.database.increment("jobs")
    key = f"waiting:{number:012}"
    jobs[key] = what
    return key


def take(jobs: Collection) -> tuple[str, Any] | None:
    """Takes the oldest job: for so long it is this worker's, and then it comes back."""

    @jobs.transact
    def taking(tx: OpenTransaction) -> tuple[str, Any] | None:
        late = [(key, job) for key, job in tx.items(prefix="taken:", limit=1) if job["until"] < time.time()]
        for key, job in late:
            tx.delete(key)
            tx[job["key"]] = job["what"]
        for key, what in tx.items(prefix="waiting:", limit=1):
            until = time.time() + LEASE
            taken = f"taken:{until:017.6f}:{key}"
            tx.delete(key)
            tx[taken] = {"key": key, "what": what, "until": until}
            return taken, what
        return None

    return taking()


def work(jobs: Collection, done: list[Any]) -> None:
    while (job := take(jobs)) is not None:
        key, what = job
        done.append(what)
        del jobs[key]


def main(path: str) -> None:
    with FerrumDB.open(path, fsync="never") as db:
        jobs = db.collection("jobs")
        for number in range(30):
            put(jobs, {"mail": number})
        done: list[Any] = []
        workers = [threading.Thread(target=work, args=(jobs, done)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(sorted(job["mail"] for job in done) == list(range(30)), len(jobs))


if __name__ == "__main__":
    main(sys.argv[1])
