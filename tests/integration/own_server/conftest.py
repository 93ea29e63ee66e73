"""A server for each module: what it counts and prunes would be missing, or would change the results, elsewhere."""

import pytest

from fowergram_db.database.connection import connect
from tests.integration.conftest import server_like


@pytest.fixture(scope="module")
def server(server):
    with server_like(server) as other:
        yield other


@pytest.fixture(scope="module")
def admin(server):
    """A session of a superuser outside the databases under test."""
    with connect(server) as connection:
        yield connection
