# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every kind of thing loses a tag: the next run puts it back or names the thing in a refusal, and never makes a twin.

One of each kind loses it at once. What a run refuses gets its tags back by hand, as a person would give them, and the
next run tells of the others. The kinds are those that the components list, so a new one is tried without a word here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.playbook import OWNER, PREFIX, REGION, Account, Run

from . import census, neighbours
from .components import network
from .conftest import Platform, limit

ACCOUNTS = {"ManagedBy": "100000000051", "Name": "100000000052"}
# One owner tag, and those that tell what of the platform a thing is.
LOST = [
    "ManagedBy",
    pytest.param("Name", marks=pytest.mark.options),
    *(pytest.param(tag, marks=pytest.mark.thorough) for tag in [*OWNER, "Component"] if tag != "ManagedBy"),
]
# A refusal names all names that others hold; what would be refused later in a run takes another one.
MOST_RUNS = 5

# The members that identify things of EC2, the most particular one first.
EC2_IDS = ("InstanceId", "LaunchTemplateId", *network.ID_MEMBERS)
# The calls of IAM that tag a thing, by the member that names it there.
IAM_KINDS = {
    "InstanceProfileName": "instance_profile",
    "OpenIDConnectProviderArn": "open_id_connect_provider",
    "RoleName": "role",
}
EKS_ARNS = ("accessEntryArn", "addonArn", "nodegroupArn", "associationArn", "arn")
RDS_ARNS = (
    "DBClusterArn",
    "DBInstanceArn",
    "DBSubnetGroupArn",
    "DBClusterParameterGroupArn",
    "DBParameterGroupArn",
    "EventSubscriptionArn",
)
ELASTICACHE_NAMES = ("ReplicationGroupId", "CacheParameterGroupName", "CacheSubnetGroupName")
# What people call a thing by, besides its id.
NAMES = (
    "LaunchTemplateName",
    "GroupName",
    "principalArn",
    "addonName",
    "nodegroupName",
    "name",
    "DBClusterIdentifier",
    "DBInstanceIdentifier",
    "DBSubnetGroupName",
    "DBClusterParameterGroupName",
    "DBParameterGroupName",
    "CustSubscriptionId",
)


Take = Callable[[list[str]], object]
Give = Callable[[dict[str, str]], object]


