"""A server of each module's own: ``prune`` would drop what other tests have made, and theirs let other roles in."""

from tests.integration.own_server.conftest import admin, server

__all__ = ["admin", "server"]
