"""Killed at any moment, the work goes on: nothing twice, nothing lost; several workers come to what one comes to.

A real Odoo works on a real server that is killed, or the worker is, at random moments of judging, closing, applying
and reverting; then the scheduled action is run again as Odoo's workers do. What comes of it is held against an
uninterrupted run, row by row, and the invariants must hold at once after the kill, too.

``DISCIPLINE_KILLS=50 make test ARGS='-s tests/survival'`` is the whole series; CI kills a few times each.
"""

import contextlib
import itertools
import json
import os
import queue
import random
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cluster import Cluster

KILLS = int(os.environ.get("DISCIPLINE_KILLS") or 2)
SEED = os.environ.get("DISCIPLINE_SEED") or ""
WORKS = ("evaluate", "close", "apply", "revert")
#: the database on which all work is done: the registry is loaded for this name once
DATABASE = "survival"


class Worker:
    """The forking Odoo."""

    def __init__(self, env):
        python = shlex.split(os.environ["WORKBENCH_ODOO"])[0]
        command = [python, str(Path(__file__).with_name("worker.py")), os.environ["WORKBENCH_CONFIG"], DATABASE]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )
        self.answers, self.said = queue.Queue(), []
        self.numbers = itertools.count(1)
        self.seen = {}
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True).start()
        self._await("ready", 0, 300)

    def _listen(self):
        for line in self.process.stdout:
            # Odoo may print as well
            with contextlib.suppress(ValueError):
                self.answers.put(json.loads(line))
        self.answers.put(None)

    def _await(self, what, number, seconds):
        until = time.monotonic() + seconds
        while (what, number) not in self.seen:
            left = until - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no {what} of {number} within {seconds} s\n" + "".join(self.said[-40:]))
            with contextlib.suppress(queue.Empty):
                answer = self.answers.get(timeout=min(left, 1))
                if answer is None:
                    raise AssertionError("Odoo ended:\n" + "".join(self.said[-40:]))
                kind, whose, value = answer
                self.seen[kind, whose] = value
        return self.seen[what, number]

    def begin(self, work, *arguments):
        """Let a child begin; return (number, process id)."""
        number = next(self.numbers)
        self.process.stdin.write(json.dumps(["run", number, work, *arguments]) + "\n")
        self.process.stdin.flush()
        return number, self._await("pid", number, 60)

    def ended(self, number):
        """Tell whether the child has ended by now."""
        with contextlib.suppress(AssertionError):
            self._await("end", number, 0.001)
            return True
        return False

    def end(self, number, seconds=120):
        """Wait for the end of a child; return its exit status."""
        return self._await("end", number, seconds)

    def do(self, work, *arguments):
        """Let a child do its work to the end and return what it answers."""
        number, _pid = self.begin(work, *arguments)
        assert self.end(number) == 0, "".join(self.said[-60:])
        return self.seen.get(("answer", number))

    def stop(self):
        self.process.kill()
        self.process.wait()


