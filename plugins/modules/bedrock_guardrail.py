#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: bedrock_guardrail
version_added: 0.1.0
short_description: Manage a guardrail of Amazon Bedrock and its versions
description:
  - Creates, changes and deletes a guardrail with its policies, and publishes what it has become as a new version.
  - What is changed is the working draft. Who uses a version isn't reached by that, so a version is published whenever
    the draft holds something else than the newest one.
  - A policy that is declared is declared as a whole. What it leaves out has AWS's default; a policy without a single
    entry, such as V({}), is removed. One that isn't declared stays, which Bedrock itself wouldn't do, since its update
    drops what isn't sent.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the guardrail, unique in the account and region, up to 50 letters, digits, C(-) and C(_).
    type: str
    required: true
  description:
    description:
      - What the guardrail is for, up to 200 characters. An empty text removes it.
    type: str
  blocked_input_messaging:
    description:
      - What is answered to a prompt that is blocked, up to 500 characters. Needed to create the guardrail.
    type: str
  blocked_outputs_messaging:
    description:
      - What is answered in place of a response that is blocked, up to 500 characters. Needed to create the guardrail.
    type: str
  topic_policy:
    description:
      - Topics that are denied, up to 30.
    type: dict
    suboptions:
      topics:
        description: The topics.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the topic, up to 100 letters, digits, spaces and C(-_!?.).
            type: str
            required: true
          definition:
            description: What the topic is about, up to 200 characters in the classic tier.
            type: str
            required: true
          examples:
            description: Up to five prompts that belong to it, each up to 100 characters.
            type: list
            elements: str
          type:
            description: What is done with the topic.
            type: str
            choices: [DENY]
            default: DENY
          input_action: &input_action
            description: What is done when it is in a prompt. V(NONE) only reports it in the trace. V(BLOCK) by default.
            type: str
            choices: [BLOCK, NONE]
          output_action: &output_action
            description: The same for a response.
            type: str
            choices: [BLOCK, NONE]
          input_enabled: &input_enabled
            description: Whether prompts are looked at. Yes by default.
            type: bool
          output_enabled: &output_enabled
            description: Whether responses are looked at. Yes by default.
            type: bool
      tier: &tier
        description:
          - Which tier of safeguards evaluates it. V(STANDARD) knows more languages, and needs O(guardrail_profile).
        type: str
        choices: [CLASSIC, STANDARD]
        default: CLASSIC
  content_policy:
    description:
      - Filters for harmful content.
    type: dict
    suboptions:
      filters:
        description: The filters, one of a type.
        type: list
        elements: dict
        suboptions:
          type:
            description: What is filtered.
            type: str
            choices: [SEXUAL, VIOLENCE, HATE, INSULTS, MISCONDUCT, PROMPT_ATTACK]
            required: true
          input_strength:
            description: How strictly prompts are filtered.
            type: str
            choices: [NONE, LOW, MEDIUM, HIGH]
            required: true
          output_strength:
            description: How strictly responses are filtered. V(NONE) is the only one for C(PROMPT_ATTACK).
            type: str
            choices: [NONE, LOW, MEDIUM, HIGH]
            required: true
          input_modalities:
            description: What of a prompt is looked at. V(TEXT) by default.
            type: list
            elements: str
            choices: [TEXT, IMAGE]
          output_modalities:
            description: What of a response is looked at. V(TEXT) by default.
            type: list
            elements: str
            choices: [TEXT, IMAGE]
          input_action: *input_action
          output_action: *output_action
          input_enabled: *input_enabled
          output_enabled: *output_enabled
      tier: *tier
  word_policy:
    description:
      - Words that are blocked.
    type: dict
    suboptions:
      words:
        description: Words and phrases of up to three words, up to 10000.
        type: list
        elements: dict
        suboptions:
          text:
            description: The word or phrase, up to 100 characters.
            type: str
            required: true
          input_action: *input_action
          output_action: *output_action
          input_enabled: *input_enabled
          output_enabled: *output_enabled
      managed_word_lists:
        description: Lists of words that AWS keeps.
        type: list
        elements: dict
        suboptions:
          type:
            description: Which list.
            type: str
            choices: [PROFANITY]
            required: true
          input_action: *input_action
          output_action: *output_action
          input_enabled: *input_enabled
          output_enabled: *output_enabled
  sensitive_information_policy:
    description:
      - Sensitive information that is blocked or masked.
    type: dict
    suboptions:
      pii_entities:
        description: Kinds of personal information, each once.
        type: list
        elements: dict
        suboptions:
          type:
            description: Which kind.
            type: str
            choices:
              - ADDRESS
              - AGE
              - AWS_ACCESS_KEY
              - AWS_SECRET_KEY
              - CA_HEALTH_NUMBER
              - CA_SOCIAL_INSURANCE_NUMBER
              - CREDIT_DEBIT_CARD_CVV
              - CREDIT_DEBIT_CARD_EXPIRY
              - CREDIT_DEBIT_CARD_NUMBER
              - DRIVER_ID
              - EMAIL
              - INTERNATIONAL_BANK_ACCOUNT_NUMBER
              - IP_ADDRESS
              - LICENSE_PLATE
              - MAC_ADDRESS
              - NAME
              - PASSWORD
              - PHONE
              - PIN
              - SWIFT_CODE
              - UK_NATIONAL_HEALTH_SERVICE_NUMBER
              - UK_NATIONAL_INSURANCE_NUMBER
              - UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER
              - URL
              - USERNAME
              - US_BANK_ACCOUNT_NUMBER
              - US_BANK_ROUTING_NUMBER
              - US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER
              - US_PASSPORT_NUMBER
              - US_SOCIAL_SECURITY_NUMBER
              - VEHICLE_IDENTIFICATION_NUMBER
            required: true
          action: &sensitive_action
            description: What is done with it. V(ANONYMIZE) masks it.
            type: str
            choices: [BLOCK, ANONYMIZE, NONE]
            required: true
          input_action: &sensitive_input_action
            description: What is done with it in a prompt, where that is something else.
            type: str
            choices: [BLOCK, ANONYMIZE, NONE]
          output_action: &sensitive_output_action
            description: The same for a response.
            type: str
            choices: [BLOCK, ANONYMIZE, NONE]
          input_enabled: *input_enabled
          output_enabled: *output_enabled
      regexes:
        description: Patterns of your own, up to 10.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the pattern, up to 100 characters.
            type: str
            required: true
          description:
            description: What it is for, up to 1000 characters.
            type: str
          pattern:
            description: The regular expression, up to 500 characters, without look-around.
            type: str
            required: true
          action: *sensitive_action
          input_action: *sensitive_input_action
          output_action: *sensitive_output_action
          input_enabled: *input_enabled
          output_enabled: *output_enabled
  contextual_grounding_policy:
    description:
      - Filters for responses that their sources don't bear out, or that don't answer what was asked.
    type: dict
    suboptions:
      filters:
        description: The filters, one of a type.
        type: list
        elements: dict
        suboptions:
          type:
            description: What is asked of a response.
            type: str
            choices: [GROUNDING, RELEVANCE]
            required: true
          threshold:
            description: The least score that a response needs, from 0 to 0.99.
            type: float
            required: true
          action:
            description: What is done with one below that. V(NONE) only reports it. V(BLOCK) by default.
            type: str
            choices: [BLOCK, NONE]
          enabled:
            description: Whether responses are looked at. Yes by default.
            type: bool
  automated_reasoning_policy:
    description:
      - Automated reasoning that responses are checked by.
    type: dict
    suboptions:
      policies:
        description: ARNs of policies, up to two.
        type: list
        elements: str
      confidence_threshold:
        description: The least confidence that a finding needs to be told, from 0 to 1.
        type: float
  guardrail_profile:
    description:
      - ID or ARN of the guardrail profile by which Bedrock may evaluate in other regions of the geography, such as
        V(us.guardrail.v1:0). An empty text takes it away.
    type: str
  kms_key_id:
    description:
      - ARN or ID of the KMS key that encrypts the guardrail, in place of a key of AWS. An empty text goes back to that.
    type: str
  publish:
    description:
      - Whether a version is published when the draft holds something else than the newest version, or there is none.
    type: bool
    default: true
  keep_versions:
    description:
      - How many versions are kept, from 1 to 20. Older ones are deleted, also what still uses one of them.
      - All are kept if it isn't set. Bedrock then refuses to publish after 20.
    type: int
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Filter what is harmful and mask mail addresses
  agent_platform.aws.bedrock_guardrail:
    name: demo-dev
    blocked_input_messaging: I can't help with that.
    blocked_outputs_messaging: I can't answer that.
    content_policy:
      filters:
        - {type: VIOLENCE, input_strength: HIGH, output_strength: HIGH}
        - {type: PROMPT_ATTACK, input_strength: HIGH, output_strength: NONE}
    sensitive_information_policy:
      pii_entities:
        - {type: EMAIL, action: ANONYMIZE}
    keep_versions: 5

