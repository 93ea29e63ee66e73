"""Directories of other tools, in each form that these know: the same order and schema, and undone where they can be."""

from itertools import takewhile

import pytest

from tests.integration.tools import folders, numbered, sections
from tests.integration.tools.histories import history_of

EXAMPLES = (*numbered.EXAMPLES, *sections.EXAMPLES, *folders.EXAMPLES)


@pytest.mark.matrix(every=7)
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_directory_is_run_as_its_own_tool_runs_it(cli, directory, schema, lay, monkeypatch, example):
    path = directory / example.root
    monkeypatch.setenv("MIGRATIONS_DIR", str(path))
    lay(path, example.files)
    versions = [each.version for each in example.migrations]
    built = (example.columns, sum(each.adds == "index" for each in example.migrations))

    result = cli("migrate", "--json")
    assert result.exit_code == 0, result.err
    assert [step["version"] for step in result.document["steps"]] == versions
    assert schema() == built
    status = cli("status", "--check", "--json")
    assert status.exit_code == 0
    assert [
        (row["version"], row["state"], row["reversible"], row["transactional"]) for row in status.document["migrations"]
    ] == [(each.version, "applied", each.reversible, each.transactional) for each in example.migrations]

    undone = [each.version for each in takewhile(lambda each: each.reversible, reversed(example.migrations))]
    if undone:
        result = cli("rollback", "--steps", str(len(undone)), "--json")
        assert result.exit_code == 0, result.err
        assert [step["version"] for step in result.document["steps"]] == undone
    before = schema()
    if len(undone) < len(versions):
        refused = cli("rollback", "--json")
        assert (refused.exit_code, refused.document["steps"], schema()) == (2, [], before), refused.err
    result = cli("migrate", "--json")
    assert [step["version"] for step in result.document["steps"]] == undone[::-1]
    assert schema() == built


# The histories of the others are in test_tools_themselves. The bigint of golang-migrate's table holds no 20 digits.
NOT_RUN = ("golang-migrate", "sqlx", "goose", "Flyway", "diesel", "tern", "Prisma", "supabase")
RECORDED = [example for example in EXAMPLES if example.tool in NOT_RUN and example.form != "20 digits"]


@pytest.mark.matrix(every=9)
@pytest.mark.parametrize("example", RECORDED, ids=str)
def test_a_history_of_the_tool_is_taken_over(cli, directory, schema, lay, query, monkeypatch, example):
    path = directory / example.root
    monkeypatch.setenv("MIGRATIONS_DIR", str(path))
    lay(path, example.files)
    assert cli("migrate").exit_code == 0
    built = schema()
    query("DROP TABLE schema_migrations")
    query(history_of(example))

    assert cli("migrate").exit_code == 4
    result = cli("adopt", "--from", example.tool.lower(), "--json")
    assert result.exit_code == 0, result.err
    assert result.document["recorded"] == [each.version for each in example.migrations]
    lay(path, example.more.files)
    result = cli("migrate", "--json")
    assert result.exit_code == 0, result.err
    assert [step["version"] for step in result.document["steps"]] == [example.more.version]
    assert cli("status", "--check").exit_code == 0
    assert schema() == ([*built[0], "more"], built[1])
