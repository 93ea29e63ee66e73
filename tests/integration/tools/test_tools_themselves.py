"""Other tools run their directories on one database, and ours on another: the same schema, which is then taken over."""

import pytest

from fowergram_db.database.connection import connect
from fowergram_db.schema.fingerprint import differences, fingerprint
from tests.integration.tools import folders, sections
from tests.migration_tools import find_program

# The others are no packages of npm or Debian.
TOOLS = ("dbmate", "drizzle", "node-pg-migrate", "sql-migrate", "sqitch")
RUN_BY_TOOL = [
    example for example in (*sections.EXAMPLES, *folders.EXAMPLES) if example.tool in TOOLS and example.is_run_by_tool
]


@pytest.fixture
def program(example):
    return find_program(example.tool) or pytest.skip(f"{example.tool} is not installed")


@pytest.mark.usefixtures("empty_db")
@pytest.mark.matrix(every=6)
@pytest.mark.parametrize("example", RUN_BY_TOOL, ids=str)
def test_a_tool_and_ours_build_the_same_and_its_history_is_taken_over(
    cli, directory, lay, target, other, schema, program, example
):
    lay(directory, example.files)
    program.apply(directory, target)
    versions = [each.version for each in example.migrations]
    built = schema()

    result = cli("migrate", "--dbname", other.dbname, "--json")
    assert result.exit_code == 0, result.err
    assert [step["version"] for step in result.document["steps"]] == versions
    with connect(target) as theirs, connect(other) as ours:
        exclusions = {"schemas": ["sqitch", "drizzle"], "relations": [program.history]}
        assert differences(fingerprint(theirs, **exclusions), fingerprint(ours)) == ()

    assert cli("migrate").exit_code == 4
    to = ("--to", str(versions[-1])) if example.tool == "drizzle" else ()
    result = cli("adopt", "--from", example.tool, *to, "--json")
    assert result.exit_code == 0, result.err
    assert result.document["recorded"] == versions
    lay(directory, example.more.files)
    result = cli("migrate", "--json")
    assert result.exit_code == 0, result.err
    assert [step["version"] for step in result.document["steps"]] == [example.more.version]
    assert cli("status", "--check").exit_code == 0
    assert schema() == ([*built[0], "more"], built[1])