class House:
    """The server, the worker, and the databases from which each attempt begins."""

    def __init__(self):
        self.cluster = Cluster()
        self.expected, self.seconds = {}, {}
        try:
            self.cluster.adopt(os.environ["WORKBENCH_TEMPLATE"], DATABASE)
            store = Path(os.environ["WORKBENCH_DATA"], "filestore")
            shutil.rmtree(store / DATABASE, ignore_errors=True)
            if (store / os.environ["WORKBENCH_TEMPLATE"]).exists():
                shutil.copytree(store / os.environ["WORKBENCH_TEMPLATE"], store / DATABASE, copy_function=os.link)
            self.worker = Worker(self.cluster.env)
            self.worker.do("prepare")
            self.cluster.copy(DATABASE, "prepared")
            for work in WORKS:
                self._make(work)
        except BaseException:
            self.close()
            raise

    def _make(self, work):
        """Make the database in which ``work`` is about to begin, and what comes of it when nothing happens."""
        self.cluster.copy("prepared", DATABASE)
        self.worker.do(f"before_{work}")
        self.cluster.copy(DATABASE, work)
        _broken, before = self.worker.do("look")
        began = time.monotonic()
        self.worker.do("work")
        self.seconds[work] = time.monotonic() - began
        broken, self.expected[work] = self.worker.do("look")
        assert broken == {}, work
        assert self.expected[work] != before, f"{work} changed nothing"
        assert not [row for row in self.expected[work]["work"] if "running" in row or "failed" in row], work

    def begin(self, work):
        self.cluster.copy(work, DATABASE)

    def check(self, work, label):
        """Hold what came of it against the uninterrupted run."""
        broken, found = self.worker.do("look")
        assert broken == {}, label
        for name, rows in self.expected[work].items():
            more, less = sorted(set(found[name]) - set(rows)), sorted(set(rows) - set(found[name]))
            assert found[name] == rows, f"{label}: {name}\ntoo much: {more[:5]}\nmissing: {less[:5]}"

    def close(self):
        if hasattr(self, "worker"):
            self.worker.stop()
        self.cluster.stop()
        shutil.rmtree(Path(os.environ["WORKBENCH_DATA"], "filestore", DATABASE), ignore_errors=True)


@pytest.fixture(scope="module")
def house():
    house = House()
    yield house
    house.close()


def attempt(house, work, victim, delay):
    """Let the work begin, kill ``victim`` after ``delay`` seconds, resume, and check.

    :return: whether the kill met the work, and how much of it was committed by then (in rows that had changed)
    """
    house.begin(work)
    number, pid = house.worker.begin("work")
    time.sleep(delay)
    met = not house.worker.ended(number)
    if victim == "worker":
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        house.worker.end(number)
    else:
        house.cluster.kill()
        house.cluster.start()
        # the worker notices, or never does because it had ended
        with contextlib.suppress(AssertionError):
            house.worker.end(number, 20)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        house.worker.end(number)
    label = f"{work}, {victim} killed after {delay:.3f} s of {house.seconds[work]:.3f} s"
    broken, left = house.worker.do("look")
    assert broken == {}, f"{label}, before it went on"
    house.worker.do("work")
    house.check(work, label)
    part = sum(left[name] != rows for name, rows in house.expected[work].items())
    return met, part


@pytest.mark.parametrize("victim", ["worker", "PostgreSQL"])
@pytest.mark.parametrize("work", WORKS)
def test_killed_at_a_random_moment_the_work_goes_on_with_nothing_twice_and_nothing_lost(house, work, victim):
    draw = random.Random(f"{work} {victim} {SEED}")
    met = attempts = partial = 0
    while met < KILLS and attempts < 4 * KILLS:
        attempts += 1
        hit, part = attempt(house, work, victim, draw.uniform(0, house.seconds[work]))
        met += hit
        partial += bool(hit and part)
    print(
        f"\n{work:9} {victim:11} {met:3} kills met the work ({attempts} attempts, {partial} left something to do), "
        f"uninterrupted {house.seconds[work]:.2f} s: the same rows every time",
        file=sys.__stdout__,
        flush=True,
    )
    assert met >= KILLS, "the work was over too soon to be killed so often"


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("work", WORKS)
def test_several_workers_at_once_come_to_what_one_comes_to(house, work, count):
    """Once as Odoo's own workers, which lock the scheduled action, and once without that lock."""
    for how in ("work", "unlocked"):
        house.begin(work)
        children = [house.worker.begin(how) for _number in range(count)]
        status = [house.worker.end(number) for number, _pid in children]
        assert not any(status), "".join(house.worker.said[-60:])
        house.check(work, f"{count} workers, {how}")


def test_two_workers_that_tell_of_one_contact_at_once_leave_one_row(house):
    house.begin("evaluate")
    assert house.worker.do("two_tellers") == ["tries again", 1, ["api", "manual"]]
