"""The past of an opportunity, replayed from the changes that Odoo tracked."""

from dataclasses import replace

from .lead_change import ARCHIVED, LOST, OPEN, WON, LeadState, changes, status_of

#: tracked field -> aspect of the state
_ASPECTS = {
    "stage_id": "stage",
    "team_id": "team",
    "user_id": "user",
    "partner_id": "partner",
    "expected_revenue": "amount",
    "lost_reason_id": "reason",
}


def _value(aspect, value):
    return float(value or 0) if aspect == "amount" else (int(value) if value else None)


def _present(lead):
    """Return the state in which the opportunity is now; ``lead`` is a dict of its columns."""
    return LeadState(
        stage=lead["stage_id"],
        team=lead["team_id"],
        user=lead["user_id"],
        status=status_of(lead["won_status"], lead["active"]),
        active=bool(lead["active"]),
        type=lead["type"],
        amount=float(lead["expected_revenue"] or 0),
        probability=lead["probability"],
        partner=lead["partner_id"],
        deadline=lead["date_deadline"],
        company=lead["company_id"],
        name=lead["name"],
        reason=lead["lost_reason_id"],
    )


def _first(present, messages, won_stages):
    """Return the state at creation: of each aspect the oldest value that a change replaced, else the present one."""
    values = {}
    active = None
    for _when, _user, tracked in messages:
        for field, (old, _new) in tracked.items():
            aspect = _ASPECTS.get(field)
            if aspect:
                values.setdefault(aspect, _value(aspect, old))
        if active is None and "active" in tracked:
            active = bool(tracked["active"][0])
    values.setdefault("reason", None)
    first = replace(present, probability=None, deadline=None, status=OPEN, active=True, **values)
    # created won, or never anything else than what it is now
    if first.stage in won_stages:
        return replace(first, status=WON, probability=100.0)
    return first


def _status(state, tracked, won_stages, lost_at_last):
    """Return the status after a change: won by its stage, lost or archived by being inactive."""
    if state.stage in won_stages and state.active:
        return WON
    if state.active:
        return OPEN
    if "active" not in tracked:
        return LOST if "won_status" in tracked else state.status
    # Odoo tracks the status beside the archiving only where the deal was lost; older versions gave just a reason
    reason = tracked.get("lost_reason_id", (None, None))[1]
    return LOST if "won_status" in tracked or reason or lost_at_last else ARCHIVED


def replay(lead, messages, won_stages):
    """Return the history of an opportunity.

    The replay ends where the opportunity is now: what was never tracked is added at the day of closing, of the last
    change of stage, or of the last change at all.

    :param dict lead: columns of the opportunity as it is now
    :param list messages: (datetime, user id, {field: [old, new]}), in order of time
    :param set won_stages: ids of the stages that mean "won"
    :return: list of (datetime, user id or None, kind, LeadState or None before, LeadState after)
    """
    present = _present(lead)
    state = _first(present, messages, won_stages)
    if not any("active" in tracked or "stage_id" in tracked for _w, _u, tracked in messages) and present.status == WON:
        state = replace(state, status=OPEN, probability=None)
    rows = [(lead["create_date"], lead["create_uid"], *change) for change in changes(None, state)]
    last_archiving = max((n for n, message in enumerate(messages) if "active" in message[2]), default=-1)
    for number, (when, user, tracked) in enumerate(messages):
        values = {aspect: _value(aspect, tracked[field][1]) for field, aspect in _ASPECTS.items() if field in tracked}
        if "active" in tracked:
            values["active"] = bool(tracked["active"][1])
        after = replace(state, **values)
        lost_at_last = number == last_archiving and present.status == LOST
        status = _status(after, tracked, won_stages, lost_at_last)
        probability = {WON: 100.0, LOST: 0.0}.get(status)
        after = replace(after, status=status, probability=probability)
        rows += [(when, user, *change) for change in changes(state, after)]
        state = after
    if state.status != present.status or state.active != present.active:
        when = lead["date_closed"] if present.status != OPEN else lead["date_last_stage_update"]
        when = when or lead["write_date"]
    elif state.stage != present.stage:
        when = lead["date_last_stage_update"] or lead["write_date"]
    else:
        when = lead["write_date"]
    latest = rows[-1][0]
    rows += [
        (max(when, latest), None, *change) for change in changes(replace(state, deadline=present.deadline), present)
    ]
    return rows
