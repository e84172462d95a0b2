"""What changed in an opportunity: two states in, the facts to log out.

One comparison gives one fact, however many aspects changed at once: moving a deal to another team may change its
stage as well, and losing it archives it. The fact is named after the weightiest aspect; its columns show them all.
"""

from dataclasses import dataclass, replace

OPEN, WON, LOST, ARCHIVED, REMOVED = "open", "won", "lost", "archived", "removed"


@dataclass(frozen=True)
class LeadState:
    """An opportunity at one moment; ids are database ids, None where there is nobody or nothing."""

    stage: int | None
    team: int | None
    user: int | None
    status: str
    active: bool
    type: str
    amount: float
    probability: float | None
    partner: int | None
    deadline: object
    company: int
    name: str
    reason: int | None = None


def status_of(won_status, active):
    """Return the one word for Odoo's pair of ``won_status`` and ``active``: a won deal stays won when archived."""
    if won_status in (WON, LOST):
        return won_status
    return OPEN if active else ARCHIVED


def _kind_of_status(before, after):
    if after == WON:
        return "won"
    if after == LOST:
        return "lost"
    if after == ARCHIVED:
        return "archive"
    return "restore" if before == ARCHIVED else "reopen"


def kind_of(before, after):
    """Return the kind of change between two states, or None where nothing that the ledger keeps has changed."""
    if before.status != after.status:
        return _kind_of_status(before.status, after.status)
    if before.active != after.active:
        return "restore" if after.active else "archive"
    for aspect, kind in (
        ("type", "convert"),
        ("stage", "stage"),
        ("team", "team"),
        ("user", "user"),
        ("amount", "amount"),
        ("partner", "customer"),
        ("deadline", "deadline"),
    ):
        if getattr(before, aspect) != getattr(after, aspect):
            return kind
    return None


def changes(before, after, merged=False):
    """Return the facts between two states of an opportunity, as a list of (kind, state before, state after).

    :param before: LeadState, or None for an opportunity that did not exist
    :param after: LeadState, or None for one that exists no more
    :param bool merged: it exists no more because it was merged into another
    """
    if before is None and after is None:
        return []
    if before is None:
        # a deal that is created won or lost was open for a moment: every won deal has its row "won"
        opened = replace(after, status=OPEN, active=True)
        rows = [("create", None, opened)]
        if after.status != OPEN:
            rows.append((_kind_of_status(OPEN, after.status), opened, after))
        elif not after.active:
            rows.append(("archive", opened, after))
        return rows
    if after is None:
        gone = replace(before, status=REMOVED, active=False)
        return [("merge" if merged else "delete", before, gone)]
    kind = kind_of(before, after)
    return [(kind, before, after)] if kind else []
