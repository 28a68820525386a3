"""Results of experiments: found by their fields, compared with how they were, and taken to a data frame."""

from __future__ import annotations

import datetime
import sys

from ferrumdb import FerrumDB


def main(path: str) -> None:
    with FerrumDB.open(path, codec="extended", history="all") as db:
        runs = db.collection("runs")
        runs.create_index("score")
        for number, score in enumerate([0.71, 0.93, 0.88], 1):
            runs[f"run:{number}"] = {
                "day": datetime.date(2024, 5, number),
                "model": {"layers": number, "weights": bytes([number])},
                "score": score,
            }
        best = runs.find_range("score", 0.8, reverse=True)
        print(best, runs[best[0]]["day"], runs[best[0]]["model"]["weights"])
        before = db.stats()["sequence"]
        runs.update_with("run:1", lambda run: {**run, "score": 0.99})
        with runs.at(before) as then:
            print(then["run:1"]["score"], runs["run:1"]["score"])
        rows = runs.to_dicts(key="run")  # pandas.DataFrame(rows), or polars.DataFrame(rows)
        print([(row["run"], row["score"]) for row in rows])


if __name__ == "__main__":
    main(sys.argv[1])
