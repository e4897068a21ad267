# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""S3 buckets: each part by its own call, names that all accounts share, contents that keep a bucket from its end."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.s3_bucket import Bucket
from tests.support.module_runs import OWNER, given, run, tag_list
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error, endless, lost_reply

NAME = "demo-documents-123456789012"
BUCKET = {"Bucket": NAME}
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
TAGS = {**OWNER, "Name": NAME}
BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
ALL_BLOCKED = {
    "block_public_acls": True,
    "ignore_public_acls": True,
    "block_public_policy": True,
    "restrict_public_buckets": True,
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "OnlyEncryptedConnections",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}
ENCRYPTION = {
    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
    "BucketKeyEnabled": True,
}
RULES = [
    {
        "ID": "old-versions",
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {"ID": "scratch", "Filter": {"Prefix": "tmp/"}, "Status": "Disabled", "Expiration": {"Days": 1}},
]
OPTIONS = {
    "name": NAME,
    "object_ownership": "BucketOwnerEnforced",
    "public_access_block": ALL_BLOCKED,
    "policy": POLICY,
    "encryption": {"algorithm": "aws:kms", "kms_key_id": KEY, "bucket_key_enabled": True},
    "versioning": "enabled",
    "lifecycle_rules": [
        {"id": "old-versions", "noncurrent_expiration_days": 30, "abort_incomplete_multipart_days": 7},
        {"id": "scratch", "prefix": "tmp/", "expiration_days": 1, "status": "disabled"},
    ],
    "tags": TAGS,
    "owned_by": OWNER,
}
PLAIN = {"name": NAME, "tags": TAGS, "owned_by": OWNER}
# As S3 answers for a bucket that is as OPTIONS declares.
AS_DECLARED = {
    "tags": TAGS,
    "object_ownership": "BucketOwnerEnforced",
    "public_access_block": BLOCKED,
    "policy": POLICY,
    "encryption": ENCRYPTION,
    "versioning": "Enabled",
    "lifecycle_rules": RULES,
}
# The same for one that was just made.
NEW = {"tags": TAGS, "object_ownership": "BucketOwnerEnforced", "encryption": None}
READS = {
    "object_ownership": (
        "GetBucketOwnershipControls",
        "OwnershipControlsNotFoundError",
        lambda value: {"OwnershipControls": {"Rules": [{"ObjectOwnership": value}]}},
    ),
    "public_access_block": (
        "GetPublicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
        lambda value: {"PublicAccessBlockConfiguration": value},
    ),
    "policy": ("GetBucketPolicy", "NoSuchBucketPolicy", lambda value: {"Policy": json.dumps(value)}),
    "encryption": (
        "GetBucketEncryption",
        "ServerSideEncryptionConfigurationNotFoundError",
        lambda value: {"ServerSideEncryptionConfiguration": {"Rules": [value]}},
    ),
    "versioning": ("GetBucketVersioning", None, lambda value: {"Status": value}),
    "lifecycle_rules": (
        "GetBucketLifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        lambda value: {"Rules": value},
    ),
}


def head(region="us-west-2"):
    return Step("HeadBucket", {"BucketRegion": region}, BUCKET)


def missing():
    return Step("HeadBucket", api_error("HeadBucket", "404", "Not Found", 404), BUCKET)


def tagging(tags):
    answer = {"TagSet": tag_list(**tags)} if tags else api_error("GetBucketTagging", "NoSuchTagSet", status=404)
    return Step("GetBucketTagging", answer, BUCKET)


def look(options, state=None, region="us-west-2"):
    """The calls of one reading: of what the options need, and nothing else."""
    state = AS_DECLARED if state is None else state
    steps = [head(region), tagging(state.get("tags"))]
    for option, (operation, absence, answer) in READS.items():
        if options.get(option) is None or options.get("state") == "absent":
            continue
        value = state.get(option)
        if value is not None:
            steps.append(Step(operation, answer(value), BUCKET))
        else:
            steps.append(Step(operation, api_error(operation, absence, status=404) if absence else {}, BUCKET))
    return steps


def creation(answer=None, options=PLAIN, region="us-west-2"):
    configuration = {"LocationConstraint": region} if region != "us-east-1" else {}
    if options.get("tags"):
        configuration["Tags"] = tag_list(**options["tags"])
    request = {**BUCKET, "CreateBucketConfiguration": configuration}
    if options.get("object_ownership"):
        request["ObjectOwnership"] = options["object_ownership"]
    return Step("CreateBucket", {} if answer is None else answer, request)


def put_tags(**tags):
    def check(request):
        assert request["Bucket"] == NAME
        assert {tag["Key"]: tag["Value"] for tag in request["Tagging"]["TagSet"]} == tags

    return Step("PutBucketTagging", {}, check)


def put_policy(answer=None, policy=POLICY):
    def check(request):
        assert request["Bucket"] == NAME
        assert json.loads(request["Policy"]) == policy

    return Step("PutBucketPolicy", {} if answer is None else answer, check)


def put(operation, answer=None, **members):
    return Step(operation, {} if answer is None else answer, {**BUCKET, **members})


def bucket_run(options, *steps, **kwargs):
    return run("s3_bucket", options, *steps, **kwargs)


def refusal(options, *steps, check_mode=False, region="us-west-2"):
    """What the user is told when the module fails; all of the steps must have been made."""
    aws = ScriptedAws(*steps)
    module = ScriptedModule(aws, given("s3_bucket", options), check_mode)
    module.region = region
    with pytest.raises(ResourceError) as caught:
        Bucket(module).run()
    aws.assert_done()
    return str(caught.value)


def drifted(**changes):
    return {**AS_DECLARED, **changes}


# ---- Creating


def test_create_with_all_parts():
    puts = {
        "public_access_block": (put("PutPublicAccessBlock", PublicAccessBlockConfiguration=BLOCKED), BLOCKED),
        "policy": (put_policy(), POLICY),
        "encryption": (
            put("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": [ENCRYPTION]}),
            ENCRYPTION,
        ),
        "versioning": (put("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"}), "Enabled"),
        "lifecycle_rules": (put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": RULES}), RULES),
    }
    state = dict(NEW)
    steps = [missing(), creation(options=OPTIONS), *look(OPTIONS, state)]
    for option, (write, value) in puts.items():
        state[option] = value
        steps += [write, *look(OPTIONS, state)]
    result, _aws, module = bucket_run(OPTIONS, *steps, *look(OPTIONS))
    assert result["changed"] is True
    assert module.warnings == []
    bucket = result["bucket"]
    assert bucket["name"] == NAME
    assert bucket["arn"] == f"arn:aws:s3:::{NAME}"
    assert bucket["region"] == "us-west-2"
    assert bucket["tags"] == TAGS
    assert bucket["public_access_block"] == ALL_BLOCKED
    assert bucket["policy"] == POLICY
    assert bucket["versioning"] == "Enabled"
    assert bucket["lifecycle_rules"][0]["noncurrent_version_expiration"] == {"noncurrent_days": 30}
    assert bucket["encryption"]["apply_server_side_encryption_by_default"] == {
        "sse_algorithm": "aws:kms",
        "kms_master_key_id": KEY,
    }
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["versioning"] == "enabled"


