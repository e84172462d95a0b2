import sys

# before anything is imported that an older Python could not even read
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        "\nPython %s does not fit: Python 3.11, 3.12 or 3.13 is needed. "  # noqa: UP031
        "Name one that is there: make PYTHON=python3.11 ..." % sys.version.split()[0]
    )

from .commands import main

sys.exit(main(sys.argv[1:]))
