"""A reset whose database becomes production, or another one, while it runs; and what a reset that fails says."""

import threading
import time
from dataclasses import replace

import pytest
from psycopg import sql

from fowergram_db.database import disposal, replacement
from fowergram_db.database.connection import connect
from fowergram_db.database.disposal import drop_renamed
from fowergram_db.database.protection import is_protected, protect
from fowergram_db.database.replacement import require_droppable
from fowergram_db.database.sessions import Sessions
from fowergram_db.database.state import database_state
from fowergram_db.errors import FowergramError, Refused
from fowergram_db.migrations.events import StepResult, StepStarted
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.testdb.in_place import rebuild_in_place
from fowergram_db.testdb.reset import Method, ResetOptions, reset
from tests.integration.conftest import _drop, programs_like, target_of
from tests.integration.test_reset import leftovers
from tools import servers

# A sample of each set of cases, unless all are asked for.
pytestmark = [pytest.mark.matrix(every=6), pytest.mark.old_versions]

MARK = "ALTER DATABASE {} SET fowergram.environment = 'production'"


@pytest.fixture(scope="module")
def server(server):
    """A server that can prepare transactions and decode its log."""
    settings = servers.FOR_TESTS | {"wal_level": "logical"}
    with (
        connect(server) as session,
        servers.made(programs_like(session)) as cluster,
        cluster.started(settings) as started,
    ):
        yield target_of(started.url)


@pytest.fixture(scope="module")
def admin(server):
    """A superuser's session on that server."""
    with connect(server) as connection:
        yield connection


@pytest.fixture(params=["cloned", "built"])
def shop(request, admin, target, unique, cli, monkeypatch):  # noqa: ARG001 - the migrations that it is made of
    """A way to a database with one row, whose reset makes a clone, or builds a new one."""
    name = target.dbname if request.param == "cloned" else target.dbname.replace("_test_", "_shop_")
    monkeypatch.setenv("DB_NAME", name)
    assert cli("migrate").exit_code == 0
    with connect(replace(target, dbname=name)) as session:
        session.execute("INSERT INTO a VALUES (1)")
    yield replace(target, dbname=name)
    for each in (name, f"{name}_blue"):
        _drop(admin, each)


def run_reset(target, directory, hook=lambda _event: None, sessions=Sessions.SPARE):
    return reset(target, read_migrations(directory), ResetOptions({}, lambda: True, sessions, warm=0), hook)


def once(event_type, action):
    """Return a listener that acts when the first event of a type comes."""
    done = []

    def listen(event):
        if isinstance(event, event_type) and not done:
            done.append(event)
            action()

    return listen


def oid_of(admin, name):
    row = admin.execute("SELECT oid FROM pg_database WHERE datname = %s", [name]).fetchone()
    return row[0] if row else None


def rows(target):
    with connect(target) as session:
        return session.execute("SELECT count(*) FROM a").fetchone()[0]


def say(admin, statement, *names):
    admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def notes(error):
    return "\n".join(getattr(error.value, "__notes__", ()))


@pytest.mark.parametrize("how", ["sql", "tool", "owner"])
def test_a_database_that_is_marked_while_the_new_one_is_built_stays(admin, shop, unique, how):
    def mark():
        if how == "sql":
            say(admin, MARK, shop.dbname)
        elif how == "owner":
            say(admin, "ALTER DATABASE {} SET temp_tablespaces = 'fowergram.environment=production'", shop.dbname)
        else:
            with connect(shop) as session:
                protect(session)

    before = oid_of(admin, shop.dbname)
    with pytest.raises(Refused, match="marked as production") as error:
        run_reset(shop, unique, once(StepResult, mark))
    assert notes(error) == f'Database "{shop.dbname}" is unchanged.'
    assert (oid_of(admin, shop.dbname), rows(shop)) == (before, 1)
    assert leftovers(admin) == []


@pytest.mark.parametrize("is_marked", [True, False])
@pytest.mark.parametrize("sessions", Sessions)
def test_another_database_that_takes_the_name_stays_with_its_clients(admin, shop, unique, is_marked, sessions):
    """A blue/green deployment, in the middle of a reset."""
    green = f"{shop.dbname}_blue"
    say(admin, "CREATE DATABASE {} TEMPLATE {}", green, shop.dbname)
    if is_marked:
        say(admin, MARK, green)
    oids = [oid_of(admin, name) for name in (shop.dbname, green)]
    clients = []

    def exchange():
        say(admin, "ALTER DATABASE {} RENAME TO {}", shop.dbname, "fowergram_between")
        say(admin, "ALTER DATABASE {} RENAME TO {}", green, shop.dbname)
        say(admin, "ALTER DATABASE {} RENAME TO {}", "fowergram_between", green)
        clients.append(connect(shop))

    with pytest.raises(Refused) as error:
        run_reset(shop, unique, once(StepResult, exchange), sessions)
    assert "is unchanged" not in notes(error)
    assert f'the earlier one is called "{green}"' in notes(error)
    assert [oid_of(admin, name) for name in (green, shop.dbname)] == oids
    with clients[0] as client:
        assert client.execute("SELECT count(*) FROM a").fetchone() == (1,)
    assert rows(replace(shop, dbname=green)) == 1


