"""Why deals were lost, simulated from a fixed seed: the files say that a deal was lost, not why.

Nothing here is real, and every note and competitor says so. The reason of a deal depends on the seed, the deal and
its agent only, not on the order of entry. Some agents hide behind “Other reason”, one gives no reason at all now and
then, and late in the year more is lost by delivery times.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from .maven import Deal

SEED = "sales discipline: refusals"
#: ending of the shipped reason's XML id, its weight, and what the customer is said to have said
REASONS = {
    "dear": (24, "the offer of a competitor was lower"),
    "terms": (7, "asked for 60 days to pay"),
    "no_budget": (13, "no money this year"),
    "frozen": (12, "the purchase was postponed"),
    "has_supplier": (9, "stays with the present supplier"),
    "tender": (5, "lost the tender"),
    "assortment": (8, "needs another interface"),
    "delivery": (6, "cannot wait for six weeks"),
    "slow": (4, "our offer came after the decision"),
    "silent": (7, "does not answer any more"),
    "decision_maker": (2, "could not get through to whoever decides"),
    "other": (3, "other"),
}
#: agents who give “Other reason” this often
HIDERS = {"Cassey Cress": 0.45, "Vicki Laflamme": 0.3, "Marty Freudenburg": 0.25}
#: agents whose deals are closed by a program now and then, without a reason
SILENT = {"Markita Hansen": 0.08, "Moses Frase": 0.05}
COMPETITORS = ("Simulated Competitor A", "Simulated Competitor B", "Simulated Competitor C")
#: reasons after which one tries again, and after how many days
AGAIN = {"no_budget": 180, "frozen": 90}
#: (reason, target share in percent, measure) that the head of sales has set
MEASURES = (
    ("dear", 18, "Simulated measure: offers above the list price of a competitor go to the head of sales first."),
    ("delivery", 5, "Simulated measure: stock of the three products that sell best for six weeks."),
    ("other", 3, "Simulated measure: the head of sales reads each “Other reason” with the manager."),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """``reason`` is the ending of an XML id; ``competitor`` and ``again`` (days) may be empty."""

    reason: str
    competitor: str
    note: str
    again: int


def simulate(deal: Deal) -> Refusal:
    """Return why a lost deal was lost."""
    rng = Random(f"{SEED}:{deal.ref}")
    chance = rng.random()
    if chance < SILENT.get(deal.agent, 0):
        return Refusal("not_stated", "", "", 0)
    if chance < HIDERS.get(deal.agent, 0):
        reason = "other"
    else:
        weights = {name: weight for name, (weight, _said) in REASONS.items()}
        if deal.price >= 5000:
            weights["no_budget"] *= 2
        if deal.closed and deal.closed.month >= 10:
            weights["delivery"] *= 3
        reason = rng.choices(list(weights), list(weights.values()))[0]
    competitor = rng.choice(COMPETITORS) if reason in ("dear", "has_supplier", "tender") else ""
    return Refusal(reason, competitor, f"Simulated reason: {REASONS[reason][1]}.", AGAIN.get(reason, 0))


def again_on(refusal: Refusal, day):
    """Return when to try again after a refusal of ``day``, or None."""
    return day + timedelta(days=refusal.again) if refusal.again else None
