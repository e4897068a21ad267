# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identity pools: their names aren't unique, and each call sets back what it isn't given."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, run
from tests.support.scripted_aws import Step, api_error, endless, lost_reply

NAME = "demo-identities"
ID = "us-west-2:11111111-1111-1111-1111-111111111111"
OTHER = "us-west-2:22222222-2222-2222-2222-222222222222"
PROVIDER = "cognito-idp.us-west-2.amazonaws.com/us-west-2_a1b2c3d4e"
ROLE = "arn:aws:iam::123456789012:role/demo-authenticated"
ARN = f"arn:aws:cognito-identity:us-west-2:123456789012:identitypool/{ID}"
TAKEN = {"ProviderName": PROVIDER, "ClientId": "web", "ServerSideTokenCheck": True}
TOKEN = {f"{PROVIDER}:web": {"Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole"}}
DEFAULTS = {"IdentityProviderName": PROVIDER, "UseDefaults": True, "PrincipalTags": {}}
SETTINGS = {
    "AllowUnauthenticatedIdentities": False,
    "AllowClassicFlow": False,
    "CognitoIdentityProviders": [TAKEN],
}
OPTIONS = {
    "name": NAME,
    "allow_unauthenticated_identities": False,
    "allow_classic_flow": False,
    "cognito_identity_providers": [
        {"provider_name": PROVIDER, "client_id": "web", "server_side_token_check": True},
    ],
    "supported_login_providers": {},
    "open_id_connect_provider_arns": [],
    "saml_provider_arns": [],
    "developer_provider_name": "",
    "roles": {"authenticated": ROLE},
    "role_mappings": [{"identity_provider": f"{PROVIDER}:web", "type": "Token"}],
    "principal_tags": [{"identity_provider_name": PROVIDER, "use_defaults": True}],
    "tags": OWNER,
    "owned_by": OWNER,
}
BARE = {**OPTIONS, "roles": None, "role_mappings": None, "principal_tags": None}
ABSENT = {"name": NAME, "state": "absent", "owned_by": OWNER}
CALLER = Step(
    "GetCallerIdentity", {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/x", "UserId": "x"}
)


def missing():
    other = {"IdentityPoolId": OTHER, "IdentityPoolName": "another"}
    return [Step("ListIdentityPools", {"IdentityPools": [other]}, {"MaxResults": 60})]


def described(pool_id=ID, tags=OWNER, **members):
    pool = {"IdentityPoolId": pool_id, "IdentityPoolName": NAME, **SETTINGS, "IdentityPoolTags": tags, **members}
    return Step("DescribeIdentityPool", pool, {"IdentityPoolId": pool_id})


def roles(roles=None, mappings=TOKEN, pool_id=ID):
    answer = {"IdentityPoolId": pool_id, "Roles": {"authenticated": ROLE} if roles is None else roles}
    return Step("GetIdentityPoolRoles", {**answer, "RoleMappings": mappings}, {"IdentityPoolId": pool_id})


def tag_map(answer=DEFAULTS, provider=PROVIDER):
    if answer is None:
        text = f"No Principal Tags configured for Provider {provider}"
        answer = api_error("GetPrincipalTagAttributeMap", "ResourceNotFoundException", text)
    request = {"IdentityPoolId": ID, "IdentityProviderName": provider}
    return Step("GetPrincipalTagAttributeMap", answer, request)


def pool(roles_step=None, map_step=None, **members):
    """The calls that read the pool."""
    return [
        Step("ListIdentityPools", {"IdentityPools": [{"IdentityPoolId": ID, "IdentityPoolName": NAME}]}),
        described(**members),
        roles_step or roles(),
        map_step or tag_map(),
    ]


def bare(**members):
    return pool(roles({}, {}), **members)[:3]


def create(answer=None):
    request = {"IdentityPoolName": NAME, **SETTINGS, "IdentityPoolTags": OWNER}
    made = {"IdentityPoolId": ID, "IdentityPoolName": NAME, "AllowUnauthenticatedIdentities": False}
    return Step("CreateIdentityPool", answer or made, request)


def update(**members):
    request = {
        "IdentityPoolId": ID,
        "IdentityPoolName": NAME,
        **SETTINGS,
        "SupportedLoginProviders": {},
        "OpenIdConnectProviderARNs": [],
        "SamlProviderARNs": [],
        "IdentityPoolTags": OWNER,
        **members,
    }
    answer = {"IdentityPoolId": ID, "IdentityPoolName": NAME, "AllowUnauthenticatedIdentities": False}
    request = {member: value for member, value in request.items() if value is not None}
    return Step("UpdateIdentityPool", answer, request)


def set_roles(answer=None, roles=None, mappings=TOKEN):
    request = {"IdentityPoolId": ID, "Roles": {"authenticated": ROLE} if roles is None else roles}
    return Step("SetIdentityPoolRoles", answer or {}, {**request, "RoleMappings": mappings})


def set_map(provider=PROVIDER, defaults=True, tags=None):
    request = {"IdentityPoolId": ID, "IdentityProviderName": provider, "UseDefaults": defaults}
    return Step("SetPrincipalTagAttributeMap", {}, {**request, "PrincipalTags": tags or {}})


def pool_run(options, *steps, **kwargs):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    return run("cognito_identity_pool", {**OPTIONS, **options}, *flat, **kwargs)


# ---- Made


def test_create_with_roles_and_tags(clock):
    new = pool(roles({}, {}), tag_map(None))
    half = pool(None, tag_map(None))
    result, _aws, _module = pool_run({}, missing(), create(), new, set_roles(), half, set_map(), pool(), pool())
    assert result["changed"] is True
    assert result["identity_pool"]["identity_pool_id"] == ID
    assert result["identity_pool"]["roles"] == {"authenticated": ROLE}
    assert result["identity_pool"]["tags"] == OWNER


def test_create_before_the_role_that_trusts_it(clock):
    result, _aws, _module = pool_run(BARE, missing(), create(), bare())
    assert result["changed"] is True


def test_second_run_changes_nothing():
    result, aws, _module = pool_run({}, pool())
    assert result["changed"] is False
    assert len(aws.calls) == 4


def test_lost_reply_of_create(clock):
    result, aws, _module = pool_run(BARE, missing(), create(lost_reply()), bare())
    assert result["changed"] is True
    assert aws.operations().count("CreateIdentityPool") == 1


def test_another_run_makes_one_at_the_same_moment(clock):
    """Both keep the one of the lowest id; this run removes its own."""
    made = {"IdentityPoolId": OTHER, "IdentityPoolName": NAME, "AllowUnauthenticatedIdentities": False}
    both = [{"IdentityPoolId": pool_id, "IdentityPoolName": NAME} for pool_id in (OTHER, ID)]
    result, _aws, _module = pool_run(
        BARE,
        missing(),
        create(made),
        Step("ListIdentityPools", {"IdentityPools": both}),
        *(described(OTHER), described(), roles({}, {})),
        Step("DeleteIdentityPool", {}, {"IdentityPoolId": OTHER}),
    )
    assert result["identity_pool"]["identity_pool_id"] == ID


def test_one_of_the_same_name_that_is_not_ours_is_passed_by():
    both = [{"IdentityPoolId": pool_id, "IdentityPoolName": NAME} for pool_id in (OTHER, ID)]
    result, _aws, _module = pool_run(
        BARE,
        Step("ListIdentityPools", {"IdentityPools": both}),
        *(described(OTHER, {"Project": "other"}), described(), roles({}, {})),
    )
    assert result["changed"] is False
    assert result["identity_pool"]["identity_pool_id"] == ID


def test_ours_has_lost_its_name_and_another_has_the_lower_id():
    listed = [{"IdentityPoolId": pool_id, "IdentityPoolName": NAME} for pool_id in (OTHER, ID)]
    named = {**OWNER, "Name": NAME}
    arn = ARN.replace(ID, OTHER)
    pools = [Step("ListIdentityPools", {"IdentityPools": listed})]
    result, _aws, _module = pool_run(
        {**BARE, "tags": named},
        *(pools, described(OTHER), described(tags={"Project": "other"}), roles({}, {}, OTHER)),
        *(CALLER, Step("TagResource", {}, {"ResourceArn": arn, "Tags": {"Name": NAME}})),
        *(pools, described(OTHER, named), described(tags={"Project": "other"}), roles({}, {}, OTHER)),
    )
    assert result["identity_pool"]["identity_pool_id"] == OTHER


def test_the_only_one_of_that_name_is_someone_elses():
    with pytest.raises(ResourceError, match="isn't ours"):
        pool_run({"cognito_identity_providers": []}, pool(tags={"Project": "other"}))


def test_a_lost_owner_tag_is_put_back():
    left = {"Project": "demo"}
    result, _aws, _module = pool_run(
        {},
        pool(tags=left),
        CALLER,
        Step("TagResource", {}, {"ResourceArn": ARN, "Tags": {"ManagedBy": OWNER["ManagedBy"]}}),
        pool(),
    )
    assert result["changed"] is True


def test_a_pool_that_vanishes_between_two_looks(clock):
    gone = api_error("DescribeIdentityPool", "ResourceNotFoundException", "IdentityPool not found.")
    listed = Step("ListIdentityPools", {"IdentityPools": [{"IdentityPoolId": ID, "IdentityPoolName": NAME}]})
    result, _aws, _module = pool_run(BARE, listed, Step("DescribeIdentityPool", gone), create(), bare())
    assert result["changed"] is True


# ---- Changed


FOREIGN = {
    "SupportedLoginProviders": {"accounts.google.com": "x"},
    "OpenIdConnectProviderARNs": ["arn:aws:iam::123456789012:oidc-provider/example.com"],
    "SamlProviderARNs": ["arn:aws:iam::123456789012:saml-provider/other"],
}


@pytest.mark.parametrize(
    "changed",
    [
        {"AllowUnauthenticatedIdentities": True},
        {"AllowClassicFlow": True},
        {"CognitoIdentityProviders": []},
        {"CognitoIdentityProviders": [{**TAKEN, "ServerSideTokenCheck": False}]},
        {"CognitoIdentityProviders": [TAKEN, {**TAKEN, "ClientId": "other"}]},
        *({member: value} for member, value in FOREIGN.items()),
    ],
)
def test_each_setting_is_mended(changed):
    result, _aws, _module = pool_run({}, pool(**changed), update(), pool(), pool())
    assert result["changed"] is True


def test_an_update_sends_what_is_not_declared_as_well():
    """AWS sets back what it isn't given, tags among it."""
    members = {**FOREIGN, "DeveloperProviderName": "backend", "tags": {**OWNER, "aws:x": "y", "Team": "a"}}
    undeclared = dict.fromkeys(
        (
            "allow_unauthenticated_identities",
            "cognito_identity_providers",
            "supported_login_providers",
            "open_id_connect_provider_arns",
            "saml_provider_arns",
            "developer_provider_name",
            "tags",
        )
    )
    kept = {**FOREIGN, "DeveloperProviderName": "backend", "IdentityPoolTags": {**OWNER, "Team": "a"}}
    result, _aws, _module = pool_run(
        undeclared, pool(AllowClassicFlow=True, **members), update(**kept), pool(**members), pool(**members)
    )
    assert result["changed"] is True


def test_a_developer_provider_stays():
    with pytest.raises(ResourceError, match="developer_provider_name: is 'backend', declared ''"):
        pool_run({}, pool(DeveloperProviderName="backend"))


# ---- Roles


def test_an_unauthenticated_role_of_someone_else_goes():
    both = {"authenticated": ROLE, "unauthenticated": ROLE}
    result, _aws, _module = pool_run({}, pool(roles(both)), set_roles(), pool(), pool())
    assert result["changed"] is True
    assert result["diff"]["before"]["roles"] == both
    assert result["diff"]["after"]["roles"] == {"authenticated": ROLE}


def test_roles_do_not_take_the_mappings_along():
    other = ROLE.replace("demo", "other")
    result, _aws, _module = pool_run(
        {"role_mappings": None}, pool(roles({"authenticated": other})), set_roles(), pool(), pool()
    )
    assert result["changed"] is True


def test_mappings_do_not_take_the_roles_along():
    result, _aws, _module = pool_run({"roles": None}, pool(roles(mappings={})), set_roles(), pool(), pool())
    assert result["changed"] is True


def test_mappings_are_emptied():
    done = pool(roles(mappings={}))
    result, _aws, _module = pool_run({"role_mappings": []}, pool(), set_roles(mappings={}), done, done)
    assert result["changed"] is True


RULES = [
    {"claim": "cognito:groups", "match_type": "Contains", "value": "admins", "role_arn": ROLE},
    {"claim": "custom:team", "match_type": "Equals", "value": "a", "role_arn": ROLE},
]
RULED = {"identity_provider": f"{PROVIDER}:web", "type": "Rules", "ambiguous_role_resolution": "Deny", "rules": RULES}


def ruled(order=1):
    rules = [
        {"Claim": "cognito:groups", "MatchType": "Contains", "Value": "admins", "RoleARN": ROLE},
        {"Claim": "custom:team", "MatchType": "Equals", "Value": "a", "RoleARN": ROLE},
    ]
    mapping = {"Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": {"Rules": rules[::order]}}
    return {f"{PROVIDER}:web": mapping}


def test_rules():
    done = pool(roles(mappings=ruled()))
    result, _aws, _module = pool_run({"role_mappings": [RULED]}, pool(), set_roles(mappings=ruled()), done, done)
    assert result["changed"] is True
    assert result["diff"]["after"]["role_mappings"] == [RULED]
    assert pool_run({"role_mappings": [RULED]}, done)[0]["changed"] is False


def test_the_order_of_rules_counts():
    done, other = pool(roles(mappings=ruled())), pool(roles(mappings=ruled(-1)))
    result, _aws, _module = pool_run({"role_mappings": [RULED]}, other, set_roles(mappings=ruled()), done, done)
    assert result["changed"] is True


def test_a_role_that_cognito_does_not_see_yet(clock):
    unseen = api_error("SetIdentityPoolRoles", "NotAuthorizedException", f"Access to Role '{ROLE}' is forbidden.")
    new = pool(roles({}, {}))
    result, _aws, _module = pool_run({}, new, set_roles(unseen), new, set_roles(), pool(), pool())
    assert result["changed"] is True


def test_a_role_that_may_not_be_passed(clock):
    refused = f"User: x is not authorized to perform: iam:PassRole on resource: {ROLE}"
    with pytest.raises(ResourceError, match="Allow iam:PassRole on the role"):
        pool_run(
            {}, pool(roles({}, {})), set_roles(api_error("SetIdentityPoolRoles", "AccessDeniedException", refused))
        )


def test_a_role_that_stays_forbidden_is_an_error(clock):
    unseen = api_error("SetIdentityPoolRoles", "NotAuthorizedException", "Access to Role 'x' is forbidden.")
    with pytest.raises(ResourceError, match=r"Allow iam:PassRole on the role.* Given up after 1\d\d s"):
        pool_run({}, *endless(*pool(roles({}, {})), set_roles(unseen)))


# ---- Principal tags


def test_principal_tags_of_ones_own():
    tags = {"team": "custom:team", "Mail": "email"}
    own = [{"identity_provider_name": PROVIDER, "tags": tags}]
    mapped = {"IdentityProviderName": PROVIDER, "UseDefaults": False, "PrincipalTags": tags}
    done = pool(map_step=tag_map(mapped))
    result, _aws, _module = pool_run({"principal_tags": own}, pool(), set_map(defaults=False, tags=tags), done, done)
    assert result["changed"] is True
    assert pool_run({"principal_tags": own}, done)[0]["changed"] is False


def test_a_tag_of_someone_else_goes():
    mapped = {"IdentityProviderName": PROVIDER, "UseDefaults": False, "PrincipalTags": {"team": "a", "admin": "b"}}
    own = [{"identity_provider_name": PROVIDER, "tags": {"team": "a"}}]
    done = pool(map_step=tag_map({**mapped, "PrincipalTags": {"team": "a"}}))
    result, _aws, _module = pool_run(
        {"principal_tags": own},
        pool(map_step=tag_map(mapped)),
        set_map(defaults=False, tags={"team": "a"}),
        *(done, done),
    )
    assert result["changed"] is True


def test_which_tags_aws_takes_by_itself_is_its_own():
    told = {**DEFAULTS, "PrincipalTags": {"username": "sub", "client": "aud"}}
    assert pool_run({}, pool(map_step=tag_map(told)))[0]["changed"] is False


def test_principal_tags_are_turned_off():
    off = pool(map_step=tag_map({**DEFAULTS, "UseDefaults": False}))
    result, _aws, _module = pool_run({"principal_tags": []}, pool(), set_map(defaults=False), off, off)
    assert result["changed"] is True
    assert pool_run({"principal_tags": []}, pool(map_step=tag_map(None)))[0]["changed"] is False


def test_principal_tags_that_are_not_declared_are_not_looked_at():
    assert pool_run({"principal_tags": None}, pool()[:3])[0]["changed"] is False


# ---- Bad input


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"role_mappings": [{**RULED, "rules": []}]}, "takes 1 to 25 rules, and has 0"),
        ({"role_mappings": [{**RULED, "rules": RULES * 13}]}, "takes 1 to 25 rules, and has 26"),
        ({"role_mappings": [{**RULED, "type": "Token"}]}, "the type Token of .* takes no rules"),
        ({"role_mappings": [{**RULED, "identity_provider": str(n)} for n in range(11)]}, "11 role_mappings are given"),
        ({"role_mappings": [RULED, RULED]}, "identity_provider .* more than once"),
        (
            {"principal_tags": [{"identity_provider_name": PROVIDER, "use_defaults": True, "tags": {"a": "b"}}]},
            "have use_defaults and tags",
        ),
    ],
)
def test_bad_input_is_refused_before_any_write(options, problem):
    with pytest.raises(ResourceError, match=problem):
        pool_run(options, missing())


