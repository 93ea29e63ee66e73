"""The migrations that are used are those that were meant for the database."""

import pytest

from fowergram_db.cli.main import run

pytestmark = pytest.mark.matrix(every=2)

SHOP = {
    "001_users": "CREATE TABLE users (id int); INSERT INTO users VALUES (1)",
    "001_users.down": "DROP TABLE users",
    "002_orders": "CREATE TABLE orders (id int)",
    "002_orders.down": "DROP TABLE orders",
}
BLOG = {
    "001_posts.sql": "CREATE TABLE posts (id int)",
    "002_tags.sql": "CREATE TABLE tags (id int)",
    "003_x.sql": "SELECT 3",
}
HISTORY = "SELECT version, filename, checksum FROM public.schema_migrations ORDER BY 1"


@pytest.fixture
def blog(tmp_path, target):
    """The directory of another project."""
    home = tmp_path / "blog"
    home.mkdir()
    for name, text in BLOG.items():
        (home / name).write_text(f"{text}; COMMENT ON SCHEMA public IS '{target.dbname}'")
    return str(home)


@pytest.fixture
def shop(write, cli):
    """A database that was migrated from its own directory."""
    write(**SHOP)
    assert cli("migrate").exit_code == 0


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    "command",
    ["migrate", "migrate --to 9", "migrate --dry-run", "migrate --allow-out-of-order", "migrate --atomic", "rollback",
     "rollback --to 0", "rollback --dry-run", "repair", "repair --version 1", "reset", "adopt",
     "adopt --to 3 --force"],
)  # fmt: skip
def test_with_the_wrong_directory_nothing_is_done(cli, blog, query, tables, command):
    before = query(HISTORY)
    result = cli(*command.split(), "--migrations-dir", blog, "--json")
    error = result.document["error"]
    assert (result.exit_code, error["code"]) == (4, "wrong_directory")
    assert "001_users.sql, 002_orders.sql" in error["message"]
    assert "001_posts.sql, 002_tags.sql, 003_x.sql" in error["message"]
    assert error["file"] == blog
    assert (query(HISTORY), tables(), query("SELECT * FROM users")) == (before, ["orders", "users"], [(1,)])


@pytest.mark.usefixtures("shop")
def test_status_says_that_the_directory_is_another(cli, blog):
    shown = cli("status", "--migrations-dir", blog)
    assert (shown.exit_code, "migrated from another directory" in shown.out) == (0, True)
    assert cli("status", "--migrations-dir", blog, "--check").exit_code == 4
    assert "another directory" not in cli("status").out


@pytest.mark.usefixtures("shop")
def test_a_reset_from_another_directory_continues_when_confirmed_and_says_so(cli, blog, tables):
    result = cli("reset", "--yes", "--warm", "0", "--migrations-dir", blog)
    assert result.exit_code == 0, result.err
    assert "warning: this database was migrated from another directory" in result.err
    assert tables() == ["posts", "tags"]


@pytest.mark.usefixtures("shop")
def test_packaged_migrations_that_were_not_named_are_another_directory(cli, monkeypatch, tables):
    monkeypatch.delenv("MIGRATIONS_DIR")
    for command in ("migrate", "rollback", "repair", "reset"):
        assert cli(command).exit_code == 4
    assert tables() == ["orders", "users"]


@pytest.mark.usefixtures("shop")
def test_an_invalid_history_does_not_stop_a_reset(cli, query, tables):
    query("UPDATE public.schema_migrations SET filename = '', checksum = 'x' WHERE version = 1")
    assert cli("migrate").exit_code == 4
    assert cli("reset", "--yes", "--warm", "0").exit_code == 0
    assert tables() == ["orders", "users"]


@pytest.mark.usefixtures("shop")
def test_files_that_were_renamed_or_edited_are_not_another_directory(cli, directory):
    (directory / "001_users.sql").write_text("SELECT 'edited'")
    (directory / "002_orders.sql").rename(directory / "002_sales.sql")
    (directory / "002_orders.down.sql").rename(directory / "002_sales.down.sql")
    assert cli("migrate", "--json").document["error"]["code"] == "history_inconsistent"
    assert cli("repair").exit_code == 0
    assert cli("migrate").exit_code == 0


