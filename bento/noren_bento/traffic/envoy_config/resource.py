"""Resources: what Envoy's configuration is made of, and how it reads them from a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

TYPE = "type.googleapis.com/envoy"
ROUTE_CONFIG = "noren"


def discovery_response(kind: str, resources: Iterable[Json], version: str) -> Json:
    """Wrap resources as Envoy reads them from a file. `kind` is `cluster` or `route`."""
    types = {
        "cluster": f"{TYPE}.config.cluster.v3.Cluster",
        "route": f"{TYPE}.config.route.v3.RouteConfiguration",
    }
    return {
        "version_info": version,
        "resources": [{"@type": types[kind], **resource} for resource in resources],
    }
