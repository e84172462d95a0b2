"""Refusals as figures: sizes of deals, shares, changes and the Pareto rule."""

#: upper bounds of the sizes of deals, in the company's currency; the last has none
SIZES = (("small", 10_000), ("medium", 100_000), ("large", 1_000_000), ("huge", None))


def size_of(amount):
    """Return the size of a deal of ``amount``: ``none`` without a sum, else a key of SIZES."""
    if not amount or amount <= 0:
        return "none"
    return next(key for key, bound in SIZES if bound is None or amount < bound)


def analyse(rows, previous):
    """Return reasons by weight, with their shares and what became of them.

    :param dict rows: {key: (count, sum)} of the period
    :param dict previous: {key: (count, sum)} of the period before it
    :return: list of dicts ``key, count, amount, share, cumulative, previous_count, previous_share, change``, the most
        frequent first (ties: the greater sum, then the key); shares in percent, ``change`` in percentage points
    """
    total = sum(count for count, _amount in rows.values())
    before = sum(count for count, _amount in previous.values())
    keys = sorted(
        set(rows) | set(previous), key=lambda key: (-rows.get(key, (0, 0))[0], -rows.get(key, (0, 0))[1], str(key))
    )
    result, running = [], 0
    for key in keys:
        count, amount = rows.get(key, (0, 0.0))
        old_count, _old_amount = previous.get(key, (0, 0.0))
        running += count
        share = 100.0 * count / total if total else 0.0
        old_share = 100.0 * old_count / before if before else 0.0
        result.append(
            {
                "key": key,
                "count": count,
                "amount": amount,
                "share": share,
                "cumulative": 100.0 * running / total if total else 0.0,
                "previous_count": old_count,
                "previous_share": old_share,
                "change": share - old_share,
            }
        )
    return result
