# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What doesn't carry our tags is someone else's, whatever it looks like and whatever its name."""

from __future__ import annotations

from tests.support.playbook import PREFIX, REGION

from . import census, neighbours

TAKEN_ACCOUNT = "100000000002"


def test_neighbours_outlive_everything_that_was_done_beside_them(platform):
    """Two of the same shape, one of them this platform in another environment, were there before the first run."""
    assert neighbours.snapshot(platform.account) == platform.neighbours


def test_names_that_others_hold_are_refused_before_any_write(new_account):
    account = new_account(TAKEN_ACCOUNT)
    tags = neighbours.tag_list(neighbours.OTHER)
    iam, kms, ec2 = (account.client(service) for service in ("iam", "kms", "ec2"))
    roles = [f"{PREFIX}-{thing}" for thing in ("flow-logs", "eks-nodes", "llm-gateway", "bastion")]
    for role in roles:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=neighbours.TRUST, Tags=tags)
    group = f"/aws/eks/{PREFIX}-eks/cluster"
    account.client("logs").create_log_group(logGroupName=group)
    alias = f"alias/{PREFIX}-key"
    kms.create_alias(AliasName=alias, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    vpc_id = ec2.create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=neighbours.specification("vpc", {}, Name=f"{PREFIX}-vpc")
    )["Vpc"]["VpcId"]
    template = f"{PREFIX}-eks-default"
    ec2.create_launch_template(
        LaunchTemplateName=template, LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional"}}
    )
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
    subnets = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    account.client("eks").create_cluster(
        name=f"{PREFIX}-eks",
        roleArn=iam.get_role(RoleName=roles[1])["Role"]["Arn"],
        resourcesVpcConfig={"subnetIds": subnets},
        accessConfig={"authenticationMode": "API"},
    )
    account.client("eks").get_waiter("cluster_active").wait(
        name=f"{PREFIX}-eks", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    iam.create_instance_profile(InstanceProfileName=f"{PREFIX}-bastion")
    secret, bucket = f"{PREFIX}-bastion-code-server", f"{PREFIX}-bastion-transfer-{TAKEN_ACCOUNT}"
    account.client("secretsmanager").create_secret(Name=secret, SecretString="theirs")
    account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    before = census.take(account)

    run = account.run(note="names are taken").assert_refused()

    assert not run.calls.writes, run.explain()
    assert census.differences(before, census.take(account)) == []
    # One message names them all, so that they are cleared in one go.
    for taken in (
        *roles,
        group,
        alias,
        vpc_id,
        template,
        f"EKS cluster {PREFIX}-eks",
        secret,
        bucket,
        "instance profile",
    ):
        assert taken in run.output, taken
    assert len(run.failures) == 1, run.explain()
