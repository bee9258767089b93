"""Passwords: what is stored of them and how one is checked. May live here: scrypt and its costs. May not: who somebody is, databases.

scrypt of the standard library (RFC 7914) with N = 2^15, r = 8, p = 3, which the OWASP Password Storage Cheat Sheet names as one of the
equal choices: 32 MiB and about a quarter of a second of one core for a check. One check runs at a time, so that many at once take no more
memory than one. A stored text names its costs; raising them later leaves older ones readable.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading

from dogwatch.errors import InputError

LOG_N, R, P = 15, 8, 3
CHARS_MIN, CHARS_MAX = 12, 128  # length, not rules about signs (NIST SP 800-63B)
LOG_N_MAX, R_MAX, P_MAX = 20, 16, 16  # a stored text that asks for more is damaged
_one = threading.Lock()


def hashed(password: str) -> str:
    """What is stored of a password: `scrypt$15$8$3$salt$hash`."""
    salt = secrets.token_bytes(16)
    return "$".join(("scrypt", str(LOG_N), str(R), str(P), _text(salt), _text(_scrypt(password, salt, LOG_N, R, P))))


def fits(password: str, stored: str) -> bool:
    """Whether a password is the stored one. Takes as long for "" (nobody, or no password), so that time tells no names."""
    parts = (stored or NOBODY).split("$")
    if len(parts) != 6 or parts[0] != "scrypt":
        return False
    try:
        log_n, r, p = (int(part) for part in parts[1:4])
        salt, wanted = (base64.b64decode(part, validate=True) for part in parts[4:])
    except ValueError:
        return False
    if not (1 <= log_n <= LOG_N_MAX and 1 <= r <= R_MAX and 1 <= p <= P_MAX):
        return False
    return hmac.compare_digest(_scrypt(password[:CHARS_MAX], salt, log_n, r, p), wanted) and bool(stored)


def check(password: str, name: str) -> None:
    """Whether a password may be chosen. Raises InputError."""
    if not CHARS_MIN <= len(password) <= CHARS_MAX:
        raise InputError(f"the password has {len(password)} characters", remedy=f"take {CHARS_MIN} to {CHARS_MAX}; a few words are easy to keep in mind")
    if name.casefold() in password.casefold() or len(set(password)) < 5:
        raise InputError("the password is easy to guess", remedy="take words that have nothing to do with the name; --generate makes one")


def generated() -> str:
    """A password that nobody guesses: 96 bits of chance."""
    return secrets.token_urlsafe(12)


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    with _one:
        return hashlib.scrypt(password.encode(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=(128 * r * ((1 << log_n) + p + 2)) + (1 << 20), dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


NOBODY = "$".join(("scrypt", str(LOG_N), str(R), str(P), _text(bytes(16)), _text(bytes(32))))
