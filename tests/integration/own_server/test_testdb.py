"""testdb: databases are given out, listed, and pruned once no one needs them."""

import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.labelling import label_database
from fowergram_db.database.managed_databases import Purpose, facts_of, origin_of
from fowergram_db.database.owner import Owner
from fowergram_db.database.state import default_facts
from fowergram_db.errors import Refused
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.testdb.databases import names_for, pool
from fowergram_db.testdb.owner import active_owner
from fowergram_db.testdb.sealing import seal
from fowergram_db.testdb.template import TemplateSpec

EXISTS = "SELECT 1 FROM pg_database WHERE datname = %s"


@pytest.fixture
def leave(admin):
    """Make databases as others may have left them; they are gone after the test.

    With a name of the tool's and no comment each has the label of the tool.
    """
    names = []

    def make(name, comment=None):
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        names.append(name)
        origin = origin_of(name)
        if comment is None and origin:
            label_database(admin, name, "left over; it may be dropped.", {"kind": origin.purpose})
        else:
            admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(comment)))
        return name

    yield make
    for name in names:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def give(cli, admin):
    """Run ``testdb create``; what it makes is gone after the test."""
    made = []

    def create(*arguments):
        result = cli("testdb", "create", "--json", *arguments)
        if result.exit_code == 0:
            made.extend(database["name"] for database in result.document["databases"])
        return result

    yield create
    for name in made:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def spec(server, session, directory):
    return TemplateSpec(server, read_migrations(directory), default_facts(session))


def comment_of(admin, name):
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    return admin.execute(query, [name]).fetchone()[0]


@pytest.mark.usefixtures("unique")
def test_stdout_has_the_url_of_the_fresh_database_and_nothing_else(cli, admin):
    result = cli("testdb", "create")
    assert result.exit_code == 0
    (url,) = result.out.splitlines()
    assert "applied  001_a.sql" in result.err
    with psycopg.connect(url) as session:
        assert session.execute("SELECT count(*) FROM a").fetchone() == (0,)
        name = session.info.dbname
    assert origin_of(name).purpose == Purpose.TEST
    assert comment_of(admin, name).startswith("fowergram-db: a test database; it may be dropped. {")
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.usefixtures("unique")
def test_count_creates_several_separate_databases(give):
    document = give("--count", "3").document
    assert len({database["url"] for database in document["databases"]}) == 3
    for database in document["databases"]:
        with psycopg.connect(database["url"]) as session:
            session.execute("INSERT INTO a VALUES (1)")


@pytest.mark.usefixtures("unique")
@pytest.mark.parametrize("count", [1, 2])
def test_a_name_may_be_any_text(give, target, count):
    name = f"ชื่อ 'x\" %s/?#{target.dbname[-6:]}"
    document = give("--name", name, "--count", str(count)).document
    expected = [name] if count == 1 else [f"{name}_1", f"{name}_2"]
    assert [database["name"] for database in document["databases"]] == expected
    for database in document["databases"]:
        with psycopg.connect(database["url"]) as session:
            assert session.info.dbname == database["name"]


@pytest.mark.usefixtures("unique")
def test_a_name_that_is_taken_is_refused_and_nothing_is_left(give, leave, admin, target):
    leave(f"taken_{target.dbname}")
    before = admin.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'fowergram\\_test\\_2%'").fetchone()
    result = give("--name", f"taken_{target.dbname}")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")
    assert result.document["databases"] == []
    after = admin.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'fowergram\\_test\\_2%'").fetchone()
    assert after <= before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--name", "x" * 64], "usage"),
        (["--name", "ก" * 21, "--count", "10"], "usage"),
        (["--name", ""], "usage"),
        (["--name", "fowergram_template_" + "a" * 32], "usage"),
        (["--name", "fowergram_warm_20261201011137_190aeae1_3"], "usage"),
        (["--name", "fowergram_reset_20261201011137_190aeae1", "--count", "2"], "usage"),
        (["--name", "postgresql://me:secret@host/db"], "configuration"),
        (["--name", "shop password=secret"], "configuration"),
        (["--name", "${CI}_test", "--count", "2"], "configuration"),
        (["--name", "shop\n"], "configuration"),
        (["--count", "-1"], "usage"),
        (["--ttl", "soon"], "usage"),
        (["--warm", "-1"], "usage"),
    ],
)
def test_what_makes_no_sense_is_refused(give, write, arguments, code):
    write(**{"001_a": "SELECT 1"})
    result = give(*arguments)
    assert (result.exit_code, result.document["error"]["code"]) == (2, code)
    assert "secret" not in result.out + result.err


