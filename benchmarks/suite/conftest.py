"""A raw clone to compare the fixtures with, and how long what is around each test takes."""

import json
import os
from collections import defaultdict
from pathlib import Path

import psycopg
import pytest

_taken = defaultdict(list)


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=20)


def pytest_generate_tests(metafunc):
    metafunc.parametrize("number", range(metafunc.config.getoption("--rounds") + 1), scope="session")


@pytest.fixture(scope="session")
def admin(fowergram_server):
    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as session:
        yield session


@pytest.fixture
def raw(admin, fowergram_suite):
    """Do it without the tool: two statements in an open session."""
    found = "SELECT datname FROM pg_database WHERE datname ~ '^fowergram_template_' ORDER BY oid"
    name = admin.execute(found).fetchone()
    admin.execute(f"CREATE DATABASE raw_clone TEMPLATE {name[0]}")
    yield os.environ["TEST_DATABASE_URL"].rpartition("/")[0] + "/raw_clone"
    admin.execute("DROP DATABASE raw_clone")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when != "call":
        name = item.originalname.removeprefix("test_")
        if report.when == "setup":
            _taken[name].append(report.duration)
        else:
            _taken[name][-1] += report.duration
    return report


def pytest_sessionfinish():
    Path(os.environ["DURATIONS"]).write_text(json.dumps(_taken))
