"""Random lives of opportunities against an independent model: the ledger says exactly what happened.

The default run is short; DISCIPLINE_SEQUENCES=1000 gives the long one.
"""

import os
import random
from itertools import pairwise

from odoo.tests import tagged

from .common import DisciplineCommon

SEQUENCES = int(os.environ.get("DISCIPLINE_SEQUENCES", "60"))
STEPS = 8


class Model:
    """What one opportunity should be, told by the rules of the business alone."""

    def __init__(self, stage, team, user):
        self.stage, self.team, self.user, self.status = stage, team, user, "open"
        self.facts = [("create", stage, team, user, "open")]

    def log(self, kind, **changes):
        vars(self).update(changes)
        self.facts.append((kind, self.stage, self.team, self.user, self.status))


@tagged("discipline_sale")
class TestLeadSequences(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Stage = cls.env["crm.stage"]
        Stage.search([]).write({"sequence": 95, "is_won": False})
        cls.common = Stage.create([{"name": f"Step {n}", "sequence": n} for n in (1, 2, 3)])
        cls.done = Stage.create({"name": "Done", "sequence": 90, "is_won": True})
        cls.special = Stage.create({"name": "Only for Team Two", "sequence": 4, "team_ids": cls.other_team.ids})
        cls.reason = cls.env["crm.lost.reason"].create({"name": "Some reason"})
        cls.not_stated = cls.env["crm.lost.reason"]._discipline_not_stated()
        cls.customer = cls._customer("Romashka", cls.anna)

    # Each step takes the lead and the model and does the same to both.

    def _move(self, lead, model, rng):
        stages = self.common + (self.special if model.team == self.other_team.id else self.common.browse())
        stage = rng.choice(stages)
        lead.stage_id = stage
        if stage.id != model.stage:
            if model.status == "won":
                model.log("reopen", stage=stage.id, status="open")
            else:
                model.log("stage", stage=stage.id)

    def _change_team(self, lead, model, rng):
        team = rng.choice([self.team, self.other_team])
        user = rng.choice(team.member_ids | team.user_id)
        lead.write({"team_id": team.id, "user_id": user.id})
        lost_stage = model.stage == self.special.id and team != self.other_team
        stage = self.common[0].id if lost_stage else model.stage
        changes = {"team": team.id, "user": user.id, "stage": stage}
        for aspect, kind in (("stage", "stage"), ("team", "team"), ("user", "user")):
            if changes[aspect] != getattr(model, aspect):
                model.log(kind, **changes)
                break

    def _lose(self, lead, model, rng):
        if model.status == "won":
            return
        lead.action_set_lost(lost_reason_id=self.reason.id)
        if model.status != "lost":
            model.log("lost", status="lost")

    def _reopen(self, lead, model, rng):
        # Odoo itself refuses to “restore” a won deal
        if model.status in ("lost", "archived"):
            lead.action_restore()
            model.log("reopen" if model.status == "lost" else "restore", status="open")

    def _win(self, lead, model, rng):
        lead.action_set_won()
        if model.status != "won":
            model.log("won", status="won", stage=self.done.id)

    def _archive(self, lead, model, rng):
        if model.status != "open":
            return
        # without any chance of being won an archived deal is a lost one
        lead.probability = 30
        lead.action_archive()
        model.log("archive", status="archived")

    def _step(self, lead, model, rng):
        step = rng.choice(
            [self._move, self._move, self._change_team, self._lose, self._reopen, self._win, self._archive]
        )
        step(lead, model, rng)

    def _end(self, lead, model, rng):
        """Sometimes a life ends by deletion or by a merge."""
        how = rng.choice(["live", "live", "delete", "merge"])
        if how == "delete":
            lead.unlink()
            model.log("delete", status="removed")
        elif how == "merge":
            twin = lead.copy({"team_id": self.team.id, "user_id": self.anna.id})
            twin.action_set_won()
            twin_id = twin.id
            head = (lead | twin).with_context(active_test=False).merge_opportunity()
            # the surer deal stays: the twin is won, so the deal itself only where it is won, too, and older
            stays = model.status == "won"
            self.assertEqual(head, lead if stays else twin)
            if not stays:
                model.log("merge", status="removed")
            gone = self.env["discipline.stage.change"].search([("lead_ref", "=", twin_id if stays else lead.id)])
            self.assertEqual((gone[0].kind, gone[0].merged_into_ref), ("merge", head.id))

    def test_any_life_of_a_deal_equals_its_rows(self):
        seed = int(os.environ.get("DISCIPLINE_SEED", "20250310"))
        rng = random.Random(seed)
        for number in range(SEQUENCES):
            team = rng.choice([self.team, self.other_team])
            user = rng.choice(team.member_ids)
            lead = self.env["crm.lead"].create(
                {
                    "name": f"Life {number}",
                    "type": "opportunity",
                    "partner_id": self.customer.id,
                    "team_id": team.id,
                    "user_id": user.id,
                    "stage_id": self.common[0].id,
                    "probability": 30,
                }
            )
            model, lead_id = Model(self.common[0].id, team.id, user.id), lead.id
            for _step in range(STEPS):
                self._step(lead, model, rng)
            self._end(lead, model, rng)
            rows = self.env["discipline.stage.change"].search([("lead_ref", "=", lead_id)], order="id")
            facts = [(row.kind, row.stage_to_ref, row.team_ref, row.manager_ref, row.status_to) for row in rows]
            self.assertEqual(facts, model.facts, f"life {number} of seed {seed}")
            # each row begins where the one before it ended
            for before, after in pairwise(rows):
                self.assertEqual(
                    (before.stage_to_ref, before.team_ref, before.manager_ref, before.status_to),
                    (after.stage_from_ref, after.team_from_ref, after.manager_from_ref, after.status_from),
                )
            self._check_refusals(lead_id, model.facts, f"refusals of life {number} of seed {seed}")

    def _check_refusals(self, lead_id, facts, message):
        """See that each end without a sale is one refusal, with its reason and with where the deal stood."""
        expected = []
        for (kind, stage, team, user, _status), before in zip(facts, [None, *facts[:-1]], strict=True):
            if kind == "archive":
                expected.append(("archive", self.not_stated.id, stage, team, user))
            elif kind == "lost" and before[4] == "archived":
                # it was a refusal already: now its reason is known
                expected[-1] = ("archive", self.reason.id, *expected[-1][2:])
            elif kind == "lost":
                expected.append(("lost", self.reason.id, stage, team, user))
        refusals = self.env["discipline.refusal"].search(
            [("lead_ref", "=", lead_id), ("voided_at", "=", False)], order="id"
        )
        found = [(row.kind, row.reason_ref, row.stage_ref, row.team_ref, row.manager_ref) for row in refusals]
        self.assertEqual(found, expected, message)