def test_a_name_may_have_63_bytes():
    assert names_for("x" * 63, 1) == ("x" * 63,)
    assert names_for("x" * 61, 9)[8] == "x" * 61 + "_9"


@pytest.mark.usefixtures("unique")
def test_none_are_made_in_production(give, monkeypatch):
    monkeypatch.setenv("FOWERGRAM_ENVIRONMENT", "production")
    result = give()
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")


def test_the_embedded_server_is_refused_since_it_would_stop_with_the_command(cli, write):
    write(**{"001_a": "SELECT 1"})
    result = cli("testdb", "create", "--database-url", "embedded:///tmp/never-made", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")


@pytest.mark.usefixtures("unique")
def test_the_hint_for_a_role_without_createdb_names_that_right(give, role, monkeypatch):
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    result = give()
    assert result.exit_code == 1
    assert "CREATEDB" in result.document["error"]["hint"]


@pytest.mark.usefixtures("unique")
def test_a_password_is_in_the_url_and_nowhere_else(give, admin, role, monkeypatch):
    admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    result = give()
    assert "plain%20password" in result.document["databases"][0]["url"]
    assert not re.search("plain(%20| )password", result.err)
    assert result.out.count("plain") == result.out.count(role) + 1


@pytest.mark.usefixtures("unique")
def test_clones_that_are_ready_are_given_out_by_renaming(give, cli, admin):
    assert give("--count", "0", "--warm", "2").document["ready"] == 2
    assert give("--count", "0", "--warm", "2").document["ready"] == 0

    def ready():
        found = cli("testdb", "list", "--json").document["databases"]
        seal = facts_of(comment_of(admin, template))["seal"]
        return {
            d["name"] for d in found if d["kind"] == "warm" and facts_of(comment_of(admin, d["name"]))["seal"] == seal
        }

    listed = cli("testdb", "list", "--json").document["databases"]
    templates = {d["name"] for d in listed if d["kind"] == "template"}
    names = {d["name"] for d in listed if d["kind"] == "warm"}
    template = next(
        facts_of(comment_of(admin, n))["template"]
        for n in sorted(names, reverse=True)
        if facts_of(comment_of(admin, n))
    )
    assert template in templates
    oids = dict(admin.execute("SELECT oid, datname FROM pg_database").fetchall())
    document = give("--count", "3").document
    now = {name: oid for oid, name in admin.execute("SELECT oid, datname FROM pg_database").fetchall()}
    taken = [oids.get(now[database["name"]]) for database in document["databases"]]
    assert [origin_of(name).purpose if name else None for name in taken] == [Purpose.WARM, Purpose.WARM, None]
    assert ready() == set()


@pytest.mark.usefixtures("unique")
def test_further_clones_are_prepared_in_the_background(give, directory, server, admin):
    give("--warm", "1")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with pool(admin, spec(server, admin, directory), lambda _: None) as source:
            if source._ready():
                break
        time.sleep(0.05)
    else:
        pytest.fail("no clone was made ready")


def test_two_clients_do_not_get_the_same_clone(admin, server, unique):
    with pool(admin, spec(server, admin, unique), lambda _: None) as source:
        source.keep_ready(1)
        with connect(server) as other, pool(other, spec(server, other, unique), lambda _: None) as second:
            ready = source._ready()
            made = [source.give(None, None), second.give(None, None)]
            assert len(ready) == 1
    assert made[0].target != made[1].target
    for database in made:
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database.target.dbname)))


