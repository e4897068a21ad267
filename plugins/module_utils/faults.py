# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a failed AWS call means: whether it may be repeated, whether it may have taken effect, what to tell the user."""

from __future__ import annotations

import enum

try:
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        HTTPClientError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProxyConnectionError,
        SSLError,
        TokenRetrievalError,
    )
    from botocore.parsers import ResponseParserError

    AWS_ERRORS: tuple = (BotoCoreError, ClientError, ResponseParserError)
except ImportError:  # AnsibleAWSModule reports the missing library
    AWS_ERRORS = ()


class ResourceError(Exception):
    """A resource can't be brought to the declared state; the text names the resource, the cause and the remedy."""

    def __init__(self, message: str, cause: Exception | None = None):
        super().__init__(message)
        self.cause = cause


class Outcome(enum.Enum):
    """What is known of a call that failed."""

    REFUSED = "AWS refused it; repeating it gives the same answer"
    NOT_DONE = "it had no effect and may be repeated"
    UNKNOWN = "it may have taken effect; look before repeating it"


THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

CREDENTIAL_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)

DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})

# Something else uses what is to be deleted, or lies in it.
BLOCKED_CODES = frozenset({"DependencyViolation", "DeleteConflict", "WAFAssociatedItemException"})

QUOTA_CODES = ("LimitExceeded", "QuotaExceeded", "MaximumExceeded")


def error_code(error: Exception) -> str:
    """The API's error code, or an empty text when the error isn't an answer of AWS."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def error_text(error: Exception) -> str:
    """AWS's own words, without botocore's wrapping."""
    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        return f"{answer.get('Code') or 'no error code'}: {answer.get('Message') or error}"
    return str(error)


def outcome(error: Exception) -> Outcome:
    """Classify the failure of one call that was sent a single time."""
    if isinstance(error, ClientError):
        if error_code(error) in THROTTLING_CODES:
            return Outcome.NOT_DONE
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 429:
            return Outcome.NOT_DONE
        return Outcome.UNKNOWN if status >= 500 else Outcome.REFUSED
    if isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
        return Outcome.NOT_DONE
    if isinstance(error, (SSLError, ProxyConnectionError)):
        return Outcome.REFUSED
    if isinstance(error, (HTTPClientError, ResponseParserError)):
        return Outcome.UNKNOWN
    return Outcome.REFUSED


def remedy(error: Exception, service: str, permission: str) -> str:
    """What the user can do about an error, as a sentence, or an empty text where AWS's message says it all."""
    code = error_code(error)
    if code in CREDENTIAL_CODES or isinstance(
        error, (NoCredentialsError, PartialCredentialsError, TokenRetrievalError)
    ):
        return "Renew the AWS credentials, check the clock, and run again."
    if code in DENIED_CODES:
        return (
            f"Allow {permission} for the identity of this run, and run again. "
            "The playbook operator_policy writes policies with all that runs need."
        )
    if any(word in code for word in QUOTA_CODES):
        return "Remove what is unused or ask for a higher quota in Service Quotas, and run again."
    if code in THROTTLING_CODES:
        return "AWS went on throttling; run again when the account is less busy."
    if code in BLOCKED_CODES:
        return "Something still uses it; remove that first, and run again."
    if isinstance(error, EndpointConnectionError):
        return "Check the network, the region and any AWS_ENDPOINT_URL, and run again."
    if isinstance(error, NoRegionError):
        return "Set platform_region or AWS_REGION."
    status = (
        error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(error, ClientError) else None
    )
    if status == 400 and not code:
        return f"The endpoint doesn't seem to offer {service}; check AWS_ENDPOINT_URL."
    if outcome(error) is not Outcome.REFUSED:
        return "Run again: what was done is found and kept."
    return ""


# Services whose permissions are named by another name than botocore's client.
IAM_SERVICES = {
    "bedrock-agent": "bedrock",
    "elbv2": "elasticloadbalancing",
    "opensearch": "es",
    "opensearchserverless": "aoss",
    "elb": "elasticloadbalancing",
    "service-quotas": "servicequotas",
}

# Permissions that have another name than the operation; modules know more of their own.
PERMISSIONS = {"s3:HeadBucket": "s3:ListBucket", "s3:ListBuckets": "s3:ListAllMyBuckets"}


def permission_of(service: str, operation: str) -> str:
    """The permission of IAM that a call needs: acm:ListCertificates, also where the service is acm@us-east-1."""
    client = service.partition("@")[0]
    permission = f"{IAM_SERVICES.get(client, client)}:{operation}"
    return PERMISSIONS.get(permission, permission)


def describe_failure(
    error: Exception, doing: str, service: str, operation: str, permission: str = "", hint: str = ""
) -> str:
    """One line: what was being done, by which call, what AWS said, what helps.

    permission: the one of IAM that the call needs, where it isn't called as the operation is. hint: what helps, where
    more is known of it than what remedy() says.
    """
    helps = hint or remedy(error, service, permission or permission_of(service, operation))
    return f"Could not {doing} ({operation}): {error_text(error).rstrip('.')}. {helps}".strip()
