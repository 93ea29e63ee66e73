"""The table of a campaign, and its place in the documentation."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from tests.reliability.campaign import Finding, Outcome

_PAGE = Path(__file__).parents[2] / "docs/reliability.md"
_MARKS = ("<!-- campaign: begin -->", "<!-- campaign: end -->")
_NAMES = {"kill": "SIGKILL", "reset": "connections reset", "close": "connections closed"}


def table(findings: Sequence[Finding], seed: int, server: int) -> str:
    """Return the summary in Markdown: a row for each fault and command."""
    groups = sorted({(str(f.case.command), str(f.case.fault)) for f in findings})
    rows = [
        _row(command, fault, [f for f in findings if (f.case.command, f.case.fault) == (command, fault)])
        for command, fault in groups
    ]
    return (
        f"Seed {seed}, {len(findings)} faults, PostgreSQL {server}, `fsync` on.\n\n"
        "| fault | command | faults | nothing done | some files | within one | all done | violations "
        "| next run, median s |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n" + "".join(rows)
    )


def _row(command: str, fault: str, findings: Sequence[Finding]) -> str:
    counts = [sum(f.outcome is outcome for f in findings) for outcome in Outcome]
    violations = sum(bool(f.violation) for f in findings)
    seconds = statistics.median(f.recovery_s for f in findings)
    cells = (_NAMES[fault], f"`{command}`", len(findings), *counts, violations, f"{seconds:.1f}")
    return f"| {' | '.join(map(str, cells))} |\n"


def write(text: str) -> None:
    """Put the table between the marks of the page."""
    page = _PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_MARKS[0])
    after = rest.partition(_MARKS[1])[2]
    _PAGE.write_text(f"{before}{_MARKS[0]}\n{text}{_MARKS[1]}{after}", encoding="utf-8")
