"""A step whose script was read and found fit to run."""

from dataclasses import dataclass

from fowergram_db.migrations.checks import read_script
from fowergram_db.migrations.directives import Directives, parse_directives
from fowergram_db.migrations.plan import Step
from fowergram_db.migrations.script import Script


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step with its scanned script and what the header of that says."""

    step: Step
    script: Script
    directives: Directives


def check(step: Step) -> CheckedStep:
    """Read a step's script, that which would undo it included. Raises FileFault; runs nothing."""
    if step.down_sql is not None:
        read_script(step.down_source, step.down_sql, parse_directives(step.down_source, step.down_sql))
    directives = step.sql.directives
    return CheckedStep(step, read_script(step.source, step.sql.text, directives, step.sql.gaps), directives)
