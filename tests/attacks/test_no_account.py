"""A container's user: no entry in the passwd file, no HOME."""

import pwd

import pytest


@pytest.fixture(autouse=True)
def _no_account(monkeypatch):
    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def files(write, target):
    return write(**{
        "001_a": f"CREATE TABLE a (id int); COMMENT ON TABLE a IS '{target.dbname}'", "001_a.down": "DROP TABLE a",
        "002_b": "CREATE TABLE b (id int)", "002_b.down": "DROP TABLE b",
        "003_c": "-- fowergram: no-transaction\nCREATE INDEX CONCURRENTLY c ON b (id)", "003_c.down": "DROP INDEX c",
    })  # fmt: skip


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "commands",
    [
        ("migrate", "status", "rollback --steps 3", "migrate --atomic --to 2", "adopt", "analyze"),
        ("reset --yes --warm 0", "reset --yes --warm 0"),
        ("testdb create --name {name}", "testdb list"),
    ],
)
def test_every_command_works_without_a_home_directory(cli, target, commands):
    for command in commands:
        result = cli(*command.format(name=target.dbname).split())
        assert (command, result.exit_code, "internal" in result.err) == (command, 0, False), result.err
