"""Options of the verbs, each written down once: magics and shell commands are made from the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from noren_bento.release.plan import Plan

Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Option:
    """One option, such as `--steps 10,50`."""

    name: str
    """The keyword of the Python function, or that of `Plan.parse`."""
    flag: str
    help: str
    kind: Literal["text", "seconds", "switch", "repeated"] = "text"
    default: str | None = None
    metavar: str | None = None

    def argument(self) -> Callable[..., Any]:
        """The decorator that gives a magic this option."""
        from IPython.core.magic_arguments import argument  # noqa: PLC0415 -- the shell has no IPython

        told = f"{self.help}. Default: {self.default}" if self.default else self.help
        if self.kind == "switch":
            return argument(self.flag, dest=self.name, action="store_true", help=told)
        if self.kind == "repeated":
            return argument(
                self.flag,
                dest=self.name,
                action="append",
                metavar=self.metavar,
                help=f"{told}. May be repeated",
            )
        kind = float if self.kind == "seconds" else str
        return argument(
            self.flag, dest=self.name, type=kind, default=self.default, metavar=self.metavar, help=told
        )

    def click(self) -> Callable[..., Any]:
        """The decorator that gives a shell command this option."""
        import click  # noqa: PLC0415 -- a notebook has no shell commands

        if self.kind == "switch":
            return click.option(self.flag, self.name, is_flag=True, help=f"{self.help}.")
        if self.kind == "repeated":
            told = f"{self.help}. May be repeated."
            return click.option(self.flag, self.name, multiple=True, metavar=self.metavar, help=told)
        return click.option(
            self.flag,
            self.name,
            type=float if self.kind == "seconds" else str,
            default=self.default,
            show_default=bool(self.default),
            metavar=self.metavar,
            help=f"{self.help}.",
        )


def plan_of(steps: str, hold: float, *, approval: bool) -> Plan | None:
    """The plan that these options make; None where they are left as they are.

    >>> plan_of("10,50", 30.0, approval=False) is None
    True
    >>> [step.weight for step in plan_of("20", 30.0, approval=False).steps]
    [20]
    """
    plan = Plan.parse(steps, hold_seconds=hold, approval=approval)
    return None if plan == Plan() else plan


def with_options(*chosen: Option) -> Callable[[Command], Command]:
    """Give a shell command these options, in this order."""

    def decorate(command: Command) -> Command:
        for one in reversed(chosen):
            command = one.click()(command)
        return command

    return decorate


NAME = Option("name", "--name", "Name under which the model is released, such as churn", metavar="NAME")
DATA = (
    Option("train", "--train", "Reference data: the names of X and y, or one that holds the pair",
           default="X_train,y_train", metavar="X,Y"),
    Option("test", "--test", "Hold-out data, given likewise", default="X_test,y_test", metavar="X,Y"),
    Option("with_modules", "--with", "A module of yours that the model needs; it travels with the model",
           "repeated", metavar="FILE.py"),
)  # fmt: skip
PLAN = (
    Option("steps", "--steps", "Shares of the requests that the canary gets, in percent, one after the other",
           default="10,50", metavar="PERCENT,…"),
    Option("hold", "--hold", "Shortest time at each share", "seconds", default="30", metavar="SECONDS"),
    Option("approval", "--approval", "Wait for the approval of another person before it gets requests", "switch"),
)  # fmt: skip
WAIT = Option("wait", "--wait", "Wait until it is promoted or rolled back", "switch")
NOTEBOOKS = Option("notebooks", "--notebook", "A validation notebook of yours, instead of the packaged suite",
                   "repeated", metavar="FILE.ipynb")  # fmt: skip
COMPRESS = Option("compress", "--compress",
                  "Try smaller variants of the model too and show what each costs; the original is what is tagged",
                  "switch")  # fmt: skip
NOTE = Option("note", "--note", "What you looked at", default="", metavar="TEXT")
ACCEPT = Option(
    "accept",
    "--accept",
    "Why a released version, whose bento was lost, may be served from another build",
    metavar="REASON",
)
YES = Option("yes", "--yes", "Do it in an unattended run (CI) too, where %%deploy else only says what it would do",
             "switch")  # fmt: skip
"""Of the magic alone: a notebook may run for other reasons than to deploy, a command that is called may not."""
