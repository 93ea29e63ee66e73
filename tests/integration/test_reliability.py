"""The campaign of tests/reliability, in short."""

from tests.reliability.campaign import Campaign, Outcome, draw
from tests.reliability.scripts import ALL


def test_faults_at_random_moments_leave_what_the_history_says_and_the_next_run_completes(server, tmp_path):
    findings = list(Campaign(server, tmp_path / "campaign", ALL).run(draw(seed=1, kills=10, cuts=10)))
    assert [(finding.case, finding.violation) for finding in findings if finding.violation] == []
    assert {finding.outcome for finding in findings} > {Outcome.SOME}
