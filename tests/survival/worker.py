"""An Odoo that forks: the registry is loaded once, each piece of work is done by a child that may be killed.

It reads orders from its standard input, one JSON list a line: ["run", number, work] forks a child and answers
["pid", number, pid] at once and ["end", number, status] when it has ended.
"""

import json
import os
import select
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def tell(*answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(config, database):
    import odoo
    from odoo.modules.registry import Registry
    from odoo.tools import config as options

    options.parse_config(["-c", config, "-d", database, "--no-http", "--log-level=critical"], setup_logging=True)
    registry = Registry(database)
    import works

    works.small_pieces()
    odoo.sql_db.close_all()
    tell("ready", 0, os.getpid())
    # no threads: a child would inherit the locks that they hold at the moment of the fork
    numbers, rest = {}, b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.005)
        if readable:
            more = os.read(0, 65536)
            if not more:
                return
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                _order, number, work, *arguments = json.loads(line)
                numbers[_begin(works, registry, number, work, arguments)] = number
        _bury(numbers)


def _begin(works, registry, number, work, arguments):
    """Fork a child for a piece of work; return its process id."""
    child = os.fork()
    if child:
        tell("pid", number, child)
        return child
    status = 1
    try:
        answer = getattr(works, work)(registry, *arguments)
        if answer is not None:
            tell("answer", number, answer)
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(status)


def _bury(numbers):
    """Tell which children have ended since."""
    while numbers:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        tell("end", numbers.pop(child), status)


if __name__ == "__main__":
    main(*sys.argv[1:])