# ---- Tags, dry run, removal


def test_tags():
    result, _aws, _module = pool_run(
        {},
        pool(tags={**OWNER, "Old": "x"}),
        CALLER,
        Step("UntagResource", {}, {"ResourceArn": ARN, "TagKeys": ["Old"]}),
        pool(),
    )
    assert result["changed"] is True


def test_dry_run_of_create():
    unknown = PROVIDER.replace("us-west-2_a1b2c3d4e", "(known after apply)")
    result, aws, _module = pool_run(
        {"principal_tags": [{"identity_provider_name": unknown, "use_defaults": True}]}, missing(), check_mode=True
    )
    assert result["changed"] is True
    assert result["diff"]["after"]["roles"] == {"authenticated": ROLE}
    assert result["diff"]["after"]["role_mappings"][0]["type"] == "Token"
    assert aws.operations() == ["ListIdentityPools"]


def test_dry_run_with_a_provider_that_is_not_there_yet():
    unknown = PROVIDER.replace("us-west-2_a1b2c3d4e", "(known after apply)")
    result, aws, _module = pool_run(
        {"principal_tags": [{"identity_provider_name": unknown, "use_defaults": True}]}, pool(), check_mode=True
    )
    assert result["changed"] is True
    assert "SetPrincipalTagAttributeMap" not in aws.operations()


def test_delete():
    result, _aws, _module = run(
        "cognito_identity_pool", ABSENT, *bare(), Step("DeleteIdentityPool", {}, {"IdentityPoolId": ID}), *missing()
    )
    assert result["changed"] is True


def test_delete_of_what_is_absent():
    assert run("cognito_identity_pool", ABSENT, *missing())[0]["changed"] is False


def test_what_is_not_ours_is_not_deleted():
    with pytest.raises(ResourceError, match="isn't ours"):
        run("cognito_identity_pool", ABSENT, *bare(tags={}))
