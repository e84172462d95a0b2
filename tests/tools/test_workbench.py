"""What the workbench decides: ports, the archive, which words are tests, and what its errors say."""

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from workbench import commands, demonstration, distribution, layout, steps, testing
from workbench.errors import Trouble

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("given", "port"), [("", 8069), (None, 8069), ("8100", 8100), ("1024", 1024), ("65530", 65530)]
)
def test_a_port_is_a_number_that_odoo_may_use(given, port):
    assert demonstration.port_number(given) == port


@pytest.mark.parametrize("given", ["80", "65531", "http", "-8069", "8069.0", "²", "8069 8070"])
def test_anything_else_is_refused_with_what_to_give(given):
    with pytest.raises(Trouble, match="from 1024 to 65530"):
        demonstration.port_number(given)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_refused_with_another_one(address):
    with socket.socket() as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Trouble, match=rf"Port {port} is taken.*PORT=\d+"):
            demonstration.require_free(port)
    demonstration.require_free(port)


def test_debian_itself_is_chosen_among_other_peoples_repositories():
    lines = [
        "https://a.example/linux/debian bookworm stable",
        "https://b.example/apt bookworm-pgdg main",
        "http://deb.example/debian-security bookworm-security main",
        "http://deb.example/debian bookworm main",
        "http://deb.example/debian bookworm-updates main",
    ]
    assert distribution.archive(lines, "bookworm") == "http://deb.example/debian"


def test_an_archive_named_by_its_role_is_found_too():
    assert distribution.archive(["http://deb.example/debian stable main"], "bookworm") == "http://deb.example/debian"


@pytest.mark.parametrize("lines", [[], ["https://b.example/apt bookworm-pgdg main"], ["nonsense"]])
def test_where_there_is_no_debian_archive_none_is_chosen(lines):
    assert distribution.archive(lines, "bookworm") is None


def test_an_odoo_of_ones_own_must_be_odoo_19(tmp_path, monkeypatch):
    monkeypatch.setenv("ODOO_HOME", str(tmp_path))
    with pytest.raises(Trouble, match="holds no Odoo"):
        distribution.provided()
    (tmp_path / "odoo").mkdir()
    release = tmp_path / "odoo/release.py"
    release.write_text("version_info = (18, 0, 0, FINAL, 0, '')\n")
    with pytest.raises(Trouble, match="not Odoo 19"):
        distribution.provided()
    release.write_text("version_info = (19, 0, 0, FINAL, 0, '')\n")
    assert distribution.provided() == tmp_path


@pytest.mark.parametrize(
    ("given", "paths", "options"),
    [
        ([], [], []),
        (["tests/engine"], ["tests/engine"], []),
        (["-k", "tests", "tests/engine"], ["tests/engine"], ["-k", "tests"]),
        (["tests/a.py::T::test_x", "-x"], ["tests/a.py::T::test_x"], ["-x"]),
        (["-k", "-x", "a.py"], ["a.py"], ["-k", "-x"]),
        (["--durations=5", "-q", "a.py"], ["a.py"], ["--durations=5", "-q"]),
    ],
)
def test_tests_are_told_from_options_and_their_values(given, paths, options):
    assert testing.split(given) == (paths, options)


@pytest.mark.parametrize(
    ("options", "cores", "workers"),
    [([], 1, None), ([], 2, "2"), (["-x"], 64, str(testing.WORKERS)), (["-n", "8"], 4, None), (["-n0"], 4, None)],
)
def test_all_tests_are_spread_over_the_cores_unless_a_person_says_how(options, cores, workers):
    spread = testing.spread(options, cores)
    assert (spread[1] if spread else None) == workers


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("", "server -c C -d D"),
        ("-u crm --stop-after-init", "server -c C -d D -u crm --stop-after-init"),
        ("shell --no-http", "shell -c C -d D --no-http"),
        ("i18n export -l ru_RU crm", "i18n export -c C -d D -l ru_RU crm"),
        ("i18n --help", "i18n --help"),
        ("db drop old", "db -c C drop old"),
        ("cloc -p sales_discipline", "cloc -p sales_discipline"),
        ("scaffold new_addon", "scaffold new_addon"),
    ],
)
def test_every_subcommand_of_odoo_gets_the_database_where_it_expects_it(given, whole):
    assert " ".join(map(str, commands.odoo_arguments(given.split(), "C", "D"))) == whole


def test_outdated_idioms_are_looked_for_in_our_addons_alone():
    given = commands.odoo_arguments(["upgrade_code", "--from", "18.0"], "C", "D")
    assert given[given.index("--glob") + 1].startswith("sales_discipline")


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ("INFO odoo.tests.result: 0 failed, 1 error(s) of 12 tests when loading database 'x'", (0, 1, 12)),
        ("INFO odoo.modules.loading: 18 modules loaded", None),
    ],
)
def test_odoos_own_sum_of_its_tests_is_read(line, counted):
    assert testing.counts(line) == counted


def test_a_failed_program_becomes_a_sentence_with_its_last_line_and_where_the_rest_is(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    with pytest.raises(Trouble, match=r"Could not read the list: boom\. Run the same command again.*list\.log"):
        steps.run([sys.executable, "-c", "import sys; sys.exit('boom')"], log="list", doing="read the list")


def test_a_program_that_fills_the_disk_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    script = "import sys; print('write failed: No space left on device'); print('more'); sys.exit(1)"
    with pytest.raises(Trouble, match="The disk is full while trying to unpack"):
        steps.run([sys.executable, "-c", script], log="unpack", doing="unpack")


def test_too_little_space_is_refused_before_anything_begins(monkeypatch):
    monkeypatch.setattr(steps.shutil, "disk_usage", lambda _path: _Usage)
    with pytest.raises(Trouble, match="5 MB free, 100 MB are needed"):
        steps.need_space(100)


class _Usage:
    free = 5 * 2**20


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/somewhere"), "/somewhere cannot be written by this user"),
        (Trouble("What is wrong."), "What is wrong."),
    ],
)
def test_trouble_is_one_sentence_and_no_traceback(error, sentence, monkeypatch, capsys):
    def fail():
        raise error

    monkeypatch.setitem(commands.COMMANDS, "reset", fail)
    assert commands.main(["reset"]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith(sentence) and "\n" not in said


def test_a_wrong_python_is_refused_before_anything_is_imported():
    script = (
        "import sys; sys.version_info = (3, 9, 2); import runpy; runpy.run_module('workbench', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "tools")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "3.11, 3.12 or 3.13" in done.stderr and "Traceback" not in done.stderr


def test_the_fingerprint_follows_the_code_and_not_what_python_leaves_behind(tmp_path):
    (tmp_path / "model.py").write_text("a = 1\n")
    before = layout.fingerprint(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/model.cpython-311.pyc").write_bytes(b"x")
    assert layout.fingerprint(tmp_path) == before
    (tmp_path / "model.py").write_text("a = 2\n")
    assert layout.fingerprint(tmp_path) != before


def test_a_socket_whose_path_would_be_too_long_lies_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "HOME", tmp_path / ("x" * 100))
    assert len(str(layout.short_socket_folder("pg-run"))) < 80