class Thing:
    """A resource that carries tags, and how they are taken from it and given back."""

    def __init__(self, account: Account, kind: str, resource: dict):
        self.account, self.client = account, account.client
        # Without its name: one thing stands for all of its kind that a component makes.
        self.kind = re.sub(r" \S*[-/:]\S*$", "", kind)
        self.resource = resource
        self.tags = census.tags_of(resource)
        self.id, self._take, self._give = self._calls()

    def _calls(self) -> tuple[str, Take, Give]:
        """Its id, and the calls that take tags from it by their names, and give it tags."""
        item = self.resource
        if "KeyManager" in item:
            return item["KeyId"], *self._kms(item["KeyId"])
        if "logGroupName" in item:
            return item["logGroupName"], *self._by_arn("logs", item["arn"].removesuffix(":*"))
        if item.get("arn", "").startswith("arn:aws:logs:"):
            return item.get("name") or item["deliverySourceName"], *self._by_arn("logs", item["arn"])
        if "knowledgeBaseArn" in item:
            return item["name"], *self._by_arn("bedrock-agent", item["knowledgeBaseArn"])
        if "guardrailArn" in item:
            return item["name"], *self._guardrail(item["guardrailArn"])
        for member in ("indexArn", "vectorBucketArn"):
            if member in item:
                return item[f"{member.removesuffix('Arn')}Name"], *self._by_arn("s3vectors", item[member])
        for arn in (item.get("ARN", ""), item.get("Arn", "")):
            if arn.startswith("arn:aws:cloudfront:"):
                return item.get("Name") or item["Id"], *self._cloudfront(arn)
        if item.get("ARN", "").startswith("arn:aws:wafv2:"):
            return item["Name"], *self._web_acl(item["ARN"])
        if "SecretVersionsToStages" in item:
            return item["Name"], *self._secret(item["ARN"])
        if "ThumbprintList" in item:
            return item["Arn"], *self._iam("OpenIDConnectProviderArn", item["Arn"])
        if ":appconfig:" in item.get("Arn", ""):
            return item["Name"], *self._pool("appconfig", item["Arn"])
        if "UserPoolTags" in item:
            return item["Name"], *self._pool("cognito-idp", item["Arn"])
        if "IdentityPoolId" in item:
            arn = f"arn:aws:cognito-identity:{REGION}:{self.account.id}:identitypool/{item['IdentityPoolId']}"
            return item["IdentityPoolName"], *self._pool("cognito-identity", arn)
        if "repositoryArn" in item:
            return item["repositoryName"], *self._repository(item["repositoryArn"])
        if "TableArn" in item:
            return item["TableName"], *self._by_resource_arn("dynamodb", item["TableArn"])
        if item.get("ARN", "").startswith("arn:aws:ssm:"):
            return item["Name"], *self._parameter(item["Name"])
        if "CertificateArn" in item:
            return item["DomainName"], *self._certificate(item["CertificateArn"])
        if "DomainName" in item:
            return item["DomainName"], *self._domain(item["ARN"])
        for member in ("InstanceProfileName", "RoleName"):
            if member in item:
                return item[member], *self._iam(member, item[member])
        for member in EC2_IDS:
            if item.get(member):
                return item[member], *self._ec2(item[member])
        if "TopicArn" in item:
            return item["TopicArn"].rpartition(":")[2], *self._by_resource_arn("sns", item["TopicArn"])
        for member in RDS_ARNS:
            if member in item:
                return item[member], *self._by_resource_name("rds", item[member])
        for member in ELASTICACHE_NAMES:
            if member in item:
                return item[member], *self._by_resource_name("elasticache", item["ARN"])
        for member in EKS_ARNS:
            if member in item:
                return item[member], *self._by_arn("eks", item[member])
        return item["Name"], *self._bucket(item["Name"])

    def _ec2(self, identifier: str) -> tuple[Take, Give]:
        ec2 = self.client("ec2")
        return (
            lambda keys: ec2.delete_tags(Resources=[identifier], Tags=[{"Key": key} for key in keys]),
            lambda tags: ec2.create_tags(Resources=[identifier], Tags=neighbours.tag_list(tags)),
        )

    def _iam(self, member: str, name: str) -> tuple[Take, Give]:
        iam, kind = self.client("iam"), IAM_KINDS[member]
        return (
            lambda keys: getattr(iam, f"untag_{kind}")(**{member: name}, TagKeys=keys),
            lambda tags: getattr(iam, f"tag_{kind}")(**{member: name}, Tags=neighbours.tag_list(tags)),
        )

    def _kms(self, key: str) -> tuple[Take, Give]:
        kms = self.client("kms")
        return (
            lambda keys: kms.untag_resource(KeyId=key, TagKeys=keys),
            lambda tags: kms.tag_resource(
                KeyId=key, Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()]
            ),
        )

    def _secret(self, arn: str) -> tuple[Take, Give]:
        secrets = self.client("secretsmanager")
        return (
            lambda keys: secrets.untag_resource(SecretId=arn, TagKeys=keys),
            lambda tags: secrets.tag_resource(SecretId=arn, Tags=neighbours.tag_list(tags)),
        )

    def _by_arn(self, service: str, arn: str) -> tuple[Take, Give]:
        client = self.client(service, arn.split(":")[3])
        return (
            lambda keys: client.untag_resource(resourceArn=arn, tagKeys=keys),
            lambda tags: client.tag_resource(resourceArn=arn, tags=tags),
        )

    def _by_resource_arn(self, service: str, arn: str) -> tuple[Take, Give]:
        client = self.client(service)
        return (
            lambda keys: client.untag_resource(ResourceArn=arn, TagKeys=keys),
            lambda tags: client.tag_resource(ResourceArn=arn, Tags=neighbours.tag_list(tags)),
        )

    def _by_resource_name(self, service: str, arn: str) -> tuple[Take, Give]:
        client = self.client(service)
        return (
            lambda keys: client.remove_tags_from_resource(ResourceName=arn, TagKeys=keys),
            lambda tags: client.add_tags_to_resource(ResourceName=arn, Tags=neighbours.tag_list(tags)),
        )

    def _pool(self, service: str, arn: str) -> tuple[Take, Give]:
        client = self.client(service)
        return (
            lambda keys: client.untag_resource(ResourceArn=arn, TagKeys=keys),
            lambda tags: client.tag_resource(ResourceArn=arn, Tags=tags),
        )

    def _repository(self, arn: str) -> tuple[Take, Give]:
        ecr = self.client("ecr")
        return (
            lambda keys: ecr.untag_resource(resourceArn=arn, tagKeys=keys),
            lambda tags: ecr.tag_resource(resourceArn=arn, tags=neighbours.tag_list(tags)),
        )

    def _parameter(self, name: str) -> tuple[Take, Give]:
        ssm, resource = self.client("ssm"), {"ResourceType": "Parameter", "ResourceId": name}
        return (
            lambda keys: ssm.remove_tags_from_resource(**resource, TagKeys=keys),
            lambda tags: ssm.add_tags_to_resource(**resource, Tags=neighbours.tag_list(tags)),
        )

    def _domain(self, arn: str) -> tuple[Take, Give]:
        search = self.client("opensearch")
        return (
            lambda keys: search.remove_tags(ARN=arn, TagKeys=keys),
            lambda tags: search.add_tags(ARN=arn, TagList=neighbours.tag_list(tags)),
        )

    def _certificate(self, arn: str) -> tuple[Take, Give]:
        acm = self.client("acm", arn.split(":")[3])
        return (
            lambda keys: acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": key} for key in keys]),
            lambda tags: acm.add_tags_to_certificate(CertificateArn=arn, Tags=neighbours.tag_list(tags)),
        )

    def _cloudfront(self, arn: str) -> tuple[Take, Give]:
        cloudfront = self.client("cloudfront")
        return (
            lambda keys: cloudfront.untag_resource(Resource=arn, TagKeys={"Items": keys}),
            lambda tags: cloudfront.tag_resource(Resource=arn, Tags={"Items": neighbours.tag_list(tags)}),
        )

    def _web_acl(self, arn: str) -> tuple[Take, Give]:
        waf = self.client("wafv2", arn.split(":")[3])
        return (
            lambda keys: waf.untag_resource(ResourceARN=arn, TagKeys=keys),
            lambda tags: waf.tag_resource(ResourceARN=arn, Tags=neighbours.tag_list(tags)),
        )

    def _guardrail(self, arn: str) -> tuple[Take, Give]:
        bedrock = self.client("bedrock")
        return (
            lambda keys: bedrock.untag_resource(resourceARN=arn, tagKeys=keys),
            lambda tags: bedrock.tag_resource(
                resourceARN=arn, tags=[{"key": key, "value": value} for key, value in tags.items()]
            ),
        )

    def _bucket(self, name: str) -> tuple[Take, Give]:
        """S3 knows no single tags."""

        def put(tags: dict[str, str]) -> None:
            self.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": neighbours.tag_list(tags)})

        return (
            lambda keys: put({key: value for key, value in self.tags.items() if key not in keys}),
            lambda _tags: put(self.tags),
        )

    def lose(self, tag: str) -> None:
        self._take([tag])

    def get_back(self, tag: str) -> None:
        self._give({tag: self.tags[tag]})

    def is_named(self, text: str) -> bool:
        names = (self.id, *(str(self.resource[name]) for name in NAMES if name in self.resource))
        return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for name in names)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def things(account: Account) -> Iterator[Thing]:
    """What is ours and carries tags."""
    for kind, resource in census.Lister(account).tagged():
        tags = census.tags_of(resource)
        if tags.get("Component") and not neighbours.is_neighbour(tags):
            yield Thing(account, kind, resource)


