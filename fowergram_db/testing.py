"""What the fixtures for pytest hand out, for the annotations of your own tests and fixtures.

Public: see docs/python-api.md.
"""

from fowergram_db.database.target import Target
from fowergram_db.testdb.server import Server
from fowergram_db.testdb.suite import Database, TestDatabases

__all__ = ["Database", "Server", "Target", "TestDatabases"]
