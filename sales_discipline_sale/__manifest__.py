{
    "name": "Sales Discipline: Orders and Invoices",
    "summary": "Confirmed orders and posted invoices become purchases in Sales Discipline",
    "version": "19.0.1.0.0",
    "category": "Sales/CRM",
    "author": "Sales Discipline contributors",
    "license": "LGPL-3",
    "depends": ["sales_discipline", "sale"],
    "data": ["views/discipline_revenue_views.xml"],
    "auto_install": True,
    "post_init_hook": "post_init_hook",
}
