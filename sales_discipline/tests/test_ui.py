"""Every screen of the app opened in a real browser by each kind of person, with every view and filter of it."""

from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestEveryScreenOpens(HttpCase):
    """Odoo's own clicking robot, kept to our app; an error, a failed request or a console error fails the test."""

    # some menus open a form and stay there
    allow_end_on_form = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ru_RU")
        manager, supervisor, administrator = (
            new_test_user(cls.env, login, groups=f"base.group_user,sales_team.{group}", name=name, lang=lang)
            for login, group, name, lang in (
                ("sd_screen_manager", "group_sale_salesman", "Anna", "ru_RU"),
                ("sd_screen_supervisor", "group_sale_salesman_all_leads", "Sergey", "en_US"),
                ("sd_screen_administrator", "group_sale_manager", "Olga", "en_US"),
            )
        )
        (manager | supervisor | administrator).tour_enabled = False
        cls.env["crm.team"].create({"name": "Team", "user_id": supervisor.id, "member_ids": [Command.set(manager.ids)]})
        # one customer of hers, one of nobody: lists and charts have something to show
        cls.env["res.partner"].create(
            [
                {"name": "Customer of Anna", "is_company": True, "user_id": manager.id},
                {"name": "Customer of Nobody", "is_company": True},
            ]
        )
        cls.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "user_id": manager.id, "expected_revenue": 100}
        )

    def _click_everything(self, login, menus_only=False):
        robot = "odoo.loader.modules.get('@web/webclient/clickbot/clickbot_loader')"
        self.browser_js(
            "/odoo",
            f"{robot}.startClickEverywhere('sales_discipline.menu_discipline_root', {str(menus_only).lower()});",
            "odoo.isReady === true",
            login=login,
            timeout=600,
            success_signal="clickbot test succeeded",
        )

    def test_every_screen_of_a_sales_manager_opens(self):
        self._click_everything("sd_screen_manager", menus_only=True)

    def test_every_screen_of_a_supervisor_opens(self):
        self._click_everything("sd_screen_supervisor", menus_only=True)

    def test_every_screen_view_and_filter_of_a_sales_administrator_opens(self):
        self._click_everything("sd_screen_administrator")
