"""The real suite against real bentos: what passes, what closes the gate, and what is left when it is stopped."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from noren_bento.errors import NorenError, NotFoundError
from noren_bento.release.check import Outcome
from noren_bento.targets.temporary import serving
from noren_validation.runner import suite_notebooks, validate_bento
from noren_validation.validation import Validation
from tests.noren_validation.conftest import Built, fit_people, people
from tests.noren_validation.notebook_of import START, write_notebook

pytestmark = pytest.mark.slow
DATA_QUALITY, PERFORMANCE, PRODUCTION = suite_notebooks()
DATA_CHECKS = ["test rows", "usable targets", "missing values", "rows seen in training"]
SCORE_CHECKS = ["answers", "score", "better than guessing", "as tagged"]
SERVED_CHECKS = [
    "rows accepted",
    "p99 latency",
    "rows per second",
    "memory",
    "size",
    "same answers",
    "refusals",
]


def no_service() -> str:
    raise AssertionError("no notebook asked for the service")


def validate(
    built: Built, settings, *notebooks: Path, champion: Path | None = None, service=no_service
) -> Validation:
    return validate_bento(
        built.files,
        built.build,
        champion=champion,
        service=service,
        settings=settings,
        notebooks=notebooks or None,
    )


def outcomes(validation: Validation) -> dict[str, Outcome]:
    return {verdict.check: verdict.outcome for verdict in validation.checks}


@pytest.fixture(scope="module")
def narrower(make_version) -> Built:
    """A version that does not know one of the classifier's columns."""
    model, train, test = fit_people(drop=("job",))
    return make_version(model, "people-narrow", train=train, test=test)


@pytest.fixture(scope="module")
def served(classifier: Built, settings) -> Iterator[str]:
    with serving(classifier.build.path, settings=settings) as url:
        yield url


def test_a_good_first_release_passes_the_whole_suite(classifier, settings, served):
    told: list[str] = []
    validation = validate_bento(
        classifier.files,
        classifier.build,
        champion=None,
        service=lambda: served,
        settings=settings,
        progress=told.append,
    )
    assert validation.passed, validation.verdict.because
    assert [verdict.check for verdict in validation.checks] == DATA_CHECKS + SCORE_CHECKS + SERVED_CHECKS
    assert validation.digest == classifier.files.version.digest
    assert validation.verdict.because == "15 of 15 checks passed"
    assert validation.report == settings.home / "validations" / "people" / "1" / "report.html"
    assert "✓ Passed" in validation.report.read_text()
    assert all(result.path and result.path.is_file() for result in validation.notebooks)
    assert len(told) == 3
    assert [path.name for path in (settings.home / "validations" / "people").iterdir()] == ["1"]


def test_a_good_candidate_passes_beside_its_champion(classifier, settings, served):
    path = classifier.build.path  # the champion is the same model: not worse, and its callers are welcome
    validation = validate(classifier, settings, champion=path, service=lambda: served)
    assert validation.passed, validation.verdict.because
    assert len(validation.checks) == 17


def test_a_regressor_on_a_plain_array_passes_the_whole_suite(regressor, settings):
    with serving(regressor.build.path, settings=settings) as url:
        validation = validate(regressor, settings, service=lambda: url)
    assert validation.passed, validation.verdict.because
    assert [verdict.check for verdict in validation.checks] == DATA_CHECKS + SCORE_CHECKS + SERVED_CHECKS


def test_what_production_requires_of_speed_memory_and_size_closes_the_gate(classifier, settings, served):
    missed = replace(settings, p99_ms=0.01, rows_per_second=1e9, max_memory=1_000_000, max_bytes=1_000)
    validation = validate(classifier, missed, PRODUCTION, service=lambda: served)
    failed = [name for name, outcome in outcomes(validation).items() if outcome is Outcome.FAIL]
    assert failed == ["p99 latency", "rows per second", "memory", "size"]
    assert not validation.passed


def test_a_score_below_the_required_one_closes_the_gate(classifier, settings):
    validation = validate(classifier, replace(settings, min_score=0.99), PERFORMANCE)
    assert outcomes(validation)["score"] is Outcome.FAIL
    assert validation.outcome is Outcome.FAIL


def test_a_candidate_that_cannot_be_compared_with_its_champion_does_not_pass(classifier, narrower, settings):
    settings = replace(settings, min_score=0.1)
    validation = validate(narrower, settings, PERFORMANCE, champion=classifier.build.path)
    assert outcomes(validation)["not worse than the champion"] is not Outcome.PASS
    assert not validation.passed


def test_a_candidate_worse_than_its_champion_beyond_noise_closes_the_gate(classifier, make_version, settings):
    weak_model, train, test = fit_people(strength=1e-4)
    weak = make_version(weak_model, "people-weak", train=train, test=test)
    validation = validate(weak, replace(settings, min_score=0.1), PERFORMANCE, champion=classifier.build.path)
    assert outcomes(validation)["not worse than the champion"] is Outcome.FAIL
    assert validation.outcome is Outcome.FAIL


def test_a_candidate_that_refuses_the_champions_requests_closes_the_gate(classifier, narrower, settings):
    with serving(narrower.build.path, settings=settings) as url:
        validation = validate(
            narrower, settings, PRODUCTION, champion=classifier.build.path, service=lambda: url
        )
    verdict = next(one for one in validation.checks if one.check == "the champion's requests")
    assert verdict.outcome is Outcome.FAIL
    assert "job" in verdict.because


def test_testing_on_the_training_rows_closes_the_gate(make_version, settings):
    model, train, _ = fit_people(rows=600)
    leaky = make_version(model, "people-leaky", train=train, test=train)
    validation = validate(leaky, settings, DATA_QUALITY)
    assert outcomes(validation)["rows seen in training"] is Outcome.FAIL


