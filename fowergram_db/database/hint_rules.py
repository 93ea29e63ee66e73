"""What to do about each SQLSTATE, as data. Pure.

``RULES`` is the table. Each rule holds in each of its situations. SQLSTATEs are those of PostgreSQL's appendix A. If
one code has several meanings, the server's function that raised it (``source_function``, the same in every language)
decides.
"""

from dataclasses import dataclass, field

from fowergram_db.database.situations import Situation

_UP = frozenset({Situation.UP, Situation.UP_NO_TRANSACTION})
_TRANSACTIONAL = frozenset({Situation.UP, Situation.DOWN, Situation.BUILDING})
_DOWN = frozenset({Situation.DOWN, Situation.DOWN_NO_TRANSACTION, Situation.DOWN_RECORDED})
_SCRIPT = _UP | _DOWN | {Situation.BUILDING}
_DATABASES = frozenset({Situation.CREATING_DATABASE, Situation.RENAMING_DATABASE})
_ALL = frozenset(Situation)
_OWN = _ALL - _SCRIPT
_NO_ROUTINE = "-"
_AGAIN = "and run the command again"
_STAYS, _STAYS_UNDONE = "what is already applied stays applied", "what is already rolled back stays rolled back"
_EXISTS = (
    "Check the existing object. If everything in the file was done before, by another tool or by hand, record that "
    "with `fowergram-db repair"
)
_ENDED_BY = "ended the session. Raise it for the role (ALTER ROLE … SET …), the database or the server, then run the "
LOST = (
    "The server is gone, or something between this machine and the server ended the session: run the command again "
    "when the server answers."
)
READ_ONLY = (
    "Either the server is a standby (SELECT pg_is_in_recovery()): connect to the primary. Or a setting makes the "
    "session read-only (SHOW default_transaction_read_only): remove that setting from the role, the database, the "
    "server or the file. Some hosting services set it when the disk is full."
)
STANDBY = "Connect to the primary."


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do about some SQLSTATEs (or the beginnings of some), in some situations.

    ``routines``: only if one of these functions of the server raised it; "-" if none did, as with a pooler.
    """

    codes: tuple[str, ...]
    hint: str
    situations: frozenset[Situation] = field(default=_ALL)
    routines: tuple[str, ...] = ()

    def fits(self, situation: Situation, code: str, routine: str) -> bool:
        """Return whether the rule is for an error."""
        if situation not in self.situations or not code.startswith(self.codes):
            return False
        return not self.routines or (routine or _NO_ROUTINE) in self.routines


def _rule(codes: str, hint: str, situations: frozenset[Situation] = _ALL, *, by: str = "") -> Rule:
    return Rule(tuple(codes.split()), hint, situations, tuple(by.split()))


APPLIED_MEANWHILE = Rule(("23505",), "Another session has just recorded this version: run `fowergram-db status`.")
# The first rule that fits counts.
RULES = (
    # Class 08: connections.
    _rule(
        "08P01",
        "If you connect through a pooler, it had no free connection in time: raise its pool size (default_pool_size), "
        "or connect to the server directly.",
        by=_NO_ROUTINE,
    ),
    _rule(
        "08",
        "The server itself could not use a connection to another server (dblink, a foreign table, a subscription): "
        "check that connection from the server's machine.",
        _SCRIPT | {Situation.ANALYZING},
    ),
    # Class 0A: what the server does not support.
    _rule(
        "0A000 58P01",
        "Install the extension's files on the server's machine first.",
        _SCRIPT,
        by="parse_extension_control_file",
    ),
    _rule("0A000", "The server does not support the statement as it is written: write it in another way.", _SCRIPT),
    # Classes 22 and 23: data.
    _rule(
        "22P05",
        "The database's encoding lacks the character: recreate the database with ENCODING 'UTF8', or write the text "
        "without it.",
        _SCRIPT,
    ),
    _rule(
        "22021",
        "A value that the statement computes or reads is not valid in the database's encoding: correct the statement, "
        "or that value.",
        _SCRIPT,
    ),
    _rule(
        "22021 22P05",
        "A text or a name in the database is not valid UTF-8: correct it there. If the encoding of the database is "
        "SQL_ASCII, the server does not check that.",
        _OWN - _DATABASES,
    ),
    _rule("23", "The rows come from the files themselves: correct the file.", frozenset({Situation.BUILDING})),
    _rule("23 44000", f"Fix the data, or correct the file, {_AGAIN}: {_STAYS}.", _UP),
    _rule("23 44000", f"Fix the data, or correct the down script, {_AGAIN}: {_STAYS_UNDONE}.", _DOWN),
    # Class 25: the state of the transaction.
    _rule(
        "25001",
        "Write SET TRANSACTION as the first statement of the file, or of the transaction.",
        _SCRIPT,
        by="call_bool_check_hook call_enum_check_hook call_string_check_hook check_XactIsoLevel "
        "check_transaction_read_only check_transaction_isolation check_transaction_deferrable",
    ),
    _rule(
        "25001",
        "This command cannot run in a transaction, a function or a DO block: write it as a separate statement in a "
        "file with `-- fowergram: no-transaction` at its top.",
        _TRANSACTIONAL,
    ),
    _rule("25001", "This command cannot run in a function or a DO block: write it as a separate statement.", _SCRIPT),
    _rule("25006", STANDBY, by="PreventCommandDuringRecovery"),
    _rule("25006", READ_ONLY),
    _rule("25P03", f"idle_in_transaction_session_timeout {_ENDED_BY}command again."),
    _rule("25P04", f"transaction_timeout {_ENDED_BY}command again."),
    # Classes 26, 34: what a session keeps.
    _rule(
        "26000 34000",
        "A prepared statement or a cursor ends with the file that created it: create this one in the same file.",
        _SCRIPT,
    ),
    _rule(
        "2BP01",
        "Other objects depend on it (DETAIL names them): drop or change them first. CASCADE would drop them too.",
        _SCRIPT,
    ),
    # Class 2D: COMMIT and ROLLBACK in code.
    _rule(
        "2D000",
        "The code ends the migration's transaction (COMMIT or ROLLBACK): remove that command, or write "
        "`-- fowergram: no-transaction` at the top of the file.",
        _TRANSACTIONAL,
    ),
    _rule(
        "2D000",
        "COMMIT and ROLLBACK work only in a procedure that CALL runs, or in a DO block: not in a function, in a block "
        "with EXCEPTION, or in a procedure with SET or SECURITY DEFINER.",
        _SCRIPT,
    ),
    # Classes 3D, 3F: databases and schemas.
    _rule(
        "3D000",
        "The file names a database that this server does not have. current_database() returns the name of the current "
        "database; with EXECUTE format(…) in a DO block, a file works in a database of any name.",
        _SCRIPT,
    ),
    _rule(
        "3D000",
        f"Another session dropped or renamed the database meanwhile: find out which one, {_AGAIN}.",
        frozenset({Situation.RENAMING_DATABASE}),
    ),
    _rule(
        "3F000",
        "No schema of the search_path exists (SHOW search_path): name the schema in the statement, or create one of "
        "them first.",
        _SCRIPT,
        by="RangeVarGetCreationNamespace QualifiedNameGetCreationNamespace",
    ),
    _rule("3F000", f"Create that schema in an earlier statement, or correct its name, {_AGAIN}.", _SCRIPT),
    _rule(
        "3F000",
        "The history is kept in the schema public, and this database does not have that schema: run CREATE SCHEMA "
        "public;",
        frozenset({Situation.HISTORY}),
    ),
    # Class 40, 55P03: others at work.
    _rule(
        "40001",
        "Another transaction has changed the same rows: run the command again.",
    ),
    _rule(
        "40P01",
        "Another session locks the same objects in another order: run the command again when that session is done.",
        _ALL,
    ),
    # Class 42: rights, and what is there already.
    _rule(
        "42501",
        "A row-level security policy refuses the row: connect as a role that the policy allows, or as one with "
        "BYPASSRLS.",
        _SCRIPT,
        by="ExecWithCheckOptions",
    ),
    _rule(
        "42501",
        "The history is kept in public.schema_migrations: the role needs USAGE on the schema public, CREATE on it "
        "if the table does not exist, and SELECT, INSERT, UPDATE and DELETE on the table.",
        frozenset({Situation.HISTORY}),
    ),
    _rule(
        "42501",
        "Ask a superuser, or the owner of the extension pg_stat_statements, to GRANT this role USAGE on its schema, "
        "SELECT on its views and EXECUTE on its functions.",
        frozenset({Situation.SLOW_QUERIES}),
    ),
    _rule(
        "42501",
        "The role may not do what the message says: connect as a role that may (often the owner), or have the "
        "privilege granted.",
    ),
    _rule(
        "42P04 42P06 42P07 42701 42710 42723",
        "The database was empty at first: either the files create this object twice, or template1 contains it, and "
        "each new database is a copy of template1.",
        frozenset({Situation.BUILDING}),
    ),
    _rule(
        "42P04 42P06 42P07 42701 42710 42723",
        f"{_EXISTS} --applied VERSION`. Otherwise drop or rename the object, or correct the file, {_AGAIN}: {_STAYS}.",
        frozenset({Situation.UP}),
    ),
    _rule(
        "42P04 42P06 42P07 42701 42710 42723",
        f"{_EXISTS}` (with --applied VERSION if `status` shows the file as pending). Otherwise drop or rename the "
        f"object, or correct the file, {_AGAIN}: it resumes at this statement.",
        frozenset({Situation.UP_NO_TRANSACTION}),
    ),
    _rule(
        "42P04 23505",
        "A database with that name already exists: choose another name, or drop that database first.",
        _DATABASES,
    ),
    _rule(
        "42P01 42883 42703",
        f"Another session changed the table meanwhile: find out which one, {_AGAIN}.",
        frozenset({Situation.HISTORY}),
    ),
    _rule(
        "42809 22023",
        "The server does not have that encoding or locale, or template1 has another one: see the catalogs pg_collation "
        "and pg_database.",
        frozenset({Situation.CREATING_DATABASE}),
    ),
    # Class 53, 54: resources.
    _rule("53100", f"The server's disk is full: free some space, {_AGAIN}."),
    _rule(
        "53200",
        "The server is out of memory, or out of shared memory for locks (max_locks_per_transaction): free some memory, "
        f"or raise the limit, {_AGAIN}.",
    ),
    _rule("53300", f"The server has no free connection: end some sessions, {_AGAIN}."),
    _rule("53400", f"A limit in the server's configuration was reached: raise it, {_AGAIN}."),
    _rule("54", "This is a limit of PostgreSQL: change the statement, or the data that exceeds it.", _SCRIPT),
    # Class 55: what is in use, and what is not ready.
    _rule(
        "55006",
        "This transaction itself still uses the table. If deferred constraints are not checked yet, write SET "
        "CONSTRAINTS ALL IMMEDIATE before the statement. If a cursor or a loop reads the table, end it first.",
        _SCRIPT,
        by="CheckTableNotInUse",
    ),
    _rule(
        "55006",
        "Sessions, prepared transactions, replication slots or subscriptions use the database, or this session is "
        "connected to it: see pg_stat_activity, pg_prepared_xacts, pg_replication_slots and pg_subscription.",
        _SCRIPT,
        by="dropdb movedb RenameDatabase createdb",
    ),
    _rule("55006", "A migration cannot drop the role that runs it: connect as another role.", _SCRIPT, by="DropRole"),
    _rule(
        "55006",
        "A session is connected to the database that is copied (template1, if no other is named), or a prepared "
        f"transaction is open in it: see pg_stat_activity and pg_prepared_xacts; end it, {_AGAIN}.",
        frozenset({Situation.CREATING_DATABASE}),
    ),
    _rule(
        "55006",
        "Sessions, prepared transactions, replication slots or subscriptions still use the database: see "
        f"pg_stat_activity, pg_prepared_xacts, pg_replication_slots and pg_subscription; end them, {_AGAIN}.",
        frozenset({Situation.RENAMING_DATABASE}),
    ),
    _rule("55P02", "This parameter cannot be set by a statement here: set it in the server's configuration.", _SCRIPT),
    _rule(
        "55P03",
        "Run the command again when no other session locks the table, or allow a longer wait: --lock-timeout, "
        "--lock-retries.",
        _SCRIPT,
        by="ProcessInterrupts",
    ),
    _rule("55P03", f"Another session holds the lock: wait until that session is done, {_AGAIN}."),
    _rule(
        "55P04",
        "A new value of an enum can be used only after the transaction that adds it is committed: use it in the next "
        "file (and migrate without --atomic).",
        _TRANSACTIONAL | {Situation.DOWN_RECORDED},
    ),
    # Class 57: ended by others.
    _rule(
        "57014",
        "A timeout ended the statement (SHOW statement_timeout; --statement-timeout, or `-- fowergram: "
        "statement-timeout=…` in the file), or someone cancelled it: find out which before you run it again.",
        _SCRIPT,
    ),
    _rule("57014", "A timeout ended the statement, or someone cancelled it: find out which before you run it again."),
    _rule("57P01", f"The server is shutting down, or someone ended this session: find out which, {_AGAIN}."),
    _rule("57P02", "The server crashed, or was shut down in immediate mode: run the command again when it is up."),
    _rule("57P03", "The server is starting or shutting down: run the command again when it is up."),
    _rule("57P04", "Someone dropped the database while it was in use: find out who before you run the command again."),
    _rule("57P05", f"idle_session_timeout {_ENDED_BY}command again."),
    # Class 58, F0, XX: the server's machine.
    _rule(
        "58P01",
        "The server needs a file that is not on its machine: COPY … FROM 'file' reads a file there, and an extension "
        "must be installed there.",
        _SCRIPT,
    ),
    _rule("58 F0", "The server's machine has a fault, or lacks a file: the server's log says more."),
    _rule(
        "XX001 XX002",
        "The server has found damaged data: make a copy of its data directory before anything else; the "
        "server's log says more.",
    ),
    _rule(
        "XX",
        "This is an internal error of PostgreSQL or of an extension: the server's log says more. If another session "
        "changed the same object at that moment, running the command again helps.",
    ),
    # Errors of the database's own code.
    _rule(
        "P0001 P0002 P0003 P0004",
        "Code in the file or in the database (a function, a trigger, a DO block) raised this error: fix what it "
        f"reports, {_AGAIN}.",
        _SCRIPT,
    ),
    _rule(
        "P0",
        f"A trigger or another function that the statement runs raised this error: fix what it reports, {_AGAIN}.",
        frozenset({Situation.HISTORY, Situation.OTHER}) | _DATABASES,
    ),
    _rule(
        "22 42 P0 2F 38",
        "A function that an index or a statistics object of the table calls has failed: fix that function, or the rows "
        "that it fails for.",
        frozenset({Situation.ANALYZING}),
    ),
    # What is wrong with a script, if no rule above says more.
    _rule("22", f"Correct the file, or the data that it reads, {_AGAIN}: {_STAYS}.", _UP),
    _rule(
        "22",
        f"Correct the down script, or the data that it reads, {_AGAIN}: {_STAYS_UNDONE}.",
        frozenset({Situation.DOWN, Situation.DOWN_NO_TRANSACTION}),
    ),
    _rule("0L 0P 0Z 20 21 22 24 2F 34 3B 42 44", f"Correct the file {_AGAIN}: {_STAYS}.", _UP | {Situation.BUILDING}),
    _rule(
        "0L 0P 0Z 20 21 24 2F 34 3B 42",
        f"Correct the down script {_AGAIN}: {_STAYS_UNDONE}.",
        frozenset({Situation.DOWN, Situation.DOWN_NO_TRANSACTION}),
    ),
    _rule(
        "0L 0P 0Z 20 21 22 24 2F 34 3B 42",
        "This down script is the recorded one. To run a down file instead, check out the migration as it was applied, "
        f"together with its down file, correct the down file, {_AGAIN}.",
        frozenset({Situation.DOWN_RECORDED}),
    ),
)
