"""The tables in which other migration tools keep their histories: names, columns and entries, as data. Pure.

The shapes are those of the tools' own sources, as of 2025.
"""

from enum import StrEnum
from typing import NamedTuple

UNKNOWN = "another tool"
RAILS_TABLE = "ar_internal_metadata"
TYPES = {
    "i": frozenset(("int2", "int4", "int8", "numeric")),
    "t": frozenset(("text", "varchar", "bpchar", "citext", "name")),
    "d": frozenset(("timestamp", "timestamptz", "date")),
    "b": frozenset(("bool",)),
    "j": frozenset(("json", "jsonb")),
}


class Tool(StrEnum):
    """The tools whose histories can be read, and matched with SQL files."""

    RUN_MIGRATIONS_SH = "run-migrations.sh"
    GOLANG_MIGRATE = "golang-migrate"
    DBMATE = "dbmate"
    RAILS = "rails"
    SQL_MIGRATE = "sql-migrate"
    GOOSE = "goose"
    FLYWAY = "flyway"
    DIESEL = "diesel"
    SQLX = "sqlx"
    SQITCH = "sqitch"
    ATLAS = "atlas"
    MORPH = "morph"
    NODE_PG_MIGRATE = "node-pg-migrate"
    PGMIGRATE = "pgmigrate"
    PRISMA = "prisma"
    REFINERY = "refinery"
    SUPABASE = "supabase"
    TERN = "tern"
    YANDEX_PGMIGRATE = "yandex-pgmigrate"


class Shape(NamedTuple):
    """What a tool's table looks like.

    ``names``: a regular expression for the names that identify it; ``alike``: one for the names under which all
    columns have to be correct, "" for none. ``columns``: name:type, with ? after a name that some versions of the tool
    lack, or that nothing depends on. ``marks``: the columns to search for, whatever the table's name is. ``label``,
    ``position`` and ``moment`` are columns: an entry's name, order and time. ``ignored``: column=value of an entry
    that the tool writes at its start. ``entries``: a regular expression that the newest entry has to match if the
    table's name does not identify it; with ``is_proven_by_entries``, always. ``beside``: the tool's other tables.
    """

    tool: str
    names: str
    columns: str
    label: str
    moment: str = ""
    position: str = ""
    marks: str = ""
    alike: str = ""
    exact: bool = True
    ignored: str = ""
    entries: str = ""
    beside: str = ""
    is_proven_by_entries: bool = False


_ANY = ".*"
LIKE_MIGRATIONS = ".*migrat.*"
_SQITCH_TABLES = "changes dependencies events projects releases tags"
_PHINX = "version:i migration_name:t start_time:d end_time:d breakpoint?:b"

