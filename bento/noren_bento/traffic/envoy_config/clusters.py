"""Clusters: where each arm of a route is sent.

Each epoch of a route has clusters of its own, so that Envoy's counters are exact per epoch and a change of weight
never changes a cluster that has requests in flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from noren_bento.release.route import Route
from noren_bento.traffic.envoy_config.resource import TYPE, Json

_MAX_CONNECTIONS = 4096
MAX_REQUESTS = 512
"""Of one arm at once; more are answered with 429 at once. The same on both arms, so that a flood is no evidence. It is
more than two workers answer in half a second where an answer takes them two milliseconds: who is let in is still
answered in time. A connection for each that comes is made all the same: one that waits for another's connection would
wait twice."""
# BentoML's workers keep idle connections longer than this; the side that reuses must give up first, or a
# request meets a socket that is being closed and looks like a failure of the version.
_IDLE_TIMEOUT = "2s"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where one version listens."""

    version: str
    host: str
    port: int


def cluster_name(route: Route, arm: str) -> str:
    """Name of one arm's cluster during one epoch.

    >>> cluster_name(Route("churn", "churn@2", 3, "churn/1", "churn/2", 10), "candidate")
    'churn@2#3/candidate'
    """
    return f"{route.release}#{route.epoch}/{arm}"


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
            "max_requests": MAX_REQUESTS,
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
                "@type": f"{TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": _IDLE_TIMEOUT},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }
