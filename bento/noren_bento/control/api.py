"""The control API: HTTP on a unix socket in a private folder, so that who may open the folder may release.

Routes: GET /status · GET /releases · POST /releases · GET /releases/{id} (its events) · POST /releases/{id}/events ·
GET /releases/{id}/snapshot · GET /drift/{name}.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from noren_bento.control.controller import Controller
from noren_bento.control.snapshot_json import snapshot_to_json
from noren_bento.control.snapshots import make_snapshot
from noren_bento.errors import ConflictError, NorenError, NotFoundError
from noren_bento.home import Home
from noren_bento.release import event as ev
from noren_bento.release.desired import by_model
from noren_bento.release.release import champion_of
from noren_bento.settings import Settings
from noren_bento.stores.event_json import decode_body, event_to_builtins

log = logging.getLogger("noren.api")

FROM_CALLERS = (ev.Built, ev.Rebuilt, ev.Validated, ev.Approved, ev.Requested)
"""What a caller may write; all else is the loop's."""


class OpenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /releases."""

    opened: ev.Opened
    who: str
    why: str


class EventRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /releases/{id}/events."""

    kind: str
    body: msgspec.Raw
    who: str
    why: str


def make_app(
    controller: Controller, settings: Settings, troubles: Callable[[], Mapping[str, str]]
) -> Starlette:
    """Return the API over a controller; each call runs in a thread. `troubles` are those beside the controller's."""
    journal, url = controller.journal, Home(settings).url

    def status(_request: Request) -> dict[str, Any]:
        instances = controller.plane.instances
        return {
            "url": url,
            "store": journal.store.identity,
            "versions": {
                version: {"port": one.upstream.port, "ready": one.ready, "problem": one.problem}
                for version, one in instances.items()
            },
            "troubles": {**controller.troubles, **troubles()},
        }

    def releases(_request: Request) -> list[dict[str, Any]]:
        return [event_to_builtins(event) for event in journal.store.events()]

    def release(request: Request) -> list[dict[str, Any]]:
        found = journal.release(request.path_params["id"])
        return [event_to_builtins(event) for event in journal.store.events(found.id)]

    def snapshot(request: Request) -> dict[str, Any]:
        made = make_snapshot(controller, request.path_params["id"], settings=settings, now=time.time())
        return snapshot_to_json(made)

    def drift(request: Request) -> dict[str, Any]:
        name = request.path_params["name"]
        history = by_model(journal.releases()).get(journal.release(name).name, ())
        version = champion_of(history)
        sampler = controller.watch.samplers.get(version or "")
        if sampler is None:
            raise NotFoundError(
                f"{name} has no version that serves, so nothing can drift. %deploy releases one."
            )
        return dict(msgspec.to_builtins(sampler.drift(settings.psi_limit)))

    def open_release(body: bytes) -> dict[str, Any]:
        asked = msgspec.json.decode(body, type=OpenRequest)
        return {"release": journal.open(asked.opened, who=asked.who, why=asked.why).id}

    def append(request: Request, body: bytes) -> dict[str, Any]:
        asked = msgspec.json.decode(body, type=EventRequest)
        event = decode_body(asked.kind, bytes(asked.body))
        if not isinstance(event, FROM_CALLERS):
            raise NorenError(
                f"{asked.kind!r} events are written by the control loop alone; ask with 'requested'."
            )
        written = journal.append(request.path_params["id"], event, who=asked.who, why=asked.why)
        return event_to_builtins(written)

    async def post_release(request: Request) -> Response:
        body = await request.body()
        return await _answered(lambda: open_release(body))

    async def post_event(request: Request) -> Response:
        body = await request.body()
        return await _answered(lambda: append(request, body))

    def get(function: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            return await _answered(lambda: function(request))

        return endpoint

    app = Starlette(
        routes=[
            Route("/status", get(status)),
            Route("/releases", get(releases)),
            Route("/releases", post_release, methods=["POST"]),
            Route("/releases/{id}", get(release)),
            Route("/releases/{id}/events", post_event, methods=["POST"]),
            Route("/releases/{id}/snapshot", get(snapshot)),
            Route("/drift/{name}", get(drift)),
        ]
    )
    app.router.redirect_slashes = False  # a name that ends in a slash is unknown, and is to be told so
    return app


async def _answered(call: Callable[[], Any]) -> Response:

    try:
        return _json(200, await run_in_threadpool(call))
    except msgspec.MsgspecError as error:
        return _json(422, {"error": f"The request does not fit: {error}."})
    except NotFoundError as error:
        return _json(404, {"error": str(error)})
    except ConflictError as error:
        return _json(409, {"error": str(error)})
    except NorenError as error:
        return _json(400, {"error": str(error)})
    except Exception as error:  # a caller gets JSON whatever happens; the log has the traceback
        log.exception("a call failed")
        return _json(
            500, {"error": f"The control process failed: {type(error).__name__}: {error}. See control.log."}
        )


def _json(status: int, value: Any) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
