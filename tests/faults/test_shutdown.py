"""Fault 11: SIGTERM under load. What a service has accepted it answers."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

from noren_bento.bento_build.build import Build
from noren_bento.settings import Settings
from tests.faults.conftest import Figure
from tests.faults.logged_service import ROW, logged_ids, logging_service
from tests.noren_bento.builds import build, numbers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CLIENTS = 8
WARM_SECONDS = 0.5


@pytest.fixture(scope="module")
def built(build_settings: Settings) -> Build:
    X, y = numbers()
    return build(LogisticRegression().fit(X, y), "ended", (X, y), build_settings)


@dataclass
class Client:
    """One that asks over a connection that it keeps, until nobody answers."""

    port: int
    name: str
    answered: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    """What went wrong with requests on a connection that had answered before and was not said to end."""
    turned_away: int = 0
    """Connections that nobody accepted: refused, or never answered anything."""

    def run(self) -> None:
        while not self.turned_away:
            self._ask_until_closed()

    def _ask_until_closed(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        accepted = False
        try:
            while True:
                name = f"{self.name}-{len(self.answered)}"
                body = json.dumps({"rows": [ROW]})
                connection.request(
                    "POST", "/predict", body, {"content-type": "application/json", "x-request-id": name}
                )
                response = connection.getresponse()
                response.read()
                assert response.status == 200
                accepted = True
                self.answered.add(name)
                if response.will_close:
                    return
        except (OSError, http.client.HTTPException) as error:
            if accepted:
                self.lost.append(repr(error))
            else:
                self.turned_away += 1
        finally:
            connection.close()


def end_under_load(built: Build, settings: Settings, folder: Path, name: str) -> tuple[int, list[str]]:
    """How many requests were answered, and which were accepted and lost."""
    log = folder / "predictions" / "ended" / "1"
    with logging_service(built, settings, folder / "state", log=log) as service:
        clients = [Client(service.port, f"{name}-{number}") for number in range(CLIENTS)]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(WARM_SECONDS)
        service.process.terminate()
        began = time.monotonic()
        for thread in threads:
            thread.join(60)
        service.process.wait(60)
        print(f"ended after {time.monotonic() - began:.1f} s")
    answered = {one for client in clients for one in client.answered}
    lost = [problem for client in clients for problem in client.lost]
    logged = [one for one in logged_ids(log) if one.startswith(f"{name}-")]
    assert len(logged) == len(set(logged))
    assert answered <= set(logged), "what was answered is in the log"
    # Accepted, predicted and logged, and never answered.
    lost += sorted(set(logged) - answered)
    assert all(client.turned_away for client in clients)
    return len(answered), lost


@pytest.mark.parametrize("trials", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_what_was_accepted_is_answered_when_a_service_is_ended(
    trials: int, built: Build, build_settings: Settings, tmp_path: Path, figure: Figure
) -> None:
    ended = [
        end_under_load(built, build_settings, tmp_path / str(trial), f"t{trial}") for trial in range(trials)
    ]
    answered = sum(number for number, _ in ended)
    lost = [problem for _, problems in ended for problem in problems]
    assert answered > 100 * trials
    assert lost == []
    figure(11, f"{trials} SIGTERMs under {CLIENTS} clients: 0 of {answered} accepted requests lost")
