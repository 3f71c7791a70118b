"""Vault: secrets from the configuration, which nothing prints."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["MASK", "Secret", "masked"]

MASK = "********"
"""What is shown in the place of a secret."""


class Secret:
    """A text that is used but never shown: `repr`, `str`, format and `arlen config` give asterisks.

    Args:
        value: the secret text.

    Two secrets compare in a time that does not depend on where they differ. A secret refuses to be pickled.

    >>> token = Secret("s3cr3t")
    >>> token, f"{token}", token.reveal()
    (Secret('********'), '********', 's3cr3t')
    >>> token == Secret("s3cr3t"), bool(Secret(""))
    (True, False)
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a secret is text, not {type(value).__name__}")
        self._value = value

    def reveal(self) -> str:
        """Return the text itself: call it where it is used, and nowhere else."""
        return self._value

    def matches(self, other: str) -> bool:
        """Compare with text from outside in constant time."""
        from hmac import compare_digest  # brings OpenSSL, 4 MB: only those who compare pay for it

        return compare_digest(self._value.encode(), other.encode())

    def __eq__(self, other: object) -> bool:
        return self.matches(other._value) if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: read it again where it is needed")


def masked(value: Any) -> Any:
    """Give msgspec something that it can encode: a mask for a secret, the text of anything else (`enc_hook`).

    >>> import msgspec
    >>> msgspec.json.encode({"token": Secret("s3cr3t")}, enc_hook=masked)
    b'{"token":"********"}'
    """
    return MASK if isinstance(value, Secret) else str(value)