@pytest.mark.usefixtures("unique")
def test_list_shows_age_size_clients_and_use(cli, give):
    name = give("--ttl", "1h").document["databases"][0]["name"]
    url = give("--name", f"{name}_own", "--ttl", "0").document["databases"][0]["url"]
    with psycopg.connect(url):
        found = {d["name"]: d for d in cli("testdb", "list", "--json").document["databases"]}
    assert found[name] | {"made_at": None, "expires_at": None, "size_bytes": None} == {
        "name": name,
        "kind": "test",
        "owner": "postgres",
        "made_at": None,
        "expires_at": None,
        "size_bytes": None,
        "connections": 0,
        "use": "ready",
    }
    expires = datetime.fromisoformat(found[name]["expires_at"])
    assert timedelta(minutes=59) < expires - datetime.now(UTC) <= timedelta(hours=1)
    assert found[name]["size_bytes"] > 1_000_000
    own = found[f"{name}_own"]
    assert (own["kind"], own["connections"], own["expires_at"]) == ("test", 1, None)
    text = cli("testdb", "list").out
    assert "expires in 59 min" in text or "expires in 1 h" in text


@pytest.fixture
def pruned(cli):
    """Prune, and return the names that were dropped, and why others were kept."""

    def prune(*arguments):
        result = cli("testdb", "prune", "--json", *arguments)
        assert result.exit_code == 0, result.err
        kept = {d["name"]: d["reason"] for d in result.document["kept"]}
        return {d["name"] for d in result.document["dropped"]}, kept

    return prune


NOW = datetime.now(UTC)


@pytest.mark.parametrize("purpose", ["test", "reset", "scratch", "warm"])
def test_databases_that_a_killed_run_has_left_are_dropped_at_once(pruned, leave, admin, purpose):
    name = leave(Owner.unmarked().fresh_name(Purpose(purpose)))
    pruned()
    assert admin.execute(EXISTS, [name]).fetchone() is None


def test_a_session_that_is_just_ending_does_not_keep_a_database(pruned, leave, admin, server):
    name = leave(Owner.unmarked().fresh_name(Purpose.TEST))
    session = connect(replace(server, dbname=name))
    ending = threading.Timer(0.4, session.close)
    ending.start()
    pruned()
    ending.join()
    assert admin.execute(EXISTS, [name]).fetchone() is None


@pytest.mark.parametrize("option", ["ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"])
def test_a_database_that_was_never_labelled_is_not_dropped(pruned, leave, cli, admin, option):
    """Not even a closed one: another role may have filled and closed it, before it was given to this one."""
    name = leave(Owner.unmarked().fresh_name(Purpose.TEST))
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS NULL").format(sql.Identifier(name)))
    admin.execute(sql.SQL("ALTER DATABASE {} " + option).format(sql.Identifier(name)))
    use = {d["name"]: d["use"] for d in cli("testdb", "list", "--json").document["databases"]}[name]
    assert use == "not labelled"
    pruned("--older-than", "0")
    assert admin.execute(EXISTS, [name]).fetchone() is not None


def test_databases_of_a_run_that_is_alive_stay(pruned, leave, admin, server):
    with connect(server) as session, active_owner(server, session) as run:
        name = leave(run.fresh_name(Purpose.TEST))
        pruned()
        pruned("--older-than", "0")
        assert admin.execute(EXISTS, [name]).fetchone() is not None
    pruned()
    assert admin.execute(EXISTS, [name]).fetchone() is None