def test_a_mark_that_is_not_committed_yet_stops_the_exchange(admin, server, shop, unique, monkeypatch):
    monkeypatch.setattr(disposal, "_SETTLED_WITHIN_S", 0.1)
    before = oid_of(admin, shop.dbname)
    with connect(server) as other:

        def begin():
            other.execute("BEGIN")
            say(other, MARK, shop.dbname)

        with pytest.raises(Refused, match="not committed") as error:
            run_reset(shop, unique, once(StepResult, begin))
        other.execute("COMMIT")
    assert notes(error) == f'Database "{shop.dbname}" is unchanged.'
    assert (oid_of(admin, shop.dbname), rows(shop)) == (before, 1)


def test_a_mark_that_has_waited_for_the_exchange_brings_the_old_database_back(
    admin, server, shop, unique, monkeypatch, in_thread
):
    """The name was resolved before the exchange, and the setting written after it: to the old database."""
    real = replacement._carry_over
    marking = []

    def slow(*arguments):
        real(*arguments)
        # The exchange holds its lock now; what comes waits for its end.
        with connect(server) as other:
            marking.append(in_thread(mark_with, server, shop.dbname))
            wait_for(other, "l.classid = 'pg_database'::regclass AND NOT l.granted AND l.mode = 'AccessShareLock'")

    monkeypatch.setattr(replacement, "_carry_over", slow)
    before = oid_of(admin, shop.dbname)
    with pytest.raises(Refused, match="has its name again") as error:
        run_reset(shop, unique)
    marking[0].join()
    assert notes(error) == f'Database "{shop.dbname}" is unchanged.'
    assert (oid_of(admin, shop.dbname), rows(shop)) == (before, 1)
    assert database_state(admin, shop.dbname).production
    assert leftovers(admin) == []


def mark_with(server, name):
    with connect(server) as session:
        say(session, MARK, name)


