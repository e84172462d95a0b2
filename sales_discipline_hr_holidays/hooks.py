def post_init_hook(env):
    """Take over the time off that was approved before this addon came, from the first judged day on."""
    for company in env["res.company"].sudo().search([("discipline_active", "=", True)]):
        leaves = env["hr.leave"].sudo()._discipline_search(company)
        leaves._discipline_follow()
