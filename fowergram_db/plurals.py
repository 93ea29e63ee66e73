"""Write how many there are of something, in the singular where it is one. Pure."""


def count(number: int, noun: str, plural: str = "") -> str:
    """Write a number with the noun that it counts.

    >>> count(0, "migration"), count(1, "query", "queries"), count(1234, "query", "queries")
    ('0 migrations', '1 query', '1,234 queries')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def connected(number: int, noun: str) -> str:
    """Say how many are connected.

    >>> connected(1, "client"), connected(2, "client")
    ('1 client is connected', '2 clients are connected')
    """
    return f"{count(number, noun)} {'is' if number == 1 else 'are'} connected"
