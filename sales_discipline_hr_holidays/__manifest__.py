{
    "name": "Sales Discipline: Time Off",
    "summary": "Approved time off excuses a manager's customers, without a second entry",
    "version": "19.0.1.0.0",
    "category": "Sales/CRM",
    "author": "Sales Discipline contributors",
    "license": "LGPL-3",
    "depends": ["sales_discipline", "hr_holidays"],
    "data": ["views/discipline_absence_views.xml"],
    "post_init_hook": "post_init_hook",
    "auto_install": True,
}