@pytest.mark.parametrize(("ttl", "expired"), [(timedelta(hours=-1), True), (timedelta(hours=1), False), (None, False)])
def test_one_that_was_given_out_stays_until_it_expires(pruned, leave, admin, ttl, expired, target):
    until = (NOW + ttl).isoformat() if ttl else None
    facts = {"kind": "test", "made": NOW.isoformat(), "until": until}
    name = leave(f"own_{target.dbname}")
    label_database(admin, name, "a test database; it may be dropped.", facts)
    pruned()
    assert (admin.execute(EXISTS, [name]).fetchone() is None) is expired


def test_one_with_clients_stays_and_the_reason_is_shown(pruned, leave, server):
    name = leave(Owner.unmarked().fresh_name(Purpose.TEST))
    with connect(replace(server, dbname=name)):
        _, kept = pruned()
    assert kept[name] == "1 client is connected to it"


@pytest.mark.parametrize(
    ("name", "comment"),
    [
        ("fowergram_test_mine", None),
        ("fowergram_template_mine", None),
        ("fowergram_test_20201126101500_0000002a_7x", None),
        ("fowergram_test_20260101000000_0000002a_1", "the accounts of 2026"),
        ("keep_me", "fowergram-db: the production database"),
        ("keep_me", 'fowergram-db: {"kind": "something", "until": "2020-01-01"}'),
        ("keep_me", 'fowergram-db: {"until": "2020-01-01"}'),
        ("keep_me", 'fowergram-db: a test database. {"kind": "test", "until": "2020-01-01"}'),
    ],
)
def test_databases_that_are_not_the_tools_are_never_dropped(pruned, leave, admin, name, comment):
    if name == "keep_me":
        name = f"keep_{Owner.unmarked().key:x}"
    leave(name, comment)
    pruned("--older-than", "0")
    assert admin.execute(EXISTS, [name]).fetchone() is not None


def test_databases_of_another_role_stay_where_they_may_not_be_dropped(leave, cli, role, monkeypatch):
    name = leave(Owner.unmarked().fresh_name(Purpose.TEST))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    result = cli("testdb", "prune", "--json")
    assert result.exit_code == 0
    assert {d["name"]: d["reason"] for d in result.document["kept"]}[name] == f"must be owner of database {name}"


@pytest.mark.usefixtures("unique")
@pytest.mark.parametrize(("days", "unused"), [(8, True), (6, False)])
def test_a_template_goes_when_it_was_not_used_for_a_week(cli, pruned, admin, days, unused):
    used = NOW - timedelta(days=days)
    name = cli("reset", "--json").document["template"]
    facts = dict(facts_of(comment_of(admin, name))) | {"used": f"{used:%Y-%m-%d}"}
    (oid,) = admin.execute("SELECT oid FROM pg_database WHERE datname = %s", [name]).fetchone()
    seal(admin, name, oid, "a template; it may be dropped.", facts)
    pruned()
    assert (admin.execute(EXISTS, [name]).fetchone() is None) is unused


@pytest.mark.usefixtures("unique")
def test_a_clone_that_is_ready_goes_with_its_template(cli, give, pruned, admin):
    give("--count", "0", "--warm", "1")
    template = cli("reset", "--json").document["template"]
    listed = cli("testdb", "list", "--json").document["databases"]
    (name,) = [
        d["name"]
        for d in listed
        if d["kind"] == "warm" and (facts_of(comment_of(admin, d["name"])) or {}).get("template") == template
    ]
    pruned()
    assert admin.execute(EXISTS, [name]).fetchone() is not None
    admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(template)))
    pruned()
    for gone in (template, name):
        assert admin.execute(EXISTS, [gone]).fetchone() is None


