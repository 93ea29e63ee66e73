"""Random statements of all kinds at once, at all isolation levels: a short form of ``benchmarks.workload``."""

import pytest

from benchmarks.workload import Workload, run
from fowergram_db.database.target import url_of


@pytest.mark.parametrize("statements", [1, 3])
@pytest.mark.usefixtures("db")
def test_no_count_is_ever_wrong_and_each_error_has_a_name(target, statements):
    report = run(url_of(target), Workload(seconds=4, clients=4, seed=statements, statements=statements))
    assert list(report.wrong) == []
    assert report.unexpected == []
    assert len(report.done) == 4
