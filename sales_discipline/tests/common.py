"""Fixed people and customers for the tests of the addon; nothing here depends on demonstration data or on today."""

from datetime import date, datetime

from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user

#: a Monday; its month has 21 working days, the month before 22 (Monday to Friday, no holidays)
TODAY = date(2025, 3, 10)
NOW = datetime(2025, 3, 10, 9, 0)


class DisciplineCommon(TransactionCase):
    """Two teams, a supervisor for one of them, an administrator, four managers and a customer for each of them.

    Tests that depend on the day freeze it: ``@freeze_time(NOW)`` on the class, so that ``setUpClass`` is frozen too.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # sentences are compared in English, whatever language the database speaks
        cls.env = cls.env(context=dict(cls.env.context, tracking_disable=True, no_reset_password=True, lang="en_US"))
        cls.env["res.lang"]._activate_lang("en_US")
        cls.company = cls.env.company
        cls.company.resource_calendar_id.tz = "UTC"
        cls.company.write({"discipline_date_start": date(2025, 1, 1), "discipline_dry_mode": False})
        cls.env["discipline.policy"].search([("company_id", "=", cls.company.id)]).write(
            {"valid_from": date(2025, 1, 1)}
        )
        cls.supervisor = cls._user("supervisor", "sales_team.group_sale_salesman_all_leads")
        cls.administrator = cls._user("administrator", "sales_team.group_sale_manager")
        cls.anna, cls.boris, cls.clara, cls.dmitri = (
            cls._user(name, "sales_team.group_sale_salesman") for name in ("anna", "boris", "clara", "dmitri")
        )
        cls.managers = cls.anna | cls.boris | cls.clara | cls.dmitri
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Team One",
                "user_id": cls.supervisor.id,
                "member_ids": [Command.set((cls.anna | cls.boris | cls.clara).ids)],
            }
        )
        cls.other_team = cls.env["crm.team"].create(
            {"name": "Team Two", "user_id": cls.administrator.id, "member_ids": [Command.set(cls.dmitri.ids)]}
        )
        cls.class_a, cls.class_b, cls.class_c, cls.class_d = (
            cls.env.ref(f"sales_discipline.discipline_abc_class_{letter}") for letter in "abcd"
        )
        cls.call = cls.env.ref("sales_discipline.discipline_channel_call")
        cls.talked = cls.env.ref("sales_discipline.discipline_outcome_talked")

    @classmethod
    def _user(cls, login, group):
        return new_test_user(
            cls.env, f"sd_{login}", groups=f"base.group_user,{group}", name=login.title(), tz="UTC", lang="en_US"
        )

    @classmethod
    def _customer(cls, name, user=None, abc_class=None, since=date(2025, 1, 1), **values):
        """Create a customer who has been ``user``'s since ``since``, in ``abc_class`` since then."""
        partner = (
            cls.env["res.partner"]
            .with_context(discipline_date=since)
            .sudo()
            .create({"name": name, "is_company": True, "user_id": user.id if user else False, **values})
        )
        if abc_class:
            partner.discipline_id.sudo().write({"abc_class_id": abc_class.id, "abc_since": since})
        return partner

    @classmethod
    def _assign(cls, partner, user, day, origin="manual"):
        """Give a customer to ``user`` (empty: to nobody) from ``day`` on."""
        partner.sudo().with_context(discipline_date=day)._discipline_assign(
            user or cls.env["res.users"], origin, reason="test"
        )

    @classmethod
    def _log(cls, partner, user, when, **values):
        """Log a contact that ``user`` made at ``when`` (naive UTC), known to the program at once."""
        values = {
            "partner_id": partner.id,
            "user_id": user.id,
            "date": when,
            "logged_at": when,
            "channel_id": cls.call.id,
            "outcome_id": cls.talked.id,
            "source": "manual",
            **values,
        }
        return cls.env["discipline.contact"]._log([values])
