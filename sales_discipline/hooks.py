"""What happens once, when the addon is installed or removed."""


def post_init_hook(env):
    """Take over the existing customers: base rows, responsible managers, deals, first policies."""
    env["discipline.policy"]._ensure_default()
    env["discipline.customer"]._reconcile_base()
    env["discipline.assignment"]._reconcile(origin="install")
    env["discipline.stage.change"]._backfill()
    for company in env["res.company"].search([]):
        env["discipline.revenue"]._reconcile(company)
    env["discipline.profile.rule"]._rescore_base()


def uninstall_hook(env):
    """Leave Odoo's own records as they are; only the saved filters on our fields would dangle."""
    env["ir.filters"].sudo().search([("domain", "like", "discipline_")]).unlink()