SHAPES = (
    Shape("run-migrations.sh", "", "id:i filename:t executed_at:d checksum:t", "filename", "executed_at", "id", "",
          "schema_migrations"),
    Shape("golang-migrate", "", "version:i dirty:b", "version", marks="dirty", alike=_ANY, ignored="version=-1"),
    Shape("dbmate", "", "version:t", "version", marks="version", alike=_ANY, entries=r"[0-9]{14}",
          beside=RAILS_TABLE),
    Shape("ecto", "", "version:i inserted_at:d", "version", "inserted_at", marks="inserted_at", alike=_ANY,
          entries=r"[0-9]{14}"),
    Shape("supabase", "", "version:t statements: name:t", "version", alike=LIKE_MIGRATIONS, exact=False,
          beside="seed_files"),
    Shape("sql-migrate", "gorp_migrations", "id:t applied_at:d", "id", "applied_at", marks="applied_at", alike=_ANY,
          entries=r".*\.sql"),
    Shape("goose", "goose_db_version", "id:i version_id:i is_applied:b tstamp:d", "version_id", "tstamp", "id",
          "is_applied", _ANY, ignored="version_id=0"),
    Shape("flyway", "flyway_schema_history",
          "installed_rank:i version:t description?:t type:t script?:t checksum?:i installed_by?:t installed_on?:d "
          "execution_time?:i success:b", "version", "installed_on", "installed_rank", "installed_rank", _ANY,
          exact=False, ignored="type=SCHEMA"),
    Shape("evolve", "", "id:i type:i version:t description:t name:t checksum:t installed_by:t installed_on:d success:b",
          "name", "installed_on", "id", "installed_on", _ANY),
    Shape("liquibase", "databasechangelog",
          "id:t author:t filename:t dateexecuted:d orderexecuted:i exectype?:t md5sum?:t", "id", "dateexecuted",
          "orderexecuted", "orderexecuted ORDEREXECUTED", _ANY, exact=False, beside="databasechangeloglock"),
    Shape("diesel", "__diesel_schema_migrations", "version:t run_on?:d", "version", "run_on", marks="run_on",
          alike=_ANY),
    Shape("sqlx", "_sqlx_migrations",
          "version:i description:t installed_on?:d success:b checksum?: execution_time?:i", "version", "installed_on",
          marks="installed_on", alike=_ANY),
    Shape("sqitch", "", "change_id:t change:t project:t committed_at:d planned_at:d planner_name:t", "change",
          "committed_at", marks="change_id", alike=_ANY, exact=False, beside=_SQITCH_TABLES),
    Shape("node-pg-migrate", "pgmigrations", "id:i name:t run_on:d", "name", "run_on", "id", "run_on", _ANY,
          entries=r"[0-9]{3,17}[-_].+"),
    Shape("tern", "", "version:i", "version", alike=".*schema_version.*", ignored="version=0"),
    Shape("sequel", "", "version:i", "version", alike="schema_info", ignored="version=0"),
    Shape("sequel", "", "filename:t", "filename", alike=".*schema_migrations.*"),
    Shape("knex", "knex_migrations", "id:i name:t batch:i migration_time:d", "name", "migration_time", "id",
          "migration_time", _ANY, beside="knex_migrations_lock"),
    Shape("prisma", "_prisma_migrations",
          "id?: checksum?:t finished_at:d migration_name:t logs?:t rolled_back_at?:d started_at:d "
          "applied_steps_count:i", "migration_name", "finished_at", "started_at", "applied_steps_count", _ANY),
    Shape("drizzle", "__drizzle_migrations", "id:i hash:t created_at:i", "created_at", position="id",
          marks="hash", alike=_ANY, entries=r"[0-9]{13}"),
    Shape("typeorm", "", "id:i timestamp:i name:t", "name", position="id", marks="timestamp", alike=_ANY,
          entries=r".+[0-9]{13}"),
    Shape("sequelize", "sequelizemeta", "name:t", "name"),
    Shape("sequelize", "sequelize_meta", "name:t", "name"),
    Shape("sequelize", "", "name:t", "name", marks="name", alike=_ANY, entries=r".+\.(?:[cm]?[jt]s|sql)"),
    Shape("django", "django_migrations", "id:i app:t name:t applied:d", "name", "applied", "id"),
    Shape("alembic", "alembic_version", "version_num:t", "version_num", marks="version_num", alike=_ANY),
    Shape("laravel", "", "id:i migration:t batch:i", "migration", position="id", marks="batch", alike=_ANY),
    Shape("atlas", "atlas_schema_revisions",
          "version:t description?:t type?:i applied?:i total?:i executed_at:d execution_time?:i error?:t hash?:t "
          "partial_hashes:", "version", "executed_at", marks="partial_hashes", alike=_ANY, exact=False),
    Shape("graphile-migrate", "", "hash:t previous_hash:t filename:t date:d", "filename", "date",
          marks="previous_hash", alike=_ANY, beside="current"),
    Shape("yoyo", "_yoyo_migration", "migration_hash:t migration_id:t applied_at_utc:d", "migration_id",
          "applied_at_utc", marks="migration_hash", alike=_ANY, beside="_yoyo_log _yoyo_version yoyo_lock"),
    Shape("yoyo", "_yoyo_migration", "id:t ctime:d", "id", "ctime", beside="yoyo_lock"),
    Shape("mybatis", "", "id:i applied_at:t description:t", "description", position="id",
          alike=".*(?:change|migrat).*", marks="applied_at"),
    Shape("pgroll", "", "schema:t name:t migration:j parent:t done:b", "name", "created_at", "created_at",
          alike=LIKE_MIGRATIONS, exact=False),
    Shape("bytebase", "bytebase_migration_history",
          "created_ts: release_version:t namespace:t sequence:i source:t type:t status:t version:t", "version",
          position="id", marks="release_version", alike=_ANY, exact=False),
    Shape("hasura", "", "hasura_uuid: version:t cli_state:j", "version", "upgraded_on", marks="hasura_uuid",
          alike="hdb_version", exact=False, ignored="cli_state={}"),
    Shape("refinery", "refinery_schema_history", "version:i name:t applied_on:t checksum:t", "version", "applied_on",
          marks="applied_on", alike=_ANY),
    Shape("ef-core", "__efmigrationshistory", "migrationid:t productversion:t", "migrationid",
          marks="MigrationId migrationid", alike=_ANY),
    Shape("ef-core", "__ef_migrations_history", "migration_id:t product_version:t", "migration_id",
          marks="product_version", alike=_ANY),
    Shape("phinx", "phinxlog|.*_phinxlog", _PHINX, "version", "start_time", marks="migration_name", alike=_ANY,
          exact=False),
    Shape("grate", "", "version_id:i script_name:t text_of_script:t text_hash:t one_time_script:b", "script_name",
          "entry_date", "id", "one_time_script", _ANY, exact=False, beside="Version ScriptsRunErrors"),
    Shape("dbup", "schemaversions", "schemaversionsid?:i scriptname:t applied:d", "scriptname", "applied",
          marks="scriptname", alike=_ANY),
    Shape("play", "play_evolutions", "id:i hash:t applied_at:d apply_script:t revert_script:t state?:t", "id",
          "applied_at", marks="revert_script", alike=_ANY, exact=False),
    Shape("mikro-orm", "mikro_orm_migrations", "id:i name:t executed_at:d", "name", "executed_at", "id",
          "executed_at", _ANY, entries=r"Migration[0-9]+.*"),
    Shape("doctrine", "doctrine_migration_versions", "version:t executed_at:d execution_time:i", "version",
          "executed_at", marks="execution_time", alike=_ANY),
    Shape("doctrine", "", "version:t executed_at:d", "version", "executed_at", alike=LIKE_MIGRATIONS),
    Shape("fluentmigrator", "", "version:i appliedon:d description:t", "version", "appliedon", marks="AppliedOn",
          alike=_ANY),
    Shape("yii", "", "version:t apply_time:i", "version", position="apply_time", marks="apply_time", alike=_ANY),
    Shape("codeigniter", "", "id:i version:t class:t group:t namespace:t time:i batch:i", "class", position="id",
          alike=LIKE_MIGRATIONS),
    Shape("kysely", "kysely_migration", "name:t timestamp:t", "name", "timestamp", alike=LIKE_MIGRATIONS,
          beside="kysely_migration_lock"),
    Shape("postgrator", "", "version:i name:t md5:t run_at:d", "version", "run_at", marks="md5", alike=_ANY,
          exact=False),
    Shape("postgres-migrations", "", "id:i name:t hash:t executed_at:d", "name", "executed_at", "id",
          alike=LIKE_MIGRATIONS),
    Shape("pgmigrate", "pgmigrate_migrations", "id:t checksum:t execution_time_in_millis:i applied_at:d", "id",
          "applied_at", marks="execution_time_in_millis", alike=_ANY),
    Shape("yandex-pgmigrate", "", "version:i description:t type:t installed_by:t installed_on:d", "version",
          "installed_on", marks="installed_on", alike=_ANY),
    Shape("migratus", "", "id:i applied:d description:t", "id", "applied", alike=LIKE_MIGRATIONS),
    Shape("ragtime", "ragtime_migrations", "id:t created_at:", "id", "created_at"),
    Shape("gormigrate", "", "id:t", "id", alike="migrations"),
    Shape("rambler", "", "migration:t", "migration", alike="migrations"),
    Shape("bun", "bun_migrations", "id:i name:t group_id:i migrated_at:d", "name", "migrated_at", "id", "migrated_at",
          _ANY, exact=False, beside="bun_migration_locks"),
    Shape("go-pg", "gopg_migrations", "id:i version:i created_at:d", "version", "created_at", "id",
          alike=LIKE_MIGRATIONS, ignored="version=0"),
    Shape("sea-orm", "seaql_migrations", "version:t applied_at:i", "version", position="applied_at",
          marks="applied_at", alike=_ANY),
    Shape("piccolo", "", "id:i name:t app_name:t ran_on:d", "name", "ran_on", "id", "ran_on", _ANY),
    Shape("aerich", "", "id:i version:t app:t content:j", "version", position="id", alike="aerich"),
    Shape("directus", "directus_migrations", "version:t name:t timestamp:d", "version", "timestamp"),
    Shape("strapi", "", "id:i name:t time:d", "name", "time", "id", alike=LIKE_MIGRATIONS),
    Shape("morph", "db_migrations", "version:i name:t", "version"),
    Shape("grafana", "", "id:i migration_id:t sql:t success:b error:t timestamp:d", "migration_id", "timestamp", "id",
          "migration_id", _ANY),
    Shape("marv", "", "level:i comment:t timestamp:d checksum:t namespace:t", "level", "timestamp",
          alike=LIKE_MIGRATIONS),
    Shape("shmig", "shmig_version", "version:i migrated_at:d", "version", "migrated_at", marks="migrated_at",
          alike=_ANY),
    Shape("darwin", "darwin_migrations", "id:i version: description:t checksum:t applied_at:i execution_time:",
          "description", position="id"),
    Shape("movine", "movine_migrations", "id:i created_at:d updated_at:d name:t hash:t down_sql:t", "name",
          "created_at", "id"),
    # Tools that are not known here, with a table whose name is enough, or that lists SQL files.
    *(
        Shape(UNKNOWN, "", f"{column}:t", column, "applied_at", alike=LIKE_MIGRATIONS, exact=False,
              entries=r".+\.sql", is_proven_by_entries=True)
        for column in "filename file_name file name script migration migration_name version id".split()
    ),
    Shape(UNKNOWN, "", "version:", "version", alike="schema_migrations", exact=False),
)  # fmt: skip


def known_tools() -> tuple[str, ...]:
    """Return the names of all tools whose tables are known, those that can be read first."""
    return tuple(dict.fromkeys((*Tool, *(shape.tool for shape in SHAPES if shape.tool != UNKNOWN))))
