"""``python -m tests.reliability --seed 1``: the campaign, on servers that write to a disk."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.reliability.cases import Fault, Finding, draw
from tests.reliability.report import table, write
from tests.reliability.scripts import ALL, WITHOUT_CONCURRENT
from tests.reliability.servers import prepared
from tools import servers

# Commits wait for the disk, so that faults also fall into that wait.
_SETTINGS = {"fsync": "on", "checkpoint_timeout": "30min", "max_wal_size": "4GB", "max_connections": "200"}
_DISK = Path("/var/tmp")
_COUNTS = {fault: 20 if fault in (Fault.CLIENT_GONE, Fault.SILENCE, Fault.FREEZE) else 40 for fault in Fault}


def main(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    for fault, count in _COUNTS.items():
        flag = f"--{str(fault).replace('_', '-')}"
        parser.add_argument(flag, dest=str(fault), type=int, default=count, metavar="N", help=fault.heading)
    parser.add_argument("--server", type=int, default=18, help="major version")
    parser.add_argument("--without-concurrent", action="store_true", help="leave out the file without a transaction")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    options = parser.parse_args(given)
    cases = draw(options.seed, {fault: getattr(options, fault) for fault in Fault})
    files = WITHOUT_CONCURRENT if options.without_concurrent else ALL
    with prepared(servers.fetch(options.server), _DISK, _SETTINGS, files) as (run, grounds):
        findings = list(map(_reported, run.run(cases, grounds)))
    text = table(findings, options.seed, options.server)
    sys.stdout.write(text)
    if options.write:
        write(text)
    return 1 if any(finding.violation for finding in findings) else 0


def _reported(finding: Finding) -> Finding:
    case = finding.case
    said = finding.violation or f"{finding.outcome}, freed in {finding.freed_s:.1f} s"
    sys.stderr.write(
        f"{time.strftime('%H:%M:%S')} {case.number} {case.fault} {case.command} at {case.moment:.3f}: {said}\n"
    )
    return finding


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
