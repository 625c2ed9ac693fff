"""The bento of a version that serves was lost, and what is built anew is not what was validated."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from noren.stages import Stages
from noren_bento.bento_build import build
from noren_bento.bento_build.digest import require_bento
from noren_bento.control.client import ControlClient
from noren_bento.control.processes import bring_down, bring_up
from noren_bento.errors import NorenError
from noren_bento.release.event import Rebuilt
from tests.ring.home import deploy, running_home, serial_task, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROW = {"a": 0.5, "b": 0.5, "c": 0.5, "serial": 1.0}


def test_another_build_is_served_only_when_a_person_has_accepted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_home(tmp_path) as settings:
        release = deploy(settings, serial_task("m"))
        stages, client, before = Stages(settings), ControlClient(settings), release.now
        with pytest.raises(NorenError, match=r"Say why another build of m/1 is accepted"):
            stages.build("m/1", accept=" ")
        with pytest.raises(NorenError, match=r"m/2 was never promoted.*noren deploy m/2"):
            stages.build("m/2", accept="why not")

        bento = Path(before.bento_path)
        (bento / "README.md").write_text("changed by somebody")
        assert stages.build("m/1", accept="put it right").digest == before.bento_digest
        assert release.now.seq == before.seq, "what comes out as it was released needs nobody's word"

        shutil.rmtree(bento)
        with pytest.raises(NorenError, match=r"is gone.*noren build m/1 --accept"):
            require_bento(bento, before.bento_digest)
        monkeypatch.setattr(build, "SERVICE", build.SERVICE + "# by another Noren\n")
        assert stages.build("m/1").digest != before.bento_digest
        with pytest.raises(NorenError, match=r"not the bento that was built.*noren build m/1 --accept"):
            require_bento(bento, before.bento_digest)

        accepted = stages.build("m/1", accept="the disk was lost")
        event = client.events(release.id)[-1]
        assert isinstance(event.body, Rebuilt)
        assert (event.kind, event.why, event.body.digest) == ("rebuilt", "the disk was lost", accepted.digest)
        assert (release.state, release.now.bento_digest) == ("promoted", accepted.digest)

        bring_down(settings)
        bring_up(settings)
        until(lambda: client.status()["versions"].get("m/1", {}).get("ready", False), 60)
        url = f"http://127.0.0.1:{settings.port}/m/predict"
        assert httpx.post(url, json={"rows": [ROW]}).status_code == 200
