"""A PostgreSQL server of one's own that may be killed at any moment.

Without fsync: a killed process leaves to the kernel all that it has written, only a machine that falls over does not.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from workbench.postgres import _as_person, _binaries


def _lives(process):
    """Tell whether a process still holds its files and memory; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Cluster:
    """One server below a temporary folder; ``env`` is the environment in which programs find it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sd-kill-"))
        self.prefix = _as_person()
        self.binaries = _binaries()
        if self.prefix[:1] == ["setpriv"]:
            shutil.chown(self.folder, "nobody", "nogroup")
        self.data = self.folder / "data"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self.env |= {"PGHOST": str(self.folder), "PGUSER": "odoo"}
        self.env["PATH"] = os.pathsep.join([str(self.binaries), self.env["PATH"]])
        command = [*self.prefix, self.binaries / "initdb", "-D", self.data, "-U", "odoo", "-A", "trust", "--no-sync"]
        self._run(*command, "-E", "UTF8", "--locale=C.UTF-8")
        self.start()

    def _run(self, *command, **options):
        options = {"check": True, "capture_output": True, "env": self.env, **options}
        return subprocess.run([str(part) for part in command], **options)

    def start(self):
        """Start the server; after a kill it recovers first."""
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c shared_buffers=64MB -c max_connections=50"
        command = [*self.prefix, self.binaries / "pg_ctl", "-s", "-w", "-D", self.data, "-l", self.folder / "log"]
        for attempt in range(40):
            # the processes of a killed server hold its memory for a moment
            if not self._run(*command, "-o", options, "start", check=False, stdout=None, stderr=None,
                             capture_output=False).returncode:  # fmt: skip
                return
            if attempt == 39:
                raise AssertionError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.25)

    def kill(self):
        """Kill the server and all its processes as the kernel would when memory runs out."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True)
        processes = (postmaster, *map(int, children.stdout.split()))
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(map(_lives, processes)):
            time.sleep(0.005)
        # its number may stand in the list of processes until somebody buries it: PostgreSQL would wait for that
        for lock in (self.data / "postmaster.pid", self.folder / ".s.PGSQL.5432.lock"):
            lock.unlink()

    def stop(self):
        """Stop the server and remove all that is its own."""
        self._run(*self.prefix, self.binaries / "pg_ctl", "-s", "-D", self.data, "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def copy(self, source, target):
        """Make a database anew as a copy of another one."""
        self._run("dropdb", "--if-exists", "--force", target)
        self._run("createdb", "-S", "file_copy", "-T", source, target)
        # what a crash finds is the copy: it neither copies anew, nor gives out once more the numbers of sequences that
        # were promised to the log of the source
        self._run("psql", "-qc", "CHECKPOINT", target)

    def adopt(self, database, target):
        """Take a database over from the server that the tests use."""
        self._run("createdb", "-T", "template0", target)
        dump = subprocess.Popen(["pg_dump", "-Fc", "-Z0", database], stdout=subprocess.PIPE, env=os.environ)
        self._run("pg_restore", "--no-owner", "-d", target, stdin=dump.stdout)
        assert dump.wait() == 0