- name: Go without the list of denied topics
  agent_platform.aws.bedrock_guardrail:
    name: demo-dev
    topic_policy: {}

- name: Delete the guardrail with all of its versions
  agent_platform.aws.bedrock_guardrail:
    name: demo-dev
    state: absent
"""

RETURN = r"""
guardrail:
  description: The working draft as Bedrock describes it, with what is published of it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the guardrail.
      type: str
      sample: arn:aws:bedrock:us-west-2:123456789012:guardrail/abcdefghijkl
    id:
      description: ID of the guardrail.
      type: str
      sample: abcdefghijkl
    newest_version:
      description: Number of the newest version; none if nothing is published.
      type: str
      sample: "3"
    published:
      description: Whether the newest version holds what the draft holds.
      type: bool
    status:
      description: State of the guardrail, as READY.
      type: str
    tags:
      description: Tags of the guardrail.
      type: dict
    versions:
      description: Numbers of the versions, the newest one last.
      type: list
      elements: str
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Tagging, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import camel, camel_name, is_satisfied, same_key, set_path, snake, without_unset

MISSING = ("ResourceNotFoundException",)
BY_ID = {"guardrailIdentifier": "id"}
DRAFT = "DRAFT"
# A quota that can't be raised.
MOST_VERSIONS = 20