def test_a_command_that_is_killed_at_any_moment_leaves_nothing_that_prune_does_not_find(
    variables, unique, admin, pruned
):
    """Killed after delays that go through all of it, from the start to the URLs."""
    command = [sys.executable, "-m", "fowergram_db", "testdb", "create", "--count", "3", "--ttl", "1ms"]
    environment = variables | {"MIGRATIONS_DIR": str(unique)}
    before = {name for (name,) in admin.execute("SELECT datname FROM pg_database")}
    for step in range(8):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.15 + 0.07 * step)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def left():
        found = {name for (name,) in admin.execute("SELECT datname FROM pg_database")} - before
        return {
            name
            for name in found
            if (origin := origin_of(name)) and origin.purpose is Purpose.TEST and origin.owner in runs
        }

    runs = {
        origin.owner
        for name in before ^ {n for (n,) in admin.execute("SELECT datname FROM pg_database")}
        if (origin := origin_of(name))
    }
    until = time.monotonic() + 20
    while left() and time.monotonic() < until:
        pruned()
    assert left() == set()


@pytest.mark.usefixtures("unique")
def test_a_command_that_builds_a_template_prunes_and_names_what_it_drops(cli, leave, admin):
    name = leave(Owner.unmarked().fresh_name(Purpose.TEST))
    result = cli("reset")
    assert result.exit_code == 0
    assert f"Dropped {name} (left over)." in result.err
    assert admin.execute(EXISTS, [name]).fetchone() is None


@pytest.fixture
def other_project(tmp_path, target):
    """The migrations of another project."""
    home = tmp_path / "other"
    home.mkdir()
    (home / "001_b.sql").write_text(f"CREATE TABLE b (id int); COMMENT ON TABLE b IS '{target.dbname}'")
    return str(home)


def names_of(result):
    return {database["name"] for database in result.document["databases"]}


@pytest.mark.usefixtures("unique")
def test_by_age_only_databases_of_this_project_are_dropped_without_all(cli, pruned, other_project, directory):
    ours = names_of(cli("testdb", "create", "--count", "1", "--json"))
    theirs = names_of(cli("testdb", "create", "--count", "1", "--json", "--migrations-dir", other_project))
    (directory / "002_more.sql").write_text("CREATE TABLE more (id int)")
    ours |= names_of(cli("testdb", "create", "--count", "1", "--json"))
    dropped, kept = pruned("--older-than", "0")
    assert (ours <= dropped, theirs & dropped) == (True, set())
    assert all("--all" in kept[name] for name in theirs)
    dropped, _ = pruned("--older-than", "0", "--all")
    assert theirs <= dropped


@pytest.mark.usefixtures("unique")
def test_a_dry_run_names_what_would_be_dropped_and_drops_nothing(cli, pruned, admin):
    made = names_of(cli("testdb", "create", "--json"))
    would, _ = pruned("--older-than", "0", "--dry-run")
    assert made <= would
    shown = cli("testdb", "prune", "--older-than", "0", "--dry-run").out
    assert all(f"would drop {name} (ready)" in shown for name in made)
    assert all(admin.execute(EXISTS, [name]).fetchone() for name in would)
    dropped, _ = pruned("--older-than", "0")
    assert dropped >= would


@pytest.mark.usefixtures("unique")
def test_nothing_is_made_where_one_of_several_names_is_taken(cli, leave, admin, target):
    name = f"own_{target.dbname[-8:]}"
    leave(f"{name}_2")
    before = admin.execute("SELECT count(*) FROM pg_database").fetchone()
    result = cli("testdb", "create", "--name", name, "--count", "2", "--json")
    assert (result.exit_code, result.document["error"]["code"], result.document["databases"]) == (2, "refused", [])
    assert "--name" in result.document["error"]["hint"]
    assert admin.execute("SELECT count(*) FROM pg_database").fetchone() == before


def test_a_name_that_is_taken_meanwhile_is_refused(server, admin, leave, target, unique):
    taken = leave(f"own_{target.dbname[-8:]}")
    wanted = spec(server, admin, unique)
    with pool(admin, wanted, lambda _: None) as source, pytest.raises(Refused, match=taken):
        source.give(taken, None)
