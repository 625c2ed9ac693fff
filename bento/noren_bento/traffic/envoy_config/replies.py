"""Replies: what Envoy itself tells users, as JSON with `error`, like every refusal of a service."""

from __future__ import annotations

from noren_bento.traffic.envoy_config.resource import TYPE, Json

TOO_MANY = "Too many requests are on their way; try again in a moment."


def replies(max_body_bytes: int) -> Json:
    """Return how Envoy's own replies are written; routes that answer by themselves have their words already."""
    too_large = f"The body is larger than {max_body_bytes} bytes; send its rows in several requests."
    return {
        "mappers": [
            # More requests than one arm takes at once; more bodies than Envoy may hold.
            _reply({"response_flag_filter": {"flags": ["UO"]}}, TOO_MANY, status=429),
            _reply(_details("overload"), TOO_MANY, status=429),
            _reply(_status(408), "The request was not here in time."),
            _reply(_status(413), too_large),
            _reply(_status(431), "The headers are larger than is taken."),
            _reply(_status(504), "No answer came in time."),
        ]
    }


def _status(code: int) -> Json:
    value = {"default_value": code, "runtime_key": f"noren.status_{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _details(text: str) -> Json:
    expression = f"response.code_details == '{text}'"
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": f"{TYPE}.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": expression,
            },
        }
    }


def _reply(which: Json, error: str, *, status: int | None = None) -> Json:
    reply: Json = {
        "filter": which,
        "body_format_override": {"json_format": {"error": error, "request_id": "%REQ(X-REQUEST-ID)%"}},
    }
    if status is not None:
        reply["status_code"] = status
        reply["headers_to_add"] = [{"header": {"key": "retry-after", "value": "1"}}]
    return reply
