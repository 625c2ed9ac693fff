"""Envoy's configuration as plain values: routes and upstreams in, the bootstrap, clusters and routes out. Pure.

Each epoch of a route has clusters of its own, so that Envoy's counters are exact per epoch and a change of weight
never changes a cluster that has requests in flight.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from noren_bento.release.route import Route

Json = dict[str, Any]

ROUTE_CONFIG = "noren"
_TYPE = "type.googleapis.com/envoy"
_MAX_CONNECTIONS = 4096
# BentoML's workers keep idle connections longer than this; the side that reuses must give up first, or a
# request meets a socket that is being closed and looks like a failure of the version.
_IDLE_TIMEOUT = "2s"
PREDICTING = ("/predict", "/invocations")
"""Paths of a service whose answers are predictions: split between the arms, tried again, evidence."""
FEEDBACK_SECONDS = 15.0
"""Longer than one worker waits for another's write."""
BULK_BYTES = 32_768
"""Bodies from this size on are bulk: their time is in their rows, not in how well the version is."""
BULK_SECONDS = 25.0
"""Deadline of a try with a bulk body; the service itself gives up at 30 s."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where one version listens."""

    version: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Listener:
    """Where Envoy listens, and the files it reads and writes."""

    host: str
    port: int
    folder: str
    """Folder of `cds.json`, `rds.json` and `access.log`."""
    admin_socket: str
    max_body_bytes: int


def cluster_name(route: Route, arm: str) -> str:
    """Name of one arm's cluster during one epoch.

    >>> cluster_name(Route("churn", "churn@2", 3, "churn/1", "churn/2", 10), "candidate")
    'churn@2#3/candidate'
    """
    return f"{route.release}#{route.epoch}/{arm}"


def bootstrap(listener: Listener) -> Json:
    """Return Envoy's bootstrap: the listener, the admin socket, and the files that hold clusters and routes."""

    def file_source(name: str) -> Json:
        return {
            "resource_api_version": "V3",
            "path_config_source": {
                "path": f"{listener.folder}/{name}",
                "watched_directory": {"path": listener.folder},
            },
        }

    manager = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "noren",
        "codec_type": "HTTP1",
        # All callers are outside: none may steer retries and deadlines with x-envoy-* headers. An empty list would
        # mean Envoy's default (private addresses are inside), so the list names one address that nobody has.
        "use_remote_address": True,
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "normalize_path": True,
        "merge_slashes": True,
        "request_headers_timeout": "10s",
        "request_timeout": "30s",
        "stream_idle_timeout": "60s",
        "common_http_protocol_options": {"idle_timeout": "300s", "max_headers_count": 100},
        "server_name": "noren",
        "rds": {"route_config_name": ROUTE_CONFIG, "config_source": file_source("rds.json")},
        "access_log": [_event_log(f"{listener.folder}/access.log")],
        "http_filters": [
            {
                "name": "envoy.filters.http.buffer",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.filters.http.buffer.v3.Buffer",
                    "max_request_bytes": listener.max_body_bytes,
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
            },
        ],
    }
    return {
        "admin": {"address": {"pipe": {"path": listener.admin_socket, "mode": 0o600}}},
        "dynamic_resources": {"cds_config": file_source("cds.json")},
        "static_resources": {
            "listeners": [
                {
                    "name": "public",
                    "address": {"socket_address": {"address": listener.host, "port_value": listener.port}},
                    # With the default two Envoys share one port silently.
                    "enable_reuse_port": False,
                    "per_connection_buffer_limit_bytes": listener.max_body_bytes + 65_536,
                    "filter_chains": [
                        {
                            "filters": [
                                {
                                    "name": "envoy.filters.network.http_connection_manager",
                                    "typed_config": manager,
                                }
                            ]
                        }
                    ],
                }
            ]
        },
    }


def _event_log(path: str) -> Json:
    """One JSON line for each request that is an event: 5xx, any response flag, more than one attempt."""
    fields = {
        "route": "%ROUTE_NAME%",
        "cluster": "%UPSTREAM_CLUSTER%",
        "host": "%UPSTREAM_HOST%",
        "code": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "microseconds": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "started": "%START_TIME(%s.%3f)%",
    }
    status_filter = {
        "status_code_filter": {
            "comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "noren.status_floor"}}
        }
    }
    retried = {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": f"{_TYPE}.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": "upstream.request_attempt_count > 1u",
            },
        }
    }
    return {
        "name": "envoy.access_loggers.file",
        "filter": {"or_filter": {"filters": [status_filter, {"response_flag_filter": {}}, retried]}},
        "typed_config": {
            "@type": f"{_TYPE}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"json_format": fields},
        },
    }