EVALUATED = {"input_action": "BLOCK", "output_action": "BLOCK", "input_enabled": True, "output_enabled": True}
SENSITIVE = {"input_enabled": True, "output_enabled": True}
# The lists in a policy, and what AWS takes for what their entries leave out.
LISTS = {
    "topic_policy": {"topics": {"examples": [], **EVALUATED}},
    "content_policy": {"filters": {"input_modalities": ["TEXT"], "output_modalities": ["TEXT"], **EVALUATED}},
    "word_policy": {"words": EVALUATED, "managed_word_lists": EVALUATED},
    "sensitive_information_policy": {"pii_entities": SENSITIVE, "regexes": {"description": "", **SENSITIVE}},
    "contextual_grounding_policy": {"filters": {"action": "BLOCK", "enabled": True}},
    "automated_reasoning_policy": {"policies": {}},
}
TIERS = ("topic_policy", "content_policy")
# Parts of a policy that requests call otherwise than descriptions.
CALLED_CONFIG = ("topics", "filters", "words", "managed_word_lists", "pii_entities", "regexes", "tier")


def filled(entry, defaults):
    """An entry of a policy with AWS's defaults for what it leaves out."""
    if not isinstance(entry, dict):
        return entry
    if defaults.get("input_enabled") and "action" in entry:
        defaults = {**defaults, "input_action": entry["action"], "output_action": entry["action"]}
    entry = {**defaults, **entry}
    if entry.get("type") == "PROMPT_ATTACK":
        # It is looked for in prompts only, so nothing that is said of responses counts.
        entry = {name: value for name, value in entry.items() if not name.startswith("output_")}
    return entry


