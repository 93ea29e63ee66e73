"""The keys of advisory locks stay the same: two versions of the tool on one server exclude each other."""

from fowergram_db.database import protection
from fowergram_db.database.advisory_lock import LOCK_SPACE, RUN_SPACE
from fowergram_db.migrations.engine.lock import MIGRATION_LOCK, WORKER_KEY
from fowergram_db.testdb.template import building_lock


def test_the_numbers_of_the_locks():
    assert (LOCK_SPACE, RUN_SPACE) == (1718581093, 1718581094)
    assert (MIGRATION_LOCK.key, MIGRATION_LOCK.other_key, WORKER_KEY) == (1, 2, 2)


def test_the_key_of_a_template_comes_from_its_name():
    name = "fowergram_template_a31edd07a5546d3aa622b9b9b7722e60"
    assert building_lock(name).key == (1 << 30) | (0xB7722E60 >> 2)
    assert building_lock(name).other_key == 0


def test_the_production_mark_waits_for_no_migrator():
    assert f"({LOCK_SPACE}" not in protection._LOCK
    assert f"({RUN_SPACE}" not in protection._LOCK


def test_a_template_is_built_by_no_migrator():
    lock = building_lock("fowergram_template_a31edd07a5546d3aa622b9b9b7722e60")
    assert "migrat" not in f"{lock.name} {lock.held_by} {lock.hint} {lock.other_held_by}"
