"""The campaign of tests/reliability, in short."""

import pytest

from tests.integration.conftest import in_memory
from tests.integration.pooler import find_pgbouncer
from tests.reliability.cases import Fault, Outcome, draw
from tests.reliability.scripts import ALL
from tests.reliability.servers import prepared
from tests.servers import FOR_TESTS

_FEW = {Fault.KILL: 2, Fault.RESET: 1, Fault.CRASH: 1, Fault.POOLER: 1}
_EACH_KIND = {
    Fault.KILL: 4,
    Fault.RESET: 2,
    Fault.CLOSE: 2,
    Fault.CRASH: 1,
    Fault.SHUTDOWN: 1,
    Fault.FAILOVER: 1,
    Fault.POOLER: 1,
    Fault.PAUSE: 1,
}


@pytest.mark.matrix(every=2)
@pytest.mark.parametrize("counts", [_FEW, _EACH_KIND], ids=["few", "each kind"])
def test_faults_at_random_moments_leave_what_the_history_says_and_the_next_run_completes(native, counts):
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed")
    with prepared(native, in_memory(), FOR_TESTS, ALL) as (campaign, grounds):
        findings = list(campaign.run(draw(1, counts), grounds))
    assert [(finding.case, finding.violation) for finding in findings if finding.violation] == []
    assert {finding.outcome for finding in findings} > {Outcome.SOME}
