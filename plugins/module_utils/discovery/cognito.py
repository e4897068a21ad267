# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user pool with what lies in it, the identity pool with its role, and the secret of the machine client."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from ..names import resource_name
from .base import Component, Search, dns_suffix, listed, tags_of

USER_POOL, IDENTITY_POOL = "users", "identities"
WEB_CLIENT, MACHINE_CLIENT, RESOURCE_SERVER = "web", "machine", "api"
ROLE, SECRET = "authenticated", "machine-client"
# The most that the API gives at once.
PAGE, SERVERS_PAGE = 60, 50
# Where events of each kind go.
LOGS = {"userNotification": "user-notification", "userAuthEvents": "user-auth-events"}
CUSTOM = "custom:"


def domain_prefix(prefix: str, account_id: str, region: str) -> str:
    """The prefix of the domain where the inventory gives none: one that nobody else will have taken."""
    digest = hashlib.sha256(f"{account_id}{region}".encode()).hexdigest()[:8]
    return resource_name(digest, prefix, "cognito_domain")


def domain_url(region: str, domain: str | None, custom_domain: str | None) -> str | None:
    """Where the sign-in pages and the token endpoint are."""
    if custom_domain:
        return f"https://{custom_domain}"
    auth = "auth-fips" if region.startswith("us-gov-") else "auth"
    return f"https://{domain}.{auth}.{region}.amazoncognito.com" if domain else None


def log_group(prefix: str, source: str) -> str:
    # What begins so is written to without an entry in the account's policy, which is limited.
    return f"/aws/vendedlogs/{prefix}/cognito/{LOGS[source]}"


