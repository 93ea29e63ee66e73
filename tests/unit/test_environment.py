"""The env file: literal values, and clear errors for what is none."""

import pytest

from fowergram_db.database.environment import read_env_file
from fowergram_db.errors import ConfigurationError


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("DB_PASSWORD=plain", "plain"),
        ("export DB_PASSWORD=plain", "plain"),
        ("DB_PASSWORD = plain  # comment", "plain"),
        ("DB_PASSWORD=pa$$word$HOME", "pa$$word$HOME"),
        ("DB_PASSWORD=p#ss", "p#ss"),
        (r"DB_PASSWORD=a\nb", r"a\nb"),
        (r'DB_PASSWORD="a\nb $x"', r"a\nb $x"),
        (r'DB_PASSWORD="a b" # c', "a b"),
        (r"DB_PASSWORD='it is # $x'", "it is # $x"),
        ("DB_PASSWORD=ไทย", "ไทย"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_values_are_taken_literally(tmp_path, line, value, end):
    file = tmp_path / "env"
    file.write_bytes(f"\ufeff# first{end or chr(10)}{line}{end}".encode())
    assert read_env_file(file)["DB_PASSWORD"] == value


def test_an_empty_value_and_no_file_say_nothing(tmp_path):
    (tmp_path / ".env").write_text("DB_HOST=\nDB_NAME\n")
    assert read_env_file(None) == {}
    (tmp_path / ".env").unlink()
    assert read_env_file(None) == {}


def test_a_broken_line_about_the_database_is_an_error_and_others_are_not(tmp_path):
    file = tmp_path / "env"
    file.write_text("some nonsense = = '\nX=1\n")
    assert read_env_file(file)["X"] == "1"
    file.write_text("X=1\nDB_HOST='open\n")
    with pytest.raises(ConfigurationError) as caught:
        read_env_file(file)
    assert caught.value.location.line == 2


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, content):
    file = tmp_path / "env"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_env_file(file)
