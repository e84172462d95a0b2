"""Timing, peak memory, and the table in which both are shown beside what they are measured against."""

import contextlib
import cProfile
import json
import os
import platform
import pstats
import subprocess
import time
import traceback
from pathlib import Path

from workbench.layout import HOME

RESULTS = HOME / "benchmarks"
#: a machine that took so many times longer than its processor worked for us was doing other things
BUSY = 1.3
#: of statements from one place, in seconds: what is shown of them with ``--profile``
SLOW = 0.05


def _peak(reset=False):
    """Return the most memory that this process held since the last reset, in MB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


def _used(pid):
    """Return the processor's seconds that a process has used, 0 where it runs on another machine."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Took:
    """What a piece of work cost: ``seconds``, the processor's seconds in worker and server (``cpu``), ``memory``.

    Memory is the worker's peak in MB. On a machine that does other things, too, the processor's seconds are what can
    be compared.
    """

    def __init__(self):
        self.seconds = self.memory = self.cpu = 0.0
        self.queries = 0

    def times(self, count):
        """Return what ``count`` times as much would cost."""
        more = Took()
        more.seconds, more.cpu, more.memory = self.seconds * count, self.cpu * count, self.memory
        return more


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
        server = self.cr._cnx.get_backend_pid()
        cpu = time.process_time() + _used(server)
        profiler = cProfile.Profile() if profile and self.options.profile else None
        began = time.monotonic()
        with self._slow_statements() if profiler else contextlib.nullcontext():
            if profiler:
                profiler.enable()
            yield took
            self.env.flush_all()
            if commit:
                self.cr.commit()
            if profiler:
                profiler.disable()
        took.seconds = time.monotonic() - began
        took.cpu = time.process_time() + _used(server) - cpu
        took.memory = _peak()
        took.queries = self.cr.sql_log_count - queries
        if profiler:
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(25)
        if what:
            self.say(
                f"{what}: {took.seconds:.2f} s ({took.cpu:.2f} s of the processor), {took.memory:.0f} MB, "
                f"{took.queries} queries"
            )

    @contextlib.contextmanager
    def _slow_statements(self):
        """Print the statements that take long, with the lines of the addon that sent them."""
        kind = type(self.cr)
        plain, lines = kind.execute, {}

        def execute(cr, query, *args, **options):
            began = time.monotonic()
            result = plain(cr, query, *args, **options)
            took = time.monotonic() - began
            frames = [row for row in traceback.extract_stack(limit=30) if "sales_discipline" in row.filename]
            place = " < ".join(f"{row.name}:{row.lineno}" for row in reversed(frames[-3:]))
            count, total = lines.get(place, (0, 0))
            lines[place] = (count + 1, total + took)
            return result

        kind.execute = execute
        try:
            yield
        finally:
            kind.execute = plain
        for place, (count, total) in sorted(lines.items(), key=lambda row: -row[1][1])[:15]:
            if total > SLOW:
                self.say(f"{total:8.2f} s {count:5} statements: {place}")

    def sql(self, statement, *parameters, what=None, commit=True):
        """Time one statement of plain SQL."""
        with self.timed(what, commit=commit, profile=False) as took:
            self.cr.execute(statement, parameters or None)
        return took

    def compare(self, what, ours, against, bound, note=""):
        """Add a line: what we took may be at most ``bound`` times what ``against`` took."""
        figure, told = self._ratio(ours, against)
        self._add(what, ours.seconds, figure, told, bound, note, cpu=ours.cpu)

    def _ratio(self, ours, against):
        """Return the ratio that counts, and words that show it; a busy machine is judged by the processor's seconds."""
        by_clock, by_cpu = ours.seconds / against.seconds, ours.cpu / max(against.cpu, 0.01)
        busy = max(ours.seconds / max(ours.cpu, 0.01), against.seconds / max(against.cpu, 0.01)) > BUSY
        told = f"{by_clock:.2f} times {against.seconds:.2f} s; of the processor {ours.cpu:.2f} s, {by_cpu:.2f} times"
        return (by_cpu if busy else by_clock), f"{told} {against.cpu:.2f} s{' (machine busy)' if busy else ''}"

    def within(self, what, value, bound, unit="s", note=""):
        """Add a line: a value, or what something took, may be at most ``bound``."""
        if not isinstance(value, Took):
            self._add(what, value, value, "", bound, note, unit)
            return
        busy = value.seconds > BUSY * value.cpu
        told = f"{value.cpu:.2f} s of the processor{' (machine busy)' if busy else ''}"
        self._add(what, value.seconds, value.cpu if busy else value.seconds, told, bound, note, cpu=value.cpu)

    def faster(self, what, ours, against, bound, note=""):
        """Add a line: ours must be at least ``bound`` times faster than ``against``."""
        figure, told = self._ratio(against, ours)
        self._add(what, ours.seconds, figure, f"{figure:.1f} times faster ({told})", bound, note, least=True,
                  cpu=ours.cpu)  # fmt: skip

    def _add(self, what, value, figure, against, bound, note, unit="s", least=False, cpu=0):
        good = figure >= bound if least else figure <= bound
        self.rows.append({
            "what": what, "value": round(value, 3), "unit": unit, "against": against, "figure": round(figure, 3),
            "bound": bound, "least": least, "good": good, "note": note, "cpu": round(cpu, 3),
        })  # fmt: skip

    def grown(self, what, took, bound=11):
        """Add a line on growth from a tenth of the customers, if that was measured before on this machine."""
        earlier = RESULTS / f"{self.options.name}-{self.customers // 10}.json"
        if not earlier.exists():
            return
        for row in json.loads(earlier.read_text())["rows"]:
            if row["what"] == what and row.get("cpu"):
                before = Took()
                before.seconds, before.cpu = row["value"], row["cpu"]
                figure, told = self._ratio(took, before)
                self._add(f"{what}: growth from {self.customers // 10:,} customers", figure, figure, told, bound, "",
                          unit="times")  # fmt: skip

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
