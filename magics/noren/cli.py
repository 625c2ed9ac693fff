"""The shell command `noren`: the same verbs as the magics and the Python API."""

# ruff: noqa: PLC0415 -- each command imports what it needs, so that `noren --help` is quick

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from noren import api
from noren.handle import Release
from noren.wording import UNKNOWN, odds
from noren_bento.errors import NorenError
from noren_bento.release.plan import Plan


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


def _plan_options(function: Any) -> Any:
    for option in (
        click.option("--steps", default="10,50", show_default=True, help="Shares of the canary in percent."),
        click.option("--hold", default=30.0, show_default=True, help="Shortest seconds at each share."),
        click.option(
            "--approval", is_flag=True, help="Wait for the approval of another person before traffic."
        ),
        click.option("--wait", is_flag=True, help="Wait for the end; exit 1 when it is rolled back."),
    ):
        function = option(function)
    return function


def _data_options(function: Any) -> Any:
    for option in (
        click.option(
            "--train", required=True, metavar="MODULE:NAME", help="The pair (X, y) of the reference data."
        ),
        click.option(
            "--test", required=True, metavar="MODULE:NAME", help="The pair (X, y) of the hold-out data."
        ),
        click.option(
            "--with", "with_modules", multiple=True, metavar="FILE.py", help="A module that the model needs."
        ),
    ):
        function = option(function)
    return function


@main.command()
@click.argument("model", metavar="MODULE:NAME")
@click.option("--name", required=True, help="Name under which it is released.")
@_data_options
def tag(model: str, name: str, train: str, test: str, with_modules: tuple[str, ...]) -> None:
    """Tag a fitted model of an importable module, such as train:model."""
    version = api.tag(_load(model), name, train=_load(train), test=_load(test), with_modules=with_modules)
    click.echo(str(version))


@main.command()
@click.argument("version")
def build(version: str) -> None:
    """Build the bento of a tagged version, such as churn/3."""
    built = api.build(version)
    click.echo(f"{built.bento} answers with {built.runtime}: {built.because}\n{built.path}")


@main.command()
@click.argument("version")
@click.option(
    "--notebook", "notebooks", multiple=True, type=click.Path(exists=True), help="Instead of the suite."
)
def validate(version: str, notebooks: tuple[str, ...]) -> None:
    """Run the validation notebooks; exit 1 when the gate is closed."""
    validation = api.validate(version, notebooks or None)
    for verdict in validation.checks:
        click.echo(f"{verdict.outcome:7} {verdict.check}: {verdict.because}")
    click.echo(f"report: {validation.report}")
    if not validation.passed:
        sys.exit(1)


@main.command()
@click.argument("version")
@_plan_options
def deploy(version: str, steps: str, hold: float, approval: bool, wait: bool) -> None:
    """Build, validate and release a tagged version, such as churn/3."""
    release = api.deploy(version, plan=Plan.parse(steps, hold_seconds=hold, approval=approval))
    click.echo(repr(release))
    _wait_if(release, wait)


@main.command()
@click.argument("version")
@_plan_options
def canary(version: str, steps: str, hold: float, approval: bool, wait: bool) -> None:
    """Release a tagged version, or with a model's name show what its latest release does."""
    release = api.canary(version, plan=Plan.parse(steps, hold_seconds=hold, approval=approval))
    click.echo(repr(release))
    _wait_if(release, wait)


@main.command()
@click.argument("name")
def drift(name: str) -> None:
    """Show drift of the version that serves; exit 1 when columns are in alarm."""
    report = api.drift(name)
    for column in sorted((*report.columns, *report.outputs), key=lambda one: -one.log_evidence):
        mark = "drifts" if column.alarm else ""
        evidence = odds(column.log_evidence) or UNKNOWN
        click.echo(f"{column.name:32} PSI {column.psi:6.2f}  evidence {evidence:19}  {mark}".rstrip())
    click.echo(f"{report.version}: {len(report.alarms)} columns drift, over {report.rows:,} rows")
    if report.alarms:
        sys.exit(1)


@main.command()
@click.argument("name")
def promote(name: str) -> None:
    """Make the running canary the champion now."""
    click.echo(repr(api.promote(name)))


@main.command()
@click.argument("name")
def rollback(name: str) -> None:
    """Take all traffic from the latest candidate."""
    click.echo(repr(api.rollback(name)))


@main.command()
@click.argument("name")
@click.option("--note", default="", help="What you looked at.")
def approve(name: str, note: str) -> None:
    """Approve the latest release of a model; who deployed it cannot."""
    click.echo(repr(api.approve(name, note=note)))


@main.command()
def releases() -> None:
    """Show what is released and running."""
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
    """Print the path of the latest release's validation report."""
    path = api.release(name).now.report
    if not path:
        raise NorenError(
            f"{name}: its latest release has not been validated. `noren show {name}` tells where it is."
        )
    click.echo(path)


@main.command()
@click.argument("name", required=False)
def export(name: str | None) -> None:
    """Print the event log as JSON lines, of one model's latest release or of all."""
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
    """End every process of this NOREN_HOME; releases go on at the next up."""
    api.down()
    click.echo("down")


@main.command()
def status() -> None:
    """Show what runs; exit 1 when something does not."""
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


def _wait_if(release: Release, wait: bool) -> None:
    if wait:
        click.echo(repr(release.wait()))
        if release.state != "promoted":
            sys.exit(1)


def _load(target: str) -> Any:
    """Import `module:name`, looking in the current folder first, as `python -m` does."""
    module, colon, name = target.partition(":")
    if not colon:
        raise NorenError(f"{target!r} is not MODULE:NAME, such as train:model for `model` in train.py.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NorenError(f"{target!r} cannot be imported: {error}.") from None
