"""Format durations, times and sizes for a person. Pure."""

from datetime import UTC, datetime

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_UNIT_STEP = 1024


def duration(milliseconds: float) -> str:
    """Format a duration in ms.

    >>> duration(0.04), duration(312.4), duration(1250), duration(125_000)
    ('0.04 ms', '312 ms', '1.2 s', '2 min 5 s')
    >>> duration(999.7), duration(59_960), duration(119_700)
    ('1.0 s', '1 min 0 s', '2 min 0 s')
    """
    if milliseconds < 1:
        return f"{milliseconds:.2f} ms"
    if round(milliseconds) < 1000:  # noqa: PLR2004
        return f"{milliseconds:.0f} ms"
    if round(milliseconds / 1000, 1) < 60:  # noqa: PLR2004
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def age(seconds: float) -> str:
    """Format an age in seconds, in the largest unit that fits.

    >>> age(0), age(59), age(3600), age(50 * 3600)
    ('0 s', '59 s', '1 h', '2 d')
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def moment(when: datetime | None) -> str:
    """Format a time in UTC, to the second; "" for None."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if when else ""


def size(amount: int | None) -> str:
    """Format a number of bytes; "?" for None.

    >>> size(0), size(8192), size(3 * 1024**3), size(None)
    ('0 B', '8 kB', '3.0 GB', '?')
    """
    if amount is None:
        return "?"
    value = float(amount)
    for unit in _UNITS:
        if value < _UNIT_STEP or unit == _UNITS[-1]:
            return f"{value:.1f} {unit}" if unit in _UNITS[2:] else f"{value:.0f} {unit}"
        value /= _UNIT_STEP
    raise AssertionError(amount)
