"""What happens once, when the bridge is installed."""


def post_init_hook(env):
    """Take over the orders and invoices that are there already."""
    env["discipline.revenue"]._sync_documents("order")
    env["discipline.revenue"]._sync_documents("move")
