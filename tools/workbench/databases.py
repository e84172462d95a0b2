"""Odoo's configuration and its databases: templates made once, copies made in a moment."""

import ast
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from . import distribution, postgres
from .layout import DATA, HOME, LOCK, ROOT, VENV, addons, core, fingerprint
from .steps import need_space, run, step


def filestore(database):
    """Return the folder of a database's attachments."""
    return DATA / "filestore" / database


def configuration(port=8069, **options):
    """Write Odoo's configuration file for a purpose and return its path."""
    settings = {
        "addons_path": f"{distribution.install()}/odoo/addons,{ROOT}",
        "data_dir": DATA,
        "http_interface": "127.0.0.1",
        "http_port": port,
        "gevent_port": port + 3,
        "max_cron_threads": 0,
        "list_db": True,
    } | options
    HOME.mkdir(parents=True, exist_ok=True)
    path = HOME / f"odoo-{port}.conf"
    path.write_text("[options]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return path


def command(*arguments):
    """Return the command line of the project's Odoo."""
    own = distribution.provided()
    starter = distribution.ODOO_PREFIX / "usr/bin/odoo"
    if own:
        starter = own / "odoo-bin" if (own / "odoo-bin").exists() else own.parents[2] / "bin/odoo"
    return [VENV / "bin/python", starter, *arguments]


def odoo(env, config, database, *arguments, doing, stdin=None):
    """Run Odoo to its end on a database, its output in the log."""
    name, *rest = arguments
    run(
        command(name, "-c", config, "-d", database, *rest, "--no-http", "--log-level=warn"),
        log="odoo",
        doing=f"{doing} (database {database})",
        env=env,
        stdin=stdin,
    )


def outside_modules(names):
    """Return Odoo's modules that these addons of ours are built upon."""
    manifests = [ast.literal_eval((ROOT / name / "__manifest__.py").read_text()) for name in names]
    return ",".join(sorted({needed for manifest in manifests for needed in manifest["depends"]} - set(addons())))


def base_template(env, modules=None, prefix="tpl", assets=True):
    """Return the database that has Odoo's modules and Russian, without demonstration data.

    :param str modules: by default those that the addons of every database are built upon
    :param str prefix: of its name; attachments of the two clusters lie in one folder, so their names must differ
    :param bool assets: whether to make the bundles of scripts and styles, too
    """
    modules = modules or outside_modules(core())
    version = postgres.query(env, "show server_version_num")
    # what only tests import changes nothing in a database
    packages = "".join(line for line in LOCK.read_text().splitlines(keepends=True) if "# tests only" not in line)
    parts = [packages, distribution.key(), version, modules]
    if postgres.own_server():
        # attachments are in this clone: another clone's template is of no use to us
        parts.append(str(HOME))
    name = f"{prefix}_" + _hash("\n".join(parts))
    with alone(f"template-{prefix}"):
        if not postgres.exists(env, name):
            need_space(400)
            with step(f"Template database: Odoo's {modules} with Russian"):
                _build(env, name, lambda fresh: odoo(
                    env, configuration(), fresh, "server", "-i", modules, "--skip-auto-install",
                    "--load-language=en_US,ru_RU", "--without-demo", "--stop-after-init", doing="create the template",
                ), assets)  # fmt: skip
    return name


def addon_template(env, names=None):
    """Return the database that has these addons as they are now; older ones are dropped.

    :param names: by default those that every database has
    """
    names = names or core()
    base = base_template(env, outside_modules(names))
    name = f"{base}_{_hash(''.join(fingerprint(ROOT / addon) for addon in names))}"
    with alone("template-addons"):
        if not postgres.exists(env, name):
            need_space(200)
            for old in postgres.query(env, "select datname from pg_database").splitlines():
                if old.startswith(f"{base}_"):
                    postgres.drop(env, old)
            with step(f"Template database: {', '.join(names)}"):
                _build(env, name, lambda fresh: (copy(env, base, fresh), odoo(
                    env, configuration(), fresh, "server", "-i", ",".join(names), "--skip-auto-install",
                    "--without-demo", "--stop-after-init", doing="install the addons",
                )))  # fmt: skip
    return name


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _build(env, name, fill, assets=True):
    """Fill a database under another name and rename it, so that a half-made one is never used."""
    fresh = f"{name}_new"
    postgres.drop(env, fresh)
    fill(fresh)
    if assets:
        prepare_assets(env, configuration(), fresh)
    rename(env, fresh, name)


def prepare_assets(env, config, database):
    """Make the bundles of scripts and styles, which would otherwise be made at the first click."""
    script = "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()\n"
    odoo(env, config, database, "shell", doing="prepare the assets", stdin=script)


def rename(env, old, new):
    """Rename a database that nobody uses, with its filestore."""
    shutil.rmtree(filestore(new), ignore_errors=True)
    if filestore(old).exists():
        filestore(old).rename(filestore(new))
    postgres.query(env, f'alter database "{old}" rename to "{new}"')


def copy(env, source, target):
    """Make ``target`` a copy of a database nobody is connected to; attachments are linked, not copied."""
    postgres.drop(env, target)
    # the fast way, which servers have since 15
    fast = ["-S", "file_copy"] if int(postgres.query(env, "show server_version_num")) >= 150000 else []
    run(["createdb", *fast, "-T", source, target], log="postgres", doing=f"copy {source}", env=env)
    if filestore(source).exists():
        shutil.copytree(filestore(source), filestore(target), copy_function=os.link)


@contextlib.contextmanager
def scratch(env, source, purpose):
    """Lend a copy of a database under a name of its own; those that an interrupted run left behind are dropped."""
    if not postgres.own_server():
        for name in postgres.query(env, "select datname from pg_database").splitlines():
            left = re.fullmatch(r"(?:test|test_odoo|lint|bench_run|bench_plain)_(\d+)(?:-gw\d+)?", name)
            if left and not Path(f"/proc/{left[1]}").exists():
                postgres.drop(env, name)
    name = f"{purpose}_{os.getpid()}"
    copy(env, source, name)
    try:
        yield name
    finally:
        postgres.drop(env, name)


@contextlib.contextmanager
def scratch_configuration():
    """Lend a configuration with a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        # Odoo's gevent port is three above it
        port = min(probe.getsockname()[1], 65000)
    path = configuration(port)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(what):
    """Wait until no other command of this clone does the same."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def interactive(env, arguments):
    """Run Odoo with the person's terminal; return its exit code."""
    return subprocess.run([str(part) for part in arguments], env=env, check=False).returncode
