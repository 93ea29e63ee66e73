"""The campaign of tests/reliability, in short."""

import pytest

from tests.integration.conftest import in_memory
from tests.integration.pooler import find_pgbouncer
from tests.reliability.cases import Fault, Outcome, draw
from tests.reliability.scripts import ALL
from tests.reliability.servers import prepared
from tools.servers import FOR_TESTS

_COUNTS = {
    Fault.KILL: 4,
    Fault.RESET: 2,
    Fault.CLOSE: 2,
    Fault.CRASH: 1,
    Fault.SHUTDOWN: 1,
    Fault.FAILOVER: 1,
    Fault.POOLER: 1,
    Fault.PAUSE: 1,
}


@pytest.mark.matrix(every=0)
def test_faults_at_random_moments_leave_what_the_history_says_and_the_next_run_completes(native):
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed")
    with prepared(native, in_memory(), FOR_TESTS, ALL) as (campaign, grounds):
        findings = list(campaign.run(draw(1, _COUNTS), grounds))
    assert [(finding.case, finding.violation) for finding in findings if finding.violation] == []
    assert {finding.outcome for finding in findings} > {Outcome.SOME}
