# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables that all components share, and for the account that the run is in."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from .fault import Fault, edits, fault
from .formats import LARGEST_TAG_COUNT, repeated_names, tag_faults
from .iam import iam_faults
from .models import model_faults
from .permissions import gateway_statement_faults, service_account_faults
from .ranges import Range, range_faults

NAME = re.compile(r"[a-z]([a-z0-9]|-(?=[a-z0-9]))*")
LONGEST_NAME = 20
LONGEST_GATEWAY = 40
LONGEST_ENVIRONMENT = 10
# Component names and tags need the rest of the limits in module_utils/names.py.
LONGEST_PREFIX = LONGEST_NAME + 1 + LONGEST_ENVIRONMENT
ACCOUNT_ID = re.compile(r"\d{12}")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")
OWNER_TAGS = ("Project", "Environment", "Region", "ManagedBy")
MOST_SUBSCRIPTIONS = 2
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
LONGEST_LIFE = 2**31 - 1
WORKSPACE = re.compile(r"arn:aws[a-z-]*:aps:[a-z0-9-]+:(?P<account>\d{12}):workspace/ws-[0-9a-f-]{36}")
# Set on each resource by its component, beside the owner tags.
COMPONENT_TAGS = ("Component", "Name", "Tier")
# What Kubernetes controllers add to the tags of what they use.
CONTROLLER_TAGS = 4
# What names of some kinds can't begin with: AWS takes the rest for an id, or keeps it for itself.
RESERVED_PREFIXES = {"sg-": "security groups", "sthree-": "S3 buckets", "amzn-s3-demo-": "S3 buckets"}


def _name_faults(variable: str, value: str | None, longest: int) -> Iterator[Fault]:
    if value is None:
        return
    if not NAME.fullmatch(value) or len(value) > longest:
        yield fault(
            variable,
            value,
            f"is not 1 to {longest} lower-case letters, digits and single '-', a letter first and no '-' at the end",
        )


def _known_regions() -> list[str]:
    """Regions that this machine's botocore has heard of; AWS opens new ones, so being unknown is no fault by itself."""
    from botocore.loaders import Loader

    partitions = Loader().load_data("partitions")["partitions"]
    return sorted(region for partition in partitions for region in partition["regions"] if REGION.fullmatch(region))


def _region_faults(region: str | None) -> Iterator[Fault]:
    if region is None:
        return
    if not REGION.fullmatch(region):
        yield fault("platform_region", region, "is not the name of an AWS region, such as us-west-2")
        return
    areas = {known.rpartition("-")[0]: known for known in _known_regions()}
    area = region.rpartition("-")[0]
    if area not in areas:
        close = sorted((edits(area, known), known) for known in areas)
        if close and close[0][0] <= 2:
            guess = f"{close[0][1]}-{region.rpartition('-')[2]}"
            yield fault("platform_region", region, f"is not the name of an AWS region; did you mean {guess}?")


def platform_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    yield from _name_faults("platform_name", values.get("platform_name"), LONGEST_NAME)
    yield from _name_faults("platform_environment", values.get("platform_environment"), LONGEST_ENVIRONMENT)
    prefix = values.get("platform_prefix")
    parts = (values.get("platform_name"), values.get("platform_environment"))
    if prefix != "-".join(str(part) for part in parts):
        # Only a prefix of the user's own: the usual one is reported by its parts.
        yield from _name_faults("platform_prefix", prefix, LONGEST_PREFIX)
    for beginning, kind in RESERVED_PREFIXES.items():
        if prefix and prefix.startswith(beginning):
            yield fault("platform_prefix", prefix, f"begins with {beginning}, which the names of {kind} can't")
    region = values.get("platform_region")
    wrong_region = list(_region_faults(region))
    yield from wrong_region

    account = values.get("platform_account_id")
    if account is not None and not ACCOUNT_ID.fullmatch(account):
        yield fault("platform_account_id", account, "is not an AWS account id of 12 digits")

    owner_tags = values.get("platform_owner_tags")
    if owner_tags is not None:
        for key in OWNER_TAGS:
            if not owner_tags.get(key):
                yield Fault(
                    f"platform_owner_tags.{key}", "is missing: the owner tags tell the platform's resources from others"
                )
        yield from tag_faults("platform_owner_tags", owner_tags)
    reserved = [*OWNER_TAGS, *(owner_tags or {}), *COMPONENT_TAGS]
    room = LARGEST_TAG_COUNT - CONTROLLER_TAGS - len({*OWNER_TAGS, *(owner_tags or {}), *COMPONENT_TAGS})
    yield from tag_faults("platform_tags", values.get("platform_tags") or {}, reserved, room)

    yield from iam_faults(values)

    gateways = values.get("platform_gateways") or []
    yield from repeated_names("platform_gateways", gateways)
    for index, gateway in enumerate(gateways):
        path = f"platform_gateways[{index}]"
        yield from _name_faults(f"{path}.name", gateway.get("name"), LONGEST_GATEWAY)
        yield from service_account_faults(path, gateway)
        yield from gateway_statement_faults(f"{path}.statements", gateway.get("statements") or [])

    yield from model_faults(values, None if wrong_region else region)

    subscriptions = values.get("platform_log_subscriptions") or []
    if len(subscriptions) > MOST_SUBSCRIPTIONS:
        yield Fault(
            "platform_log_subscriptions",
            f"{len(subscriptions)} are too many: CloudWatch Logs allows {MOST_SUBSCRIPTIONS} of a log group",
        )
    yield from repeated_names("platform_log_subscriptions", subscriptions, "filter_name")

    yield from _access_log_faults(values)

    workspace = values.get("platform_prometheus_workspace_arn")
    if workspace and (found := WORKSPACE.fullmatch(workspace)) is None:
        rule = "is not the ARN of a workspace: arn:aws:aps:<region>:<account>:workspace/ws-<36 digits, letters and '-'>"
        yield fault("platform_prometheus_workspace_arn", workspace, rule)
    elif workspace and values.get("platform_account_id") not in (None, found.group("account")):
        rule = f"is not of this account, {values['platform_account_id']}: the collector's role reaches no other"
        yield fault("platform_prometheus_workspace_arn", workspace, rule)

    for name, value in (values.get("platform_aws_environment") or {}).items():
        if name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            yield fault(f"platform_aws_environment.{name}", value, "is set by platform_region: change that instead")
        elif isinstance(value, bool) or not isinstance(value, (str, int, float)):
            # It may be a credential, so it isn't shown.
            yield Fault(f"platform_aws_environment.{name}", "is not a text: put it in quotes")


