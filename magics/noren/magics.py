"""The magics: parse, call, show. Each is the Python function of its name."""

from __future__ import annotations

import difflib
import os
from argparse import Namespace
from typing import Any, cast

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from noren import api
from noren.handle import Release
from noren.tables import ReleasesTable
from noren_bento.drift.report import DriftReport
from noren_bento.errors import NorenError
from noren_bento.release.plan import Plan
from noren_bento.release.version import ModelVersion

_DATA = (
    argument("--train", default="X_train,y_train", help="Names of X and y of the reference data. Default: %(default)s"),
    argument("--test", default="X_test,y_test", help="Names of X and y of the hold-out data. Default: %(default)s"),
    argument("--with", dest="with_modules", action="append", default=[], metavar="FILE.py",
             help="A module of yours that the model needs; it travels with the model. May be repeated"),
)  # fmt: skip
_PLAN = (
    argument("--steps", default="10,50", help="Shares of the canary in percent. Default: %(default)s"),
    argument("--hold", type=float, default=30.0, help="Shortest seconds at each share. Default: %(default)s"),
    argument(
        "--approval", action="store_true", help="Wait for the approval of another person before traffic"
    ),
    argument("--wait", action="store_true", help="Wait until it is promoted or rolled back"),
)


def _with(*arguments: Any) -> Any:
    def decorate(function: Any) -> Any:
        for one in reversed(arguments):
            function = one(function)
        return magic_arguments()(function)

    return decorate


