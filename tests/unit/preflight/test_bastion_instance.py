# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the bastion's instance, and for what AWS can't make of the one that exists."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import load

from .declared import change_fault_lines, fault_lines

IMAGE = "ami-0123456789abcdef0"
PARAMETER = "/aws/service/canonical/ubuntu/server/24.04/stable/20251212/amd64/hvm/ebs-gp3/ami-id"
FOUND = {"bastion_instance": {"instance_id": "i-1", "image_id": IMAGE, "instance_type": "t3.large"}}


MODELS = [{"name": "titan", "id": "amazon.titan-embed-text-v2:0", "kind": "embedding"}]


def lines(**given):
    return fault_lines("bastion_instance", {"platform_models": MODELS, **given})


def change_lines(platform=FOUND, **given):
    return change_fault_lines("bastion_instance", given, platform)


@pytest.mark.parametrize("image", [IMAGE, "ami-01234567", PARAMETER])
def test_what_is_right_has_no_fault(image):
    assert lines() == []
    assert (
        lines(
            bastion_instance_image=image,
            bastion_instance_type="t3.large",
            bastion_instance_volume_size_gib=30,
            bastion_instance_database_user="bastion",
            bastion_instance_models=["titan"],
            bastion_instance_statements=[
                {"Sid": "Read", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]},
                {"Sid": "Look", "Action": ["dynamodb:GetItem"], "Resource": ["<dynamodb.table_arns>"]},
            ],
            bastion_instance_cluster_groups=["platform-viewers"],
            bastion_instance_cluster_policies=[{"policy": "AmazonEKSViewPolicy", "scope": "cluster"}],
            bastion_instance_secret_recovery_days=0,
            bastion_instance_session_preferences="account",
            bastion_instance_session_user="developer",
            bastion_instance_session_idle_minutes=20,
            bastion_instance_session_maximum_minutes=1440,
            bastion_instance_session_shell_profile="exec bash --login",
            bastion_instance_backup=True,
            bastion_instance_backup_schedule="cron(30 3 ? * MON-FRI *)",
            bastion_instance_backup_retention_days=1,
            bastion_instance_backup_start_minutes=60,
            bastion_instance_backup_completion_minutes=120,
        )
        == []
    )


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("image", "ubuntu-24.04", "_image: 'ubuntu-24.04' is neither the id of an image"),
        ("image", "ami-123", "_image: 'ami-123' is neither the id of an image"),
        ("image", PARAMETER.replace("20251212", "current"), "moves on by itself (current)"),
        ("image", "/aws/service/ami-amazon-linux-latest/x", None),
        ("type", "large", "_type: 'large' is not an EC2 instance type"),
        ("volume_size_gib", 8, "_volume_size_gib: 8 is not from 20 to 65536 GiB"),
        ("secret_recovery_days", 3, "_secret_recovery_days: 3 is not 0 or from 7 to 30 days"),
        ("database_user", "rdsadmin", "is reserved by Aurora PostgreSQL"),
        ("models", ["titam"], "_models[0]: 'titam' is not the name of one of platform_models; did you mean titan?"),
        ("models", ["titan", "titan"], "_models: 'titan' occurs more than once"),
        ("statements", [{"Sid": "A", "Action": ["*"], "Resource": ["*"]}], "_statements[0].Action: '*' is not an API"),
        (
            "statements",
            [{"Sid": "A", "Action": ["s3:GetObject"], "Resource": ["<gateways.url>"]}],
            "_statements[0].Resource: '<gateways.url>' is a fact of gateways, which bastion_instance doesn't read",
        ),
        ("cluster_groups", ["system:masters"], "_cluster_groups: 'system:masters' begins with one of"),
        ("session_user", "root", "_session_user: 'root' is root or may become it"),
        ("session_user", "ssm-user", "_session_user: 'ssm-user' is root or may become it"),
        ("session_user", "Developer", "_session_user: 'Developer' is not a user name"),
        ("session_idle_minutes", 61, "_session_idle_minutes: 61 is not from 1 to 60 minutes"),
        ("session_maximum_minutes", 0, "_session_maximum_minutes: 0 is not from 1 to 1440 minutes"),
        ("session_shell_profile", "x" * 513, "has 513 characters, Session Manager takes 512"),
        ("cluster_policies", [{"policy": "a b"}], "_cluster_policies[0].policy: 'a b' is not the name of an EKS"),
    ],
)
def test_faults(name, value, part):
    found = lines(**{f"bastion_instance_{name}": value})
    assert len(found) == (part is not None)
    assert all(part in line for line in found)


def test_an_image_of_another_architecture():
    arm = PARAMETER.replace("amd64", "arm64")
    assert lines(bastion_instance_image=arm, bastion_instance_type="t4g.large") == []
    assert lines(bastion_instance_image=arm, bastion_instance_type="t3.large") == [
        "bastion_instance_type: 't3.large' is x86_64, and bastion_instance_image is arm64"
    ]


def test_nothing_to_change():
    assert change_lines(bastion_instance_image=IMAGE, bastion_instance_type="t3.large") == []
    assert change_lines({}, bastion_instance_image="ami-00000000", bastion_instance_type="m6i.large") == []
    # Which image a parameter names is known to AWS only, so the module compares it.
    assert change_lines(bastion_instance_image=PARAMETER) == []


def test_another_image_needs_another_instance():
    (line,) = change_lines(bastion_instance_image="ami-00000000")
    assert f"'ami-00000000' is not the image of i-1, which is {IMAGE}" in line
    assert """add -e '{"bastion_instance_replace": true}'""" in line
    assert change_lines(bastion_instance_image="ami-00000000", bastion_instance_replace=True) == []


