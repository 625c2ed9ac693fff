"""Request id: the caller's own, where it fits a header and a log, else a random one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

GIVEN = re.compile(rb"[\x21-\x7e]{1,128}")
BATCH = 256
"""Random ids are drawn so many at once: asking the kernel for each costs more than all else about it."""


class RequestIds:
    """Gives each request its id."""

    def __init__(self) -> None:
        self._drawn: list[bytes] = []

    def of(self, headers: Mapping[bytes, bytes]) -> bytes:
        """Return `x-request-id` where it is one, else 32 random hexadecimal digits.

        >>> RequestIds().of({b"x-request-id": b"abc"})
        b'abc'
        """
        given = headers.get(b"x-request-id")
        if given is not None and GIVEN.fullmatch(given):
            return given
        if not self._drawn:
            digits = os.urandom(16 * BATCH).hex().encode()
            self._drawn = [digits[start : start + 32] for start in range(0, len(digits), 32)]
        return self._drawn.pop()
