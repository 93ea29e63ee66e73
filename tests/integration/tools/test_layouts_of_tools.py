"""Directories of other tools, in each form that these know: the same order and schema, and undone where they can be."""

from itertools import takewhile

import pytest

from tests.integration.tools import folders, numbered, sections

EXAMPLES = (*numbered.EXAMPLES, *sections.EXAMPLES, *folders.EXAMPLES)


@pytest.mark.matrix(every=4)
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