def one_of_each(account: Account, chosen: tuple[str, ...]) -> list[Thing]:
    """The first thing of each kind that each of the components makes."""
    found: dict[tuple[str, str], Thing] = {}
    for thing in things(account):
        if thing.tags["Component"] in chosen:
            found.setdefault((thing.tags["Component"], thing.kind), thing)
    return list(found.values())


def told(run: Run) -> str:
    return "\n".join(run.failures)


def until_done(lost: str, losers: list[Thing], again: Callable[[], Run]) -> Run:
    """Run until nothing is refused any more. What is refused must be named, and gets its tags back by hand."""
    waiting = list(losers)
    for _turn in range(MOST_RUNS):
        run = again().assert_no_traceback()
        if run.returncode == 0:
            return run
        refused = [thing for thing in waiting if thing.is_named(told(run))]
        assert refused, run.explain()
        for thing in refused:
            thing.get_back(lost)
            waiting.remove(thing)
    raise AssertionError(f"not done after {MOST_RUNS} runs: {run.explain()}")


def losers_of(lost: str, losers: list[Thing]) -> list[Thing]:
    """Take the tag from those that have it."""
    changed = [thing for thing in losers if lost in thing.tags]
    for thing in changed:
        thing.lose(lost)
    return changed


@pytest.mark.by_component
@pytest.mark.parametrize("lost", LOST)
def test_a_lost_tag_is_put_back_or_told_of(platform: Platform, lost: str):
    account = platform.account
    before = {thing.id: thing.tags for thing in things(account)}
    losers = losers_of(lost, one_of_each(account, platform.chosen))
    if not losers:
        pytest.skip(f"nothing of {', '.join(platform.chosen)} has a tag {lost}")

    def again() -> Run:
        return account.run(*limit(account, platform.chosen), note=f"lost: {lost}")

    run = until_done(lost, losers, again)

    after = {thing.id: thing.tags for thing in things(account)}
    wrong = {str(thing): after.get(thing.id) for thing in losers if after.get(thing.id) != before[thing.id]}
    assert wrong == {}, run.explain()
    assert census.differences(platform.census, census.take(account)) == [], run.explain()


@pytest.mark.thorough
@pytest.mark.by_component
@pytest.mark.parametrize("lost", ACCOUNTS)
def test_a_teardown_leaves_nothing(new_account, lost: str):
    account = new_account(ACCOUNTS[lost])
    account.run(note="to be torn down").assert_converged()
    losers = losers_of(lost, one_of_each(account, account.components))

    def again() -> Run:
        variables = {"platform_teardown_confirm": PREFIX, "eks_deletion_protection": False}
        return account.run(playbook="playbooks/teardown.yml", variables=variables, note=f"lost: {lost}")

    run = until_done(lost, losers, again)
    assert [str(thing) for thing in things(account)] == [], run.explain()