def _access_log_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    bucket = values.get("platform_access_log_bucket")
    if bucket and not BUCKET.fullmatch(bucket):
        rule = "is not the name of a bucket: 3 to 63 small letters, digits, '-' and '.', not an ARN"
        yield fault("platform_access_log_bucket", bucket, rule)
    elif bucket and not values.get("platform_access_logs"):
        yield fault("platform_access_log_bucket", bucket, "gets nothing as long as platform_access_logs is false")
    yield from range_faults(values, {"platform_access_log_days": Range(1, LONGEST_LIFE, "days")})


# What an SDK or AWS says of credentials, and what helps. The first that fits is taken.
CREDENTIAL_FAULTS = (
    (
        r"Unable to locate credentials|NoCredentials",
        "no AWS credentials were found: log in (aws sso login), or set AWS_PROFILE,"
        " or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        r"Partial credentials found in [\w-]+, missing: (?P<what>[\w, ]+)",
        "the AWS credentials are incomplete: {what} is missing",
    ),
    (
        r"config profile \((?P<what>[^)]*)\) could not be found",
        "the AWS profile {what} does not exist: correct AWS_PROFILE",
    ),
    (
        r"ExpiredToken|RequestExpired|[Tt]oken has expired|SSO session .* expired|Error loading SSO Token"
        r"|UnauthorizedSSOToken",
        "the AWS credentials have expired: renew them (aws sso login, or a new session token) and run again",
    ),
    (
        r"InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId",
        "AWS does not know the access key: check AWS_PROFILE and AWS_ACCESS_KEY_ID,"
        " the key may be deleted or of another partition",
    ),
    (
        r"SignatureDoesNotMatch|InvalidSignature|AuthFailure",
        "AWS rejects the signature: check AWS_SECRET_ACCESS_KEY and the clock of this machine",
    ),
    (
        r"Could not connect to the endpoint URL: \"?(?P<what>[^\"\s]+)",
        "nothing answers at {what}: check the network, platform_region and AWS_ENDPOINT_URL"
        " (make up starts the embedded AWS)",
    ),
    (
        r"required Python library \((?P<what>[\w., ]+)\)",
        "the Python library {what} is missing where ansible-playbook runs",
    ),
)


def account_faults(caller: Mapping[str, t.Any], values: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Compare the account that AWS says we are in, or its error, with the one that the inventory names."""
    expected = values.get("platform_account_id")
    actual = caller.get("account_id")
    if not actual:
        message = " ".join(str(caller.get("msg") or "AWS did not say which account the credentials belong to").split())
        for pattern, remedy in CREDENTIAL_FAULTS:
            found = re.search(pattern, message)
            if found:
                message = remedy.format(**found.groupdict())
                break
        yield fault("platform_account_id", expected, f"can't be compared with the account in use: {message}")
    elif str(actual) != expected:
        yield fault(
            "platform_account_id",
            expected,
            f"is not the account of the credentials in use, which is {actual}"
            f" ({caller.get('arn', 'identity unknown')}): use credentials of the account, or correct the inventory",
        )
