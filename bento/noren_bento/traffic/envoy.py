"""Envoy at the edge: write its files so that no request is lost, ask its admin socket."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from noren_bento.errors import UnreachableError
from noren_bento.release.evidence import ArmCounts
from noren_bento.release.route import Route
from noren_bento.traffic.access_log import AccessLog, LogRead
from noren_bento.traffic.envoy_config.bootstrap import Listener, bootstrap
from noren_bento.traffic.envoy_config.clusters import Upstream, cluster_name, clusters
from noren_bento.traffic.envoy_config.resource import Json, discovery_response
from noren_bento.traffic.envoy_config.routes import route_configuration
from noren_bento.unix_http import call


class Envoy:
    """One Envoy process, seen through its files and its admin socket."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.folder = Path(listener.folder)
        self.access_log = AccessLog(self.folder / "access.log")
        self.bootstrap_file = self.folder / "bootstrap.json"
        self._written: dict[str, str] = {}

    def prepare(self) -> Path:
        """Write the bootstrap, and clusters and routes where there are none yet; return the bootstrap's path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, kind, resources in (
            ("cds.json", "cluster", []),
            ("rds.json", "route", [route_configuration([], {})]),
        ):
            if not (self.folder / name).exists():
                self._write_resources(name, kind, resources)
        self.bootstrap_file.write_text(json.dumps(bootstrap(self.listener), indent=1))
        return self.bootstrap_file

    def apply(
        self,
        routes: Iterable[Route],
        upstreams: Mapping[str, Upstream],
        *,
        draining: Iterable[Route] = (),
    ) -> None:
        """Make Envoy obey these routes: clusters first, then the routes that name them.

        An Envoy that is not running reads both when it starts. Raises UnreachableError when a running one does not
        take them. `draining` are routes that were just replaced; their clusters stay for the requests in flight.
        """
        routes, limit = list(routes), self.listener.max_body_bytes
        needed = clusters(routes, upstreams, max_body_bytes=limit)
        kept = clusters(draining, upstreams, max_body_bytes=limit)
        wanted = kept | needed
        self._write_resources("cds.json", "cluster", [wanted[name] for name in sorted(wanted)])
        runs = self.is_live()
        if runs:
            self._wait_for_clusters(set(needed))
        version = self._write_resources("rds.json", "route", [route_configuration(routes, upstreams)])
        if runs:
            self._wait_for_routes(version)

    def identity(self) -> str:
        """Identity of the running process; another one has counters from zero."""
        return str(self._get("/server_info")["node"]["id"])

    def is_live(self) -> bool:
        """Whether Envoy answers and is live."""
        try:
            return bool(self._get("/server_info")["state"] == "LIVE")
        except UnreachableError:
            return False

    def totals(self, route: Route) -> tuple[ArmCounts, ArmCounts]:
        """Requests and refusals of champion and candidate during the route's epoch, since Envoy started.

        Completed counts a request once, when its last attempt ends, on the cluster that was chosen: also one that was
        refused because too many were on their way, which came to no version and is no evidence.
        """
        stem = re.escape(f"cluster.{route.release}#{route.epoch}/")
        found = self._get("/stats", filter=f"^{stem}", format="json")["stats"]
        value = {entry["name"]: int(entry["value"]) for entry in found if "value" in entry}

        def total(arm: str) -> ArmCounts:
            prefix = f"cluster.{cluster_name(route, arm)}.upstream_rq_"
            turned_away = sum(value.get(f"{prefix}{kind}_overflow", 0) for kind in ("pending", "active"))
            requests = max(value.get(f"{prefix}completed", 0) - turned_away, 0)
            return ArmCounts(requests, refused=value.get(f"{prefix}4xx", 0))

        return total("champion"), total("candidate")

    def log_size(self) -> int:
        """Bytes that the access log has had until now."""
        return self.access_log.size()

    def read_log(self, offset: int) -> LogRead:
        """Read the access log from an offset on."""
        return self.access_log.read(offset)

    def rotate_log(self) -> None:
        """Keep the access log from growing without end; no cursor moves and no line is lost."""
        self.access_log.rotate(self.reopen_log)

    def reopen_log(self) -> None:
        """Make Envoy open its access log anew; it does so a moment later."""
        self._ask("/reopen_logs", method="POST")

    def _get(self, path: str, **params: str) -> Any:
        return self._ask(f"{path}?{urlencode(params)}" if params else path, read=json.loads)

    def _ask(self, target: str, *, method: str = "GET", read: Callable[[bytes], Any] = bytes) -> Any:
        try:
            status, body = call(Path(self.listener.admin_socket), target, method=method, timeout=2.0)
            if status != http.client.OK:
                raise ValueError(f"status {status}")
            return read(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnreachableError(
                f"Envoy's admin socket does not answer ({type(error).__name__}). `noren status` shows what runs; "
                "`noren up` starts what is missing."
            ) from None

    def _wait_for_clusters(self, names: set[str], seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while names and time.monotonic() < deadline:
            known = self._get("/clusters", format="json").get("cluster_statuses", [])
            names = names - {status["name"] for status in known}
            if names:
                time.sleep(0.01)
        if names:
            raise UnreachableError(f"Envoy did not take the clusters {sorted(names)} within {seconds:.0f} s.")

    def _wait_for_routes(self, version: str, seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            dumped = self._get("/config_dump", resource="dynamic_route_configs").get("configs", [])
            if any(one.get("version_info") == version for one in dumped):
                return
            time.sleep(0.01)
        raise UnreachableError(
            f"Envoy did not take the routes within {seconds:.0f} s and goes on with the ones before. Its log says why."
        )

    def _write_resources(self, name: str, kind: str, resources: list[Json]) -> str:
        """Write what differs from what was written before; return the version that the file has.

        The version is a digest of the content: Envoy takes no update, and so no other version, where only that differs.
        """
        version = hashlib.sha256(json.dumps(resources, sort_keys=True).encode()).hexdigest()
        if self._written.get(name) != version:
            self._write(name, discovery_response(kind, resources, version))
            self._written[name] = version
        return version

    def _write(self, name: str, document: Json) -> None:
        """Replace by rename: Envoy watches the folder and never sees half a file."""
        temporary = self.folder / f".{name}.new"
        temporary.write_text(json.dumps(document))
        os.replace(temporary, self.folder / name)
