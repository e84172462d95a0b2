"""What the managers concerned are told of a redistribution: one message for each, in his language."""

from odoo import models

from .discipline_redistribution import NAMED

#: e-mails to managers that leave at once; more are left to Odoo's queue
SENT_AT_ONCE = 20


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    def _tell(self, lines, event):
        """Send each manager concerned one message with the customers that he gives and receives.

        :param lines: lines; those of this batch are told
        :param str event: ``proposed``, ``applied`` or ``reverted``
        """
        self.ensure_one()
        concerned = lines._by_manager(self)
        users = self.env["res.users"].browse(concerned).filtered("active").sorted("id")
        # what is read about one customer who is named is read about a thousand of them
        named = [line for user in users for side in concerned[user.id].values() for line in side[1]]
        alike = self._alike(queued=len(users) > SENT_AT_ONCE)
        for user in users:
            sides = {"given": (0, []), "received": (0, []), **concerned[user.id]}
            self._tell_one(user, {**sides, "named": named, "alike": alike}, event)
        if len(users) > SENT_AT_ONCE:
            self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _alike(self, queued):
        """Return what all the messages about this batch share, so that Odoo does not look for it once for each.

        :param bool queued: their e-mails are left to the queue, so that nobody waits for the mail server
        """
        author, email = self._message_compute_author()
        return {
            "reply_to": self._notify_get_reply_to(default=email, author_id=author)[self.id],
            "record_alias_domain_id": self._mail_get_alias_domains(default_company=self.env.company)[self.id].id,
            "record_company_id": self.company_id.id,
            "tracking_value_ids": [],
            "force_send": not queued,
        }

    def _tell_one(self, user, values, event):
        """Send one manager his message.

        :param dict values: ``given`` and ``received``, each (number of lines, ids of the first of them), ``named``, the
            ids of all that are named to anybody, and ``alike``, what is the same in all messages
        """
        lang = user.lang or self.env.lang
        batch = self.with_context(lang=lang)
        env = batch.env
        counts = {side: values[side][0] for side in ("given", "received")}
        lines = env["discipline.redistribution.line"]
        subject = {
            "proposed": env._("Redistribution proposed: %(given)s leave you, %(received)s come to you", **counts),
            "applied": env._("Customers moved: %(given)s left you, %(received)s came to you", **counts),
            "reverted": env._("Customers given back: %(given)s to you, %(received)s by you", **counts),
        }[event]
        body = env["ir.qweb"]._render(
            "sales_discipline.discipline_redistribution_message",
            {
                "batch": batch,
                "event": event,
                "given": lines.browse(values["given"][1]).with_prefetch(values["named"]),
                "received": lines.browse(values["received"][1]).with_prefetch(values["named"]),
                "given_more": max(0, counts["given"] - NAMED),
                "received_more": max(0, counts["received"] - NAMED),
            },
        )
        batch.message_notify(
            partner_ids=user.partner_id.ids,
            subject=subject,
            body=body,
            email_layout_xmlid="mail.mail_notification_light",
            **values["alike"],
        )
