"""Who answers for whom, from a file."""

from markupsafe import Markup
from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .discipline_import import CHUNK

MANAGER_HEADINGS = [
    "Manager", "Responsible Manager", "Salesperson", "Responsible", "Менеджер", "Ответственный",
    "Ответственный менеджер", "Основной менеджер", "Менеджер клиента", "Новый менеджер", "Новый ответственный",
    "Сотрудник", "Продавец", "ФИО менеджера", "Закреплен за",
]  # fmt: skip


class DisciplineImport(models.Model):
    _inherit = "discipline.import"

    @api.model
    def _synonyms(self, kind):
        if kind != "portfolio":
            return super()._synonyms(kind)
        return super()._synonyms(kind) | {"manager": MANAGER_HEADINGS}

    @api.model
    def _needed(self, kind):
        return [*super()._needed(kind), "manager"] if kind == "portfolio" else super()._needed(kind)

    @api.model
    def _template_fields(self, kind):
        return [*super()._template_fields(kind), "manager"] if kind == "portfolio" else super()._template_fields(kind)

    def _judge(self, rows, columns, progress=None, chosen=None, leave=None):
        if self.kind != "portfolio":
            return super()._judge(rows, columns, progress, chosen, leave)
        customers, managers = self._customers(self.company_id), self._managers()
        lines = []
        for index, (number, cells) in enumerate(rows, start=1):
            lines.append(self._read_assignment(number, cells, columns, customers, managers, (chosen or {}).get(number)))
            if progress and not index % CHUNK:
                progress(index)
        self._decide_assignments(lines, leave)
        return lines

    @api.model
    def _read_assignment(self, number, cells, columns, customers, managers, chosen):
        """Return what a row says: its customer, its manager, and the matches where one is missing."""
        values, formulas = self._values(cells, columns)
        match, person = customers.match(values), managers.match(values.get("manager"))
        partner = match.customer
        user = person.id
        if chosen:
            partner, user = chosen["partner"] or partner, chosen["user"] or user
        used = [name for name in formulas if not (name == "manager" and user) and not (name != "manager" and partner)]
        return {
            "row": number,
            "customer_text": self._named(values) or None,
            "manager_text": str(values.get("manager") or "") or None,
            "partner_id": partner,
            "user_to_id": user,
            "suggestion_id": None if partner or not match.close else match.close[0],
            "_match": None if partner else match,
            "_person": None if user else person,
            "_formulas": used,
            "_values": values,
            "_cells": cells,
        }

    def _decide_assignments(self, lines, leave=None):
        """Give each row its state and its sentence; rows that contradict each other are all rejected."""
        now = self._held(lines)
        names = self._names(
            number
            for line in lines
            for number in [line["partner_id"], *(line["_match"].close if line["_match"] else [])]
            if number
        )
        people = {
            user.id: user
            for user in self.env["res.users"]
            .sudo()
            .with_context(active_test=False)
            .search([("share", "=", False)])
            .with_env(self.env)
        }
        first = self._taken(leave)
        said = {}
        for line in lines:
            if line["partner_id"] and line["user_to_id"]:
                said.setdefault(line["partner_id"], {}).setdefault(line["user_to_id"], line["row"])
        may = {}
        for line in lines:
            partner, user = line["partner_id"], line["user_to_id"]
            if partner and user:
                line["user_from_id"] = now.get(partner)
            message = self._refusal(line, names, people, said, may)
            state = "rejected" if message else "ready"
            if not message and partner in first:
                state = "rejected" if first[partner][1] != user else "unchanged"
                message = self.env._(
                    "%(customer)s stands in row %(row)s already.", customer=names[partner], row=first[partner][0]
                )
            elif not message and line["user_from_id"] == user:
                state = "unchanged"
                message = self.env._("%(manager)s is responsible already.", manager=people[user].name)
            elif not message:
                message = self._assign_sentence(people.get(line["user_from_id"]), people[user])
            if partner and user and state != "rejected":
                first.setdefault(partner, (line["row"], user))
            line["state"], line["message"] = state, message
            line["cells"] = self._cells_text(line["_cells"]) if state == "rejected" else None

    def _taken(self, leave):
        """Return {customer: (row, manager)} of the rows that are decided already and are not judged anew."""
        if leave is None:
            return {}
        lines = (self.line_ids.sudo() - leave).filtered(lambda line: line.state != "rejected")
        return {line.partner_id.id: (line.row, line.user_to_id.id) for line in lines}

    def _assign_sentence(self, old, new):
        if old:
            return self.env._("From %(old)s to %(new)s.", old=old.name, new=new.name)
        return self.env._("Nobody's customer goes to %(new)s.", new=new.name)

    def _refusal(self, line, names, people, said, may):
        """Return why a row is refused, or nothing."""
        partner, user = line["partner_id"], line["user_to_id"]
        if line["_formulas"]:
            return self._formula_sentence(line["_formulas"])
        if not partner:
            return self._customer_sentence(line["_match"], line["_values"], names)
        if not user:
            return self._manager_sentence(line["_person"], line["manager_text"], people)
        if not people[user].active:
            return self.env._("%(manager)s is archived: name who works here now.", manager=people[user].name)
        others = said.get(partner, {})
        if len(others) > 1:
            return self.env._(
                "%(customer)s stands here for different managers: %(rows)s. Leave one row.",
                customer=names[partner],
                rows=", ".join(
                    self.env._("%(manager)s (row %(row)s)", manager=people[who].name, row=row)
                    for who, row in others.items()
                ),
            )
        old = line["user_from_id"]
        if old != user and (old, user) not in may:
            nobody = self.env["res.users"]
            may[old, user] = self.env.su or self.env.user._discipline_decides_for(people.get(old, nobody), people[user])
        if old != user and not may[old, user]:
            return self.env._(
                "You do not decide about moving %(customer)s from %(old)s to %(new)s: another supervisor leads them.",
                customer=names[partner],
                old=people[old].name if old in people else self.env._("nobody"),
                new=people[user].name,
            )
        return None

    @api.model
    def _manager_sentence(self, person, text, people):
        offered = ", ".join(people[number].name for number in person.close)
        if person.problem == "empty":
            return self.env._("The row names no manager.")
        if person.problem == "archived":
            return self.env._("%(manager)s is archived: name who works here now.", manager=offered or text)
        if person.problem == "ambiguous":
            return self.env._(
                "“%(manager)s” may be several managers: %(offered)s. Write the login.", manager=text, offered=offered
            )
        if offered:
            return self.env._("There is no manager “%(manager)s”. Close: %(offered)s.", manager=text, offered=offered)
        return self.env._("There is no manager “%(manager)s”.", manager=text)

    @api.model
    def _held(self, lines):
        """Return {customer: responsible manager's id today, None for orphans} of the rows' customers."""
        ids = sorted({line["partner_id"] for line in lines if line["partner_id"]})
        self.env["res.partner"].flush_model(["user_id"])
        self.env["res.users"].flush_model(["active"])
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT p.id, u.id FROM res_partner p LEFT JOIN res_users u ON u.id = p.user_id AND u.active "
                    "WHERE p.id = ANY(%s)",
                    ids,
                )
            )
        )

    def _apply(self, report):
        if self.kind != "portfolio":
            return super()._apply(report)
        self._check_unchanged()
        rows = self.env.execute_query(
            SQL(
                "SELECT user_to_id, array_agg(partner_id ORDER BY partner_id) FROM discipline_import_line "
                "WHERE import_id = %s AND state = 'ready' GROUP BY user_to_id ORDER BY user_to_id",
                self.id,
            )
        )
        total = sum(len(partners) for _user, partners in rows)
        reason = self.reason or self.env._("List %(file)s", file=self.name)
        done = 0
        for user_id, partners in rows:
            user = self.env["res.users"].browse(user_id)
            for start in range(0, len(partners), CHUNK):
                chunk = self.env["res.partner"].browse(partners[start : start + CHUNK])
                # verdicts are judged once, for all of them
                chunk.with_context(tracking_disable=True, discipline_judge_later=True)._discipline_assign(
                    user, "list", reason
                )
                self.env.flush_all()
                self.env.invalidate_all()
                done += len(chunk)
                report(done, total)
        self.env["discipline.compliance"].sudo()._evaluate_customers(
            [partner for _user, partners in rows for partner in partners]
        )
        return None

    def _check_unchanged(self):
        """Refuse a preview that is out of date: what is applied is what was shown.

        :raise UserError: naming a customer that changed hands since
        """
        self.env["res.partner"].flush_model(["user_id"])
        self.env["discipline.import.line"].flush_model()
        found = self.env.execute_query(
            SQL(
                """
                SELECT p.name, count(*) OVER ()
                  FROM discipline_import_line l
                  JOIN res_partner p ON p.id = l.partner_id
             LEFT JOIN res_users u ON u.id = p.user_id AND u.active
             LEFT JOIN res_users n ON n.id = l.user_to_id AND n.active
                 WHERE l.import_id = %s AND l.state = 'ready'
                   AND (u.id IS DISTINCT FROM l.user_from_id OR n.id IS NULL)
              ORDER BY l.row LIMIT 1
                """,
                self.id,
            )
        )
        if found:
            raise UserError(
                self.env._(
                    "%(count)s rows are out of date, %(customer)s first: the manager changed since the preview. "
                    "Check the file again.",
                    count=found[0][1],
                    customer=found[0][0],
                )
            )

    def _summary(self):
        if self.kind != "portfolio":
            return super()._summary()
        rows = self.env.execute_query(
            SQL(
                """
                WITH moves AS (
                    SELECT user_from_id, user_to_id FROM discipline_import_line
                     WHERE import_id = %(id)s AND state = 'ready'
                ), gets AS (SELECT user_to_id AS user_id, count(*) AS n FROM moves GROUP BY 1),
                gives AS (SELECT user_from_id AS user_id, count(*) AS n FROM moves GROUP BY 1),
                has AS (SELECT user_id, count(*) AS n FROM discipline_customer
                         WHERE in_base AND company_id = %(company)s GROUP BY 1)
                SELECT p.name, COALESCE(h.n, 0), COALESCE(g.n, 0), COALESCE(v.n, 0)
                  FROM (SELECT user_id FROM gets UNION SELECT user_id FROM gives) k
             LEFT JOIN has h ON h.user_id IS NOT DISTINCT FROM k.user_id
             LEFT JOIN gets g ON g.user_id IS NOT DISTINCT FROM k.user_id
             LEFT JOIN gives v ON v.user_id IS NOT DISTINCT FROM k.user_id
             LEFT JOIN res_users u ON u.id = k.user_id
             LEFT JOIN res_partner p ON p.id = u.partner_id
              ORDER BY k.user_id IS NULL, p.name
                """,
                id=self.id,
                company=self.company_id.id,
            )
        )
        if not rows or self.state == "done":
            return False
        heads = [self.env._("Manager"), self.env._("Now"), self.env._("Gets"), self.env._("Gives"), self.env._("After")]
        body = [(name or self.env._("Nobody"), has, gets, gives, has + gets - gives) for name, has, gets, gives in rows]
        return self._html_table(heads, body)

    @api.model
    def _html_table(self, heads, rows):
        """Return a small table as HTML; the first column is text, the others are figures."""
        return Markup('<table class="table table-sm w-auto"><thead><tr>%s</tr></thead><tbody>%s</tbody></table>') % (
            Markup().join(
                Markup('<th class="%s">%s</th>') % ("" if index == 0 else "text-end ps-4", head)
                for index, head in enumerate(heads)
            ),
            Markup().join(
                Markup("<tr>%s</tr>")
                % Markup().join(
                    Markup('<td class="%s">%s</td>') % ("" if index == 0 else "text-end ps-4", cell)
                    for index, cell in enumerate(row)
                )
                for row in rows
            ),
        )
