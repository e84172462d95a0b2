"""What the Makefile's targets do."""

import errno
import os
import shlex
import subprocess
import sys

from . import databases, demonstration, distribution, linting, packages, postgres, testing, translations
from .errors import Trouble
from .layout import DEMO_DATABASE, HOME, ROOT
from .steps import say


def set_up():
    """Bring Odoo and its packages into the project's folder, unless they are there."""
    HOME.mkdir(parents=True, exist_ok=True)
    own = distribution.provided()
    if own:
        say(f"Odoo of your own: {own}")
    with databases.alone("set-up"):
        packages.install(distribution.install())


def stop():
    """`make stop`: stop the project's own PostgreSQL."""
    say(f"Stopped: {', '.join(postgres.stop()) or 'nothing was running'}")


def odoo():
    """`make odoo DB=name ARGS='...'`: the project's Odoo with any arguments on any database."""
    port = demonstration.port_number(os.environ.get("PORT"), default=8079)
    set_up()
    env = postgres.start("run")
    database = os.environ.get("DB") or DEMO_DATABASE
    given = shlex.split(os.environ.get("ARGS") or "")
    config = databases.configuration(port)
    return databases.interactive(env, databases.command(*odoo_arguments(given, config, database)))


def odoo_arguments(given, config, database):
    """Put the configuration and the database where the subcommand expects them.

    :param list given: the person's arguments; the subcommand stands first, without one it is the server
    :return: all arguments of Odoo
    """
    name, rest = ("server", list(given)) if not given or given[0].startswith("-") else (given[0], list(given[1:]))
    place = ["-c", config, "-d", database]
    if name in ("server", "shell", "neutralize", "populate", "obfuscate"):
        return [name, *place, *rest]
    if name in ("i18n", "module") and rest and not rest[0].startswith("-"):
        return [name, rest[0], *place, *rest[1:]]
    if name == "cloc" and not {"-p", "--path"} & set(rest):
        return [name, *place, *rest]
    if name == "db":
        return [name, "-c", config, *rest]
    if name == "upgrade_code" and "--glob" not in rest:
        # it goes through every folder of addons: without this it rewrites Odoo itself
        ours = f"{demonstration.ADDON}*/**/*"
        return [name, "--addons-path", ROOT, "--glob", ours, *rest]
    return [name, *rest]


def psql():
    """`make psql DB=name`: SQL on a database of `make run` or `make odoo`."""
    set_up()
    env = postgres.start("run")
    return subprocess.run(["psql", os.environ.get("DB") or DEMO_DATABASE], env=env, check=False).returncode


def i18n():
    """`make i18n`: export the translation templates and merge them into the translations."""
    set_up()
    env = postgres.start("test")
    translations.export(env)
    return translations.incomplete()


COMMANDS = {
    "run": lambda: demonstration.run_odoo(set_up),
    "reset": demonstration.reset,
    "stop": stop,
    "odoo": odoo,
    "psql": psql,
    "test": lambda: testing.test(set_up),
    "test-odoo": lambda: testing.test_odoo(set_up),
    "lint": lambda: linting.lint(set_up),
    "i18n": i18n,
}


def main(arguments):
    """Run a command; turn trouble into one sentence.

    :return: the exit code
    """
    try:
        return COMMANDS[arguments[0]]() or 0
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on where it was.", file=sys.stderr)
        return 130
    except PermissionError as error:
        print(
            f"\n{error.filename} cannot be written by this user: make it yours (chown), or use a clone of your own.",
            file=sys.stderr,
        )
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"\nThe disk is full ({HOME}): free some space, then run the same command again.", file=sys.stderr)
    return 1