def test_create_of_what_a_new_bucket_is_anyway_is_one_write():
    options = {**PLAIN, "public_access_block": ALL_BLOCKED, "encryption": {"algorithm": "AES256"}}
    state = {
        "tags": TAGS,
        "public_access_block": BLOCKED,
        "encryption": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False},
    }
    result, aws, _module = bucket_run(options, missing(), creation(), *look(options, state))
    assert result["changed"] is True
    assert [operation for operation in aws.operations() if not operation.startswith(("Get", "Head"))] == [
        "CreateBucket"
    ]


def test_create_in_the_region_that_has_no_name_in_the_call():
    aws = ScriptedAws(missing(), creation(region="us-east-1"), *look(PLAIN, region="us-east-1"))
    module = ScriptedModule(aws, given("s3_bucket", PLAIN))
    module.region = "us-east-1"
    result = Bucket(module).run()
    aws.assert_done()
    assert result["bucket"]["region"] == "us-east-1"


def test_create_without_tags_in_the_region_that_has_no_name_in_the_call():
    aws = ScriptedAws(missing(), put("CreateBucket"), *look({"name": NAME}, {}, region="us-east-1"))
    module = ScriptedModule(aws, given("s3_bucket", {"name": NAME}))
    module.region = "us-east-1"
    assert Bucket(module).run()["changed"] is True
    aws.assert_done()


def test_lost_reply_of_create_makes_no_second():
    result, aws, _module = bucket_run(PLAIN, missing(), creation(lost_reply()), *look(PLAIN))
    assert result["changed"] is True
    assert aws.operations().count("CreateBucket") == 1


def test_lost_request_of_create_is_repeated():
    result, _aws, _module = bucket_run(PLAIN, missing(), creation(lost_reply()), missing(), creation(), *look(PLAIN))
    assert result["changed"] is True


def test_a_bucket_that_only_the_create_call_knows_is_found():
    owned = api_error("CreateBucket", "BucketAlreadyOwnedByYou", status=409)
    result, aws, _module = bucket_run(
        PLAIN, missing(), creation(lost_reply()), missing(), creation(owned), missing(), *look(PLAIN), *look(PLAIN)
    )
    assert result["changed"] is True
    assert result["bucket"]["tags"] == TAGS
    assert aws.operations().count("CreateBucket") == 2


def test_a_bucket_is_waited_for_where_it_is_not_known_yet():
    unknown = Step("GetBucketTagging", api_error("GetBucketTagging", "NoSuchBucket", status=404))
    result, _aws, _module = bucket_run(PLAIN, missing(), creation(), missing(), head(), unknown, *look(PLAIN))
    assert result["changed"] is True


@pytest.mark.parametrize("code", ["NoSuchBucket", "OperationAborted", "SlowDown"])
def test_a_write_that_comes_too_early_is_repeated(code):
    options = {**PLAIN, "versioning": "enabled"}
    write = {"VersioningConfiguration": {"Status": "Enabled"}}
    result, aws, _module = bucket_run(
        options,
        missing(),
        creation(),
        *look(options, NEW),
        put("PutBucketVersioning", api_error("PutBucketVersioning", code, status=409), **write),
        *look(options, NEW),
        put("PutBucketVersioning", **write),
        *look(options),
        *look(options),
    )
    assert result["bucket"]["versioning"] == "Enabled"
    assert aws.operations().count("CreateBucket") == 1


def test_tags_that_are_seen_a_moment_later_are_no_ones_else():
    result, _aws, _module = bucket_run(PLAIN, missing(), creation(), *look(PLAIN, {}), put_tags(**TAGS), *look(PLAIN))
    assert result["bucket"]["tags"] == TAGS


# ---- Names that others have


def test_name_of_another_account():
    taken = api_error("CreateBucket", "BucketAlreadyExists", "The requested bucket name is not available.", 409)
    message = refusal(PLAIN, missing(), creation(taken))
    assert "BucketAlreadyExists" in message
    assert "Choose another name" in message


