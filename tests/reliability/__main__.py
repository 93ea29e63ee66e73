"""``python -m tests.reliability --seed 1 --kills 300 --cuts 300``: the campaign, on a server that writes to a disk."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fowergram_db.database.target import Target
from tests.reliability.campaign import Campaign, Finding, draw
from tests.reliability.report import table, write
from tests.reliability.scripts import ALL, WITHOUT_CONCURRENT
from tests.servers import started

# Commits wait for the disk, so that faults also fall into that wait.
_SETTINGS = {"fsync": "on", "checkpoint_timeout": "30min", "max_wal_size": "4GB"}
_DISK = Path("/var/tmp")


def main(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--cuts", type=int, default=300)
    parser.add_argument("--server", type=int, default=18, help="major version")
    parser.add_argument("--without-concurrent", action="store_true", help="leave out the file without a transaction")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    options = parser.parse_args(given)
    files = WITHOUT_CONCURRENT if options.without_concurrent else ALL
    with (
        tempfile.TemporaryDirectory(prefix="fowergram-db-reliability-") as place,
        started(options.server, _SETTINGS, place=_DISK) as server,
    ):
        target = Target("postgres", "postgres", "127.0.0.1", str(server.port))
        campaign = Campaign(target, Path(place) / "migrations", files)
        findings = list(map(_told, campaign.run(draw(options.seed, options.kills, options.cuts))))
    text = table(findings, options.seed, options.server)
    sys.stdout.write(text)
    if options.write:
        write(text)
    return 1 if any(finding.violation for finding in findings) else 0


def _told(finding: Finding) -> Finding:
    case = finding.case
    if finding.violation:
        sys.stderr.write(f"{case.number} {case.fault} {case.command} at {case.moment:.3f}: {finding.violation}\n")
    return finding


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
