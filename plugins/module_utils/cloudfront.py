# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the resources of Amazon CloudFront have in common: versions, lists, pages, and whose one is that has no tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .declarations import Addition, Tagging
from .faults import ResourceError
from .names import shorten
from .resource import Resource
from .values import camel_name, get_path, snake, snake_name

# Someone has changed it since it was read: it is read again.
RACED = dict.fromkeys(("InvalidIfMatchVersion", "PreconditionFailed"), ("",))
# Refusals because of a quota, which other services call LimitExceeded.
TOO_MANY = (
    "TooManyCacheBehaviors",
    "TooManyCertificates",
    "TooManyCustomHeadersInResponseHeadersPolicy",
    "TooManyDistributionCNAMEs",
    "TooManyDistributions",
    "TooManyDistributionsAssociatedToOriginAccessControl",
    "TooManyDistributionsAssociatedToResponseHeadersPolicy",
    "TooManyDistributionsWithSingleFunctionARN",
    "TooManyFunctions",
    "TooManyOriginAccessControls",
    "TooManyOriginCustomHeaders",
    "TooManyOrigins",
    "TooManyRemoveHeadersInResponseHeadersPolicy",
    "TooManyResponseHeadersPolicies",
)
QUOTA = "Remove what is unused or ask for a higher quota of CloudFront in Service Quotas, and run again."
# Members that aren't written as their words tell, and their options.
SPELLED = {
    "HTTPPort": "http_port",
    "HTTPSPort": "https_port",
    "FunctionARN": "function_arn",
    "LambdaFunctionARN": "lambda_function_arn",
    "KeyValueStoreARN": "key_value_store_arn",
    "XSSProtection": "xss_protection",
    "ErrorCachingMinTTL": "error_caching_min_ttl",
}
OPTIONS = {option: member for member, option in SPELLED.items()}
# Lists of which the SDK reads no more than a page by itself, by the member that they stand in.
PAGES = {
    "ListResponseHeadersPolicies": "ResponseHeadersPolicyList",
    "ListVpcOrigins": "VpcOriginList",
}
# Policies of AWS, the same in every account.
CACHE_POLICIES = {
    "Amplify": "2e54312d-136d-493c-8eb9-b001f22f67d2",
    "CachingDisabled": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    "CachingOptimized": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    "CachingOptimizedForUncompressedObjects": "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
    "Elemental-MediaPackage": "08627262-05a9-4f76-9ded-b50ca2e3a84f",
    "UseOriginCacheControlHeaders": "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
    "UseOriginCacheControlHeaders-QueryStrings": "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
}
ORIGIN_REQUEST_POLICIES = {
    "AllViewer": "216adef6-5c7f-47e4-b989-5492eafa07d3",
    "AllViewerAndCloudFrontHeaders-2022-06": "33f36d7e-f396-46d9-90e0-52428a34d9dc",
    "AllViewerExceptHostHeader": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    "CORS-CustomOrigin": "59781a5b-3903-41f3-afcb-af62929ccde1",
    "CORS-S3Origin": "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
    "Elemental-MediaTailor-PersonalizedManifests": "775133bc-15f2-49f9-abea-afb2e0bf67d2",
    "HostHeaderOnly": "bf0718e1-ba1e-49d1-88b1-f726733018ae",
    "UserAgentRefererHeaders": "acba4595-bd28-49b8-b9fe-13317c0390fa",
}
RESPONSE_HEADERS_POLICIES = {
    "CORS-and-SecurityHeadersPolicy": "e61eb60c-9c35-4d20-a928-2b84e02af89c",
    "CORS-With-Preflight": "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
    "CORS-with-preflight-and-SecurityHeadersPolicy": "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
    "SecurityHeadersPolicy": "67f7725c-6f97-4210-82d7-5512b31e9d03",
    "SimpleCORS": "60669652-455b-4ae9-85a4-c4c02393f86c",
}


def to_api(value: Any) -> Any:
    """Words of options as members, and lists as CloudFront takes them, with their lengths."""
    if isinstance(value, Mapping):
        return {OPTIONS.get(key) or camel_name(key, capital=True): to_api(item) for key, item in value.items()}
    if isinstance(value, list):
        return {"Quantity": len(value), **({"Items": [to_api(item) for item in value]} if value else {})}
    return value


def from_api(value: Any) -> Any:
    """The reverse of to_api()."""
    if isinstance(value, Mapping):
        if "Quantity" in value and value.keys() <= {"Quantity", "Items"}:
            return [from_api(item) for item in value.get("Items") or []]
        return {SPELLED.get(key) or snake_name(key): from_api(item) for key, item in value.items()}
    return value


def alike(current: Any, desired: Any) -> bool:
    """Whether both say the same where what isn't named isn't there, and lists have no order."""
    return _said(current) == _said(desired)


def _said(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _said(item) for key, item in value.items() if item not in (None, False, "", [], {})}
    if isinstance(value, list):
        return sorted((_said(item) for item in value), key=str)
    return value


def occurs(value: Any, text: str) -> bool:
    """Whether the text is one of the values in a description."""
    if isinstance(value, Mapping):
        return any(occurs(item, text) for item in value.values())
    if isinstance(value, list):
        return any(occurs(item, text) for item in value)
    return bool(value == text)


def mark_of(owner: Mapping[str, Any], longest: int) -> str:
    """What says whose a resource is that has no tags: the values of the owner's tags, in the order of their names."""
    return shorten("/".join(str(owner[key]) for key in sorted(owner)), longest)