@pytest.mark.parametrize(
    ("image", "images", "said"),
    [
        (IMAGE, None, None),
        (IMAGE, {IMAGE: {"state": "available", "architecture": "x86_64"}}, None),
        (IMAGE, {}, f"'{IMAGE}' is not an image that this account may use in this region"),
        (PARAMETER, {}, f"'{PARAMETER}' is not a parameter with an image that this account may use in this region"),
        (PARAMETER, {PARAMETER: None}, f"'{PARAMETER}' is not a parameter with an image that this account may use"),
        (IMAGE, {IMAGE: {"state": "pending", "architecture": "x86_64"}}, f"'{IMAGE}' is pending: an instance starts"),
        (IMAGE, {IMAGE: {"state": "available", "architecture": "arm64"}}, f"'{IMAGE}' is an image for arm64, which"),
    ],
)
def test_an_image_that_aws_would_refuse_at_launch(image, images, said):
    given = {"bastion_instance_image": image, "bastion_instance_type": "t3.large"}
    offers = {"offers": {"bastion_instance": {"images": images}}}
    found = change_lines(offers, **given)
    assert [line[: len(f"bastion_instance_image: {said}")] for line in found] == (
        [f"bastion_instance_image: {said}"] if said else []
    )
    # What runs needs its image no more.
    assert change_lines({**FOUND, **offers}, **{**given, "bastion_instance_image": PARAMETER}) == []


def test_another_type_needs_a_restart():
    (line,) = change_lines(bastion_instance_type="m6i.large")
    assert "'m6i.large' is not the type of i-1, which is t3.large" in line
    assert """add -e '{"bastion_instance_restart": true}'""" in line
    assert change_lines(bastion_instance_type="m6i.large", bastion_instance_restart=True) == []


def test_a_terminal_that_is_idle_for_longer_than_it_lasts():
    given = {"bastion_instance_session_idle_minutes": 20, "bastion_instance_session_maximum_minutes": 10}
    assert lines(**given) == [
        "bastion_instance_session_idle_minutes: 20 is more than the 10 minutes of a whole session"
    ]


def test_the_accounts_preferences_are_nobody_elses():
    """They are looked at whether there is an instance or not, and only where they are asked for."""
    for found in (FOUND["bastion_instance"], {}):
        theirs = {"bastion_instance": {**found, "account_preferences": "others"}}
        (line,) = change_lines(theirs, bastion_instance_session_preferences="account")
        assert "aren't this platform's" in line
        assert change_lines(theirs, bastion_instance_session_preferences="document") == []
        ours = {"bastion_instance": {**found, "account_preferences": "ours"}}
        assert change_lines(ours, bastion_instance_session_preferences="account") == []


def test_names_that_are_made_only_when_sessions_are_recorded():
    given = {"platform_prefix": "demo", "platform_account_id": "123456789012"}
    before = {(item.kind, item.name) for item in component_names("bastion_instance", given)}
    recorded = {**given, "bastion_instance_session_preferences": "document", "bastion_instance_log_shipping": True}
    after = {(item.kind, item.name) for item in component_names("bastion_instance", recorded)}
    assert after - before == {
        ("ssm_document", "demo-session"),
        ("ssm_document", "demo-session-ansible"),
        *(("log_group", f"/aws/ec2/demo-bastion/{record}") for record in ("sessions", "journal", "audit")),
    }


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("schedule", "daily", "_schedule: 'daily' is not cron(minute hour day month weekday year)"),
        ("schedule", "rate(1 day)", "six fields as in cron(0 2 * * ? *)"),
        ("schedule", "cron(0 2 * * *)", "six fields"),
        ("schedule", "cron(0 2 * * * *)", "must have ? for either the day of the month or the day of the week"),
        ("schedule", "cron(0 24 * * ? *)", "has 24 for the hour, which takes 0 to 23"),
        ("schedule", "cron(*/5 2 * * ? *)", "has */5 for the minute, and AWS Backup runs at most once an hour"),
        ("retention_days", 0, "_retention_days: 0 is not from 1 to 36500 days"),
        ("start_minutes", 59, "_start_minutes: 59 is not from 60 to 10080 minutes"),
        ("completion_minutes", 20000, "_completion_minutes: 20000 is not from 120 to 10080 minutes"),
    ],
)
def test_backups_that_aws_refuses(name, value, part):
    (line,) = lines(**{f"bastion_instance_backup_{name}": value})
    assert part in line


def test_a_backup_that_could_not_be_complete_in_time():
    times = {"bastion_instance_backup_start_minutes": 120, "bastion_instance_backup_completion_minutes": 179}
    (line,) = lines(**times)
    assert "_completion_minutes: 179 is less than an hour more than bastion_instance_backup_start_minutes 120" in line
    assert lines(**{**times, "bastion_instance_backup_completion_minutes": 180}) == []


def test_names_that_are_made_only_when_it_is_backed_up():
    given = {"platform_prefix": "demo", "platform_account_id": "123456789012"}
    before = {(item.kind, item.name) for item in component_names("bastion_instance", given)}
    after = {
        (item.kind, item.name)
        for item in component_names("bastion_instance", {**given, "bastion_instance_backup": True})
    }
    assert after - before == {
        ("iam_role", "demo-bastion-backup"),
        ("backup_vault", "demo-bastion"),
        ("backup_plan", "demo-bastion"),
    }


def test_the_user_of_terminals_is_the_one_that_the_role_bastion_makes():
    own = load("bastion_instance", "defaults/main.yml")["bastion_instance_session_user"]
    assert own == f"{{{{ bastion_user | default('{load('bastion', 'defaults/main.yml')['bastion_user']}') }}}}"
