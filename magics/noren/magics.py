"""The magics: parse, call, show. Each is the Python function of its name."""

from __future__ import annotations

import difflib
import os
from argparse import Namespace
from typing import TYPE_CHECKING, Any, cast

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from noren import api, options
from noren.naming import model_of, pair_of
from noren.options import Option
from noren_bento.errors import NorenError
from noren_bento.release.plan import Plan
from noren_bento.release.version import ModelVersion

if TYPE_CHECKING:
    from noren.handle import Release
    from noren.tables import ReleasesTable
    from noren_bento.compress.result import Compression
    from noren_bento.drift.report import DriftReport


def _with(*arguments: Any) -> Any:
    def decorate(function: Any) -> Any:
        for one in reversed(arguments):
            function = (one.argument() if isinstance(one, Option) else one)(function)
        return magic_arguments()(function)

    return decorate


@magics_class
class NorenMagics(Magics):
    """From a notebook cell to a canary in production, and back."""

    shell: InteractiveShell

    @no_var_expand
    @line_magic
    @_with(
        argument(
            "model", help="A fitted model (its variable; needs --name), or a tagged version such as churn/3"
        ),
        options.NAME,
        *options.DATA,
        *options.PLAN,
        options.NOTEBOOKS,
        options.WAIT,
        options.YES,
    )
    def deploy(self, line: str) -> Release | None:
        """Take a model the whole way: tag, build, validate, then give it requests.

        Where a version of the model serves already, the new one starts as a canary: a small share of the requests,
        more as it proves itself, all when it is promoted, none when it fails more often. The first version goes live
        when it has passed its validation and answered its reference rows.

        The cell shows each stage as it runs, then the canary: requests, errors and latency of both versions, the
        verdict, drift, and buttons to promote and to roll back. The cell ends when the candidate gets requests; the
        view goes on.

        The same model again is the same version, and a running release is shown, not started again. Ctrl-C before
        the candidate gets requests undoes the release; later, it only stops watching.

            %deploy clf --name churn
            %deploy clf --name churn --train X,y --test X_new,y_new
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
            train=None if tagged else self._pair(args.train),
            test=None if tagged else self._pair(args.test),
            with_modules=args.with_modules or (),
            notebooks=args.notebooks,
            plan=_plan(args),
            wait=args.wait,
        )

    @no_var_expand
    @line_magic
    @_with(
        argument("model", help="A fitted model (its variable)"), options.NAME, *options.DATA, options.COMPRESS
    )
    def tag(self, line: str) -> ModelVersion | Compression:
        """Make a version of a fitted model, stored in MLflow: what it takes, how good it is, where it comes from.

        The same fitted model again is the same version. What comes back, such as churn/3, the other magics take.

        With --compress smaller variants are tried too: what comes back shows what each costs, and holds them.

            %tag clf --name churn
            variants = %tag clf --name churn --compress
        """
        args = self._parse(self.tag, line)
        train, test = self._pair(args.train), self._pair(args.test)
        if args.name is None:
            raise NorenError("The model needs a name: %tag " + args.model + " --name churn")
        return api.tag(
            self._model(args.model),
            args.name,
            train=train,
            test=test,
            with_modules=args.with_modules or (),
            compress=bool(args.compress),
        )

    @no_var_expand
    @line_magic
    @_with(
        argument("version", help="A tagged version such as churn/3, or a variable that holds one"),
        options.ACCEPT,
    )
    def build(self, line: str) -> object:
        """Build the service of a tagged version, a BentoML bento. Nothing is started, but what --accept is for.

        %build churn/3
        %build churn/3 --accept "the disk was lost"
        """
        args = self._parse(self.build, line)
        return api.build(self._version(args.version), accept=args.accept)

    @no_var_expand
    @line_magic
    @_with(
        argument("version", help="A tagged version such as churn/3, or a variable that holds one"),
        options.NOTEBOOKS,
    )
    def validate(self, line: str) -> object:
        """Run the validation notebooks against a version's service, and write a report. Nothing is released.

        %validate churn/3
        %validate churn/3 --notebook fairness.ipynb
        """
        args = self._parse(self.validate, line)
        return api.validate(self._version(args.version), args.notebooks)

    @no_var_expand
    @line_magic
    @_with(
        argument("version", help="A tagged version such as churn/3, or a model's name to watch what runs"),
        *options.PLAN,
        options.NOTEBOOKS,
        options.WAIT,
    )
    def canary(self, line: str) -> Release:
        """Release a tagged version, as %deploy does; with a model's name, only show what its latest release does.

        %canary churn/3 --steps 5,25,50
        %canary churn
        """
        args = self._parse(self.canary, line)
        return api.canary(
            self._version(args.version), plan=_plan(args), notebooks=args.notebooks, wait=args.wait
        )

    @no_var_expand
    @line_magic
    @_with(argument("name", help="A released model"))
    def drift(self, line: str) -> DriftReport:
        """Show how far inputs and outputs of the version that serves have moved from its reference data, by column.

        %drift churn
        """
        return api.drift(self._parse(self.drift, line).name)

    @no_var_expand
    @line_magic
    @_with(argument("name", help="A model whose canary runs"))
    def promote(self, line: str) -> Release:
        """Give the running canary all requests now, without waiting for more evidence.

        %promote churn
        """
        return api.promote(self._parse(self.promote, line).name)

    @no_var_expand
    @line_magic
    @_with(argument("name", help="A released model"))
    def rollback(self, line: str) -> Release:
        """Take all requests from the running canary; without one, go back to the version before the one that serves.

        %rollback churn
        """
        return api.rollback(self._parse(self.rollback, line).name)

    @no_var_expand
    @line_magic
    @_with(argument("name", help="A model whose release waits for approval"), options.NOTE)
    def approve(self, line: str) -> Release:
        """Approve the latest release of a model, where its plan asks for it; who deployed it cannot.

        %approve churn --note "report read, slices fine"
        """
        args = self._parse(self.approve, line)
        return api.approve(args.name, note=args.note)

    @no_var_expand
    @line_magic
    def releases(self, line: str) -> ReleasesTable:
        """Show what is released and what share of the requests it gets, the latest first.

        %releases
        """
        if line.strip():
            raise NorenError(
                f"%releases takes no arguments; got {line.strip()!r}. `%canary NAME` shows one release."
            )
        return api.releases()

    def _parse(self, magic: Any, line: str) -> Namespace:
        """Parse the line as a shell would: quotes hold a text together and are not part of it."""
        try:
            args = cast(Namespace, parse_argstring(magic, line))
        except UsageError as error:
            raise _explained(error, magic) from None
        return Namespace(**{name: _unquoted(value) for name, value in vars(args).items()})

    def _model(self, text: str) -> object:
        return text if model_of(text) else self._object(text)

    def _version(self, text: str) -> str:
        """A version by its text, or by a variable that holds one."""
        if text.isidentifier() and isinstance(held := self.shell.user_ns.get(text), ModelVersion):
            return str(held)
        return text

    def _pair(self, text: str) -> tuple[Any, Any]:
        return pair_of(text, self._object)

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


def _explained(error: UsageError, magic: Any) -> NorenError:
    """Say a mistake in a magic's line with the nearest known options, and where to read about all of them."""
    known = [flag for action in magic.parser._actions for flag in action.option_strings]
    words = [word for word in str(error).split() if word.startswith("-") and word.rstrip(":") not in known]
    near = [name for word in words for name in difflib.get_close_matches(word, known, n=1)]
    hint = f" Did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
    name = magic.__name__
    return NorenError(f"%{name}: {error}.{hint} `%{name}?` explains its options, with an example.")


def _unquoted(value: object) -> object:
    if isinstance(value, list):
        return [_unquoted(one) for one in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _plan(args: Namespace) -> Plan | None:
    return options.plan_of(args.steps, args.hold, approval=args.approval)


def _unattended() -> bool:
    """Whether nobody watches: CI, unless it was told to go on."""
    return bool(os.environ.get("CI")) and os.environ.get("NOREN_YES") != "1"
