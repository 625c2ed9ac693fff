"""Routes: which path of which model goes to which arm, how long it may take, and what is tried again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from noren_bento.release.route import Route
from noren_bento.traffic.envoy_config.clusters import Upstream, cluster_name
from noren_bento.traffic.envoy_config.resource import ROUTE_CONFIG, TYPE, Json

PREDICTING = ("/predict", "/invocations")
"""Paths of a service whose answers are predictions: split between the arms, tried again, evidence."""
FEEDBACK_SECONDS = 15.0
"""Longer than one worker waits for another's write."""
BULK_BYTES = 32_768
"""Bodies from this size on are bulk: their time is in their rows, not in how well the version is."""
BULK_SECONDS = 25.0
"""Deadline of a try with a bulk body; the service itself gives up at 30 s."""
COMPARED = "x-noren-compared"
"""Tells a service that it is in a canary: see serving/middleware.py."""
HOP_SECONDS = 0.1
"""Between the first try and the second, at most."""
TRIED_BY_THE_CHAMPION: Json = {
    "retry_on": "5xx,reset,connect-failure",
    "num_retries": 1,
    "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"},
    "retry_priority": {
        "name": "envoy.retry_priorities.previous_priorities",
        "typed_config": {
            "@type": f"{TYPE}.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
            "update_frequency": 1,
        },
    },
}
"""Whatever the candidate fails, the champion answers."""
TRIED_WHERE_IT_BROKE: Json = {
    "retry_on": "reset,connect-failure",
    "num_retries": 2,
    "retry_back_off": {"base_interval": f"{HOP_SECONDS}s", "max_interval": "0.5s"},
}
"""Nobody stands behind the champion: another of its workers answers what one was killed with. What a worker has
answered, with a 5xx too, the next would answer no better.

The system closes a dead worker's connections one after the other, while Envoy still takes them for good: the next try
waits until they are gone. Envoy draws the wait from nothing to the interval, and from three times as much after
that, so one try alone would sometimes come too early."""


def route_configuration(routes: Iterable[Route], upstreams: Mapping[str, Upstream]) -> Json:
    """Return the routes of all models."""
    table: list[Json] = [
        {
            "match": {"path": "/livez"},
            "name": "livez",
            "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}},
        }
    ]
    for route in sorted(routes, key=lambda route: route.name):
        table += _model_routes(route, upstreams)
    missing = "no model is released under this path; POST /<model>/predict"
    table.append({"match": {"prefix": "/"}, "name": "unknown", "direct_response": _error(404, missing)})
    return {
        "name": ROUTE_CONFIG,
        "virtual_hosts": [
            {"name": "noren", "domains": ["*"], "include_request_attempt_count": True, "routes": table}
        ],
    }


def _model_routes(route: Route, upstreams: Mapping[str, Upstream]) -> list[Json]:
    """Bodies of many rows have routes of their own, because their deadline is another one."""
    length = {"name": "content-length", "range_match": {"start": BULK_BYTES, "end": 1 << 62}}
    bulk = max(BULK_SECONDS, route.deadline_seconds)
    predicting = [
        one
        for path in PREDICTING
        for headers, deadline in (([length], bulk), ([], route.deadline_seconds))
        for one in _predict_routes(route, upstreams, path, headers, deadline)
    ]
    return [*predicting, _feedback_route(route, upstreams)]


def _feedback_route(route: Route, upstreams: Mapping[str, Upstream]) -> Json:
    """Labels go to the champion's service: never split, tried again or mirrored, and in no arm's counters.

    All versions of a model keep labels in one file, so any service could take them; the champion's is always there.
    """
    match = {"path": f"/{route.name}/feedback"}
    if (reason := _why_not(route, upstreams)) is not None:
        return {"match": match, "name": route.label, "direct_response": _error(503, reason)}
    action = {
        "cluster": cluster_name(route, "feedback"),
        "prefix_rewrite": "/feedback",
        "timeout": f"{FEEDBACK_SECONDS:.3f}s",
    }
    return {"match": match, "name": route.label, "route": action}


def _why_not(route: Route, upstreams: Mapping[str, Upstream]) -> str | None:
    """Why nobody can answer; None where the champion can."""
    if route.champion is None:
        return f"{route.name} has no released version"
    return None if route.champion in upstreams else f"{route.champion} is not running"


def _predict_routes(
    route: Route, upstreams: Mapping[str, Upstream], path: str, headers: list[Json], deadline: float
) -> Iterator[Json]:
    """One route an arm, the candidate's first: it takes its share, and what it leaves is the champion's."""
    match: Json = {"path": f"/{route.name}{path}", **({"headers": headers} if headers else {})}
    if (reason := _why_not(route, upstreams)) is not None:
        yield {"match": match, "name": route.label, "direct_response": _error(503, reason)}
        return
    # Two whole tries and the hop between them: a third has time only where one was cut off early.
    action: Json = {"prefix_rewrite": path, "timeout": f"{2 * deadline + HOP_SECONDS:.3f}s"}
    one_try: Json = {}
    if route.candidate in upstreams and route.weight:
        one_try = {"per_try_timeout": f"{deadline:.3f}s"}
        share = {"default_value": {"numerator": route.weight, "denominator": "HUNDRED"}}
        policy = {**TRIED_BY_THE_CHAMPION, **one_try}
        yield _arm(
            route,
            "candidate",
            str(route.candidate),
            {**match, "runtime_fraction": share},
            {**action, "retry_policy": policy},
            compared=True,
        )
    # Compared with a candidate it has the same time for a try. Alone it has all of it for one: what does not end in
    # time would hold a second worker as well, and what comes too fast would come twice.
    policy = {**TRIED_WHERE_IT_BROKE, **one_try}
    yield _arm(
        route,
        "champion",
        str(route.champion),
        match,
        {**action, "retry_policy": policy},
        compared=bool(one_try),
    )


def _arm(route: Route, arm: str, version: str, match: Json, action: Json, *, compared: bool) -> Json:
    overwrite = {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    told = [{"header": {"key": COMPARED, "value": "1"}, **overwrite}]
    return {
        "match": match,
        "name": route.label,
        "route": {"cluster": cluster_name(route, arm), **action},
        # On both arms alike, so that what waits too long is a failure of either.
        **({"request_headers_to_add": told} if compared else {"request_headers_to_remove": [COMPARED]}),
        # Who was chosen; who answered is in the body, since a fallback is answered by the champion.
        "response_headers_to_add": [{"header": {"key": "x-noren-chosen", "value": version}}],
    }


def _error(status: int, text: str) -> Json:
    return {"status": status, "body": {"inline_string": json.dumps({"error": text}) + "\n"}}