def test_bucket_that_may_not_be_looked_at():
    denied = Step("HeadBucket", api_error("HeadBucket", "403", "Forbidden", 403))
    message = refusal(PLAIN, denied)
    assert message.startswith(
        f"Could not read S3 bucket '{NAME}' (HeadBucket): 403: Forbidden. If the bucket is one of"
    )
    assert "choose another name" in message
    assert "s3:ListBucket" in message


def test_expired_credentials():
    message = refusal(PLAIN, Step("HeadBucket", api_error("HeadBucket", "400", "Bad Request", 400)))
    assert "Renew the AWS credentials" in message


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("tags", [{}, {"Project": "theirs", "ManagedBy": "agent_platform.aws"}])
def test_bucket_of_someone_else_stays_untouched(state, tags):
    options = {**OPTIONS, "state": state, "force_destroy": True}
    message = refusal(options, *look(options, drifted(tags=tags, versioning="Suspended")))
    assert "exists but isn't ours" in message
    assert "Rename one of the two" in message


def test_bucket_of_someone_else_that_came_meanwhile():
    owned = api_error("CreateBucket", "BucketAlreadyOwnedByYou", status=409)
    theirs = look(PLAIN, {"tags": {"Project": "theirs"}})
    assert "isn't ours" in refusal(PLAIN, missing(), creation(owned), *theirs, *theirs)


def test_silent_success_of_a_second_create_adopts_nothing():
    """us-east-1 answers with success when the account has the bucket already."""
    options = {**PLAIN, "versioning": "enabled"}
    theirs = look(options, {"tags": {"Project": "theirs"}}, "us-east-1")
    message = refusal(options, missing(), creation(region="us-east-1"), *theirs, region="us-east-1")
    assert "isn't ours" in message


def test_bucket_in_another_region():
    message = refusal(PLAIN, *look(PLAIN, region="eu-central-1"))
    assert "is in region eu-central-1 and can't be moved to us-west-2" in message


def test_name_that_aws_has_not_given_free_is_waited_for(clock):
    aborted = api_error("CreateBucket", "OperationAborted", "A conflicting conditional operation", 409)
    result, _aws, _module = bucket_run(
        PLAIN, missing(), *[creation(copy.copy(aborted)) for _time in range(20)], creation(), *look(PLAIN)
    )
    assert result["changed"] is True
    assert clock[0] >= 20 * 15


def test_name_that_aws_does_not_give_free():
    aborted = api_error("CreateBucket", "OperationAborted", "A conflicting conditional operation", 409)
    message = refusal({**PLAIN, "wait_timeout": 40}, missing(), *[creation(aborted) for _time in range(3)])
    assert "up to an hour to give the name free: run again later" in message


def test_without_wait_a_name_is_waited_for_only_as_any_passing_fault():
    aborted = api_error("CreateBucket", "OperationAborted", "A conflicting conditional operation", 409)
    assert "Given up after 1" in refusal({**PLAIN, "wait": False}, *endless(missing(), creation(aborted)))


# ---- What an interrupted run has left


def test_half_made_bucket_is_completed():
    """The tags came with the create call; the parts of the killed run are found, the others made."""
    options = {**OPTIONS, "lifecycle_rules": None, "policy": None}
    half = drifted(encryption=None, versioning=None)
    result, aws, _module = bucket_run(
        options,
        *look(options, half),
        put("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": [ENCRYPTION]}),
        *look(options, drifted(versioning=None)),
        put("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"}),
        *look(options),
        *look(options),
    )
    assert result["changed"] is True
    assert "CreateBucket" not in aws.operations()


def test_without_owner_an_untagged_bucket_is_tagged():
    options = {"name": NAME, "tags": TAGS}
    result, _aws, _module = bucket_run(options, *look(options, {}), put_tags(**TAGS), *look(options))
    assert result["changed"] is True


# ---- No change, and each change by its own call


def test_second_run_changes_nothing():
    result, aws, _module = bucket_run(OPTIONS, *look(OPTIONS))
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]
    assert not [operation for operation in aws.operations() if not operation.startswith(("Get", "Head"))]


def test_only_what_is_declared_is_read():
    result, aws, _module = bucket_run({"name": NAME}, head(), tagging({}))
    assert result["changed"] is False
    assert aws.operations() == ["HeadBucket", "GetBucketTagging"]


