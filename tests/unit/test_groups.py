"""How the steps of a run are grouped: which scripts share a query, and which run by themselves."""

from itertools import product
from pathlib import Path

import pytest

from fowergram_db.migrations.engine.checks import CheckedStep, check
from fowergram_db.migrations.engine.groups import GroupKind, TransactionScope, group_steps
from fowergram_db.migrations.events import Notice, StepStarted
from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.plan import Direction, Step

SMALL = "CREATE TABLE t (id int);"
BARE = f"-- fowergram: no-transaction\n{SMALL}"
CODE = "SELECT 1;"
B, T, N = GroupKind.BATCH, GroupKind.TRANSACTION, GroupKind.NO_TRANSACTION


def sql_file(name: str, text: str) -> SqlFile:
    return SqlFile(Path(name), text, parse_directives(name, text))


def steps(*scripts: str, direction: Direction = Direction.UP, down: str | None = None) -> tuple[CheckedStep, ...]:
    return tuple(
        check(
            Step(
                direction,
                version,
                "t",
                f"{version}_t.sql",
                f"{version}_t.sql",
                sql_file(f"{version}_t.sql", script),
                down=None if down is None else sql_file("t.down.sql", down),
            )
        )
        for version, script in enumerate(scripts, start=1)
    )


def shape(groups) -> list[tuple[GroupKind, int]]:
    return [(group.kind, len(group.steps)) for group in groups]


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ([], []),
        ([SMALL], [(T, 1)]),
        ([SMALL] * 2, [(B, 2)]),
        ([SMALL] * 32, [(B, 32)]),
        ([SMALL] * 33, [(B, 32), (T, 1)]),
        ([SMALL] * 70, [(B, 32), (B, 32), (B, 6)]),
        ([CODE], [(T, 1)]),
        ([CODE, CODE], [(T, 1), (T, 1)]),
        ([SMALL, SMALL, CODE, SMALL, SMALL], [(B, 2), (T, 1), (B, 2)]),
        ([SMALL, CODE, SMALL], [(T, 1), (T, 1), (T, 1)]),
        ([BARE], [(N, 1)]),
        ([BARE, BARE], [(N, 1), (N, 1)]),
        ([SMALL, SMALL, BARE, SMALL, SMALL, SMALL, SMALL], [(B, 2), (N, 1), (B, 4)]),
        ([SMALL, SMALL, f"{SMALL} /* {'x' * 20_000} */", SMALL, SMALL], [(B, 2), (T, 1), (B, 2)]),
        ([f"{SMALL} -- {'x' * 6_000}"] * 4, [(B, 2), (B, 2)]),
        (["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;", SMALL, SMALL], [(T, 1), (B, 2)]),
        ([f"\\restrict a1\n{SMALL}"] * 3, [(B, 3)]),
        ([f"{SMALL} -- a comment last", "-- nothing", "CREATE TABLE no_semicolon (id int)"], [(B, 3)]),
        (["CREATE TABLE open (id int", SMALL, SMALL], [(T, 1), (B, 2)]),
        ([f"{SMALL} CREATE TABLE open (", SMALL], [(T, 1), (T, 1)]),
    ],
)
def test_only_small_neighbours_that_define_things_share_a_query(scripts, expected):
    assert shape(group_steps(steps(*scripts))) == expected


def test_a_large_down_script_counts_as_it_is_recorded_too():
    small, large = steps(SMALL), steps(SMALL, down=f"/* {'x' * 20_000} */ DROP TABLE t;")
    assert shape(group_steps((*small * 2, *large, *small * 2))) == [(B, 2), (T, 1), (B, 2)]


def test_rollback_steps_do_not_share_a_query():
    assert shape(group_steps(steps(SMALL, SMALL, direction=Direction.DOWN))) == [(T, 1), (T, 1)]


def test_no_steps_share_a_query_if_the_largest_batch_is_one_step():
    assert shape(group_steps(steps(SMALL, SMALL, SMALL), largest_batch=1)) == [(T, 1)] * 3


def test_the_whole_run_is_one_transaction_if_asked_for():
    assert shape(group_steps(steps(SMALL, CODE, SMALL), TransactionScope.WHOLE_RUN)) == [(T, 3)]
    assert shape(group_steps((), TransactionScope.WHOLE_RUN)) == []


def test_only_the_last_commit_before_a_script_without_a_transaction_and_of_the_run_waits_for_the_disk():
    groups = group_steps(steps(CODE, SMALL, SMALL, BARE, CODE, CODE))
    assert [(group.kind, group.waits_for_disk) for group in groups] == [
        (T, False),
        (B, True),
        (N, False),
        (T, False),
        (T, True),
    ]


def test_a_part_of_a_group_keeps_its_numbers_and_its_last_commit():
    (group,) = group_steps(steps(SMALL, "-- nothing", SMALL, SMALL))
    alone, rest = group.part(1, 2, T), group.part(2, 4, B)
    assert (alone.first, alone.total, alone.waits_for_disk) == (2, 4, False)
    assert (rest.first, rest.total, rest.waits_for_disk) == (3, 4, True)
    started, notice = alone.started(0)
    assert isinstance(started, StepStarted)
    assert (started.step.version, started.number, started.total) == (2, 2, 4)
    assert isinstance(notice, Notice)
    assert [event.number for event in rest.started(1) if isinstance(event, StepStarted)] == [4]


@pytest.mark.parametrize("largest", [1, 2, 3, 32])
def test_every_step_is_in_one_group_in_its_order(largest):
    for scripts in product([SMALL, CODE, BARE], repeat=4):
        taken = steps(*scripts)
        groups = list(group_steps(taken, largest_batch=largest))
        assert tuple(step for group in groups for step in group.steps) == taken
        assert all(len(group.steps) <= largest for group in groups)
        assert [group.first for group in groups] == [group.steps[0].step.version for group in groups]