@magics_class
class NorenMagics(Magics):
    """From a notebook cell to a canary in production, and back."""

    shell: InteractiveShell

    @no_var_expand
    @line_magic
    @_with(
        argument("model", help="A fitted model (its variable), or a tagged version such as churn/3"),
        argument("--name", help="Name under which it is released; needed for a model"),
        *_DATA,
        *_PLAN,
        argument("--notebook", dest="notebooks", action="append", metavar="FILE.ipynb",
                 help="A validation notebook of yours instead of the packaged suite. May be repeated"),
        argument("--yes", action="store_true", help="Do it also in an unattended run (CI), where it else only plans"),
    )  # fmt: skip
    def deploy(self, line: str) -> Release | None:
        """Take a model the whole way: tag, build, validate, and start it as a canary (or live, where nothing is).

        The cell shows each stage as it runs, then the canary: traffic, errors and latency of both versions, the
        guardrail's verdict and drift, with buttons to promote and to roll back. It returns as soon as the candidate
        has traffic; the view goes on.

        The same model again is the same version, and a running release is shown, not started again. Ctrl-C before
        the start undoes the release; after it, it only stops watching.

            %deploy clf --name churn
            %deploy churn/3 --steps 5,25,50 --hold 300 --wait
        """
        args = self._parse(self.deploy, line)
        if _unattended() and not args.yes:
            print(f"Unattended run: {args.model} would be tagged, built, validated and released in steps of "
                  f"{args.steps} %. Nothing was done; say --yes, or set NOREN_YES=1, to do it.")  # fmt: skip
            return None
        model = self._model(args.model)
        tagged = isinstance(model, str | ModelVersion)
        return api.deploy(
            model,
            args.name,
            train=None if tagged else self._split(args.train),
            test=None if tagged else self._split(args.test),
            with_modules=args.with_modules,
            notebooks=args.notebooks,
            plan=_plan(args),
            wait=args.wait,
        )

    @no_var_expand
    @line_magic
    @_with(
        argument("model", help="A fitted model (its variable)"), argument("--name", help="Its name"), *_DATA
    )
    def tag(self, line: str) -> ModelVersion:
        """Give a fitted model an identity: a version in MLflow with signature, Profile, metrics and lineage.

        %tag clf --name churn
        """
        args = self._parse(self.tag, line)
        train, test = self._split(args.train), self._split(args.test)
        if args.name is None:
            raise NorenError("The model needs a name: %tag " + args.model + " --name churn")
        return api.tag(
            self._model(args.model), args.name, train=train, test=test, with_modules=args.with_modules
        )

    @no_var_expand
    @line_magic
    @_with(argument("version", help="A tagged version such as churn/3"))
    def build(self, line: str) -> object:
        """Build the BentoML service of a tagged version.

        %build churn/3
        """
        return api.build(self._version(self._parse(self.build, line).version))

    @no_var_expand
    @line_magic
    @_with(
        argument("version", help="A tagged version such as churn/3"),
        argument(
            "--notebook",
            dest="notebooks",
            action="append",
            metavar="FILE.ipynb",
            help="Yours instead of the suite",
        ),
    )
    def validate(self, line: str) -> object:
        """Run the validation notebooks against a version's bento and write the report.

        %validate churn/3
        """
        args = self._parse(self.validate, line)
        return api.validate(self._version(args.version), args.notebooks)

    @no_var_expand
    @line_magic
    @_with(
        argument("version", help="A tagged version such as churn/3, or a model's name to watch what runs"),
        *_PLAN,
    )
    def canary(self, line: str) -> Release:
        """Release a tagged version as a canary, or show what a model's latest release does.

        %canary churn/3 --steps 5,25,50
        %canary churn --wait
        """
        args = self._parse(self.canary, line)
        return api.canary(self._version(args.version), plan=_plan(args), wait=args.wait)

    @no_var_expand
    @line_magic
    @_with(argument("name", help="A released model"))
    def drift(self, line: str) -> DriftReport:
        """Show how far the inputs and outputs have moved from the reference data, column by column.

        %drift churn
        """
        return api.drift(self._parse(self.drift, line).name)

    @no_var_expand
    @line_magic
    @_with(argument("name", help="A model whose canary runs"))
    def promote(self, line: str) -> Release:
        """Make the running canary the champion now.

        %promote churn
        """
        return api.promote(self._parse(self.promote, line).name)

    @no_var_expand
    @line_magic
    @_with(argument("name", help="A released model"))
    def rollback(self, line: str) -> Release:
        """Take all traffic from the latest candidate; a promoted one gives it back to the champion before.

        %rollback churn
        """
        return api.rollback(self._parse(self.rollback, line).name)

    @no_var_expand
    @line_magic
    @_with(
        argument("name", help="A model whose release waits for approval"),
        argument("--note", default="", help="What you looked at"),
    )
    def approve(self, line: str) -> Release:
        """Approve the latest release of a model; who deployed it cannot.

        %approve churn --note "report read, slices fine"
        """
        args = self._parse(self.approve, line)
        return api.approve(args.name, note=args.note.strip("\"'"))

    @no_var_expand
    @line_magic
    def releases(self, line: str) -> ReleasesTable:
        """Show what is released and running, the latest first.

        %releases
        """
        if line.strip():
            raise NorenError(
                f"%releases takes no arguments; got {line.strip()!r}. `%canary NAME` shows one release."
            )
        return api.releases()

    def _parse(self, magic: Any, line: str) -> Namespace:
        return cast(Namespace, parse_argstring(magic, line))

    def _model(self, text: str) -> object:
        return text if _is_version(text) else self._object(text)

    def _version(self, text: str) -> str:
        """A version by its text, or by a variable that holds one."""
        if text.isidentifier() and isinstance(held := self.shell.user_ns.get(text), ModelVersion):
            return str(held)
        return text

    def _split(self, text: str) -> tuple[Any, Any]:
        """(X, y) from `X_train,y_train`, or from one name that holds such a pair."""
        values = [self._object(name.strip()) for name in text.split(",")]
        pair = values[0] if len(values) == 1 else tuple(values)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise NorenError(
                f"{text!r} is not data: give two names, X and y, such as --train X_train,y_train."
            )
        return pair[0], pair[1]

    def _object(self, text: str) -> object:
        root = text.partition(".")[0].partition("[")[0]
        if root not in self.shell.user_ns:
            near = difflib.get_close_matches(
                root, [n for n in self.shell.user_ns if not n.startswith("_")], n=3
            )
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise NorenError(
                f"The notebook has no variable {root!r}.{hint} Give the names of your variables."
            )
        return self.shell.ev(text)


def _is_version(text: str) -> bool:
    return text.rpartition("/")[2].isdecimal() and "/" in text


def _plan(args: Namespace) -> Plan:
    return Plan.parse(args.steps, hold_seconds=args.hold, approval=args.approval)


def _unattended() -> bool:
    """Whether nobody watches: CI, unless it was told to go on."""
    return bool(os.environ.get("CI")) and os.environ.get("NOREN_YES") != "1"
