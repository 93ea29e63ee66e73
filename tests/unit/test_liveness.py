"""How soon a lost connection ends: the tool's defaults, below what the user has said."""

import pytest

from fowergram_db.database.connection import _parameters
from fowergram_db.database.liveness import Liveness
from fowergram_db.database.target import Target

OURS = Liveness().parameters | {"connect_timeout": "10"}


def shown(**parameters: str) -> dict[str, str]:
    found = _parameters(Target("app", "me", "db.example", "5432", parameters=tuple(parameters.items())), "app", "")
    return {name: found[name] for name in OURS if name in found}


@pytest.fixture(autouse=True)
def _no_libpq_variables(monkeypatch):
    for name in ("PGSERVICE", "PGSERVICEFILE", "PGCONNECT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def test_both_ends_notice_within_two_minutes():
    times = Liveness()
    assert times.heartbeat_s < times.silence_s < 120
    # One connection after the other, and a last attempt to connect.
    assert 2 * times.lost_after_s + 10 < 120


def test_a_connection_has_keepalives_and_timeouts():
    assert shown() == OURS


@pytest.mark.parametrize("name", OURS)
def test_values_of_the_url_override_ours(name):
    assert shown(**{name: "1234"}) == OURS | {name: "1234"}


def test_values_of_a_variable_or_a_service_override_ours(monkeypatch, tmp_path):
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    assert "connect_timeout" not in shown()
    services = tmp_path / "services"
    services.write_text("[mine]\ntcp_user_timeout=1234\nkeepalives_idle=7\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert not {"tcp_user_timeout", "keepalives_idle"} & shown(service="mine").keys()
    assert "tcp_user_timeout" in shown()
