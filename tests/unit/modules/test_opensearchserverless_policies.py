# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Security and access policies of OpenSearch Serverless."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.opensearch_serverless import (
    LONGEST,
    same_document,
)
from ansible_collections.agent_platform.aws.plugins.modules.opensearchserverless_access_policy import AccessPolicy
from ansible_collections.agent_platform.aws.plugins.modules.opensearchserverless_security_policy import SecurityPolicy
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME = "demo-vectors"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
ROLE = "arn:aws:iam::123456789012:role/demo-knowledge-base"
ADMIN = "arn:aws:iam::123456789012:role/admin"
VERSION = "MTY2MzY5MzIxNzgyNl8x"
RULE = {"ResourceType": "collection", "Resource": [f"collection/{NAME}"]}
ENCRYPTION = {"Rules": [RULE], "AWSOwnedKey": False, "KmsARN": KEY}
NETWORK = [{"Rules": [RULE], "AllowFromPublic": False, "SourceServices": ["bedrock.amazonaws.com"]}]
DATA = [
    {
        "Rules": [
            {
                "ResourceType": "index",
                "Resource": [f"index/{NAME}/*"],
                "Permission": ["aoss:DescribeIndex", "aoss:ReadDocument"],
            }
        ],
        "Principal": [ROLE, ADMIN],
    }
]
KINDS = {
    "encryption": (SecurityPolicy, "Security", ENCRYPTION),
    "network": (SecurityPolicy, "Security", NETWORK),
    "data": (AccessPolicy, "Access", DATA),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request):
    return request.param


class Kind:
    """The calls about policies of one type."""

    def __init__(self, name):
        self.resource, self.word, self.document = KINDS[name]
        self.id = {"type": name, "name": NAME}
        self.params = {**self.id, "policy": self.document, "description": "vectors"}
        missing = api_error(f"Get{self.word}Policy", "ResourceNotFoundException")
        self.gone = Step(f"Get{self.word}Policy", missing, self.id)

    def step(self, verb, answer, request=None):
        return Step(f"{verb}{self.word}Policy", answer, request)

    def seen(self, document=None, **members):
        detail = {**self.id, "policyVersion": VERSION, "description": "vectors", **members}
        detail["policy"] = self.document if document is None else document
        return self.step("Get", {f"{self.word.lower()}PolicyDetail": detail}, self.id)

    def sent(self, **expected):
        """Asserts on a request that has a token besides."""

        def check(request):
            assert len(request.pop("clientToken")) == 32
            document = request.pop("policy", None)
            assert request == {key: value for key, value in expected.items() if key != "policy"}
            assert (json.loads(document) if document else None) == expected.get("policy")
            assert document is None or " " not in document

        return check

    def run(self, params, *steps, **kwargs):
        return run_resource(self.resource, {**self.params, **params}, *steps, **kwargs)

    def refusal(self, params, *steps):
        return refuse_resource(self.resource, {**self.params, **params}, *steps)


@pytest.fixture
def of(kind):
    return Kind(kind)


def test_made_and_left_alone(of):
    create = of.step("Create", {}, of.sent(**of.id, policy=of.document, description="vectors"))
    result, _aws, _module = of.run({}, of.gone, create, of.seen())
    assert result["changed"] is True
    assert result[of.resource.result]["policy"] == of.document
    result, _aws, _module = of.run({"policy": json.dumps(of.document)}, of.seen())
    assert result["changed"] is False


def test_changed_with_the_version_that_was_seen(of):
    update = of.step("Update", {}, of.sent(**of.id, policyVersion=VERSION, policy=of.document, description="vectors"))
    other = json.loads(json.dumps(of.document).replace(f"/{NAME}", f"/{NAME}2"))
    of.run({}, of.seen(other), skip(update), of.seen(), of.seen())
    update = of.step("Update", {}, of.sent(**of.id, policyVersion=VERSION, description="vectors"))
    result, _aws, _module = of.run({}, of.seen(description="other"), update, of.seen(), of.seen())
    assert result["diff"]["before"]["description"] == "other"


def skip(step):
    """The step without the description, which is as declared."""

    def check(request):
        step.request({**request, "description": "vectors"})

    return Step(step.operation, step.answer, check)


@pytest.mark.parametrize(
    "text",
    [
        "Policy version specified in the request refers to an older version and policy has since changed",
        "No changes detected in policy or policy description",
    ],
)
def test_someone_elses_change_meanwhile_is_looked_at_again(of, text):
    refused = of.step("Update", api_error("Update", "ValidationException", text))
    of.run({}, of.seen(description="other"), refused, of.seen())


def test_another_refusal_is_told_at_once(of):
    wrong = api_error("CreateSecurityPolicy", "ValidationException", "Policy json is invalid, error: [x]")
    assert "Policy json is invalid" in of.refusal({}, of.gone, of.step("Create", wrong))


def test_lost_reply_makes_no_second_call(of):
    _result, aws, _module = of.run({}, of.gone, of.step("Create", lost_reply()), of.seen())
    assert sum("Create" in operation for operation in aws.operations()) == 1


def test_one_that_is_for_something_else_is_someone_elses(of):
    other = json.loads(json.dumps(of.document).replace(f"/{NAME}", "/other"))
    text = of.refusal({}, of.seen(other, description="theirs"))
    assert "exists but isn't ours: it is for " in text
    assert "/other" in text
    assert "isn't ours" in of.refusal({"state": "absent"}, of.seen(other, description="theirs"))
    # One sign is enough.
    assert of.run({"policy": None}, of.seen(description="vectors"))[0]["changed"] is False


def test_removed(of):
    delete = of.step("Delete", {}, of.id)
    result, _aws, _module = of.run({"state": "absent"}, of.seen(), delete, of.gone)
    assert result["changed"] is True
    # Without a document it is the name that counts.
    of.run({"state": "absent", "policy": None}, of.seen(), delete, of.gone)


def test_a_dry_run_writes_nothing(of):
    assert of.run({}, of.gone, check_mode=True)[0]["changed"] is True
    assert of.run({"description": ""}, of.seen(), check_mode=True)[0]["changed"] is True


def test_one_that_is_too_long_is_refused_before_any_write(of):
    many = json.loads(json.dumps(of.document).replace(f"/{NAME}", f"/{NAME}{'x' * LONGEST}"))
    assert f"OpenSearch Serverless takes {LONGEST}" in of.refusal({"policy": many}, of.gone)


def test_a_principal_that_is_named_twice_is_sent_once():
    of = Kind("data")
    twice = [{**DATA[0], "Principal": [ROLE, ADMIN, ROLE]}]
    create = of.step("Create", {}, of.sent(**of.id, policy=DATA, description="vectors"))
    of.run({"policy": twice}, of.gone, create, of.seen())


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ([{**DATA[0], "Principal": [ADMIN, ROLE]}], True),
        ([{**DATA[0], "Description": ""}], True),
        ([{**DATA[0], "Description": "x"}], False),
        ([{**DATA[0], "Principal": [ADMIN]}], False),
        ([*DATA, *NETWORK], False),
        ([*NETWORK, *DATA], False),
        ([], False),
        (None, False),
    ],
)
def test_documents_are_compared_by_what_they_say(other, equal):
    assert same_document(other, DATA) is equal
    assert same_document([*NETWORK, *DATA], [*DATA, *NETWORK])
    # What is false is as good as what isn't there.
    assert same_document({"Rules": [RULE], "KmsARN": KEY}, ENCRYPTION)
    assert not same_document({"Rules": [RULE], "AWSOwnedKey": True}, ENCRYPTION)
