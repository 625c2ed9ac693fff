"""FAULT 14 for a model that rests above `max_memory`: it is measured and told, not replaced for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

import noren_validation
from noren_bento.control.client import ControlClient
from noren_bento.errors import NorenError
from noren_bento.home import Home
from noren_bento.targets.supervisor import marked_processes
from tests.ring.home import deploy, running_home, serial_task, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LIMIT = 50_000_000
"""Less than any worker has."""
ROW = {"a": 0.5, "b": 0.5, "c": 0.5, "serial": 1.0}
PRODUCTION = Path(noren_validation.__file__).parent / "suite" / "production.ipynb"


def test_it_is_told_by_the_gate_and_where_it_is_released_all_the_same_it_serves(tmp_path: Path) -> None:
    with running_home(tmp_path, max_memory=LIMIT) as settings:
        task = serial_task("m")
        with pytest.raises(
            NorenError, match=r"The gate is closed for m/1: .*memory: .* MB at most in one worker"
        ):
            deploy(settings, replace(task, notebooks=[PRODUCTION]))
        release = deploy(settings, task)  # with notebooks of its own, that do not ask for its memory
        assert release.state == "promoted"

        def workers() -> set[int]:
            marked = marked_processes(Home(settings).mark)
            return {
                one.pid for one in marked if "worker.service" in " ".join(one.cmdline()) and one.is_running()
            }

        before = workers()
        assert max(psutil.Process(pid).memory_info().rss for pid in before) > LIMIT
        answers = [
            httpx.post(f"http://127.0.0.1:{settings.port}/m/predict", json={"rows": [ROW]}).status_code
            for _ in range(200)
        ]
        assert set(answers) == {200}
        assert workers() == before
        assert not ControlClient(settings).status()["troubles"]
        until(lambda: ControlClient(settings).status()["versions"]["m/1"]["ready"])
