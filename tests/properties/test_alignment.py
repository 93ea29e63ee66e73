"""Whatever the versions of files and history are, what was applied stays applied."""

from hypothesis import given
from hypothesis import strategies as st

from fowergram_db.migrations.alignment import align
from fowergram_db.migrations.migration_states import State, migration_states
from fowergram_db.migrations.version import numbered, order_of
from tests.unit.test_alignment import file, history, row


@given(st.lists(st.integers(0, 10**25), unique=True, min_size=1), st.data())
def test_what_was_applied_stays_applied_in_either_type(numbers, data):
    files = [file(f"{number}_a.sql", numbered(str(number))) for number in sorted(numbers)]
    applied = data.draw(st.lists(st.sampled_from([n for n in numbers if n < 2**63] or [0]), unique=True))
    rows = [row(f"{number}_a.sql", number) for number in sorted(applied) if number in numbers]
    found, aligned = align(files, history(*rows))
    known = {str(m.version): m.state for m in migration_states(found, aligned)}
    assert len(known) == len(files)
    assert {text for text, state in known.items() if state is State.APPLIED} == {str(r.version) for r in rows}
    assert [int(str(each.version)) for each in sorted(found, key=lambda f: order_of(f.version))] == sorted(numbers)