def test_the_same_in_other_words_is_no_change():
    statement = {**POLICY["Statement"][0], "Action": ["s3:*"]}
    statement["Resource"] = list(reversed(statement["Resource"]))
    old_style = {**RULES[1], "Prefix": "tmp/"}
    del old_style["Filter"]
    everything = {**RULES[0], "Filter": {}}
    state = drifted(policy={**POLICY, "Statement": [statement]}, lifecycle_rules=[old_style, everything])
    result, _aws, _module = bucket_run(OPTIONS, *look(OPTIONS, state))
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("drift", "write"),
    [
        (
            {"object_ownership": "ObjectWriter"},
            put(
                "PutBucketOwnershipControls", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
            ),
        ),
        (
            {"object_ownership": None},
            put(
                "PutBucketOwnershipControls", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
            ),
        ),
        (
            {"public_access_block": {**BLOCKED, "BlockPublicAcls": False}},
            put("PutPublicAccessBlock", PublicAccessBlockConfiguration=BLOCKED),
        ),
        ({"public_access_block": None}, put("PutPublicAccessBlock", PublicAccessBlockConfiguration=BLOCKED)),
        ({"policy": None}, put_policy()),
        ({"policy": {**POLICY, "Statement": [{**POLICY["Statement"][0], "Effect": "Allow"}]}}, put_policy()),
        (
            {"encryption": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}},
            put("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": [ENCRYPTION]}),
        ),
        (
            {"encryption": {**ENCRYPTION, "BucketKeyEnabled": False}},
            put("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": [ENCRYPTION]}),
        ),
        (
            {"versioning": "Suspended"},
            put("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"}),
        ),
        ({"lifecycle_rules": None}, put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": RULES})),
        (
            {"lifecycle_rules": RULES[:1]},
            put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": RULES}),
        ),
        (
            {"lifecycle_rules": [{**RULES[0], "Transitions": [{"Days": 3, "StorageClass": "GLACIER"}]}, RULES[1]]},
            put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": RULES}),
        ),
        (
            {"lifecycle_rules": [{**RULES[0], "Filter": {"ObjectSizeGreaterThan": 1}}, RULES[1]]},
            put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": RULES}),
        ),
        (
            {
                "lifecycle_rules": [
                    {
                        **RULES[0],
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 30, "NewerNoncurrentVersions": 2},
                    },
                    RULES[1],
                ]
            },
            put("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": RULES}),
        ),
    ],
)
def test_drift_is_mended_by_one_call(drift, write):
    result, aws, _module = bucket_run(OPTIONS, *look(OPTIONS, drifted(**drift)), write, *look(OPTIONS), *look(OPTIONS))
    assert result["changed"] is True
    assert [name for name in aws.operations() if not name.startswith(("Get", "Head"))] == [write.operation]
    changed = {key for key, value in result["diff"]["before"].items() if value != result["diff"]["after"][key]}
    assert changed == set(drift)


def test_versioning_can_be_suspended():
    options = {**PLAIN, "versioning": "suspended"}
    result, _aws, _module = bucket_run(
        options,
        *look(options),
        put("PutBucketVersioning", VersioningConfiguration={"Status": "Suspended"}),
        *look(options, drifted(versioning="Suspended")),
        *look(options, drifted(versioning="Suspended")),
    )
    assert result["changed"] is True


def test_switches_that_are_not_declared_stay():
    options = {**PLAIN, "public_access_block": {"block_public_policy": False}}
    after = {**BLOCKED, "BlockPublicPolicy": False}
    result, _aws, _module = bucket_run(
        options,
        *look(options),
        put("PutPublicAccessBlock", PublicAccessBlockConfiguration=after),
        *look(options, drifted(public_access_block=after)),
        *look(options, drifted(public_access_block=after)),
    )
    assert result["changed"] is True


def test_switches_that_are_off_need_no_configuration():
    options = {**PLAIN, "public_access_block": {"block_public_acls": False}}
    result, _aws, _module = bucket_run(options, *look(options, drifted(public_access_block=None)))
    assert result["changed"] is False


SSE_C = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}


@pytest.mark.parametrize(
    ("declared", "before", "after"),
    [
        (
            {"algorithm": "aws:kms", "bucket_key_enabled": False},
            {**ENCRYPTION, **SSE_C},
            {**ENCRYPTION, **SSE_C, "BucketKeyEnabled": False},
        ),
        (
            {"algorithm": "aws:kms", "kms_key_id": ""},
            ENCRYPTION,
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True},
        ),
        (
            {"algorithm": "AES256"},
            {**ENCRYPTION, **SSE_C},
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, **SSE_C, "BucketKeyEnabled": True},
        ),
    ],
)
def test_what_is_not_declared_of_the_encryption_stays(declared, before, after):
    options = {**PLAIN, "encryption": declared}
    steps = [
        *look(options, drifted(encryption=before)),
        put("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": [after]}),
        *look(options, drifted(encryption=after)),
        *look(options, drifted(encryption=after)),
    ]
    result, _aws, _module = bucket_run(options, *steps)
    assert result["changed"] is True
    predicted, _aws, _module = bucket_run(options, *look(options, drifted(encryption=before)), check_mode=True)
    assert predicted["bucket"]["encryption"] == result["bucket"]["encryption"]
    assert bucket_run(options, *look(options, drifted(encryption=after)))[0]["changed"] is False


def test_policy_is_removed_by_an_empty_one():
    options = {**PLAIN, "policy": {}}
    result, _aws, _module = bucket_run(
        options,
        *look(options),
        put("DeleteBucketPolicy"),
        *look(options, drifted(policy=None)),
        *look(options, drifted(policy=None)),
    )
    assert result["changed"] is True
    assert "policy" not in result["bucket"]
    assert bucket_run(options, *look(options, drifted(policy=None)))[0]["changed"] is False


def test_rules_are_removed_by_an_empty_list():
    options = {**PLAIN, "lifecycle_rules": []}
    result, _aws, _module = bucket_run(
        options,
        *look(options),
        put("DeleteBucketLifecycle"),
        *look(options, drifted(lifecycle_rules=None)),
        *look(options, drifted(lifecycle_rules=None)),
    )
    assert result["changed"] is True
    assert bucket_run(options, *look(options, drifted(lifecycle_rules=None)))[0]["changed"] is False


def test_public_access_is_allowed_before_the_policy_that_needs_it():
    public = {**POLICY, "Statement": [{**POLICY["Statement"][0], "Effect": "Allow"}]}
    options = {**PLAIN, "public_access_block": {"block_public_policy": False}, "policy": public}
    opened = {**BLOCKED, "BlockPublicPolicy": False}
    refused = api_error(
        "PutBucketPolicy",
        "AccessDenied",
        "... because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
        403,
    )
    result, _aws, _module = bucket_run(
        options,
        *look(options),
        put("PutPublicAccessBlock", PublicAccessBlockConfiguration=opened),
        *look(options, drifted(public_access_block=opened)),
        put_policy(refused, public),  # the switch isn't in force everywhere yet
        *look(options, drifted(public_access_block=opened)),
        put_policy(None, public),
        *look(options, drifted(public_access_block=opened, policy=public)),
        *look(options, drifted(public_access_block=opened, policy=public)),
    )
    assert result["changed"] is True


