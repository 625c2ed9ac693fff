"""The same thing from a magic, from Python and from the shell: the same names, the same defaults."""

from __future__ import annotations

import inspect
from typing import Any

import click
import pytest

import noren
from noren import options
from noren.cli import main
from noren.magics import NorenMagics
from noren.options import Option

IN_A_PLAN = {one.name for one in options.PLAN}
"""What Python says in one value, `plan=`."""
OF_THE_MAGIC_ALONE = {("deploy", "yes")}
"""A notebook may run for other reasons than to deploy; a function or a command that is called may not."""
VERBS = (
    "deploy",
    "tag",
    "build",
    "validate",
    "canary",
    "drift",
    "promote",
    "rollback",
    "approve",
    "releases",
)


def of_magic(verb: str) -> set[str]:
    parser: Any = getattr(getattr(NorenMagics, verb), "parser", None)
    return {action.dest for action in parser._actions} if parser else set()


def of_python(verb: str) -> set[str]:
    return set(inspect.signature(getattr(noren, verb)).parameters)


def of_shell(verb: str) -> set[str]:
    return {str(parameter.name) for parameter in main.commands[verb].params}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_the_same_from_a_magic_from_python_and_from_the_shell(verb: str) -> None:
    python = of_python(verb)
    if "plan" in python:
        python = python - {"plan"} | IN_A_PLAN
    assert of_shell(verb) == python
    assert {name for name in of_magic(verb) if (verb, name) not in OF_THE_MAGIC_ALONE} == python


def test_every_magic_is_compared() -> None:
    magics: Any = NorenMagics.magics
    assert set(VERBS) == set(magics["line"])


def defaults(option: Option) -> tuple[object, object]:
    """What a magic and a shell command get when the option is not given."""
    parser_function = option.argument()
    from IPython.core.magic_arguments import magic_arguments

    def magic(self: object, line: str) -> None:
        """A magic with this option."""

    wrapped: Any = magic_arguments()(parser_function(magic))
    taken: dict[str, object] = {}
    command = click.command()(option.click()(lambda **given: taken.update(given)))
    command.main([], standalone_mode=False)
    return getattr(wrapped.parser.parse_argstring(""), option.name), taken[option.name]


@pytest.mark.parametrize(
    "option",
    [options.NAME, *options.DATA, *options.PLAN, options.NOTEBOOKS, options.WAIT, options.NOTE],
    ids=lambda option: option.name,
)
def test_an_option_has_the_same_default_in_a_cell_and_in_the_shell(option: Option) -> None:
    magic, shell = defaults(option)
    assert (magic or None) == (shell or None)
    assert type(magic) is type(shell) or not magic


def test_the_defaults_of_the_plans_options_make_the_plan_that_python_has_by_default() -> None:
    given = {option.name: defaults(option)[0] for option in options.PLAN}
    steps, hold, approval = str(given["steps"]), given["hold"], bool(given["approval"])
    assert isinstance(hold, float)
    assert noren.Plan.parse(steps, hold_seconds=hold, approval=approval) == noren.Plan()
