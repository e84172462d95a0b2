"""Make funnel_cohort.json anew: the funnel of the seeded event log, computed with pandas, another way than the engine.

Not run by the tests, which read the file.

    pip install pandas==3.1.1 && python tests/engine/reference/make_cohort.py
"""

import json
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "sales_discipline/tests"))
from event_log import STAGES, event_log  # noqa: E402


def funnel(deals):
    """Return the figures of the cohort as plain JSON."""
    rows, amounts = event_log(deals)
    log = pd.DataFrame(rows, columns=["deal", "day", "kind", "stage"])
    log["order"] = range(len(log))
    log["rank"] = log["stage"].map({stage: rank for rank, stage in enumerate(STAGES)})
    last = len(STAGES) - 1
    log.loc[log["kind"] == "won", "rank"] = last
    # the last word on a deal: an end, a reopening, or a known stage entered while the end before it was "won"
    words = log[log["kind"].isin(["won", "lost", "removed", "reopened"])].copy()
    moves = log[(log["kind"] == "stage") & log["rank"].notna()]
    before = pd.merge_asof(
        moves.sort_values("order"),
        words.sort_values("order")[["order", "deal", "kind"]],
        on="order",
        by="deal",
        suffixes=("", "_before"),
    )
    undone = before[before["kind_before"] == "won"].assign(kind="reopened")
    words = pd.concat([words, undone]).sort_values("order").groupby("deal").tail(1).set_index("deal")
    deal = pd.DataFrame({"entered": log.groupby("deal")["day"].min()})
    deal["furthest"] = log.groupby("deal")["rank"].max().clip(lower=0).astype(int)
    deal["outcome"] = words["kind"].replace("reopened", "open").reindex(deal.index).fillna("open")
    deal["closed"] = words["day"].where(words["kind"] != "reopened").reindex(deal.index)
    deal["amount"] = pd.Series(amounts)
    result = {
        "entered": len(deal),
        **{kind: int((deal["outcome"] == kind).sum()) for kind in ("won", "lost", "open", "removed")},
        "won_amount": int(deal.loc[deal["outcome"] == "won", "amount"].sum()),
        "won_days": float((deal["closed"] - deal["entered"])[deal["outcome"] == "won"].mean()),
        "lost_days": float((deal["closed"] - deal["entered"])[deal["outcome"] == "lost"].mean()),
        "steps": [],
    }
    for rank, stage in enumerate(STAGES):
        reached = deal[deal["furthest"] >= rank]
        here = reached[(reached["furthest"] == rank) & (reached["outcome"] != "won")]
        came = log[log["rank"] >= rank].groupby("deal")["day"].min()
        beyond = log[log["rank"] > rank].groupby("deal")["day"].min()
        stood = log[(log["rank"] == rank) & (log["kind"] != "won")]["deal"].unique()
        gone = beyond.reindex(deal.index).fillna(deal["closed"])
        times = (gone - came).reindex(stood).dropna()
        result["steps"].append(
            {
                "stage": stage,
                "reached": len(reached),
                "passed": len(reached) - len(here),
                "lost": int((here["outcome"] == "lost").sum()),
                "open": int((here["outcome"] == "open").sum()),
                "removed": int((here["outcome"] == "removed").sum()),
                "amount": int(reached["amount"].sum()),
                "median_days": float(times.median()),
            }
        )
    return result


if __name__ == "__main__":
    (HERE.parents[2] / "sales_discipline/tests/data/funnel_cohort.json").write_text(
        json.dumps(funnel(50_000), indent=1) + "\n"
    )
