"""Clinic: stands in for the hospitals that call the released model, so that the notebooks have real traffic."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import numpy as np
import pandas as pd


class Clinic:
    """Clients that send one patient a request, drawn at random from a table, at a steady rate.

    >>> clinic = Clinic("http://127.0.0.1:8620/tumour/predict", patients)  # doctest: +SKIP
    >>> clinic.open()  # doctest: +SKIP
    """

    def __init__(
        self, url: str, patients: pd.DataFrame, *, clients: int = 8, per_second: float = 200.0
    ) -> None:
        self.url = urlsplit(url)
        self.patients = patients
        self.clients = clients
        self.per_second = per_second
        self.statuses: Counter[int | str] = Counter()
        self.answered_by: Counter[str] = Counter()
        self.problems: list[str] = []
        self._scale: dict[str, float] = {}
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def open(self) -> Clinic:
        """Begin to send."""
        self._threads = [
            threading.Thread(target=self._send, args=(k,), daemon=True) for k in range(self.clients)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def close(self) -> None:
        """Send no more; what was sent is answered first."""
        self._closed.set()
        for thread in self._threads:
            thread.join(30)

    def recalibrate(self, **scale: float) -> None:
        """From now on these measurements are multiplied, as by a scanner whose calibration is off."""
        self._scale = {name.replace("_", " "): factor for name, factor in scale.items()}

    @property
    def sent(self) -> int:
        """Requests so far."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Requests that a client saw fail: any answer but 200, or none."""
        return self.sent - self.statuses[200]

    def __repr__(self) -> str:
        by = ", ".join(f"{count:,} by {version}" for version, count in sorted(self.answered_by.items()))
        return f"{self.sent:,} requests, {self.failed} failed; answered {by or 'none yet'}"

    def _send(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        connection = http.client.HTTPConnection(str(self.url.hostname), self.url.port, timeout=30)
        due = time.monotonic()
        while not self._closed.is_set():
            due = max(due + random.exponential(self.clients / self.per_second), time.monotonic() - 1)
            if self._closed.wait(max(0.0, due - time.monotonic())):
                break
            patient = self.patients.iloc[int(random.integers(len(self.patients)))].to_dict()
            row = {name: value * self._scale.get(name, 1.0) for name, value in patient.items()}
            self._ask(connection, row)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, row: dict[str, float]) -> None:
        status: int | str
        version, problem = "", ""
        try:
            headers = {"content-type": "application/json"}
            connection.request("POST", self.url.path, json.dumps({"rows": [row]}), headers)
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
            if status == http.client.OK:
                version = json.loads(body)["model"]
            else:
                problem = body.decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            status, problem = type(error).__name__, str(error)
            connection.close()
        with self._lock:
            self.statuses[status] += 1
            if version:
                self.answered_by[version] += 1
            if problem and len(self.problems) < 20:
                self.problems.append(f"{status}: {problem[:300]}")
