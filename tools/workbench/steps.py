"""Telling what is being done and how far it is, and running programs without drowning a person in their output."""

import contextlib
import errno
import shutil
import subprocess
import time

from .errors import Trouble
from .layout import HOME, LOGS

_began = time.monotonic()
_state = {"number": 0, "total": 0}


def plan(total):
    """Say how many steps there will be; they are numbered from here on."""
    _state.update(number=0, total=total)


def say(text):
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - _began:6.1f} s] {text}", flush=True)


@contextlib.contextmanager
def step(text):
    """Announce a step, number it, and turn a full disk into a sentence."""
    _state["number"] += 1
    total = max(_state["total"], _state["number"])
    say(f"[{_state['number']}/{total}] {text}")
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Trouble(f"The disk is full ({HOME}): free some space, then run the same command again.") from error
        raise


def need_space(megabytes):
    """Refuse to begin what could not be finished.

    :raise Trouble: where the disk has less than ``megabytes`` free
    """
    free = shutil.disk_usage(HOME.parent).free // 2**20
    if free < megabytes:
        raise Trouble(f"{HOME.parent} has {free} MB free, {megabytes} MB are needed: free some space and try again.")


def run(command, *, log, doing, env=None, cwd=None, stdin=None, percent=None):
    """Run a program with its output in a log file; show how far it is where that is known.

    :param str log: name of the log file
    :param str doing: what it does, for the sentence when it fails ("download Odoo")
    :param percent: callable returning 0..100, asked now and then
    :raise Trouble: if it fails, with the last line of its output and where the rest is
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    before = path.stat().st_size if path.exists() else 0
    with path.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            env=env,
            cwd=cwd,
        )
        if stdin is not None:
            process.stdin.write(stdin.encode())
            process.stdin.close()
        try:
            _watch(process, percent)
        except BaseException:
            # Ctrl+C: nothing of ours goes on behind the person's back
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        said = path.read_bytes()[before:].decode(errors="replace")
        lines = [line for line in said.splitlines() if line.strip()]
        last = lines[-1] if lines else "no output"
        # on a full disk the program's own words may be lost, too
        if "No space left on device" in said or shutil.disk_usage(HOME).free < 2**20:
            raise Trouble(
                f"The disk is full while trying to {doing}: free some space, then run the same command again."
            )
        raise Trouble(f"Could not {doing}: {last.strip()}. Run the same command again; the whole output is in {path}.")


def _watch(process, percent):
    """Wait for a program; tell how far it is, or now and then that it is still at work."""
    shown, began, told = 0, time.monotonic(), 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
            return
        now = percent() if percent else 0
        if now >= shown + 20:
            shown = now - now % 20
            say(f"      {shown} %")
        seconds = int(time.monotonic() - began)
        if not percent and seconds >= told + 20:
            told = seconds
            say(f"      still at work ({seconds} s)")
