"""Who says what counts: outcomes and channels are an administrator's."""

from freezegun import freeze_time
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import NOW, DisciplineCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestContactRights(DisciplineCommon):
    def test_outcomes_and_channels_are_read_by_all_and_edited_by_an_administrator_only(self):
        for record in (self.talked, self.call):
            values = {"name": "Mine", "counts": record.counts}
            for user in (self.anna, self.supervisor):
                mine = record.with_user(user)
                self.assertTrue(mine.name)
                for attack in (
                    lambda mine=mine: mine.write({"counts": False}),
                    lambda mine=mine, values=values: mine.create(values),
                    lambda mine=mine: mine.unlink(),
                    lambda mine=mine: mine.action_archive(),
                ):
                    with self.assertRaises(AccessError):
                        attack()
                result = mine.load([".id", "name"], [[str(record.id), "Forged"]])
                self.assertTrue(result["messages"], "nor by import")
            record.with_user(self.administrator).name = f"Named by {record._name}"
