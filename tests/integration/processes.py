"""The tool in a process of its own, which a test can wait for or kill."""

import subprocess
import sys
from contextlib import contextmanager

from tests.integration.conftest import Result

SOON_S = 20.0


@contextmanager
def started(*arguments):
    """Run a command where ``cli`` would, in a process of its own, which is gone after the block."""
    command = [sys.executable, "-m", "fowergram_db", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process) -> Result:
    """Wait for the end of a process, and return what it printed."""
    out, err = process.communicate(timeout=SOON_S)
    return Result(process.returncode, out, err)
