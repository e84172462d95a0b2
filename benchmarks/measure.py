"""Timing, peak memory, and the table in which both are shown beside what they are measured against."""

import contextlib
import cProfile
import json
import platform
import pstats
import subprocess
import time
from pathlib import Path

from workbench.layout import HOME

RESULTS = HOME / "benchmarks"


def _peak(reset=False):
    """Return the most memory that this process held since the last reset, in MB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


class Took:
    """What a piece of work cost: ``seconds``, the worker's peak ``memory`` in MB, and its ``queries``."""

    def __init__(self):
        self.seconds = self.memory = 0.0
        self.queries = 0


class Bench:
    """One measurement on one database.

    ``env`` is Odoo's, as superuser; ``rows`` are the lines of the result.
    """

    def __init__(self, env, options):
        self.env = env
        self.cr = env.cr
        self.options = options
        self.customers = options.customers
        self.rows = []

    @property
    def company(self):
        """The company that the base belongs to."""
        return self.env["res.company"]._discipline_first()

    @contextlib.contextmanager
    def plain(self):
        """Lend an environment of an Odoo without the addon; what is written there is rolled back."""
        import odoo
        from odoo.modules.registry import Registry

        with Registry(self.options.plain).cursor() as cr:
            mine, self.env, self.cr = (self.env, self.cr), odoo.api.Environment(cr, odoo.SUPERUSER_ID, {}), cr
            try:
                yield self.env
            finally:
                cr.rollback()
                self.env, self.cr = mine

    def say(self, text):
        """Print at once: some of the work takes minutes."""
        print(f"    {text}", flush=True)

    @contextlib.contextmanager
    def timed(self, what=None, commit=True, profile=True):
        """Time a block with all that Odoo would still write, and the commit.

        :param str what: printed with the time; nothing is printed without it
        :param bool commit: commit at the end; else only flush (the caller rolls back)
        :param bool profile: show where the time went, if that was asked for
        """
        took = Took()
        self.env.invalidate_all()
        _peak(reset=True)
        queries = self.cr.sql_log_count
        profiler = cProfile.Profile() if profile and self.options.profile else None
        began = time.monotonic()
        if profiler:
            profiler.enable()
        yield took
        self.env.flush_all()
        if commit:
            self.cr.commit()
        if profiler:
            profiler.disable()
        took.seconds = time.monotonic() - began
        took.memory = _peak()
        took.queries = self.cr.sql_log_count - queries
        if profiler:
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(25)
        if what:
            self.say(f"{what}: {took.seconds:.2f} s, {took.memory:.0f} MB, {took.queries} queries")

    def sql(self, statement, *parameters, what=None, commit=True):
        """Time one statement of plain SQL."""
        with self.timed(what, commit=commit, profile=False) as took:
            self.cr.execute(statement, parameters or None)
        return took

    def compare(self, what, ours, against, bound, note=""):
        """Add a line: our seconds may be at most ``bound`` times those of ``against``."""
        self._add(what, ours, ours / against, f"{ours / against:.2f} times {against:.2f} s", bound, note)

    def within(self, what, value, bound, unit="s", note=""):
        """Add a line: a value may be at most ``bound``."""
        self._add(what, value, value, "", bound, note, unit)

    def faster(self, what, ours, against, bound, note=""):
        """Add a line: ours must be at least ``bound`` times faster than ``against``."""
        self._add(what, ours, against / ours, f"{against / ours:.1f} times faster than {against:.1f} s", bound, note,
                  least=True)  # fmt: skip

    def _add(self, what, value, figure, against, bound, note, unit="s", least=False):
        good = figure >= bound if least else figure <= bound
        self.rows.append({
            "what": what, "value": round(value, 3), "unit": unit, "against": against, "figure": round(figure, 3),
            "bound": bound, "least": least, "good": good, "note": note,
        })  # fmt: skip

    def grown(self, what, seconds, bound=11):
        """Add a line on growth from a tenth of the customers, if that was measured before on this machine."""
        earlier = RESULTS / f"{self.options.name}-{self.customers // 10}.json"
        if not earlier.exists():
            return
        for row in json.loads(earlier.read_text())["rows"]:
            if row["what"] == what and row["value"]:
                self._add(f"{what}: growth from {self.customers // 10:,} customers", seconds / row["value"],
                          seconds / row["value"], f"{row['value']:.2f} s there", bound, "", unit="times")  # fmt: skip

    def finish(self):
        """Print the table and keep it; return the exit code (0, also where a bound is missed)."""
        for row in self.rows:
            mark = "ok    " if row["good"] else "MISSED"
            bound = f"{'at least' if row['least'] else 'at most'} {row['bound']:g}"
            parts = [f"{row['value']:.2f} {row['unit']}", row["against"], row["note"]]
            print(f"{mark} {row['what']}: {', '.join(part for part in parts if part)} ({bound})", flush=True)
        RESULTS.mkdir(parents=True, exist_ok=True)
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip()
        path = RESULTS / f"{self.options.name}-{self.customers}.json"
        path.write_text(
            json.dumps({"commit": commit, "machine": platform.processor(), "rows": self.rows}, indent=1) + "\n"
        )
        return 0
