"""The validation suite: notebooks that test a built bento, the gate that reads them, the report that people read."""

from noren_validation.checks import check, declare
from noren_validation.subject import open_subject

__all__ = ["check", "declare", "open_subject"]