def empty(search: Search) -> dict[str, Any]:
    return {
        "user_pool_id": None,
        "user_pool_arn": None,
        "user_pool_name": None,
        "tier": None,
        "deletion_protection": None,
        "issuer": None,
        "jwks_url": None,
        "username_attributes": [],
        "username_case_sensitive": None,
        "required_attributes": [],
        "custom_attributes": {},
        "domain": None,
        "custom_domain": None,
        "domain_url": None,
        "token_url": None,
        "resource_server": None,
        "resource_servers": [],
        "scopes": [],
        "web_client_id": None,
        "machine_client_id": None,
        "machine_client_secret_name": None,
        "machine_client_secret_arn": None,
        "groups": [],
        "log_groups": [],
        "identity_pool_id": None,
        "authenticated_role_arn": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    scope = search.scope
    pools = search.start("cognito-idp", "list_user_pools", MaxResults=PAGE)
    identity_pools = search.start("cognito-identity", "list_identity_pools", MaxResults=PAGE)
    wanted = next(iter(search.entries), domain_prefix(scope.prefix, search.account_id, scope.region))
    domain = search.start("cognito-idp", "describe_user_pool_domain", Domain=wanted)
    secret = search.start("secretsmanager", "describe_secret", SecretId=f"{scope.prefix}/{SECRET}")
    logs = {name: search.start_log_group(name) for name in (log_group(scope.prefix, source) for source in LOGS)}
    roles = search.start_roles([ROLE])

    _add_user_pool(search, facts, (pools.result() or {}).get("UserPools", []))
    facts["identity_pool_id"] = _identity_pool(search, (identity_pools.result() or {}).get("IdentityPools", []))
    facts["authenticated_role_arn"] = search.roles(roles)[ROLE]
    facts["machine_client_secret_name"], facts["machine_client_secret_arn"] = search.secret(secret.result())
    _check_domain(search, facts, (domain.result() or {}).get("DomainDescription") or {})
    facts["log_groups"] = [name for name, started in logs.items() if _has_log_group(search, name, started)]


def _add_user_pool(search: Search, facts: dict[str, Any], pools: Iterable[Mapping[str, Any]]) -> None:
    name = search.scope.name(USER_POOL, "cognito_user_pool")
    started = {pool["Id"]: _UserPool(search, pool["Id"]) for pool in pools if pool["Name"] == name}
    found = [described for pool in started.values() if (described := pool.description())]
    for pool in found:
        if not search.owns(tags := tags_of(pool, "UserPoolTags")):
            search.foreign(f"user pool {name}", tags)
    ours = [pool for pool in found if search.owns(tags_of(pool, "UserPoolTags"))]
    if pool := search.one("user pools", ours, "Id", made_at="CreationDate"):
        facts.update(_facts_of(search, pool))
        started[pool["Id"]].add(facts)


def _facts_of(search: Search, pool: Mapping[str, Any]) -> dict[str, Any]:
    region = search.scope.region
    issuer = f"https://cognito-idp.{region}.{dns_suffix(pool['Arn'].split(':')[1])}/{pool['Id']}"
    attributes = pool.get("SchemaAttributes", [])
    domain, custom_domain = pool.get("Domain"), pool.get("CustomDomain")
    url = domain_url(region, domain, custom_domain)
    return {
        "user_pool_id": pool["Id"],
        "user_pool_arn": pool["Arn"],
        "user_pool_name": pool["Name"],
        "tier": pool.get("UserPoolTier"),
        "deletion_protection": pool.get("DeletionProtection") == "ACTIVE",
        "issuer": issuer,
        "jwks_url": f"{issuer}/.well-known/jwks.json",
        "username_attributes": sorted(pool.get("UsernameAttributes", [])),
        "username_case_sensitive": pool.get("UsernameConfiguration", {}).get("CaseSensitive"),
        # Of every pool: Cognito itself makes the subject.
        "required_attributes": sorted(
            item["Name"] for item in attributes if item.get("Required") and item["Name"] != "sub"
        ),
        "custom_attributes": {
            item["Name"].removeprefix(CUSTOM): _attribute(item)
            for item in attributes
            if item["Name"].startswith(CUSTOM)
        },
        "domain": domain,
        "custom_domain": custom_domain,
        "domain_url": url,
        "token_url": f"{url}/oauth2/token" if url else None,
    }


def _attribute(item: Mapping[str, Any]) -> dict[str, Any]:
    texts, numbers = item.get("StringAttributeConstraints", {}), item.get("NumberAttributeConstraints", {})
    least, most = texts.get("MinLength", numbers.get("MinValue")), texts.get("MaxLength", numbers.get("MaxValue"))
    return {
        "type": item["AttributeDataType"],
        "mutable": item.get("Mutable"),
        "minimum": None if least is None else int(least),
        "maximum": None if most is None else int(most),
    }


class _UserPool:
    """What lies in one user pool, read side by side."""

    def __init__(self, search: Search, pool_id: str):
        self.search, self.pool_id = search, pool_id
        self.described = search.start("cognito-idp", "describe_user_pool", UserPoolId=pool_id)
        self.clients = search.start("cognito-idp", "list_user_pool_clients", UserPoolId=pool_id, MaxResults=PAGE)
        self.servers = search.start("cognito-idp", "list_resource_servers", UserPoolId=pool_id, MaxResults=SERVERS_PAGE)
        self.groups = search.start("cognito-idp", "list_groups", UserPoolId=pool_id, Limit=PAGE)

    def description(self) -> dict | None:
        return (self.described.result() or {}).get("UserPool")

    def add(self, facts: dict[str, Any]) -> None:
        scope = self.search.scope
        name = scope.name(RESOURCE_SERVER, "cognito_resource_server")
        servers = [
            server for server in (self.servers.result() or {}).get("ResourceServers", []) if server["Name"] == name
        ]
        facts["resource_servers"] = sorted(server["Identifier"] for server in servers)
        if servers:
            # A second one is left of a run that was to change the identifier and didn't come to its end.
            server = min(servers, key=lambda item: item["Identifier"])
            facts["resource_server"] = server["Identifier"]
            facts["scopes"] = sorted(
                f"{server['Identifier']}/{scope['ScopeName']}" for scope in server.get("Scopes", [])
            )
        facts["groups"] = sorted(group["GroupName"] for group in (self.groups.result() or {}).get("Groups", []))
        for fact, client in (("web_client_id", WEB_CLIENT), ("machine_client_id", MACHINE_CLIENT)):
            facts[fact] = self._client(scope.name(client, "cognito_client"))

    def _client(self, name: str) -> str | None:
        """The id of the client of this name; of several, which Cognito allows, the oldest, as the module has it."""
        ids = [
            client["ClientId"]
            for client in (self.clients.result() or {}).get("UserPoolClients", [])
            if client["ClientName"] == name
        ]
        if len(ids) < 2:
            return ids[0] if ids else None
        started = [
            self.search.start("cognito-idp", "describe_user_pool_client", UserPoolId=self.pool_id, ClientId=client)
            for client in ids
        ]
        found = [answer["UserPoolClient"] for future in started if (answer := future.result())]
        used, *others = sorted(found, key=lambda client: (client["CreationDate"], client["ClientId"]))
        self.search.warnings.append(
            f"{self.search.component.name}: {len(found)} clients of the user pool are named {name} where one is"
            f" expected. {used['ClientId']} is used; left alone: {', '.join(client['ClientId'] for client in others)}."
            " Delete what is not needed."
        )
        return used["ClientId"]


def _identity_pool(search: Search, pools: Iterable[Mapping[str, Any]]) -> str | None:
    name = search.scope.name(IDENTITY_POOL, "cognito_identity_pool")
    started = [
        search.start("cognito-identity", "describe_identity_pool", IdentityPoolId=pool["IdentityPoolId"])
        for pool in pools
        if pool["IdentityPoolName"] == name
    ]
    ours = []
    for pool in filter(None, (future.result() for future in started)):
        if search.owns(tags := tags_of(pool, "IdentityPoolTags")):
            ours.append(pool)
        else:
            search.foreign(f"identity pool {name}", tags)
    pool = search.one("identity pools", ours, "IdentityPoolId")
    return pool["IdentityPoolId"] if pool else None


def _check_domain(search: Search, facts: Mapping[str, Any], domain: Mapping[str, Any]) -> None:
    """Note a domain of ours that another user pool has, whosever that is: there is one of a name in a region."""
    pool_id = domain.get("UserPoolId")
    if pool_id and pool_id != facts["user_pool_id"]:
        account = domain.get("AWSAccountId")
        where = "" if account in (None, search.account_id) else f" of the account {account}"
        search.conflicts.append(
            {
                "component": search.component.name,
                "resource": f"domain {domain['Domain']}",
                "reason": f"exists and is that of the user pool {pool_id}{where}",
                "remedy": "give cognito_domain_prefix another value",
            }
        )


def _has_log_group(search: Search, name: str, started: Future) -> bool:
    groups = (started.result() or {}).get("logGroups", [])
    if not any(group["logGroupName"] == name for group in groups):
        return False
    conflicts = len(search.conflicts)
    search.check_log_group(name, started, written=False, remade=True)
    return len(search.conflicts) == conflicts


def summary(facts: Mapping[str, Any]) -> list[str]:
    return [
        f"{facts['user_pool_name']} {facts['user_pool_id']}, tier {facts['tier']}",
        f"sign-in: {facts['domain_url'] or 'no domain yet'}",
        f"groups: {listed(facts['groups'])}",
    ]


COMPONENT = Component(
    name="cognito",
    services=("cognito-identity", "cognito-idp", "iam", "logs", "secretsmanager"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["user_pool_id"] is not None,
    summary=summary,
)
