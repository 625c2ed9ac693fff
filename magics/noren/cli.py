"""The shell command `noren`: the same verbs as the magics and the Python API, whose functions it calls."""

# ruff: noqa: PLC0415 -- each command imports what it needs, so that `noren --help` is quick

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from noren import api, options
from noren.naming import imported, model_of, pair_of
from noren.options import with_options
from noren_bento.errors import NorenError

if TYPE_CHECKING:
    from noren.handle import Release

Paths = tuple[str, ...]


class _Group(click.Group):
    """Shows a NorenError as one message and ends with 1, as people and CI expect."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NorenError as error:
            raise click.ClickException("\n".join([str(error), *getattr(error, "__notes__", ())])) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path), help="NOREN_HOME for this command.")
@click.version_option(package_name="noren")
def main(home: Path | None) -> None:
    """From a notebook cell to a canary in production, and back."""
    if home is not None:
        os.environ["NOREN_HOME"] = str(home)


@main.command()
@click.argument("model")
@with_options(options.NAME, *options.DATA, options.COMPRESS)
def tag(model: str, name: str | None, train: str, test: str, with_modules: Paths, compress: bool) -> None:
    """Make a version of a fitted model.

    It is stored in MLflow: what it takes, how good it is, where it comes from. MODEL is MODULE:NAME, such as
    train:model for `model` in train.py; importing it must leave a fitted model. Names of data without a module are
    looked up in the same one.
    """
    tagged = api.tag(
        imported(model),
        _required(name, f"noren tag {model}"),
        train=_pair(train, model),
        test=_pair(test, model),
        with_modules=with_modules,
        compress=compress,
    )
    click.echo(str(tagged))


@main.command()
@click.argument("version")
def card(version: str) -> None:
    """Print the model card of a tagged version, such as churn/3, as Markdown."""
    click.echo(api.card(version).markdown)


@main.command()
@click.argument("version")
@with_options(options.ACCEPT)
def build(version: str, accept: str | None) -> None:
    """Build the service of a tagged version.

    VERSION is such as churn/3; the service is a BentoML bento. Nothing is started, but what --accept is for.
    """
    built = api.build(version, accept=accept)
    click.echo(f"{built.bento} answers with {built.engine}: {built.because}\n{built.path}")


@main.command()
@click.argument("version")
@with_options(options.NOTEBOOKS)
def validate(version: str, notebooks: Paths) -> None:
    """Run the validation notebooks on a version.

    VERSION is such as churn/3. Writes a report; nothing is released. Exits with 1 when a check fails or cannot be
    answered.
    """
    validation = api.validate(version, notebooks or None)
    for verdict in validation.checks:
        click.echo(f"{verdict.outcome:7} {verdict.check}: {verdict.because}")
    click.echo(f"report: {validation.report}")
    if not validation.passed:
        sys.exit(1)


@main.command()
@click.argument("model")
@with_options(options.NAME, *options.DATA, *options.PLAN, options.NOTEBOOKS, options.WAIT)
def deploy(
    model: str,
    name: str | None,
    train: str,
    test: str,
    with_modules: Paths,
    steps: str,
    hold: float,
    approval: bool,
    notebooks: Paths,
    wait: bool,
) -> None:
    """Take a model the whole way to production.

    Tag, build, validate, then give it requests. MODEL is a tagged version, such as churn/3, or with --name a fitted
    model as MODULE:NAME, such as train:model for `model` in train.py; names of data without a module are looked up in
    the same one.

    Where a version of the model serves already, the new one starts as a canary and gets its share of the requests by
    the plan. The first version goes live when it has passed its validation and answered its reference rows. Exits
    with 1 when a check fails, and with --wait when the candidate is rolled back.
    """
    tagged = bool(model_of(model))
    release = api.deploy(
        model if tagged else imported(model),
        name if tagged else _required(name, f"noren deploy {model}"),
        train=None if tagged else _pair(train, model),
        test=None if tagged else _pair(test, model),
        with_modules=with_modules,
        notebooks=notebooks or None,
        plan=options.plan_of(steps, hold, approval=approval),
    )
    _tell(release, wait=wait)


@main.command()
@click.argument("version")
@with_options(*options.PLAN, options.NOTEBOOKS, options.WAIT)
def canary(version: str, steps: str, hold: float, approval: bool, notebooks: Paths, wait: bool) -> None:
    """Release a tagged version, or watch what runs.

    VERSION is such as churn/3 and is released as by deploy; with a model's name, only its latest release is shown.
    """
    plan = options.plan_of(steps, hold, approval=approval)
    _tell(api.canary(version, plan=plan, notebooks=notebooks or None), wait=wait)


@main.command()
@click.argument("name")
def drift(name: str) -> None:
    """Show how far inputs and outputs have moved.

    Those of the version that serves, from its reference data, by column. Exits with 1 when columns are in alarm.
    """
    report = api.drift(name)
    click.echo(str(report))
    if report.alarms:
        sys.exit(1)


@main.command()
@click.argument("name")
def promote(name: str) -> None:
    """Give the running canary all requests now.

    Without waiting for more evidence; a guardrail that fails first rolls it back.
    """
    click.echo(repr(api.promote(name)))


@main.command()
@click.argument("name")
def rollback(name: str) -> None:
    """Take all requests from the running canary.

    Without a canary, go back to the version before the one that serves.
    """
    click.echo(repr(api.rollback(name)))


@main.command()
@click.argument("name")
@with_options(options.NOTE)
def approve(name: str, note: str) -> None:
    """Approve the latest release of a model.

    Where its plan asks for it; who deployed it cannot.
    """
    click.echo(repr(api.approve(name, note=note)))


@main.command()
def releases() -> None:
    """Show all releases and their shares of requests."""
    click.echo(repr(api.releases()))


@main.command()
@click.argument("name")
def show(name: str) -> None:
    """Tell the story of a release: its events, oldest first."""
    from datetime import datetime

    release = api.release(name)
    click.echo(repr(release))
    for event in release.events:
        when = datetime.fromtimestamp(event.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        click.echo(f"{when}  {event.kind:11}  {event.who:12}  {event.why}")


@main.command()
@click.argument("name")
def report(name: str) -> None:
    """Print the path of the validation report.

    Of the latest release of the model NAME.
    """
    path = api.release(name).now.report
    if not path:
        raise NorenError(
            f"{name}: its latest release has not been validated. `noren show {name}` tells where it is."
        )
    click.echo(path)


@main.command()
@click.argument("name", required=False)
def export(name: str | None) -> None:
    """Print the event log as JSON lines.

    Of one model's latest release, or without NAME of all releases.
    """
    from noren_bento.control.client import ControlClient
    from noren_bento.settings import load_settings
    from noren_bento.stores.event_json import event_to_builtins

    client = ControlClient(load_settings())
    ids = [release.id for release in client.releases()] if name is None else [api.release(name).id]
    for id in ids:
        for event in client.events(id):
            click.echo(json.dumps(event_to_builtins(event)))


@main.command()
def up() -> None:
    """Start Envoy, the control process and what is released."""
    click.echo(f"up at {api.up()}")


@main.command()
def down() -> None:
    """End every process of this NOREN_HOME.

    Models are not served any more; releases go on at the next up.
    """
    api.down()
    click.echo("down")


@main.command()
def status() -> None:
    """Show what runs; exit with 1 when not all does."""
    table = api.status()
    click.echo(repr(table))
    if not (table.status.supervisor and table.status.envoy and table.status.control):
        sys.exit(1)


@main.command()
def config() -> None:
    """Print each setting, its value and where it came from."""
    from noren_bento.masking import mask_credentials
    from noren_bento.settings import explain_settings

    for one in explain_settings():
        click.echo(f"{one.name:15} {mask_credentials(str(one.value))}  ({one.source})")


def _tell(release: Release, *, wait: bool) -> None:
    told = repr(release)
    click.echo(told)
    if not wait:
        return
    if (end := repr(release.wait())) != told:
        click.echo(end)
    if release.state != "promoted":
        sys.exit(1)


def _required(name: str | None, command: str) -> str:
    if name is None:
        raise NorenError(f"The model needs a name: {command} --name churn")
    return name


def _pair(text: str, model: str) -> tuple[Any, Any]:
    """X and y by name; a name without a module is in the model's."""
    return pair_of(text, partial(imported, beside=model))
