"""Marking call activities done, beside plain Odoo; and what a contact costs in statements."""

COUNT = 1_000
WARM = 50


def run(bench):
    """Mark a thousand planned calls done, one by one and in one go, with and without the addon."""
    results = {}
    with bench.plain() as env:
        results["plain"] = _measure(bench, env, "plain Odoo", _plain_activities(env))
    with _user(bench) as env:
        results["ours"] = _measure(bench, env, "with the addon", _our_activities(bench, env))
    plain, ours = results["plain"], results["ours"]
    bench.compare(f"{COUNT:,} call activities done in one go", ours[0], plain[0], 1.25)
    bench.compare(f"{COUNT:,} call activities done one by one", ours[1], plain[1], 1.25)
    bench.within("statements per activity, in one go", ours[0].queries / COUNT, plain[0].queries / COUNT * 1.25, "")
    bench.within("statements per activity beyond plain Odoo's, one by one",
                 (ours[1].queries - plain[1].queries) / COUNT, 25, "")  # fmt: skip


class _user:
    """Work as the first manager: his customers, his activities."""

    def __init__(self, bench):
        self.bench = bench

    def __enter__(self):
        user = self.bench.env["res.users"].search([("login", "=", "manager1@example.com")])
        self.mine = self.bench.env
        self.bench.env = self.bench.env(user=user.id)
        return self.bench.env

    def __exit__(self, *_error):
        self.bench.cr.rollback()
        self.bench.env = self.mine


def _plain_activities(env):
    user = env["res.users"].with_context(no_reset_password=True).create(
        {"name": "Seller", "login": "seller@example.com", "email": "seller@example.com",
         "group_ids": [(4, env.ref("sales_team.group_sale_salesman").id)]}
    )  # fmt: skip
    partners = env["res.partner"].create([{"name": f"Customer {n}", "user_id": user.id, "is_company": True}
                                          for n in range(2 * COUNT + 2 * WARM)])  # fmt: skip
    return _activities(env, user, partners)


def _our_activities(bench, env):
    partners = env["res.partner"].search([("user_id", "=", env.uid), ("is_company", "=", True)], limit=COUNT)
    # the first manager has a thousand customers: each is called twice
    return _activities(env, env.user, (list(partners) * 3)[: 2 * COUNT + 2 * WARM])


def _activities(env, user, partners):
    call = env.ref("mail.mail_activity_data_call")
    model = env["ir.model"]._get_id("res.partner")
    activities = env["mail.activity"].with_context(mail_activity_quick_update=True).sudo().create([
        {"activity_type_id": call.id, "res_model_id": model, "res_id": partner.id, "user_id": user.id,
         "summary": "Call"} for partner in partners
    ])  # fmt: skip
    env.flush_all()
    return activities.with_user(user).with_context(mail_activity_quick_update=False)


def _measure(bench, env, what, activities):
    bench.env = activities.env
    activities[:WARM].action_feedback(feedback="Talked about the next delivery")
    for activity in activities[WARM : 2 * WARM]:
        activity.action_feedback(feedback="Talked about the next delivery")
    env.flush_all()
    many, single = activities[2 * WARM : 2 * WARM + COUNT], activities[2 * WARM + COUNT :]
    with bench.timed(f"{what}: {len(many)} in one go", commit=False) as together:
        many.action_feedback(feedback="Talked about the next delivery")
    with bench.timed(f"{what}: {len(single)} one by one", commit=False) as alone:
        for activity in single:
            activity.action_feedback(feedback="Talked about the next delivery")
            env.flush_all()
    return together, alone
