"""The BentoML service of one version: `service.py` in a bento calls `make_service` and nothing else."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import gc
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from noren_bento.release.version import Column, Signature
from noren_bento.serving.connections import limit_connections
from noren_bento.serving.door import door_of
from noren_bento.serving.image import ENVIRONMENT, make_image
from noren_bento.serving.log.settings import read_log_settings
from noren_bento.serving.manifest import read_manifest
from noren_bento.serving.middleware import ANSWER_SECONDS, PredictMiddleware, Slot
from noren_bento.serving.telemetry import send_no_telemetry
from noren_bento.serving.timers import leave_out_timers
from noren_bento.serving.watch import end_master, find_master, have_workers_replaced, start_watch
from noren_bento.serving.worker import Worker

WORKERS = "NOREN_WORKERS"
COUNTS = "NOREN_COUNTS"
FEEDBACK = "NOREN_FEEDBACK"
MAX_BODY_BYTES = "NOREN_MAX_BODY_BYTES"
MAX_MEMORY = "NOREN_MAX_MEMORY"

logger = logging.getLogger("noren.serving")


def make_service(folder: Path) -> Any:
    """Make the service for a bento's model folder. The model is loaded in the workers only."""
    import bentoml

    send_no_telemetry()
    have_workers_replaced()
    limit_connections()
    leave_out_timers()
    manifest = read_manifest(folder)
    slot = Slot()
    service = bentoml.service(
        _make_class(folder, manifest.version.signature, slot),
        name="noren",
        image=make_image(),
        envs=[{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
        workers=int(os.environ.get(WORKERS, "2")),
        traffic={"timeout": ANSWER_SECONDS},
        # The middleware answers predict and metrics: BentoML's own bookkeeping would cost more than the prediction.
        metrics={"enabled": False},
        logging={"access": {"enabled": False}},
        tracing={"excluded_urls": [".*"]},
        runner_probe={"enabled": False},
    )
    limit = int(os.environ.get(MAX_BODY_BYTES, "10000000"))
    service.add_asgi_middleware(PredictMiddleware, slot=slot, max_body_bytes=limit, door=door_of(os.environ))
    return service


def _make_class(folder: Path, signature: Signature, slot: Slot) -> type:
    import bentoml

    master = find_master()
    rows, answer = _document_types(signature)

    class Model:
        """Predictions of one model version."""

        def __init__(self) -> None:
            slot.worker = _open_worker(folder, master)
            self._ending = start_watch(slot.worker, master, max_memory=int(os.environ.get(MAX_MEMORY, "0")))
            gc.collect()
            gc.freeze()  # what was imported stays: no collection during a request has to walk it again

        def predict(self, rows: Any) -> Any:
            """Answer rows; the middleware answers before BentoML gets here, from the same two calls."""
            import msgspec

            worker = slot.worker
            if worker is None:
                raise RuntimeError("the model is not loaded")
            body = msgspec.json.encode({"rows": [row.model_dump(by_alias=True) for row in rows]})
            _, _, content = worker.answer((worker.rows, worker.rows), body, os.urandom(16).hex())
            return msgspec.json.decode(content)

        @bentoml.on_shutdown  # type: ignore[untyped-decorator]
        def close(self) -> None:
            """Write the last counts and the last rows of the log."""
            if slot.worker is not None:
                slot.worker.close()
            self._ending.set()

    Model.predict.__annotations__ = {"rows": rows, "return": answer}
    Model.predict = bentoml.api(route="/predict")(Model.predict)  # type: ignore[method-assign]
    return Model


def _open_worker(folder: Path, master: int | None) -> Worker:
    """Load the model. Where that fails it fails for ever: the service ends, instead of trying every ten seconds."""
    try:
        given = os.environ.get(FEEDBACK)
        return Worker(
            folder,
            counts=_counts_folder(),
            log=read_log_settings(os.environ),
            feedback=Path(given) if given else None,
        )
    except Exception as error:
        if master is None:
            raise
        logger.exception("the model cannot be loaded")
        end_master(master, f"the model cannot be loaded: {error}")


def _counts_folder() -> Path:
    """Where the workers count; without launch, in a container say, one folder a service process."""
    given = os.environ.get(COUNTS)
    return Path(given) if given else Path(tempfile.gettempdir()) / f"noren-counts-{os.getppid()}"


def _document_types(signature: Signature) -> tuple[Any, Any]:
    """The request's and the answer's types, for OpenAPI."""
    from pydantic import ConfigDict, Field, create_model

    config = ConfigDict(extra="forbid", populate_by_name=True)
    fields: dict[str, Any] = {
        f"c{place}": (_document_type(column), Field(alias=column.name))
        for place, column in enumerate(signature.columns)
    }
    row = create_model("Row", __config__=config, **fields)
    answer: dict[str, Any] = {"model": (str, ...), "predictions": (list[Any], ...), "request_id": (str, ...)}
    if signature.probabilities:
        answer["probabilities"] = (list[list[float]], ...)
    if signature.scores:
        answer["scores"] = (list[float] if signature.scores == 1 else list[list[float]], ...)
    return list[row], create_model("Answer", **answer)  # type: ignore[valid-type]


def _document_type(column: Column) -> Any:
    from datetime import datetime

    kinds: dict[str, Any] = {
        "number": float,
        "integer": int,
        "boolean": bool,
        "text": str,
        "datetime": datetime,
    }
    kind = kinds[column.kind]
    return kind | None if column.missing else kind