class CloudFrontResource(Resource):
    """A resource of CloudFront. A change names the version that was read, and is refused if there is a newer one."""

    service = "cloudfront"
    capital_members = True
    inner: str = ""  # where the resource stands in the answer that gives its version, too
    arn: str = ""  # path of what distributions name it by
    passing: Mapping[str, tuple[str, ...]] = RACED
    hints: Mapping[str, Mapping[str, str]] = {code: {"": QUOTA} for code in TOO_MANY}
    extra_operations: tuple[str, ...] = ("ListDistributions",)

    # ---- Reading

    def read(
        self,
        operation: str,
        request: Mapping,
        missing: Iterable[str] = (),
        doing: str | None = None,
        service: str | None = None,
    ) -> dict | None:
        response = super().read(operation, request, missing, doing, service)
        place = PAGES.get(operation)
        page = (response or {}).get(place) or {}
        if place and page.get("NextMarker"):
            more = self.read(operation, {**request, "Marker": page["NextMarker"]}, missing, doing, service)
            items = [*(page.get("Items") or []), *(get_path(more, f"{place}.Items") or [])]
            return {place: {"Items": items}}
        return response

    def distributions(self) -> list[dict]:
        """All distributions of the account, in short."""
        found = self.read("ListDistributions", {}, doing=f"look for distributions that use {self.title}")
        return get_path(found, "DistributionList.Items") or []

    def users(self, current: Mapping) -> list[dict]:
        """The distributions that use it."""
        name = get_path(current, self.arn)
        return [item for item in self.distributions() if occurs(item, name)]

    # ---- Changes

    def versioned(self, request: dict, current: Mapping) -> dict:
        return {**request, "IfMatch": current["ETag"]}

    def update_request(self, name: str, changes: Mapping, current: dict) -> dict:
        """A change replaces all, so all that was read goes along."""
        request = super().update_request(name, changes, current)
        for member in {path.partition(".")[0] for setting in self.settings_of(name) for path in setting.members}:
            have = get_path(current, f"{self.inner}.{member}")
            request[member] = {**have, **request.get(member, {})}
        return self.versioned(request, current)

    def delete_request(self, current: dict) -> dict:
        return self.versioned(super().delete_request(current), current)

    def refuse_removal(self, current: dict) -> None:
        super().refuse_removal(current)
        # In a dry run there still is what the same run would have removed before.
        users = self.users(current) if self.arn and not self.check_mode else []
        if users:
            raise ResourceError(
                f"{self.title} is used by {', '.join(named(item) for item in users)}. Take it out of there, or delete "
                "that, and run again."
            )

    # ---- What the user sees

    def shown(self, description: dict | None) -> dict:
        if not description:
            return {}
        there = description.get(self.inner) or {}
        shown = snake({member: value for member, value in there.items() if not member.endswith("Config")})
        for setting in self.settings:
            if not setting.secret:
                shown[setting.option] = self.decoded(setting, description)
        if self.tagging:
            shown["tags"] = self.tags_of(description)
        return shown


def named(distribution: Mapping) -> str:
    names = get_path(distribution, "Aliases.Items") or [distribution["DomainName"]]
    return f"distribution {distribution['Id']} ({', '.join(names)})"


def cloudfront_tagging(arn: str) -> Tagging:
    """Tags of a resource whose ARN is at that path of its description."""
    return Tagging(
        "TagResource",
        "UntagResource",
        by={"Resource": arn},
        read="Tags",
        style="list",
        tags_member="Tags.Items",
        keys_member="TagKeys.Items",
    )


def listed_tags(arn: str) -> Addition:
    return Addition(
        "ListTagsForResource", "Tags.Items", "Tags", by={"Resource": arn}, missing=("NoSuchResource",), empty=[]
    )


class Untagged(CloudFrontResource):
    """A resource that has no tags. Whose it is stands at the end of the text that says what it is for.

    Where that text was changed by someone, it is nevertheless ours if a distribution of ours uses it.
    """

    text: str = ""  # option of the text
    longest: int = 0  # characters that it may have
    extra_operations = ("ListDistributions", "ListTagsForResource")

    @property
    def mark(self) -> str:
        return mark_of(self.options["owned_by"], self.longest) if self.options.get("owned_by") else ""

    def prepare(self) -> None:
        words = self.options.get(self.text)
        if self.options["state"] == "present" and self.mark:
            self.options[self.text] = f"{words} ({self.mark})" if words else self.mark
        over = len(self.options.get(self.text) or "") - self.longest
        if over > 0:
            raise ResourceError(
                f"The {self.text} of {self.title} is too long: CloudFront takes {self.longest} characters, and with "
                f"what says whose it is ({self.mark}) it has {over} more. Shorten it."
            )

    def check_owner(self, current: dict | None) -> None:
        if current is None or not self.mark:
            return
        setting = next(setting for setting in self.settings if setting.option == self.text)
        there = self.decoded(setting, current)
        if there != self.mark and not there.endswith(f"({self.mark})") and not self.in_our_place(current):
            raise ResourceError(
                f"{self.title} exists but isn't ours: its {self.text} is {there!r}, expected one with {self.mark!r}. "
                f"Nothing was changed. Rename one of the two, or give it that {self.text} if it is to be taken over."
            )

    def in_our_place(self, current: Mapping) -> bool:
        owner = {key: str(value) for key, value in self.options["owned_by"].items()}
        return any(owner.items() <= self.tags_of_distribution(item).items() for item in self.users(current))

    def tags_of_distribution(self, distribution: Mapping) -> dict[str, str]:
        doing = f"read whose {named(distribution)} is"
        answer = self.read("ListTagsForResource", {"Resource": distribution["ARN"]}, ("NoSuchResource",), doing)
        return {tag["Key"]: tag.get("Value", "") for tag in get_path(answer, "Tags.Items") or []}