def test_policy_that_is_public_where_that_is_blocked():
    refused = api_error(
        "PutBucketPolicy",
        "AccessDenied",
        "... because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
        403,
    )
    message = refusal(OPTIONS, *look(OPTIONS, drifted(policy=None)), put_policy(refused))
    assert "Narrow the policy, or set public_access_block.block_public_policy: false" in message
    assert "Allow s3:" not in message


def test_role_that_the_policy_names_is_waited_for():
    unknown = api_error("PutBucketPolicy", "MalformedPolicy", "Invalid principal in policy")
    result, _aws, _module = bucket_run(
        OPTIONS,
        *look(OPTIONS, drifted(policy=None)),
        put_policy(unknown),
        *look(OPTIONS, drifted(policy=None)),
        put_policy(),
        *look(OPTIONS),
        *look(OPTIONS),
    )
    assert result["changed"] is True


def test_what_changed_is_shown_a_moment_later(clock):
    options = {**PLAIN, "versioning": "enabled"}
    stale = drifted(versioning="Suspended")
    result, _aws, _module = bucket_run(
        options,
        *look(options, stale),
        put("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"}),
        *look(options, stale),
        *look(options, stale),
        *look(options, stale),
        *look(options),
    )
    assert result["bucket"]["versioning"] == "Enabled"
    assert clock[0] == 2


def test_without_wait_what_is_seen_at_once_is_returned():
    options = {**PLAIN, "versioning": "enabled", "wait": False}
    stale = drifted(versioning="Suspended")
    result, _aws, _module = bucket_run(
        options,
        *look(options, stale),
        put("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"}),
        *look(options, stale),
        *look(options, stale),
    )
    assert result["changed"] is True


# ---- Tags: there is a call for all of them, and none for one


def test_tags_are_set_as_a_whole_with_those_of_aws():
    have = {**OWNER, "Old": "x", "Name": "other", "aws:cloudformation:stack-name": "s"}
    want = {**TAGS, "aws:cloudformation:stack-name": "s"}
    result, _aws, _module = bucket_run(
        PLAIN, *look(PLAIN, {"tags": have}), put_tags(**want), *look(PLAIN, {"tags": want})
    )
    assert result["changed"] is True


def test_tags_of_others_stay_without_purge():
    options = {**PLAIN, "purge_tags": False}
    have = {**OWNER, "Old": "x"}
    want = {**TAGS, "Old": "x"}
    result, _aws, _module = bucket_run(
        options, *look(options, {"tags": have}), put_tags(**want), *look(options, {"tags": want})
    )
    assert result["changed"] is True


def test_the_last_tags_are_deleted():
    options = {"name": NAME, "tags": {}}
    result, _aws, _module = bucket_run(
        options, *look(options, {"tags": {"Old": "x"}}), put("DeleteBucketTagging"), *look(options, {})
    )
    assert result["changed"] is True


# ---- Dry runs


def test_dry_run_of_create():
    result, aws, _module = bucket_run(OPTIONS, missing(), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["HeadBucket"]
    bucket = result["bucket"]
    assert bucket["arn"] == f"arn:aws:s3:::{NAME}"
    assert bucket["region"] == "us-west-2"
    assert bucket["tags"] == TAGS
    assert bucket["policy"] == POLICY
    assert bucket["versioning"] == "Enabled"
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["lifecycle_rules"][1] == {
        "id": "scratch",
        "prefix": "tmp/",
        "expiration_days": 1,
        "status": "disabled",
    }


def test_dry_run_of_a_create_says_what_the_run_says():
    """What is predicted is what is there afterwards."""
    predicted, _aws, _module = bucket_run(OPTIONS, missing(), check_mode=True)
    there, _aws, _module = bucket_run(OPTIONS, *look(OPTIONS))
    assert predicted["bucket"] == there["bucket"]
    assert predicted["diff"]["after"] == there["diff"]["after"]


def test_dry_run_of_changes():
    options = {**OPTIONS, "policy": {}, "versioning": "suspended", "lifecycle_rules": []}
    result, aws, _module = bucket_run(options, *look(options), check_mode=True)
    assert result["changed"] is True
    assert not [operation for operation in aws.operations() if not operation.startswith(("Get", "Head"))]
    assert result["bucket"]["versioning"] == "Suspended"
    assert not {"policy", "lifecycle_rules"} & set(result["bucket"])
    after = result["diff"]["after"]
    assert (after["policy"], after["versioning"], after["lifecycle_rules"]) == (None, "suspended", [])
    assert result["diff"]["before"]["policy"] == POLICY


def test_dry_run_without_change():
    result, _aws, _module = bucket_run(OPTIONS, *look(OPTIONS), check_mode=True)
    assert result["changed"] is False


# ---- Deleting

ABSENT = {"name": NAME, "owned_by": OWNER, "state": "absent"}
FORCE = {**ABSENT, "force_destroy": True}


def version(key, identifier="null"):
    return {"Key": key, "VersionId": identifier}


def listing(versions=(), markers=(), after=None, more=None):
    """A page of the contents. after: the key and version that it comes after. more: those that the next comes after."""
    request = {**BUCKET, **({"KeyMarker": after[0], "VersionIdMarker": after[1]} if after else {})}
    answer = {"Versions": list(versions), "DeleteMarkers": list(markers), "IsTruncated": bool(more)}
    if more:
        answer |= {"NextKeyMarker": more[0], "NextVersionIdMarker": more[1]}
    return Step("ListObjectVersions", answer, request)


def deletion_of(*objects, errors=()):
    request = {**BUCKET, "Delete": {"Objects": list(objects), "Quiet": True}}
    return Step("DeleteObjects", {"Errors": list(errors)} if errors else {}, request)


def deletion(answer=None):
    return put("DeleteBucket", answer)


def test_delete_of_what_is_absent():
    result, _aws, _module = bucket_run(ABSENT, missing())
    assert result["changed"] is False
    assert result["bucket"] == {}


def test_delete_of_an_empty_bucket():
    result, _aws, _module = bucket_run(ABSENT, *look(ABSENT), listing(), deletion(), missing())
    assert result["changed"] is True
    assert result["bucket"] == {}


def test_delete_in_another_region():
    result, _aws, _module = bucket_run(ABSENT, *look(ABSENT, region="eu-central-1"), listing(), deletion(), missing())
    assert result["changed"] is True


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("page", "count"),
    [
        (listing([version("a")]), "1 object(s)"),
        (listing([version("a", "1"), version("a", "2")], [version("a", "3")]), "3 object(s)"),
        (listing([version("a", "1")] * 1000, more=("a", "1")), "more than 1000 object(s)"),
    ],
)
def test_bucket_with_contents_is_not_deleted(page, count, check_mode):
    message = refusal(ABSENT, *look(ABSENT), page, check_mode=check_mode)
    assert count in message
    assert "Set force_destroy: true" in message