def policy(option):
    """The setting of a policy. Requests call topicsConfig what descriptions call topics."""
    lists, member = LISTS[option], camel_name(option)

    def whole(value):
        """A policy with all of its lists, also the empty ones."""
        return {**value, **{name: value.get(name) or [] for name in lists}}

    def entries(value):
        return {name: [filled(entry, lists[name]) for entry in whole(value)[name]] for name in lists}

    def same(current, desired):
        here, there = entries(current), entries(desired)
        # Where there is nothing to evaluate, nothing is said of how.
        rest = [name for name in desired if name not in lists] if any(there.values()) else []
        return is_satisfied(here, there, unordered=True) and all(current.get(name) == desired[name] for name in rest)

    def decode(value):
        value = {name.removesuffix("_config"): item for name, item in snake(value).items()}
        tier = value.pop("tier", {}) if option in TIERS else None
        return value if tier is None else {**value, "tier": tier.get("tier_name", "CLASSIC")}

    def encode(value):
        value = {name: {"tier_name": item} if name == "tier" else item for name, item in value.items()}
        return camel({f"{name}_config" if name in CALLED_CONFIG else name: item for name, item in value.items()})

    return Setting(
        option,
        f"{member}Config",
        read=member,
        update="guardrail",
        absent={},
        given=whole,
        same=same,
        encode=encode,
        decode=decode,
    )


def same_profile(current, desired):
    """Whether both name the same guardrail profile, by its ID or its ARN."""
    return current.rpartition("/")[2] == desired.rpartition("/")[2]


