"""Envoy with the shipped configuration: exact counts, and the champion behind a failing candidate."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from noren_bento.release.route import Route
from noren_bento.traffic.access_log import count
from noren_bento.traffic.envoy import Envoy
from noren_bento.traffic.envoy_config.clusters import Upstream
from noren_bento.traffic.envoy_config.routes import route_configuration
from tests.noren_bento.traffic.bench import Bench, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def settle(bench: Bench, route: Route, expected: int) -> tuple[int, int]:
    """Wait until Envoy has counted all that clients sent; return the requests of both arms."""
    wait_for(lambda: sum(counts.requests for counts in bench.envoy.totals(route)) >= expected)
    champion, candidate = bench.envoy.totals(route)
    return champion.requests, candidate.requests


@pytest.mark.parametrize("behaviour", ["fails", "hangs", "dead"])
def test_what_a_candidate_fails_is_answered_by_the_champion_and_counted(bench: Bench, behaviour: str) -> None:
    route = Route("m", "m@1", 1, "m/1", "m/2", 50)
    bench.apply(Route("m", "m@0", 1, "m/1"))
    bench.candidate.behaviour = behaviour
    if behaviour == "dead":
        bench.candidate.close()
    bench.envoy.apply([route], bench.upstreams)
    chosen: list[str] = []
    while chosen.count("m/2") < 4:
        status, arm, answered = bench.post()
        assert (status, answered) == (200, "m/1")
        chosen.append(arm)
    assert settle(bench, route, len(chosen)) == (chosen.count("m/1"), 4)
    wait_for(lambda: len(bench.envoy.read_log(0).failures) >= 4)
    failures = bench.envoy.read_log(0).failures
    counts = count(failures, "candidate")
    assert (counts.failed, counts.harmed) == (4, 0)
    assert count(failures, "champion").failed == 0


def test_counts_equal_what_clients_sent_on_both_arms(bench: Bench) -> None:
    route = Route("m", "m@1", 1, "m/1", "m/2", 10)
    bench.apply(route)
    before = settle(bench, route, 1)
    chosen = [bench.post()[1] for _ in range(300)]
    after = settle(bench, route, sum(before) + 300)
    assert (after[0] - before[0], after[1] - before[1]) == (chosen.count("m/1"), chosen.count("m/2"))


def test_the_first_release_s_roll_back_leaves_a_503_that_says_so(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 2, None))
    assert bench.post()[::2] == (503, "m has no released version")


def test_callers_cannot_steer_retries_with_envoy_headers(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 1, "m/1", "m/2", 99))
    bench.candidate.behaviour = "fails"
    steering = {
        "x-envoy-max-retries": "0",
        "x-envoy-retry-on": "gateway-error",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-attempt-count": "7",
    }
    assert {bench.post(steering)[::2] for _ in range(20)} == {(200, "m/1")}
    assert bench.champion.headers["x-envoy-attempt-count"] == "2"


def test_a_body_over_the_limit_is_413(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 1, "m/1"))
    assert bench.client.post("/m/predict", content=b"x" * 1_200_000).status_code == 413


def test_weights_change_under_load_without_a_lost_request(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 1, "m/1", "m/2", 10))
    statuses: list[int] = []
    stop = threading.Event()

    def send() -> None:
        with httpx.Client() as client:
            while not stop.is_set():
                url = f"http://127.0.0.1:{bench.port}/m/predict"
                statuses.append(client.post(url, content=b"{}").status_code)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    previous = Route("m", "m@1", 1, "m/1", "m/2", 10)
    for epoch, weight in enumerate((50, 90, 10, 50, 90), start=2):
        route = Route("m", "m@1", epoch, "m/1", "m/2", weight)
        bench.envoy.apply([route], bench.upstreams, draining=[previous])
        previous, answered = route, len(statuses)
        wait_for(lambda answered=answered: len(statuses) >= answered + 20)
    stop.set()
    for sender in senders:
        sender.join()
    assert set(statuses) == {200}


def test_a_control_that_starts_anew_finds_its_routes_taken(bench: Bench) -> None:
    route = Route("m", "m@1", 1, "m/1", "m/2", 50)
    bench.apply(route)
    anew = Envoy(bench.envoy.listener)
    # Envoy takes no update where nothing changed: to wait for one would end in UnreachableError.
    anew.apply([route], bench.upstreams)
    anew.apply([], {})
    anew.apply([route], bench.upstreams)
    assert bench.post()[0] == 200


def test_refusals_are_counted_per_arm_and_not_tried_again(bench: Bench) -> None:
    route = Route("m", "m@1", 1, "m/1", "m/2", 50)
    bench.apply(route)
    before = [counts.refused for counts in bench.envoy.totals(route)]
    bench.candidate.behaviour = "refuses"
    seen = [bench.post()[:2] for _ in range(30)]
    expected = [before[0], before[1] + seen.count((422, "m/2"))]
    wait_for(lambda: sum(counts.refused for counts in bench.envoy.totals(route)) >= sum(expected))
    assert [counts.refused for counts in bench.envoy.totals(route)] == expected
    assert {status for status, arm in seen if arm == "m/1"} == {200}


def test_a_bulk_body_has_time(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 1, "m/1", deadline_seconds=0.3))
    bench.champion.behaviour = "hangs"
    assert bench.client.post("/m/predict", content=b"x" * 100).status_code == 504
    assert bench.client.post("/m/predict", content=b"x" * 100_000).status_code == 200


def test_invocations_are_split_and_tried_again_like_predict(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 1, "m/1", "m/2", 99))
    bench.candidate.behaviour = "fails"
    answers = [bench.client.post("/m/invocations", content=b"x" * size) for size in (2, 100_000)]
    assert [(answer.status_code, answer.json()["model"]) for answer in answers] == [(200, "m/1")] * 2
    assert bench.champion.paths[-2:] == ["/invocations"] * 2


def test_feedback_goes_to_the_champion_once_and_is_no_evidence(bench: Bench) -> None:
    route = Route("m", "m@1", 1, "m/1", "m/2", 99)
    bench.apply(route)
    before = [counts.requests for counts in bench.envoy.totals(route)]
    bench.champion.paths.clear()
    bench.champion.behaviour = "fails"
    codes = [bench.client.post("/m/feedback", content=b"{}").status_code for _ in range(20)]
    assert (set(codes), bench.champion.paths) == ({500}, ["/feedback"] * 20)
    bench.champion.behaviour = "good"
    chosen = [bench.post()[1] for _ in range(20)]
    wait_for(lambda: sum(counts.requests for counts in bench.envoy.totals(route)) >= sum(before) + 20)
    after = [counts.requests for counts in bench.envoy.totals(route)]
    assert [late - early for early, late in zip(before, after, strict=True)] == [
        chosen.count("m/1"),
        chosen.count("m/2"),
    ]
    # The log flushes in order: what comes after the twenty failures is there, and none of them is.
    bench.candidate.behaviour = "fails"
    while "m/2" not in [bench.post()[1]]:
        pass
    wait_for(lambda: bool(bench.envoy.read_log(0).failures))
    failures = bench.envoy.read_log(0).failures
    assert count(failures, "champion").failed == 0


def test_feedback_of_a_model_without_a_champion_is_503(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 2, None))
    assert bench.client.post("/m/feedback", content=b"{}").status_code == 503


def test_what_a_champion_answers_is_not_tried_again_with_a_candidate_beside_it_or_without(
    bench: Bench,
) -> None:
    for route in (Route("m", "m@1", 1, "m/1"), Route("m", "m@1", 2, "m/1", "m/2", 1)):
        bench.apply(route)
        bench.champion.behaviour = "fails"
        bench.champion.paths.clear()
        chosen = [bench.post()[1] for _ in range(20)]
        assert len(bench.champion.paths) == chosen.count("m/1")
        bench.champion.behaviour = "good"


def test_a_champion_alone_is_asked_once_where_it_does_not_end_in_time(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 1, "m/1", deadline_seconds=0.3))
    bench.champion.behaviour = "hangs"
    bench.champion.paths.clear()
    assert bench.client.post("/m/predict", content=b"x").json()["error"] == "No answer came in time."
    assert bench.champion.paths == ["/predict"]


def test_both_arms_of_a_canary_are_told_so_and_a_champion_alone_is_not() -> None:
    upstreams = {name: Upstream(name, "127.0.0.1", 1) for name in ("m/1", "m/2")}

    def told(route: Route) -> set[tuple[str, ...]]:
        (host,) = route_configuration([route], upstreams)["virtual_hosts"]
        predicting = [one for one in host["routes"] if one["match"].get("path") == "/m/predict"]
        return {
            tuple(one["header"]["key"] for one in arm.get("request_headers_to_add", ())) for arm in predicting
        }

    alone = Route("m", "m@1", 0, "m/1")
    assert told(alone) == {()}
    assert told(replace(alone, candidate="m/2", weight=10)) == {("x-noren-compared",)}


def test_what_envoy_itself_answers_is_json_with_an_error(bench: Bench) -> None:
    bench.apply(Route("m", "m@1", 1, "m/1"))
    too_large = bench.client.post("/m/predict", content=b"x" * 1_200_000, headers={"x-request-id": "large"})
    assert too_large.json() == {
        "error": "The body is larger than 1000000 bytes; send its rows in several requests.",
        "request_id": "large",
    }
    assert bench.client.post("/nobody/predict").json()["error"].startswith("no model is released")
