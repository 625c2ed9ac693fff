import json

import pytest

from noren_bento.errors import NorenError
from noren_validation import bundle
from noren_validation.bundle import Measurement
from noren_validation.limit import Limit


@pytest.mark.parametrize("value", [0.5, 3, True, "onnx", None, float("inf"), float("-inf")])
def test_a_measurement_survives_the_journey_as_strict_json(value):
    limit = Limit(equals="onnx") if isinstance(value, str) else Limit(at_least=0.1, at_most=2.0)
    one = Measurement("c", value, limit, "why")
    travelled = json.loads(json.dumps(bundle.write_measurement(one), allow_nan=False))
    assert bundle.read_measurement(travelled) == one


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "pass",
        {},
        {"format": 2, "check": "c", "value": 1, "at_least": 0},
        {"format": 1, "check": "c", "value": 1},
        {"format": 1, "check": "c", "value": "x", "at_least": 0},
        {"format": 1, "check": "c", "value": [1], "at_least": 0},
        {"format": 1, "check": "c", "value": 1, "at_least": "0"},
        {"format": 1, "check": "c", "value": {"float": "x"}, "at_least": 0},
    ],
)
def test_what_is_no_measurement_is_refused(payload):
    with pytest.raises(NorenError):
        bundle.read_measurement(payload)


@pytest.mark.parametrize(
    "payload", [{"format": 1}, {"format": 1, "checks": "ab"}, {"format": 1, "checks": [1]}]
)
def test_what_is_no_declaration_is_refused(payload):
    with pytest.raises(NorenError):
        bundle.read_declared(payload)