def test_a_column_that_lost_its_values_closes_the_gate(make_version, settings):
    model, train, (X, y) = fit_people(strength=0.9)
    broken = make_version(model, "people-broken", train=train, test=(X.assign(age=np.nan), y))
    validation = validate(broken, settings, DATA_QUALITY)
    verdict = next(one for one in validation.checks if one.check == "missing values")
    assert verdict.outcome is Outcome.FAIL
    assert "age" in verdict.because


def test_a_service_of_another_model_closes_the_gate(regressor, served, settings):
    validation = validate(regressor, settings, PRODUCTION, service=lambda: served)
    assert validation.outcome is Outcome.FAIL
    assert validation.digest == ""
    assert any(
        "is being released" in reason or "ended with" in reason for reason in validation.notebooks[0].closed
    )


def test_a_service_that_does_not_answer_closes_the_gate_and_says_so(classifier, settings):
    validation = validate(classifier, settings, PRODUCTION, service=lambda: "http://127.0.0.1:9")
    assert validation.outcome is Outcome.FAIL
    assert "did not answer" in validation.verdict.because


def test_a_changed_bento_is_not_loaded_and_closes_the_gate(classifier, settings, tmp_path):
    path = Path(shutil.copytree(classifier.build.path, tmp_path / "bento"))
    built = Built(classifier.files, replace(classifier.build, path=path))
    profile = path / "src" / "model" / "profile.json"
    profile.chmod(0o644)
    profile.write_bytes(profile.read_bytes() + b" ")
    validation = validate(built, settings, PERFORMANCE)
    assert validation.outcome is Outcome.FAIL
    assert "SHA-256" in validation.verdict.because


def test_what_has_no_target_is_judged_by_its_data_and_answers(make_version, settings):
    (X, _), (X_test, _) = people(900, 0), people(300, 1)
    X, X_test = X[["age", "hours"]].fillna(40), X_test[["age", "hours"]].fillna(40)
    model = IsolationForest(n_estimators=20, random_state=0).fit(X)
    odd = make_version(model, "people-odd", train=(X, None), test=(X_test, None))
    validation = validate(odd, settings, DATA_QUALITY, PERFORMANCE)
    assert validation.passed, validation.verdict.because
    assert set(outcomes(validation)) == {"test rows", "missing values", "rows seen in training", "answers"}


def test_a_run_replaces_the_one_before_and_sweeps_what_a_killed_one_left(classifier, settings):
    first = validate(classifier, settings, DATA_QUALITY)
    left = first.report.parent.parent / ".1-killed"
    left.mkdir()
    os.utime(left, (0, 0))
    second = validate(classifier, settings, DATA_QUALITY)
    assert second.report == first.report
    assert [path.name for path in second.report.parent.parent.iterdir()] == ["1"]


class StoppedError(Exception):
    """What ends the wait for the service."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, StoppedError])
def test_when_the_wait_for_the_service_ends_nothing_is_left_and_the_report_before_stays(
    classifier, settings, error
):
    before = validate(classifier, settings, DATA_QUALITY)

    def service() -> str:
        raise error

    with pytest.raises(error):
        validate(classifier, settings, service=service)
    assert before.report.read_text()
    assert [path.name for path in (settings.home / "validations" / "people").iterdir()] == ["1"]


def test_a_users_notebook_is_run_in_place_of_the_suite(classifier, settings, tmp_path):
    version = classifier.files.version
    own = write_notebook(
        tmp_path / "own.ipynb",
        "from noren_validation import check, open_subject",
        "opened = open_subject(subject); opened.prove_digest();",
        "check('enough rows', len(opened.files.test()), at_least=100);",
    )
    validation = validate(classifier, settings, own)
    assert validation.passed, validation.verdict.because
    assert (validation.digest, len(validation.checks)) == (version.digest, 1)


def test_a_users_notebook_that_tests_nothing_of_this_model_closes_the_gate(classifier, settings, tmp_path):
    idle = write_notebook(
        tmp_path / "idle.ipynb", "from noren_validation import check", "check('a', 1, at_least=0);"
    )
    other = write_notebook(
        tmp_path / "other.ipynb", START, "check('a', 1, at_least=0); check('b', 1, at_least=0);"
    )
    validation = validate(classifier, settings, idle, other)
    assert validation.outcome is Outcome.FAIL
    assert [result.outcome for result in validation.notebooks] == [Outcome.FAIL, Outcome.FAIL]
    assert "idle: a" in outcomes(validation)


def test_what_cannot_be_run_is_refused_before_anything_starts(classifier, regressor, settings, tmp_path):
    write_notebook(tmp_path / "latency.ipynb")
    with pytest.raises(NotFoundError, match=r"latency\.ipynb"):
        validate(classifier, settings, tmp_path / "latancy.ipynb")
    (tmp_path / "text.ipynb").write_text("no notebook")
    with pytest.raises(NorenError, match="is not a notebook"):
        validate(classifier, settings, tmp_path / "text.ipynb")
    with pytest.raises(NorenError, match="Build people/1 again"):
        validate(Built(classifier.files, regressor.build), settings, DATA_QUALITY)
    with pytest.raises(NorenError, match="No validation notebook"):
        validate_bento(
            classifier.files,
            classifier.build,
            champion=None,
            service=no_service,
            settings=settings,
            notebooks=[],
        )


@pytest.mark.parametrize("path", suite_notebooks(), ids=lambda path: path.stem)
def test_the_suites_notebooks_lie_clean_in_the_repository(path):
    notebook = json.loads(path.read_text())
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook["cells"])
    assert notebook["cells"][1]["metadata"] == {"tags": ["parameters"]}