class Guardrail(Resource):
    service = "bedrock"
    kind = "Bedrock guardrail"
    result = "guardrail"
    names = {"name": "name"}
    identifier = "id"
    timeout = 600
    # Without an identifier it lists the drafts.
    describe = Describe("ListGuardrails", "guardrails", many=True, names={})
    create = Create("CreateGuardrail", token="clientRequestToken")
    # Without a version all of it goes.
    delete = Delete("DeleteGuardrail", missing=MISSING, by=BY_ID)
    needed = ("blocked_input_messaging", "blocked_outputs_messaging")
    additions = (
        Addition("GetGuardrail", "", by=BY_ID, missing=MISSING, itself=True),
        Addition(
            "ListTagsForResource", "tags", "tags", by={"resourceARN": "arn"}, missing=(*MISSING, "ValidationException")
        ),
        Addition("ListGuardrails", "guardrails.version", "versions", by_hand=True),
        Addition("GetGuardrail", "version", "published", by_hand=True),
    )
    settings = (
        Setting("description", "description", update="guardrail", absent=""),
        Setting("blocked_input_messaging", "blockedInputMessaging", update="guardrail"),
        Setting("blocked_outputs_messaging", "blockedOutputsMessaging", update="guardrail"),
        *(policy(option) for option in LISTS),
        Setting(
            "guardrail_profile",
            "crossRegionConfig.guardrailProfileIdentifier",
            read="crossRegionDetails.guardrailProfileArn",
            update="guardrail",
            absent="",
            same=same_profile,
        ),
        Setting("kms_key_id", "kmsKeyId", read="kmsKeyArn", update="guardrail", absent="", same=same_key),
        Setting(
            "publish",
            None,
            read="published",
            update="version",
            update_members=(),
            same=lambda current, desired: current or not desired,
        ),
        Setting(
            "keep_versions",
            None,
            read="versions",
            update="old_versions",
            update_members=(),
            absent=[],
            same=lambda current, desired: len(current) <= desired,
        ),
    )
    updates = {
        "guardrail": Update("UpdateGuardrail", by=BY_ID),
        "version": Update("CreateGuardrailVersion", token="clientRequestToken", by=BY_ID),
        "old_versions": Update("DeleteGuardrail", by=BY_ID),
    }
    unmanaged = {
        "CreateGuardrailVersion.description": "versions are told apart by their numbers",
    }
    tagging = Tagging("TagResource", "UntagResource", by={"resourceARN": "arn"}, style="list")
    states = States(
        "status",
        ready=frozenset({"READY"}),
        pending=frozenset({"CREATING", "UPDATING", "VERSIONING"}),
        deleting=frozenset({"DELETING"}),
        degraded={"FAILED": "Correct what it names, and run again."},
    )
    # Something else is under way, or one of that name was made or deleted a moment ago: the next look tells.
    passing = {"ConflictException": ("",)}
    hints = {
        "ResourceInUseException": {"": "Take it from what uses it, and run again."},
        "ServiceQuotaExceededException": {
            "version": f"A guardrail has {MOST_VERSIONS} versions at most: set keep_versions, which deletes the oldest "
            "ones, and run again."
        },
    }

    def prepare(self):
        keep = self.options["keep_versions"]
        if keep is not None and not 1 <= keep <= MOST_VERSIONS:
            raise ResourceError(f"The keep_versions of {self.title} is {keep}, and not from 1 to {MOST_VERSIONS}.")

    def encoded_tags(self, tags):
        return [{"key": key, "value": str(value)} for key, value in tags.items()]

    # ---- Reading

    def complete(self, description):
        if self.options["state"] == "absent":
            return description
        request = {"guardrailIdentifier": description["id"]}
        answer = self.read("ListGuardrails", request, MISSING) or {}
        found = {item["version"]: item["status"] for item in answer.get("guardrails", [])}
        numbers = [number for number in found if number != DRAFT and found[number] != "DELETING"]
        versions = sorted(numbers, key=int)
        newest = versions[-1] if versions else None
        description.update(versions=versions, newestVersion=newest, published=False)
        if newest and found[newest] in self.states.pending:
            # Until then nobody knows whether it holds the draft.
            return {**description, "status": found[newest]}
        if newest and found[newest] == "READY":
            version = self.read("GetGuardrail", {**request, "guardrailVersion": newest}, MISSING)
            description["published"] = version is not None and self.holds_the_same(version, description)
        return description

    def holds_the_same(self, version, draft):
        """Whether a version holds what the draft holds. A version has a description of its own."""
        for setting in self.settings_of("guardrail"):
            there, here = (self.decoded(setting, item) for item in (version, draft))
            # One that doesn't tell its key says nothing of it.
            told = setting.option != "kms_key_id" or there
            if setting.option != "description" and told and not setting.satisfied(there, here):
                return False
        return True

    def reasons(self, current):
        told = [*current.get("statusReasons", []), *current.get("failureRecommendations", [])]
        return " ".join(f"{text.rstrip('.')}." for text in told)

    # ---- Writing

    def refuse(self, current, changes):
        policies = {setting.option: setting for setting in self.settings if setting.option in LISTS}
        wanted = {option: self.wanted_value(setting, current or {}) or {} for option, setting in policies.items()}
        if not any(wanted[option].get(name) for option, lists in LISTS.items() for name in lists):
            raise ResourceError(f"{self.title} would have nothing to look for: one of its policies needs an entry.")

    def wanted_value(self, setting, current):
        """What a setting shall be: as declared, or as it is."""
        desired = without_unset(self.options.get(setting.option))
        return self.decoded(setting, current) if desired is None else desired

    def create_request(self):
        return without_empty_policies(super().create_request())

    def update_request(self, name, changes, current):
        """The whole guardrail: Bedrock drops what isn't sent."""
        request = self.target(self.updates[name], current)
        if name == "guardrail":
            request.update(self.named())
            for setting in self.settings_of(name):
                value = self.wanted_value(setting, current)
                if value not in (None, "", {}):
                    set_path(request, setting.member, self.encode(setting, value))
        return without_empty_policies(request)

    def before_update(self, name, current):
        if name == "version" and self.options["keep_versions"]:
            self.delete_versions(current, MOST_VERSIONS - 1)

    def update_old_versions(self, changes, current):
        self.delete_versions(current, self.options["keep_versions"])

    def delete_versions(self, current, most):
        """Delete the oldest versions, so that no more than that are left."""
        for version in current["versions"][: max(0, len(current["versions"]) - most)]:
            request = {**self.target(self.delete, current), "guardrailVersion": version}
            self.write("DeleteGuardrail", request, f"delete version {version} of {self.title}", MISSING)


def without_empty_policies(request):
    """A request without lists that are empty, and without policies that have no other."""
    for option, lists in LISTS.items():
        member = f"{camel_name(option)}Config"
        value = request.get(member, {})
        names = [camel_name(f"{name}_config" if name in CALLED_CONFIG else name) for name in lists]
        for name in names:
            if not value.get(name):
                value.pop(name, None)
        if not set(names) & set(value):
            request.pop(member, None)
    return request


def main():
    run_module(Guardrail, DOCUMENTATION)


if __name__ == "__main__":
    main()
