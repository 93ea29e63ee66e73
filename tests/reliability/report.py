"""The table of a campaign, and its place in the documentation."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from tests.reliability.cases import Fault, Finding, Outcome

_PAGE = Path(__file__).parents[2] / "docs/reliability.md"
_MARKS = ("<!-- campaign: begin -->", "<!-- campaign: end -->")


def table(findings: Sequence[Finding], seed: int, server: int) -> str:
    """Return the summary in Markdown: a row for each fault and command."""
    groups = dict.fromkeys((f.case.fault, f.case.command) for f in findings)
    rows = [
        _row(fault, command, [f for f in findings if (f.case.fault, f.case.command) == (fault, command)])
        for fault, command in groups
    ]
    return (
        f"Seed {seed}, {len(findings)} faults, PostgreSQL {server}, `fsync` on.\n\n"
        "| fault | command | faults | no file done | some files done | stopped within a file | all files done "
        "| violations | longest time until sessions ended, s | median time of the next run, s |\n"
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n" + "".join(rows)
    )


def _row(fault: Fault, command: str, findings: Sequence[Finding]) -> str:
    counts = [sum(f.outcome is outcome for f in findings) for outcome in Outcome]
    violations = sum(bool(f.violation) for f in findings)
    longest = max(f.freed_s for f in findings)
    seconds = statistics.median(f.recovery_s for f in findings)
    cells = (fault.heading, f"`{command}`", len(findings), *counts, violations, f"{longest:.1f}", f"{seconds:.1f}")
    return f"| {' | '.join(map(str, cells))} |\n"


def write(text: str) -> None:
    """Put the table between the marks of the page."""
    page = _PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_MARKS[0])
    after = rest.partition(_MARKS[1])[2]
    _PAGE.write_text(f"{before}{_MARKS[0]}\n{text}{_MARKS[1]}{after}", encoding="utf-8")