def wait_for(session, condition):
    until = time.monotonic() + 20
    while session.execute(f"SELECT count(*) FROM pg_locks l WHERE {condition}").fetchone() == (0,):
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def in_thread():
    """Start a function in a thread, which has ended when the test has."""
    started = []

    def start(function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        thread.start()
        started.append(thread)
        return thread

    yield start
    for thread in started:
        thread.join(timeout=20)


def test_a_database_that_is_marked_before_its_rows_are_deleted_keeps_them(
    admin, server, target, unique, cli, in_thread
):
    assert cli("reset", "--warm", "0").exit_code == 0
    assert cli("reset", "--warm", "0", "--json").document["method"] == "emptied"
    with connect(target) as session:
        session.execute("INSERT INTO a VALUES (1)")
    outcome = []

    def work():
        try:
            outcome.append(run_reset(target, unique))
        except FowergramError as error:
            outcome.append(error)

    with connect(server) as other:
        other.execute("BEGIN")
        say(other, MARK, target.dbname)
        running = in_thread(work)
        wait_for(admin, "l.relation = 'pg_db_role_setting'::regclass AND NOT l.granted")
        other.execute("COMMIT")
        running.join()
    assert isinstance(outcome[0], Refused)
    assert rows(target) == 1


@pytest.fixture
def owned(admin, target, role, write, cli, monkeypatch):
    """A way to a database of a role that may not create others, as that role."""
    say(admin, "CREATE DATABASE {} OWNER {}", target.dbname, role)
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    write(**{"001_a": "CREATE TABLE a (id int)"})
    assert cli("migrate").exit_code == 0
    owner = replace(target, user=role, password="plain password")
    with connect(owner) as session:
        session.execute("INSERT INTO a VALUES (1)")
    return owner


def test_a_database_that_is_marked_while_its_objects_are_dropped_keeps_them(admin, server, owned, directory, in_thread):
    outcome = []

    def work():
        try:
            outcome.append(run_reset(owned, directory))
        except FowergramError as error:
            outcome.append(error)

    with connect(server) as other:
        other.execute("BEGIN")
        say(other, MARK, owned.dbname)
        running = in_thread(work)
        dropped = "l.mode = 'AccessExclusiveLock' AND l.granted AND l.locktype = 'relation' AND l.database = "
        wait_for(admin, f"{dropped} (SELECT oid FROM pg_database WHERE datname = '{owned.dbname}')")
        other.execute("COMMIT")
        running.join()
    assert isinstance(outcome[0], Refused)
    assert rows(owned) == 1


def test_protect_waits_for_objects_that_are_being_dropped_and_marks_what_is_there_then(
    server, owned, directory, in_thread
):
    with connect(owned) as holder, connect(server) as observer:
        holder.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
        oid = database_state(holder).oid
        rebuilding = in_thread(rebuild_in_place, owned, oid, read_migrations(directory), lambda _event: None)
        wait_for(observer, "l.relation IS NOT NULL AND NOT l.granted AND l.mode = 'AccessExclusiveLock'")
        marking = in_thread(protect_it, owned)
        wait_for(observer, "l.locktype = 'advisory' AND l.classid = 1718580071 AND NOT l.granted")
        holder.execute("COMMIT")
        rebuilding.join()
        marking.join()
        assert is_protected(holder)
    assert rows(owned) == 0


def protect_it(target):
    with connect(target) as session:
        protect(session)


def test_the_dropping_of_objects_stops_at_another_database(owned, directory):
    """The name leads to another one between the check and the drop."""
    with pytest.raises(Refused, match="another database"):
        rebuild_in_place(owned, 1, read_migrations(directory), lambda _event: None)
    assert rows(owned) == 1


@pytest.fixture
def prepared(shop):
    with connect(shop) as session:
        session.execute("BEGIN; INSERT INTO a VALUES (2); PREPARE TRANSACTION 'in the way'")
    yield "prepared transaction"
    with connect(shop) as session:
        session.execute("ROLLBACK PREPARED 'in the way'")


@pytest.fixture
def subscription(shop):
    with connect(shop) as session:
        session.execute("CREATE SUBSCRIPTION shop_sub CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)")
    yield "subscription"
    with connect(shop) as session:
        session.execute("ALTER SUBSCRIPTION shop_sub SET (slot_name = NONE); DROP SUBSCRIPTION shop_sub")


@pytest.fixture
def slot(shop):
    """A logical replication slot that no session reads from now: DROP DATABASE would drop it, too."""
    with connect(shop) as session:
        session.execute("SELECT pg_create_logical_replication_slot('shop_slot', 'pgoutput')")
    yield "logical replication slot"
    with connect(shop) as session:
        session.execute("SELECT pg_drop_replication_slot('shop_slot')")


@pytest.mark.parametrize("obstacle", ["prepared", "subscription", "slot"])
def test_obstacles_to_the_drop_are_found_before_anything_is_built(admin, shop, unique, request, obstacle):
    kind = request.getfixturevalue(obstacle)
    events = []
    before = oid_of(admin, shop.dbname)
    with pytest.raises(Refused, match=kind) as error:
        run_reset(shop, unique, events.append)
    assert notes(error) == f'Database "{shop.dbname}" is unchanged.'
    assert not [event for event in events if isinstance(event, StepStarted)]
    assert (oid_of(admin, shop.dbname), rows(shop)) == (before, 1)


def test_a_subscription_that_comes_while_the_new_one_is_built_is_found_before_the_exchange(admin, shop, unique):
    def subscribe():
        with connect(shop) as session:
            session.execute("CREATE SUBSCRIPTION shop_sub CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)")

    before = oid_of(admin, shop.dbname)
    with pytest.raises(Refused, match="subscription") as error:
        run_reset(shop, unique, once(StepResult, subscribe))
    assert notes(error) == f'Database "{shop.dbname}" is unchanged.'
    assert (oid_of(admin, shop.dbname), rows(shop)) == (before, 1)
    with connect(shop) as session:
        session.execute("ALTER SUBSCRIPTION shop_sub SET (slot_name = NONE); DROP SUBSCRIPTION shop_sub")


def test_a_role_that_is_not_the_owner_is_refused_before_anything_is_built(admin, shop, unique, role):
    say(admin, "ALTER ROLE {} CREATEDB", role)
    events = []
    with pytest.raises(Refused, match="not a role of yours"):
        run_reset(replace(shop, user=role, password="plain password"), unique, events.append)
    assert not [event for event in events if isinstance(event, StepStarted)]
    assert rows(shop) == 1


def test_the_database_that_the_tool_works_from_is_refused_before_anything_is_built(admin):
    with pytest.raises(Refused, match="this session is connected to it"):
        require_droppable(admin, database_state(admin))


@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_session_lost_right_before_or_after_the_exchange_is_reported_truly(admin, shop, unique, monkeypatch, stage):
    """Right before the commit all is as it was; after it the new database is in place, and the old one exists too."""
    target_of_kill = {"before": (replacement._Swap, "_carry_over_comment"), "after": (replacement, "drop_renamed")}[
        stage
    ]
    real = getattr(*target_of_kill)

    def kill(first, *arguments):
        session = first.admin if stage == "before" else first
        admin.execute(
            "SELECT pg_terminate_backend(%s, 5000)"
            if admin.info.server_version >= 140000
            else "SELECT pg_terminate_backend(%s)",
            [session.info.backend_pid],
        )
        return real(first, *arguments)

    monkeypatch.setattr(*target_of_kill, kill)
    before = oid_of(admin, shop.dbname)
    with pytest.raises(FowergramError) as error:
        run_reset(shop, unique)
    said = f"{error.value.message}\n{notes(error)}"
    (called,) = admin.execute("SELECT datname FROM pg_database WHERE oid = %s", [before]).fetchone()
    if stage == "before":
        assert called == shop.dbname
        assert f'Database "{shop.dbname}" is unchanged.' in said
        assert rows(shop) == 1
    else:
        assert called != shop.dbname
        assert "as it was" not in said
        assert f'the old one is called "{called}" now' in said
        assert rows(shop) == 0
        assert rows(replace(shop, dbname=called)) == 1
        _drop(admin, called)


def test_an_old_database_that_cannot_be_dropped_is_named_with_what_drops_it(admin, shop, unique, monkeypatch):
    real = drop_renamed

    def hindered(session, seen, away):
        say(admin, "ALTER DATABASE {} IS_TEMPLATE true", away)
        real(session, seen, away)

    monkeypatch.setattr(replacement, "drop_renamed", hindered)
    before = oid_of(admin, shop.dbname)
    with pytest.raises(FowergramError, match="could not be dropped: cannot drop a template database") as error:
        run_reset(shop, unique)
    (called,) = admin.execute("SELECT datname FROM pg_database WHERE oid = %s", [before]).fetchone()
    assert (
        f'the new database is in place as "{shop.dbname}"; the old one is called "{called}" now' in error.value.message
    )
    assert f'DROP DATABASE "{called}";' in error.value.hint
    assert "as it was" not in notes(error)
    assert rows(replace(shop, dbname=called)) == 1
    say(admin, "ALTER DATABASE {} IS_TEMPLATE false", called)
    say(admin, "DROP DATABASE {}", called)


def test_a_reset_that_fails_before_there_was_a_database_says_so(target, write):
    directory = write(**{"001_a": f"SELECT 1/0 -- {target.dbname}"})
    with pytest.raises(FowergramError) as error:
        run_reset(target, directory)
    assert notes(error).splitlines()[-1] == f'There is still no database "{target.dbname}".'


def test_the_label_and_the_comment_of_a_database_survive_a_reset(admin, cli, unique, target):
    """What was given out for an hour expires, after a reset, when it would have."""
    assert cli("testdb", "create", "--name", target.dbname, "--ttl", "1h").exit_code == 0
    before = oid_of(admin, target.dbname)
    with connect(target) as session:
        session.execute("ALTER TABLE a ADD b int")
    assert run_reset(target, unique).method is Method.CLONED
    assert oid_of(admin, target.dbname) != before
    listed = cli("testdb", "list", "--json").document["databases"]
    (found,) = [database for database in listed if database["name"] == target.dbname]
    assert (found["use"], found["expires_at"] is not None) == ("ready", True)


@pytest.mark.usefixtures("unique")
def test_no_session_is_ended_by_a_reset_that_is_refused(cli, admin, target, mallory_with_createdb, monkeypatch):
    name = f"shop_{target.dbname[-12:]}"
    admin.execute(f"CREATE DATABASE {name}")
    try:
        with mallory_with_createdb.connect(name) as client:
            for variable, value in (
                ("NAME", name),
                ("USER", mallory_with_createdb.name),
                ("PASSWORD", "mallory's password"),
            ):
                monkeypatch.setenv(f"DB_{variable}", value)
            result = cli("reset", "--yes", "--force")
            assert (result.exit_code, "nothing was done" in result.err) == (2, True), result.err
            assert client.execute("SELECT 1").fetchone() == (1,)
    finally:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
