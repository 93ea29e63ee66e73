"""How names and types are written for people to read. Pure."""

import re

_WITH_ZONE = re.compile(r"\b(timestamp|time)(\(\d\))? with time zone")
_WITHOUT_ZONE = re.compile(r"\b(timestamp|time)(\(\d\))? without time zone")


def display_name(schema: str, name: str) -> str:
    """Return the name of an object, with its schema if that is not ``public``.

    >>> display_name("public", "users"), display_name("shop", "orders")
    ('users', 'shop.orders')
    """
    return name if schema == "public" else f"{schema}.{name}"


def short_type(written: str) -> str:
    """Return a type by the shorter of its names.

    >>> short_type("timestamp(3) with time zone[]"), short_type("time without time zone")
    ('timestamptz(3)[]', 'time')
    >>> short_type("character varying(30)"), short_type("uuid")
    ('varchar(30)', 'uuid')
    """
    short = _WITHOUT_ZONE.sub(r"\1\2", _WITH_ZONE.sub(r"\1tz\2", written))
    return re.sub(r"\bcharacter varying\b", "varchar", short)
