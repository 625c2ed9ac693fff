"""The gate: reads executed notebooks and says whether the bento may be released. Pure.

A notebook passes only if it finished, every check that it promises reported, all pass, and the digest of the model
that it loaded is the one being released. Everything else closes the gate and says why: `sys.exit(0)`, a cell that
never ran, a swallowed check, a dead kernel, no check at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from noren_bento.errors import NorenError
from noren_bento.release.check import Outcome, Verdict
from noren_validation import bundle
from noren_validation.declaration import code_cells, outputs_of, promised_checks
from noren_validation.limit import judge
from noren_validation.validation import NotebookResult


def judge_notebook(
    name: str,
    notebook: Mapping[str, Any],
    *,
    digest: str,
    interruption: str = "",
    seconds: float = 0.0,
    path: Path | None = None,
) -> NotebookResult:
    """Read what one executed notebook says.

    `digest` is the content digest of the model being released; `interruption` says what ended the run from outside
    (a deadline, a dead kernel), empty when nothing did.
    """
    try:
        verdicts = _verdicts(notebook)
        unfinished = interruption or _unfinished(notebook)
        closed = [unfinished] if unfinished else []
        if wrong := _wrong_digest(notebook, digest, finished=not unfinished):
            closed.append(wrong)
        missing = [check for check in promised_checks(notebook) if check not in verdicts]
    except NorenError as error:
        return NotebookResult(name, (_closing(name, str(error)),), (str(error),), seconds, path)
    if not verdicts and not missing:
        closed.append(
            "it reported no check; call noren.check(name, value, at_least=…) for each question it answers"
        )
    checks = [*verdicts.values()]
    checks += [_closing(name, closed[0])] if closed else []
    checks += [
        Verdict(one, Outcome.FAIL, because="promised by the notebook, but it did not report")
        for one in missing
    ]
    if missing:
        closed.append(
            f"{'checks' if len(missing) > 1 else 'check'} {', '.join(map(repr, missing))} did not report"
        )
    return NotebookResult(name, tuple(checks), tuple(closed), seconds, path)


def judge_notebooks(results: Sequence[NotebookResult]) -> Outcome:
    """Return pass only when there is a notebook and all pass; fail before unsure.

    >>> judge_notebooks([])
    <Outcome.FAIL: 'fail'>
    """
    outcomes = {result.outcome for result in results}
    for outcome in (Outcome.FAIL, Outcome.UNSURE):
        if outcome in outcomes:
            return outcome
    return Outcome.PASS if outcomes else Outcome.FAIL


def name_checks(results: Sequence[NotebookResult]) -> tuple[Verdict, ...]:
    """Return all checks with unique names: one that two notebooks use is prefixed with its notebook's name."""
    counts = Counter(verdict.check for result in results for verdict in result.checks)
    return tuple(
        verdict if counts[verdict.check] == 1 else replace(verdict, check=f"{result.name}: {verdict.check}")
        for result in results
        for verdict in result.checks
    )


def _verdicts(notebook: Mapping[str, Any]) -> dict[str, Verdict]:
    """Verdicts by name, judged again from value and limit; of a name that reports twice the worst stays."""
    rank = {Outcome.PASS: 0, Outcome.UNSURE: 1, Outcome.FAIL: 2}
    verdicts: dict[str, Verdict] = {}
    for output in outputs_of(notebook):
        payload = output.get("data", {}).get(bundle.VERDICT_MIME)
        if payload is None:
            continue
        one = bundle.read_measurement(payload)
        verdict = judge(one.check, one.value, limit=one.limit, because=one.because)
        before = verdicts.get(one.check)
        if before is None or rank[verdict.outcome] > rank[before.outcome]:
            verdicts[one.check] = verdict
    return verdicts


def _unfinished(notebook: Mapping[str, Any]) -> str:
    """Say where the notebook stopped, in the author's count of cells; empty when every code cell ran to its end."""
    number = 0
    for cell in code_cells(notebook):
        number += "injected-parameters" not in cell.get("metadata", {}).get("tags", ())
        for output in cell.get("outputs", ()):
            if output.get("output_type") == "error":
                value = str(output.get("evalue", "")).strip().splitlines()
                text = (
                    f"{output.get('ename', 'an error')}: {value[0][:200]}"
                    if value
                    else str(output.get("ename"))
                )
                return f"code cell {number} ended with {text}"
        if cell.get("execution_count") is None:
            return f"code cell {number} did not run"
        if cell.get("metadata", {}).get("papermill", {}).get("exception"):
            return f"code cell {number} did not end well"
    return ""


def _wrong_digest(notebook: Mapping[str, Any], digest: str, *, finished: bool) -> str:
    """Say which other model was tested; empty when exactly the expected digest was proved.

    A notebook that did not finish need not have come to its proof: that is no reason of its own.
    """
    payloads = (output.get("data", {}).get(bundle.DIGEST_MIME) for output in outputs_of(notebook))
    proved = {bundle.read_digest(payload) for payload in payloads if payload is not None}
    if not proved:
        return (
            ""
            if not finished
            else (
                "it did not prove which model it tested; open it with "
                "noren_validation.open_subject(subject) and call .prove_digest()"
            )
        )
    others = sorted(proved - {digest})
    return f"it tested digest {others[0][:12]}, but {digest[:12]} is being released" if others else ""


def _closing(name: str, reason: str) -> Verdict:
    return Verdict(f"{name} notebook", Outcome.FAIL, because=reason)