def test_contents_that_came_in_the_last_moment():
    full = api_error("DeleteBucket", "BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
    message = refusal(ABSENT, *look(ABSENT), listing(), deletion(full))
    assert "BucketNotEmpty" in message
    assert "Set force_destroy: true" in message


def test_contents_are_deleted_with_all_versions_and_delete_markers():
    first = [version("a", str(number)) for number in range(999)]
    result, _aws, _module = bucket_run(
        FORCE,
        *look(FORCE),
        listing(first, [version("b", "m")], more=("b", "m")),
        deletion_of(*first, version("b", "m")),
        listing([version("b", "1"), version("c")], after=("b", "m")),
        deletion_of(version("b", "1"), version("c")),
        deletion(),
        missing(),
    )
    assert result["changed"] is True


def test_empty_bucket_needs_no_emptying():
    result, _aws, _module = bucket_run(FORCE, *look(FORCE), listing(), deletion(), missing())
    assert result["changed"] is True


def test_what_is_written_while_the_bucket_is_emptied_goes_too():
    full = api_error("DeleteBucket", "BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
    result, _aws, _module = bucket_run(
        FORCE,
        *look(FORCE),
        listing([version("a")]),
        deletion_of(version("a")),
        deletion(full),
        *look(FORCE),
        listing([version("b")]),
        deletion_of(version("b")),
        deletion(),
        missing(),
    )
    assert result["changed"] is True


def test_bucket_that_is_written_to_for_ever():
    full = api_error("DeleteBucket", "BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
    message = refusal(FORCE, *endless(*look(FORCE), listing(), deletion(full)))
    assert "end what writes into the bucket" in message


@pytest.mark.parametrize(
    ("text", "helps"),
    [
        ("Access Denied", "Allow s3:DeleteObjectVersion for the identity of this run, and run again."),
        ("Access Denied because object protected by object lock.", "Wait for the end of the retention"),
    ],
)
def test_objects_that_may_not_be_deleted(text, helps):
    objects = [version("a", "1"), version("b", "2"), version("c", "3")]
    errors = [
        {**version("a", "1"), "Code": "SlowDown", "Message": "Reduce your request rate."},
        {**version("b", "2"), "Code": "AccessDenied", "Message": text},
    ]
    message = refusal(FORCE, *look(FORCE), listing(objects), deletion_of(*objects, errors=errors))
    assert f"AccessDenied: {text.rstrip('.')} (2 of 3 objects, such as 'b' in version 2)" in message
    assert helps in message


@pytest.mark.parametrize("code", ["InternalError", "SlowDown", "ServiceUnavailable"])
def test_objects_that_are_deleted_later(code):
    objects = [version("a", "1"), version("b", "2")]
    errors = [{**version("b", "2"), "Code": code, "Message": "Try again."}]
    result, _aws, _module = bucket_run(
        FORCE,
        *look(FORCE),
        listing(objects),
        deletion_of(*objects, errors=errors),
        *look(FORCE),
        listing(objects[1:]),
        deletion_of(objects[1]),
        deletion(),
        missing(),
    )
    assert result["changed"] is True


def test_bucket_that_vanishes_while_it_is_emptied():
    gone = {"code": "NoSuchBucket", "status": 404}
    result, _aws, _module = bucket_run(
        FORCE,
        *look(FORCE),
        Step("ListObjectVersions", api_error("ListObjectVersions", **gone)),
        deletion(api_error("DeleteBucket", **gone)),
        missing(),
    )
    assert result["bucket"] == {}


def test_contents_that_may_not_be_listed():
    denied = Step("ListObjectVersions", api_error("ListObjectVersions", "AccessDenied", "Access Denied", 403))
    message = refusal(ABSENT, *look(ABSENT), denied)
    assert message == (
        f"Could not list the contents of S3 bucket '{NAME}' (ListObjectVersions): AccessDenied: Access Denied. "
        "Allow s3:ListBucketVersions for the identity of this run, and run again. "
        "The playbook operator_policy writes policies with all that runs need."
    )


def test_listing_that_is_cut_off_is_an_error_of_the_module():
    message = refusal(FORCE, *look(FORCE), Step("ListObjectVersions", lost_reply()))
    assert "Run again" in message


def test_lost_reply_of_delete():
    result, _aws, _module = bucket_run(ABSENT, *look(ABSENT), listing(), deletion(lost_reply()), missing())
    assert result["changed"] is True


def test_delete_waits_until_the_bucket_is_gone():
    result, _aws, _module = bucket_run(ABSENT, *look(ABSENT), listing(), deletion(), *look(ABSENT), missing())
    assert result["changed"] is True


def test_bucket_that_stays():
    message = refusal({**ABSENT, "wait_timeout": 1}, *look(ABSENT), listing(), deletion(), *look(ABSENT), *look(ABSENT))
    assert "is still there after 1 s; expected: deleted" in message


def test_dry_run_of_delete():
    result, aws, _module = bucket_run(FORCE, *look(FORCE), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["HeadBucket", "GetBucketTagging"]


# ---- Options and permissions


def test_permissions_are_named_as_iam_names_them():
    denied = Step("GetBucketEncryption", api_error("GetBucketEncryption", "AccessDenied", "Access Denied", 403))
    options = {**PLAIN, "encryption": {"algorithm": "AES256"}}
    message = refusal(options, head(), tagging(TAGS), denied)
    assert "Allow s3:GetEncryptionConfiguration for the identity of this run" in message


def test_create_with_tags_needs_two_permissions():
    denied = api_error("CreateBucket", "AccessDenied", "Access Denied", 403)
    message = refusal(PLAIN, missing(), creation(denied))
    assert "Allow s3:CreateBucket and s3:TagResource for the identity of this run" in message


def test_key_without_kms():
    options = {**PLAIN, "encryption": {"algorithm": "AES256", "kms_key_id": KEY}}
    assert "needs algorithm aws:kms" in refusal(options, missing(), check_mode=True)


def test_rules_of_the_same_id():
    rule = {"id": "one", "expiration_days": 1}
    message = refusal({**PLAIN, "lifecycle_rules": [rule, rule]}, missing(), check_mode=True)
    assert "have the id one more than once" in message


def test_rule_that_does_nothing():
    with pytest.raises(AssertionError, match="one of the following is required"):
        given("s3_bucket", {"name": NAME, "lifecycle_rules": [{"id": "one"}]})


def test_policy_that_is_not_json():
    assert "isn't JSON" in refusal({**PLAIN, "policy": "{"})


# ---- What others have made of it


def test_an_access_control_list_gives_way_to_enforced_ownership():
    options = {**PLAIN, "object_ownership": "BucketOwnerEnforced"}
    rules = {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}
    refusal = api_error(
        "PutBucketOwnershipControls",
        "InvalidBucketAclWithObjectOwnership",
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    )
    bucket_run(
        options,
        *look(options, drifted(object_ownership="ObjectWriter")),
        put("PutBucketOwnershipControls", refusal, **rules),
        put("PutBucketAcl", ACL="private"),
        put("PutBucketOwnershipControls", **rules),
        *look(options),
        *look(options),
    )


def test_a_bucket_that_never_had_versions_is_as_good_as_suspended():
    options = {**PLAIN, "versioning": "suspended"}
    result, _aws, _module = bucket_run(options, *look(options, drifted(versioning=None)))
    assert result["changed"] is False


PURGED = {**PLAIN, "purge_configurations": True}
SEND = {"Id": "all", "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::elsewhere", "Format": "CSV"}}}
# What there is where somebody has configured all of it: read, answer, absence.
CONFIGURED = {
    "GetBucketAccelerateConfiguration": ({"Status": "Enabled"}, {"Status": "Suspended"}),
    "GetBucketLogging": ({"LoggingEnabled": {"TargetBucket": "elsewhere", "TargetPrefix": ""}}, {}),
    "ListBucketAnalyticsConfigurations": ({"AnalyticsConfigurationList": [{"Id": "one"}, {"Id": "two"}]}, {}),
    "GetBucketCors": (
        {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
        api_error("GetBucketCors", "NoSuchCORSConfiguration", status=404),
    ),
    "GetBucketNotificationConfiguration": ({"EventBridgeConfiguration": {}}, {}),
    "ListBucketInventoryConfigurations": ({"InventoryConfigurationList": [SEND]}, {}),
    "GetBucketReplication": (
        {"ReplicationConfiguration": {"Role": "arn:aws:iam::123456789012:role/r", "Rules": []}},
        api_error("GetBucketReplication", "ReplicationConfigurationNotFoundError", status=404),
    ),
    "GetBucketRequestPayment": ({"Payer": "Requester"}, {"Payer": "BucketOwner"}),
    "GetBucketWebsite": (
        {"IndexDocument": {"Suffix": "index.html"}},
        api_error("GetBucketWebsite", "NoSuchWebsiteConfiguration", status=404),
    ),
}
REMOVALS = {
    "GetBucketAccelerateConfiguration": [
        put("PutBucketAccelerateConfiguration", AccelerateConfiguration={"Status": "Suspended"})
    ],
    "GetBucketLogging": [put("PutBucketLogging", BucketLoggingStatus={})],
    "ListBucketAnalyticsConfigurations": [
        put("DeleteBucketAnalyticsConfiguration", Id="one"),
        put("DeleteBucketAnalyticsConfiguration", Id="two"),
    ],
    "GetBucketCors": [put("DeleteBucketCors")],
    "GetBucketNotificationConfiguration": [put("PutBucketNotificationConfiguration", NotificationConfiguration={})],
    "ListBucketInventoryConfigurations": [put("DeleteBucketInventoryConfiguration", Id="all")],
    "GetBucketReplication": [put("DeleteBucketReplication")],
    "GetBucketRequestPayment": [put("PutBucketRequestPayment", RequestPaymentConfiguration={"Payer": "BucketOwner"})],
    "GetBucketWebsite": [put("DeleteBucketWebsite")],
}


def look_closely(*configured):
    """The calls of one reading where these have an answer that tells of something."""
    reads = [Step(name, answers[name not in configured], BUCKET) for name, answers in CONFIGURED.items()]
    return [*look(PURGED), *reads]


@pytest.mark.parametrize("configured", CONFIGURED)
def test_what_others_have_configured_is_removed(configured):
    result, _aws, _module = bucket_run(
        PURGED, *look_closely(configured), *REMOVALS[configured], *look_closely(), *look_closely()
    )
    assert result["changed"] is True
    (told,) = result["diff"]["before"]["purge_configurations"]
    assert told
    assert result["diff"]["after"]["purge_configurations"] == []


def test_a_bucket_without_such_configurations_stays():
    result, _aws, _module = bucket_run(PURGED, *look_closely())
    assert result["changed"] is False


def test_a_dry_run_tells_what_would_be_removed():
    result, _aws, _module = bucket_run(PURGED, *look_closely("GetBucketCors", "GetBucketWebsite"), check_mode=True)
    assert result["diff"]["before"]["purge_configurations"] == ["CORS rules", "website"]
    assert result["diff"]["after"]["purge_configurations"] == []


def test_acceleration_is_not_known_everywhere():
    reads = look_closely()
    at = next(index for index, step in enumerate(reads) if step.operation == "GetBucketAccelerateConfiguration")
    reads[at] = Step(
        "GetBucketAccelerateConfiguration", api_error("GetBucketAccelerateConfiguration", "MethodNotAllowed")
    )
    result, _aws, _module = bucket_run(PURGED, *reads)
    assert result["changed"] is False


def test_what_others_have_configured_stays_by_default():
    result, _aws, _module = bucket_run(PLAIN, *look(PLAIN))
    assert result["changed"] is False


def test_permissions_that_are_not_called_like_their_operations():
    denied = api_error("GetBucketNotificationConfiguration", "AccessDenied", status=403)
    reads = look_closely()
    at = next(index for index, step in enumerate(reads) if step.operation == "GetBucketNotificationConfiguration")
    message = refusal(PURGED, *reads[:at], Step("GetBucketNotificationConfiguration", denied))
    assert "Allow s3:GetBucketNotification for" in message


LOGGED = {**PLAIN, "logging": {"target_bucket": "demo-logs", "target_prefix": f"{NAME}/"}}
UNLOGGED = {**PLAIN, "logging": {}}
ENABLED = {"TargetBucket": "demo-logs", "TargetPrefix": f"{NAME}/"}
BY_DAY = {"TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}}
GRANTS = {"TargetGrants": [{"Grantee": {"Type": "CanonicalUser", "ID": "theirs"}, "Permission": "READ"}]}


def log(**enabled):
    return put("PutBucketLogging", BucketLoggingStatus={"LoggingEnabled": enabled} if enabled else {})


def look_at_logs(options, **enabled):
    logs = Step("GetBucketLogging", {"LoggingEnabled": enabled} if enabled else {}, BUCKET)
    return [*look(options), logs]


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        (LOGGED, {}, ENABLED),
        (LOGGED, {**ENABLED, "TargetBucket": "elsewhere"}, ENABLED),
        (LOGGED, {**ENABLED, **BY_DAY}, ENABLED),
        (LOGGED, {**ENABLED, **GRANTS}, ENABLED),
        ({**PLAIN, "logging": {**LOGGED["logging"], "partitioned_by": "EventTime"}}, ENABLED, {**ENABLED, **BY_DAY}),
        (UNLOGGED, ENABLED, {}),
    ],
)
def test_access_logs_go_where_is_declared(options, before, after):
    steps = [*look_at_logs(options, **before), log(**after), *look_at_logs(options, **after) * 2]
    result, _aws, _module = bucket_run(options, *steps)
    assert result["changed"] is True
    assert result["diff"]["after"]["logging"].get("target_bucket") == after.get("TargetBucket")


@pytest.mark.parametrize(("options", "enabled"), [(LOGGED, ENABLED), (UNLOGGED, {})])
def test_access_logs_as_declared_are_no_change(options, enabled):
    result, _aws, _module = bucket_run(options, *look_at_logs(options, **enabled))
    assert result["changed"] is False


def test_declared_logs_are_nothing_to_purge():
    options = {**LOGGED, "purge_configurations": True}
    reads = [Step(name, answers[1], BUCKET) for name, answers in CONFIGURED.items() if name != "GetBucketLogging"]
    result, _aws, _module = bucket_run(options, *look_at_logs(options, **ENABLED), *reads)
    assert result["changed"] is False


def test_a_prefix_without_a_bucket_says_nothing():
    assert "has no target_bucket" in refusal({**PLAIN, "logging": {"target_prefix": "x"}})


def test_a_bucket_that_takes_no_logs_is_told_with_what_helps():
    text = "The owner for the bucket to be logged and the target bucket must be the same."
    refused = Step("PutBucketLogging", api_error("PutBucketLogging", "InvalidTargetBucketForLogging", text, 400))
    message = refusal(LOGGED, *look_at_logs(LOGGED), refused)
    assert "its policy must let logging.s3.amazonaws.com put objects in" in message