@pytest.mark.parametrize(
    "command", ["", "migrate", "migrate --atomic", "migrate --dry-run", "reset --yes", "reset --yes --force"]
)
@pytest.mark.parametrize("made", ["CREATE TABLE users (id int)", "CREATE TABLE parts (id int) PARTITION BY RANGE (id)"])
def test_packaged_migrations_that_were_not_named_go_into_no_database_with_tables(
    cli, empty_db, monkeypatch, command, made
):
    monkeypatch.delenv("MIGRATIONS_DIR")
    empty_db.execute(made)
    result = cli(*command.split())
    assert (result.exit_code, result.out) == (2, "")
    assert "--migrations-dir packaged:" in result.err
    found = empty_db.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchone()
    assert found == (1,)


@pytest.mark.parametrize(
    "made",
    [
        "CREATE SCHEMA other; CREATE TABLE other.users (id int)",
        "CREATE VIEW one AS SELECT 1",
        "CREATE TABLE t (id int); ALTER EXTENSION plpgsql ADD TABLE t",
    ],
)
def test_only_tables_of_users_in_public_stop_packaged_migrations(cli, empty_db, monkeypatch, made):
    monkeypatch.delenv("MIGRATIONS_DIR")
    empty_db.execute(made)
    assert cli("migrate", "--dry-run").exit_code == 0


@pytest.mark.parametrize("way", ["option", "variable", "env file"])
def test_packaged_migrations_that_are_named_go_into_any_database(cli, empty_db, monkeypatch, tmp_path, way):
    monkeypatch.delenv("MIGRATIONS_DIR")
    empty_db.execute("CREATE TABLE of_another (id int)")
    if way == "variable":
        monkeypatch.setenv("MIGRATIONS_DIR", "packaged:")
    elif way == "env file":
        (tmp_path / ".env").write_text("MIGRATIONS_DIR=packaged:\n")
    result = cli(
        "migrate", "--to", "1", "--dry-run", *(["--migrations-dir", "packaged:"] if way == "option" else []), "--json"
    )
    assert (result.exit_code, result.document["migrations_dir"]) == (0, "packaged")


def test_a_database_with_tables_and_migrations_of_its_own_is_migrated(cli, empty_db, write, tables):
    empty_db.execute("CREATE TABLE by_hand (id int)")
    write(**SHOP)
    assert cli("migrate").exit_code == 0
    assert tables() == ["by_hand", "orders", "users"]


def test_several_directories_are_one_history(cli, write, blog, tmp_path, tables, monkeypatch):
    write(**{name.replace("00", "01"): text for name, text in SHOP.items()})
    own = str(tmp_path / "migrations")
    result = cli("migrate", "--migrations-dir", own, "--migrations-dir", blog)
    assert result.exit_code == 0, result.err
    assert result.err.splitlines()[0].endswith(f", migrations: {own}:{blog}")
    assert tables() == ["orders", "posts", "tags", "users"]
    monkeypatch.setenv("MIGRATIONS_DIR", f"{own}:{blog}")
    assert cli("status", "--json").document["summary"] == {"applied": 5, "pending": 0, "problems": 0}
    # One of them alone is no wrong directory, but its history has what no file knows.
    assert cli("migrate", "--migrations-dir", own, "--json").document["error"]["code"] == "history_inconsistent"
    assert cli("rollback").exit_code == 0
    assert tables() == ["posts", "tags", "users"]


@pytest.mark.usefixtures("unique")
@pytest.mark.parametrize(
    "command", ["migrate", "reset --yes --warm 0", "repair", "rollback", "protect", "analyze", "adopt"]
)
def test_every_target_line_names_the_directory(cli, directory, command):
    assert cli("migrate").exit_code == 0
    shown = cli(*command.split()).err
    (line,) = [line for line in shown.splitlines() if line.startswith("Target: ")]
    assert line.endswith(f", migrations: {directory}")


def test_the_variable_in_the_env_file_counts(target, write, tmp_path, monkeypatch, capsys, query):
    write(**SHOP)
    for name in ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER"):
        monkeypatch.delenv(name, raising=False)
    lines = [f"DB_HOST={target.host}", f"DB_PORT={target.port}", f"DB_NAME={target.dbname}", f"DB_USER={target.user}"]
    lines += [f"DB_PASSWORD={target.password}"] if target.password else []
    (tmp_path / ".env").write_text("\n".join([*lines, "export MIGRATIONS_DIR='./migrations'\r\n"]))
    assert run([]) == 0
    assert ", migrations: ./migrations" in capsys.readouterr().err
    assert len(query(HISTORY)) == 2
