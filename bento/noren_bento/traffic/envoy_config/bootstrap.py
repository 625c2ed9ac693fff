"""Bootstrap: where Envoy listens, and the files that hold its clusters and routes."""

from __future__ import annotations

from dataclasses import dataclass

from noren_bento.traffic.envoy_config.replies import replies
from noren_bento.traffic.envoy_config.resource import ROUTE_CONFIG, TYPE, Json

HEADER_SECONDS = 10
"""A new connection must say something this long after it was made; headers must end this long after they began."""
REQUEST_SECONDS = 12
"""The whole request must be here this long after it began."""
HEAP = "envoy.resource_monitors.fixed_heap"
HELD_BODIES = 32
"""Bodies that are being read or answered are kept, since they may be sent again: as much as so many of the largest."""
OTHER_BYTES = 250_000_000
"""What Envoy needs for all else; it has a fifth of it when it rests, and half of it with some thousand connections."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where Envoy listens, and the files it reads and writes."""

    host: str
    port: int
    folder: str
    """Folder of `cds.json`, `rds.json` and `access.log`."""
    admin_socket: str
    max_body_bytes: int


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
        "@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
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
        "request_headers_timeout": f"{HEADER_SECONDS}s",
        "request_timeout": f"{REQUEST_SECONDS}s",
        "stream_idle_timeout": "60s",
        "common_http_protocol_options": {"idle_timeout": "300s", "max_headers_count": 100},
        "server_name": "noren",
        "local_reply_config": replies(listener.max_body_bytes),
        "rds": {"route_config_name": ROUTE_CONFIG, "config_source": file_source("rds.json")},
        "access_log": [_event_log(f"{listener.folder}/access.log")],
        "http_filters": [
            {
                "name": "envoy.filters.http.buffer",
                "typed_config": {
                    "@type": f"{TYPE}.extensions.filters.http.buffer.v3.Buffer",
                    "max_request_bytes": listener.max_body_bytes,
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPE}.extensions.filters.http.router.v3.Router"},
            },
        ],
    }
    return {
        "admin": {"address": {"pipe": {"path": listener.admin_socket, "mode": 0o600}}},
        "overload_manager": _overload_manager(listener.max_body_bytes),
        "dynamic_resources": {"cds_config": file_source("cds.json")},
        "static_resources": {
            "listeners": [
                {
                    "name": "public",
                    "address": {"socket_address": {"address": listener.host, "port_value": listener.port}},
                    # With the default two Envoys share one port silently.
                    "enable_reuse_port": False,
                    "per_connection_buffer_limit_bytes": listener.max_body_bytes + 65_536,
                    # It waits for the first bytes: a connection that says nothing is closed, where the deadline of
                    # headers begins with their first byte, and that of idle connections is long.
                    "listener_filters": [
                        {
                            "name": "envoy.filters.listener.http_inspector",
                            "typed_config": {
                                "@type": f"{TYPE}.extensions.filters.listener.http_inspector.v3.HttpInspector"
                            },
                        }
                    ],
                    "listener_filters_timeout": f"{HEADER_SECONDS}s",
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


def _overload_manager(max_body_bytes: int) -> Json:
    """Where the bodies that are held come to too much, new requests are refused, then the largest are ended."""

    def above(share: float) -> Json:
        return {"name": HEAP, "threshold": {"value": share}}

    def between(low: float, high: float) -> Json:
        return {"name": HEAP, "scaled": {"scaling_threshold": low, "saturation_threshold": high}}

    monitor = {
        "@type": f"{TYPE}.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        "max_heap_size_bytes": OTHER_BYTES + HELD_BODIES * max_body_bytes,
    }
    return {
        "refresh_interval": "0.05s",
        "resource_monitors": [{"name": HEAP, "typed_config": monitor}],
        # Streams are told apart by what they hold from a mebibyte on, in powers of two.
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": 20},
        "actions": [
            {"name": "envoy.overload_actions.shrink_heap", "triggers": [above(0.6)]},
            {"name": "envoy.overload_actions.stop_accepting_requests", "triggers": [above(0.8)]},
            {"name": "envoy.overload_actions.reset_high_memory_stream", "triggers": [between(0.8, 0.95)]},
        ],
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
                "@type": f"{TYPE}.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": "upstream.request_attempt_count > 1u",
            },
        }
    }
    return {
        "name": "envoy.access_loggers.file",
        "filter": {"or_filter": {"filters": [status_filter, {"response_flag_filter": {}}, retried]}},
        "typed_config": {
            "@type": f"{TYPE}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"json_format": fields},
        },
    }
