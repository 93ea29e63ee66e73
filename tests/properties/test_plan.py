"""The planner: the order of the files does not matter, and a second plan is empty."""

from hypothesis import given
from hypothesis import strategies as st

from fowergram_db.migrations.plan import plan_up
from tests.unit.test_plan import file, history, row


@given(st.permutations([1, 2, 3, 40, 500]), st.sets(st.sampled_from([1, 2, 3, 40, 500])))
def test_the_order_of_the_files_does_not_matter_and_a_second_plan_is_empty(order, applied):
    rows = [row(version) for version in sorted(applied)]
    steps = plan_up([file(version) for version in order], history(*rows), out_of_order=True)
    assert [step.version for step in steps] == sorted({1, 2, 3, 40, 500} - applied)
    done = sorted([*rows, *(row(int(str(step.version))) for step in steps)], key=lambda r: r.version)
    assert plan_up([file(version) for version in order], history(*done)) == ()
