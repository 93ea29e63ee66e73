"""Find values that are secrets because of what they are called: settings, options, arguments of functions. Pure."""

import re

from fowergram_db.redaction.expressions import Expressions
from fowergram_db.redaction.lexemes import LexemeKind

NAMED_SECRET = re.compile(
    r"(?:.*[._])?(?:(?:ssl)?(?:password|passwd|passphrase)|pwd|secret|token|credentials?"
    r"|(?:api|access|private|secret|secret_access|encryption|signing|jwt|master)_key|apikey|ssl_passphrase_command)",
    re.IGNORECASE,
)
"""What a setting or an option is called whose value is a secret."""
# The arguments that are passwords, by function; pgcrypto calls them so.
_ARGUMENTS = {
    **dict.fromkeys(("crypt", "create_secret"), 0),
    **dict.fromkeys(("create_aws_credentials", "update_secret"), 1),
    **dict.fromkeys(("pgp_sym_encrypt", "pgp_sym_encrypt_bytea", "pgp_sym_decrypt", "pgp_sym_decrypt_bytea"), 1),
    **dict.fromkeys(("pgp_pub_decrypt", "pgp_pub_decrypt_bytea"), 2),
}
# What these arguments are called, if a call names them.
_ARGUMENT_NAMES = {"set_config": "new_value", "create_secret": "new_secret", "update_secret": "new_secret"}


def secret_setting(expressions: Expressions, at: int) -> int | None:
    """Return where the value of ``SET a.password = 'x'`` begins, after ``SET``; None if it is no secret."""
    is_word, is_symbol, tokens = expressions.is_word, expressions.is_symbol, expressions.tokens
    at += is_word(at, "local", "session")
    begin = at
    while is_symbol(at + 1, "."):
        at += 2
    if at >= len(tokens) or tokens[at].kind in (LexemeKind.STRING, LexemeKind.OTHER):
        return None
    name = tokens[at].value
    if (at > begin or "." in name or name == "ssl_passphrase_command") and NAMED_SECRET.fullmatch(name):
        return at + 2 if is_word(at + 1, "to") or is_symbol(at + 1, "=") else None
    return None


def secret_argument(
    expressions: Expressions, function: str, at: int
) -> tuple[list[tuple[int, int]], int | None] | None:
    """Return the arguments of a function that takes a secret, and where the secret begins; None for another token."""
    is_known = function in _ARGUMENTS or function == "set_config"
    if not is_known or not expressions.is_symbol(at + 1, "("):
        return None
    arguments = expressions.arguments(at + 1)
    named = {
        expressions.tokens[start].value: value
        for start, _ in arguments
        if (value := _named_argument(expressions, start))
    }
    if function == "set_config":
        setting = named.get("setting_name") or (arguments[0][0] if arguments else 0)
        if not _names_secret(expressions, setting):
            return None
    position = _ARGUMENTS.get(function, 1)
    secret = named.get(_ARGUMENT_NAMES.get(function, ""))
    if secret is None and position < len(arguments):
        secret = arguments[position][0]
    return arguments, secret


def _named_argument(expressions: Expressions, at: int) -> int | None:
    """Return where the value of a named argument begins."""
    is_symbol = expressions.is_symbol
    is_named = (is_symbol(at + 1, "=") and is_symbol(at + 2, ">")) or (
        is_symbol(at + 1, ":") and is_symbol(at + 2, "=")
    )
    return at + 3 if is_named and at + 3 < len(expressions.tokens) else None


def _names_secret(expressions: Expressions, at: int) -> bool:
    if at >= len(expressions.tokens) or expressions.tokens[at].kind is not LexemeKind.STRING:
        return False
    return bool(NAMED_SECRET.fullmatch(expressions.read(at)[0].value))
