"""Make incidence.json anew: cumulative incidence, its variance and its band as `lifelines` computes them.

Not run by the tests, which read the file: lifelines brings numpy, pandas, scipy and matplotlib, 300 MB for one table.

    pip install lifelines==0.30.3 && python tests/engine/reference/make_incidence.py
"""

import json
import random
from pathlib import Path

import lifelines


def cases():
    """Yield (name, rows): deals without two different ends on one day, which lifelines would move at random."""
    yield "few", [(3, "won"), (5, None), (8, "lost"), (8, "lost"), (9, None), (12, "won"), (30, None)]
    yield "nothing open", [(1, "lost"), (2, "won"), (4, "won"), (7, "lost")]
    generator = random.Random(7)
    rows = []
    for _number in range(300):
        end = generator.choice(["won", "won", "lost", None, None])
        day = generator.randint(1, 120)
        # won on even days, lost on odd ones: ties within a kind, none between the kinds
        rows.append((day * 2 + {"won": 0, "lost": 1, None: 0}[end], end))
    yield "many ties", rows


def main():
    result = {"lifelines": lifelines.__version__, "cases": []}
    for name, rows in cases():
        for outcome in ("won", "lost"):
            fitter = lifelines.AalenJohansenFitter()
            fitter.fit(
                [day for day, _end in rows],
                [{None: 0, "won": 1, "lost": 2}[end] for _day, end in rows],
                event_of_interest={"won": 1, "lost": 2}[outcome],
            )
            points = []
            for day, row in fitter.event_table.iterrows():
                if row["observed"] > 0:
                    low, high = sorted(fitter.confidence_interval_.loc[day])
                    points.append(
                        [day, fitter.cumulative_density_.loc[day].iloc[0], fitter.variance_.loc[day], low, high]
                    )
            result["cases"].append({"name": name, "rows": rows, "outcome": outcome, "points": points})
    # where everybody has ended, lifelines divides by zero: no number
    text = json.dumps(result).replace("NaN", "null")
    (Path(__file__).parent / "incidence.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
