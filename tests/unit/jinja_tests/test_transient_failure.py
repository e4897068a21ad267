# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from botocore import exceptions
from botocore.parsers import ResponseParserError

from ansible_collections.agent_platform.aws.plugins.test.transient_failure import TestModule as Plugin

transient_failure = Plugin().tests()["transient_failure"]
URL = "https://ec2.us-west-2.amazonaws.com/"


def api_failure(code, status=400, **extra):
    """A failed result as AnsibleAWSModule.fail_json_aws makes it."""
    text = f"An error occurred ({code}) when calling the CreateVpc operation (reached max retries: 0): some words"
    return {
        "failed": True,
        "msg": f"Failed to create vpc: {text}",
        "error": {"code": code, "message": "some words"},
        "response_metadata": {"http_status_code": status, "retry_attempts": 0},
    } | extra


def text_failure(text):
    return {"failed": True, "msg": text}


@pytest.mark.parametrize(
    "result",
    [
        api_failure("Throttling"),
        api_failure("ThrottlingException"),
        api_failure("RequestLimitExceeded", 503),
        api_failure("TooManyRequestsException", 429),
        api_failure("InternalError", 500),
        api_failure("SomethingNew", 503),
        # Modules that hand on the message only.
        text_failure("An error occurred (RequestLimitExceeded) when calling the CreateVpc operation: Request limit"),
        text_failure("Failed: An error occurred (ServiceUnavailable) when calling the RunInstances operation: x"),
        text_failure("An error occurred (503) when calling the CreateVpc operation: Service Unavailable"),
        # What botocore raises without an answer of AWS, in its own words of today.
        text_failure(str(exceptions.ConnectionClosedError(endpoint_url=URL))),
        text_failure(str(exceptions.EndpointConnectionError(endpoint_url=URL))),
        text_failure(str(exceptions.ConnectTimeoutError(endpoint_url=URL))),
        text_failure(str(exceptions.ReadTimeoutError(endpoint_url=URL))),
        text_failure(str(exceptions.HTTPClientError(error="broken"))),
        text_failure(str(exceptions.ResponseStreamingError(error="broken"))),
        text_failure(str(exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2))),
        text_failure(str(ResponseParserError("Unable to parse response (no element found: line 1, column 0)"))),
        {"failed": True, "msg": "Failed", "exception": str(exceptions.ReadTimeoutError(endpoint_url=URL))},
    ],
    ids=lambda result: result["msg"][-60:],
)
def test_may_pass_by_itself(result):
    assert transient_failure(result) is True


def of_kubernetes(status, reason, said):
    """As kubernetes.core hands on what the API server answers."""
    told = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": said}
    return text_failure(f"Failed to apply object: {json.dumps({**told, 'reason': reason, 'code': status})}")


WEBHOOK = 'Internal error occurred: failed calling webhook "vingress.elbv2.k8s.aws": no endpoints available'
MODIFIED = 'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes'


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (of_kubernetes(429, "TooManyRequests", "too many requests"), True),
        (of_kubernetes(500, "InternalError", WEBHOOK), True),
        (of_kubernetes(409, "Conflict", MODIFIED), True),
        (of_kubernetes(504, "Timeout", "request did not complete within the allotted timeout"), True),
        (text_failure("(429)\nReason: Too Many Requests\nHTTP response headers: HTTPHeaderDict({})"), True),
        (
            text_failure(
                "Failed to apply object: HTTPSConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url:"
                " /version (Caused by NewConnectionError('<...>: Failed to establish a new connection'))"
            ),
            True,
        ),
        (of_kubernetes(409, "AlreadyExists", 'configmaps "a" already exists'), False),
        (of_kubernetes(403, "Forbidden", "Connection refused by policy"), False),
        (of_kubernetes(422, "Invalid", "spec.selector: field is immutable"), False),
        (of_kubernetes(400, "BadRequest", 'admission webhook "x" denied the request'), False),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_what_kubernetes_says(result, expected):
    assert transient_failure(result) is expected


@pytest.mark.parametrize(
    "result",
    [
        {"changed": True},
        {"changed": False, "failed": False, "msg": "Read timeout on endpoint URL"},
        {"skipped": True},
        api_failure("AccessDenied", 403),
        api_failure("UnauthorizedOperation", 403),
        api_failure("ExpiredToken"),
        api_failure("ExpiredTokenException"),
        api_failure("SignatureDoesNotMatch", 403),
        api_failure("VpcLimitExceeded"),
        api_failure("InvalidParameterValue"),
        api_failure("ValidationException"),
        # The reason of a refusal may quote anything.
        api_failure("InvalidParameterValue", exception="Connection refused by policy"),
        text_failure("An error occurred (AccessDenied) when calling the CreateVpc operation: Connection refused"),
        text_failure("missing required arguments: cidr_block"),
        text_failure("Unable to locate credentials"),
        text_failure(str(exceptions.NoRegionError())),
        text_failure(str(exceptions.ParamValidationError(report="Unknown parameter"))),
        {"failed": True},
        {"failed": True, "msg": None, "error": None},
    ],
    ids=lambda result: json.dumps(result)[-60:],
)
def test_needs_a_human(result):
    assert transient_failure(result) is False


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"changed": True}, api_failure("Throttling")], True),
        ([api_failure("AccessDenied", 403), api_failure("Throttling")], False),
        ([{"changed": True}], False),
        ([], False),
    ],
)
def test_of_a_loop(items, expected):
    assert transient_failure({"failed": True, "results": items}) is expected


def test_refuses_what_is_no_result():
    with pytest.raises(AnsibleFilterError, match="needs a registered result, got str"):
        transient_failure("text")