def clusters(
    routes: Iterable[Route], upstreams: Mapping[str, Upstream], *, max_body_bytes: int
) -> dict[str, Json]:
    """Return the clusters that these routes need, by name; a route whose champion has no upstream has none."""
    found: dict[str, Json] = {}
    for route in routes:
        champion = upstreams.get(route.champion or "")
        candidate = upstreams.get(route.candidate or "")
        if champion is not None:
            name = cluster_name(route, "champion")
            found[name] = _cluster(name, (champion,), max_body_bytes)
            if candidate is not None:
                # The champion stands behind the candidate at the next priority: what the candidate fails, hangs
                # on or is too dead to take is answered by the champion.
                name = cluster_name(route, "candidate")
                found[name] = _cluster(name, (candidate, champion), max_body_bytes)
            name = cluster_name(route, "feedback")
            found[name] = _cluster(name, (champion,), max_body_bytes)
    return found


def _cluster(name: str, upstreams: tuple[Upstream, ...], max_body_bytes: int) -> Json:
    endpoints = [
        {
            "priority": priority,
            "lb_endpoints": [
                {
                    "endpoint": {
                        "address": {"socket_address": {"address": upstream.host, "port_value": upstream.port}}
                    }
                }
            ],
        }
        for priority, upstream in enumerate(upstreams)
    ]
    thresholds = [
        {
            "priority": "DEFAULT",
            "max_connections": _MAX_CONNECTIONS,
            "max_pending_requests": _MAX_CONNECTIONS,
            "max_requests": _MAX_CONNECTIONS,
            # The default of 3 gives users the candidate's failures as soon as four happen at once.
            "max_retries": _MAX_CONNECTIONS,
        }
    ]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "per_connection_buffer_limit_bytes": max_body_bytes + 65_536,
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        "circuit_breakers": {"thresholds": thresholds},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": _IDLE_TIMEOUT},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


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
    """Bodies of many rows have a route of their own, because their deadline is another one."""
    length = {"name": "content-length", "range_match": {"start": BULK_BYTES, "end": 1 << 62}}
    bulk = max(BULK_SECONDS, route.deadline_seconds)
    predicting = [
        _predict_route(route, upstreams, path, headers, deadline)
        for path in PREDICTING
        for headers, deadline in (([length], bulk), ([], route.deadline_seconds))
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


def _predict_route(
    route: Route, upstreams: Mapping[str, Upstream], path: str, headers: list[Json], deadline: float
) -> Json:
    match: Json = {"path": f"/{route.name}{path}", **({"headers": headers} if headers else {})}
    if (reason := _why_not(route, upstreams)) is not None:
        return {"match": match, "name": route.label, "direct_response": _error(503, reason)}
    arms = [_weighted(route, "champion", str(route.champion), 100 - route.weight)]
    if route.candidate in upstreams and route.weight:
        arms.append(_weighted(route, "candidate", str(route.candidate), route.weight))
    else:
        arms[0]["weight"] = 100
    action = {
        "weighted_clusters": {"clusters": arms},
        "prefix_rewrite": path,
        # Two tries and the hop between them.
        "timeout": f"{2 * deadline + 0.5:.3f}s",
        "retry_policy": {
            "retry_on": "5xx,reset,connect-failure",
            "num_retries": 1,
            "per_try_timeout": f"{deadline:.3f}s",
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"},
            "retry_priority": {
                "name": "envoy.retry_priorities.previous_priorities",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                    "update_frequency": 1,
                },
            },
        },
    }
    return {"match": match, "name": route.label, "route": action}


def _weighted(route: Route, arm: str, version: str, weight: int) -> Json:
    return {
        "name": cluster_name(route, arm),
        "weight": weight,
        # Who was chosen; who answered is in the body, since a fallback is answered by the champion.
        "response_headers_to_add": [{"header": {"key": "x-noren-chosen", "value": version}}],
    }


def _error(status: int, text: str) -> Json:
    return {"status": status, "body": {"inline_string": json.dumps({"error": text}) + "\n"}}


def discovery_response(kind: str, resources: Iterable[Json], version: str) -> Json:
    """Wrap resources as Envoy reads them from a file. `kind` is `cluster` or `route`."""
    types = {
        "cluster": f"{_TYPE}.config.cluster.v3.Cluster",
        "route": f"{_TYPE}.config.route.v3.RouteConfiguration",
    }
    return {
        "version_info": version,
        "resources": [{"@type": types[kind], **resource} for resource in resources],
    }
