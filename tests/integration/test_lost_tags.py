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

from tests.support.playbook import OWNER, PREFIX, Account, Run

from . import census, neighbours
from .components import network
from .conftest import Platform, limit

TEARDOWN_ACCOUNT = "100000000051"
# One owner tag, and the two that tell what of the platform a thing is.
LOST = [
    ("ManagedBy",),
    ("Component", "Name"),
    *(pytest.param((tag,), marks=pytest.mark.thorough) for tag in (*OWNER, "Component", "Name") if tag != "ManagedBy"),
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
# What people call a thing by, besides its id.
NAMES = ("LaunchTemplateName", "GroupName", "principalArn", "addonName", "nodegroupName", "name")


class Thing:
    """A resource that carries tags, and how they are taken from it and given back."""

    def __init__(self, account: Account, kind: str, resource: dict):
        self.client = account.client
        # Without its name: one thing stands for all of its kind that a component makes.
        self.kind = re.sub(r" \S*[-/:]\S*$", "", kind)
        self.resource = resource
        self.tags = census.tags_of(resource)
        self.id, self._take, self._give = self._calls()

    def _calls(self) -> tuple[str, Callable[[list[str]], object], Callable[[dict[str, str]], object]]:
        item = {**self.resource}
        if "ThumbprintList" in item:
            item["OpenIDConnectProviderArn"] = item["Arn"]
        for member in EC2_IDS:
            if member in item and "KeyManager" not in item:
                ec2, ids = self.client("ec2"), [item[member]]
                return (
                    item[member],
                    lambda keys: ec2.delete_tags(Resources=ids, Tags=[{"Key": key} for key in keys]),
                    lambda tags: ec2.create_tags(Resources=ids, Tags=neighbours.tag_list(tags)),
                )
        for member, kind in IAM_KINDS.items():
            if member in item:
                iam, named = self.client("iam"), {member: item[member]}
                return (
                    item[member],
                    lambda keys: getattr(iam, f"untag_{kind}")(**named, TagKeys=keys),
                    lambda tags: getattr(iam, f"tag_{kind}")(**named, Tags=neighbours.tag_list(tags)),
                )
        if "KeyManager" in item:
            kms, key = self.client("kms"), item["KeyId"]
            return (
                key,
                lambda keys: kms.untag_resource(KeyId=key, TagKeys=keys),
                lambda tags: kms.tag_resource(
                    KeyId=key, Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()]
                ),
            )
        if "logGroupName" in item:
            logs, arn = self.client("logs"), item["arn"].removesuffix(":*")
            return (
                item["logGroupName"],
                lambda keys: logs.untag_resource(resourceArn=arn, tagKeys=keys),
                lambda tags: logs.tag_resource(resourceArn=arn, tags=tags),
            )
        if "SecretVersionsToStages" in item:
            secrets, arn = self.client("secretsmanager"), item["ARN"]
            return (
                item["Name"],
                lambda keys: secrets.untag_resource(SecretId=arn, TagKeys=keys),
                lambda tags: secrets.tag_resource(SecretId=arn, Tags=neighbours.tag_list(tags)),
            )
        arn = next((item[member] for member in EKS_ARNS if member in item), None)
        if arn:
            eks = self.client("eks")
            return (
                arn,
                lambda keys: eks.untag_resource(resourceArn=arn, tagKeys=keys),
                lambda tags: eks.tag_resource(resourceArn=arn, tags=tags),
            )
        s3, name = self.client("s3"), item["Name"]

        def put(tags: dict[str, str]) -> None:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": neighbours.tag_list(tags)})

        # S3 knows no single tags.
        return (
            name,
            lambda keys: put({key: value for key, value in self.tags.items() if key not in keys}),
            lambda _tags: put(self.tags),
        )

    def lose(self, keys: tuple[str, ...]) -> None:
        self._take([key for key in keys if key in self.tags])

    def get_back(self, keys: tuple[str, ...]) -> None:
        self._give({key: self.tags[key] for key in keys if key in self.tags})

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


def one_of_each(account: Account, component: tuple[str, ...]) -> list[Thing]:
    """The first thing of each kind that each of the components makes."""
    found: dict[tuple[str, str], Thing] = {}
    for thing in things(account):
        if thing.tags["Component"] in component:
            found.setdefault((thing.tags["Component"], thing.kind), thing)
    return list(found.values())


def told(run: Run) -> str:
    return "\n".join(run.failures)


def until_done(lost: tuple[str, ...], losers: list[Thing], again: Callable[[], Run]) -> Run:
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


def takes_tags(losers: list[Thing], lost: tuple[str, ...]) -> list[Thing]:
    changed = [thing for thing in losers if set(lost) & thing.tags.keys()]
    for thing in changed:
        thing.lose(lost)
    return changed


@pytest.mark.by_component
@pytest.mark.parametrize("lost", LOST, ids="+".join)
def test_a_lost_tag_is_put_back_or_told_of(platform: Platform, lost: tuple[str, ...]):
    account = platform.account
    before = {thing.id: thing.tags for thing in things(account)}
    losers = takes_tags(one_of_each(account, platform.chosen), lost)
    assert losers

    def again() -> Run:
        return account.run(*limit(account, platform.chosen), note=f"lost: {', '.join(lost)}")

    run = until_done(lost, losers, again)

    after = {thing.id: thing.tags for thing in things(account)}
    wrong = {str(thing): after.get(thing.id) for thing in losers if after.get(thing.id) != before[thing.id]}
    assert wrong == {}, run.explain()
    assert census.differences(platform.census, census.take(account)) == [], run.explain()


@pytest.mark.thorough
@pytest.mark.parametrize("lost", [("ManagedBy",), ("Component", "Name")], ids="+".join)
def test_a_teardown_leaves_nothing(new_account, lost: tuple[str, ...]):
    account = new_account(f"{TEARDOWN_ACCOUNT[:-1]}{len(lost)}")
    account.run(note="to be torn down").assert_converged()
    losers = takes_tags(one_of_each(account, account.components), lost)

    def again() -> Run:
        variables = {"platform_teardown_confirm": PREFIX, "eks_deletion_protection": False}
        return account.run(playbook="playbooks/teardown.yml", variables=variables, note=f"lost: {', '.join(lost)}")

    run = until_done(lost, losers, again)
    assert [str(thing) for thing in things(account)] == [], run.explain()
