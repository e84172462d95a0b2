"""An Odoo process on a database of its own, for the tests of the whole system (`make test` says where things are)."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

MARK = "whole-system:"


class Database:
    """A copy of a prepared database, and that same Odoo's command line on it.

    :param str name: of the copy; it is dropped first where it exists
    :param str source: of the database to copy, by default the one that has never seen the addon
    """

    def __init__(self, name, source=None):
        self.name = name
        source = source or os.environ["WORKBENCH_BASE"]
        self.drop()
        subprocess.run(["createdb", "-T", source, name], check=True)
        store = Path(os.environ["WORKBENCH_DATA"], "filestore")
        if (store / source).exists():
            shutil.copytree(store / source, store / name, copy_function=os.link)

    def drop(self):
        """Remove the database and its attachments."""
        subprocess.run(["dropdb", "--if-exists", "--force", self.name], check=True, capture_output=True)
        shutil.rmtree(Path(os.environ["WORKBENCH_DATA"], "filestore", self.name), ignore_errors=True)

    def odoo(self, command, *arguments, stdin=None):
        """Run Odoo to its end.

        :return: what it printed
        :raise AssertionError: if it failed or logged an error or a warning
        :raise subprocess.TimeoutExpired: after five minutes
        """
        line = [*shlex.split(os.environ["WORKBENCH_ODOO"]), command, "-c", os.environ["WORKBENCH_CONFIG"]]
        line += ["-d", self.name, *arguments, "--no-http", "--log-level=warn"]
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False, timeout=300)
        said = [text for text in done.stderr.splitlines() if "security risk" not in text]
        assert done.returncode == 0 and not said, "\n".join([shlex.join(line), *said[-60:]])
        return done.stdout

    def install(self, *modules):
        """Install modules as an administrator would, without demonstration data."""
        self.odoo("server", "-i", ",".join(modules), "--skip-auto-install", "--without-demo", "--stop-after-init")

    def upgrade(self, *modules):
        """Upgrade modules to the code that is there."""
        self.odoo("server", "-u", ",".join(modules), "--skip-auto-install", "--stop-after-init")

    def script(self, text):
        """Run Python in Odoo's shell and commit; ``answer(value)`` there gives the value that is returned here."""
        head = f"import json\ndef answer(value): print({MARK!r} + json.dumps(value, default=str))\n"
        # the shell would go on after an error: one block that ends the process instead
        body = f"try:\n    exec({text!r}, globals())\n    env.cr.commit()\nexcept BaseException:\n"
        body += "    import os, sys, traceback\n    traceback.print_exc()\n    sys.stderr.flush()\n    os._exit(1)\n\n"
        printed = self.odoo("shell", stdin=head + "\n" + body)
        for line in printed.splitlines():
            if MARK in line:
                return json.loads(line.split(MARK, 1)[1])
        return None
