#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_user_pool_domain
version_added: 0.1.0
short_description: Manage a domain of a Cognito user pool
description:
  - Creates, changes and deletes a domain at which a user pool has its sign-in pages and its OAuth 2.0 endpoints.
  - A user pool has one prefix domain, below C(auth.<region>.amazoncognito.com), and one custom domain at most.
  - A domain of another user pool is never touched.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  user_pool_id:
    description:
      - ID of the user pool.
    type: str
    required: true
  domain:
    description:
      - The prefix, or the whole name of the custom domain if O(certificate_arn) is given. It can't be changed in place,
        see O(replace).
      - A prefix has 1 to 63 lower-case letters, digits and hyphens, begins and ends with none of these, doesn't hold
        C(aws), C(amazon) or C(cognito), and is unique in its region over all accounts.
      - A custom domain lies below one that has an A record, and that isn't a top-level domain.
    type: str
    required: true
  certificate_arn:
    description:
      - ARN of the ACM certificate of a custom domain. It must be in us-east-1, whatever the region of the user pool, be
        issued, and cover O(domain).
      - A changed one takes AWS up to an hour to spread.
    type: str
  security_policy:
    description:
      - Which versions of TLS and which ciphers a custom domain takes from browsers. AWS makes it V(TLS_V1) if it isn't
        set.
    type: str
    choices: [TLS_V1, TLS_V1_2_2021, TLS_V1_3_2025]
  managed_login_version:
    description:
      - Which sign-in pages there are, V(1) for the classic hosted UI, V(2) for managed login, which takes the plan
        ESSENTIALS or PLUS. AWS takes V(1) if it isn't set.
      - With V(2) each client needs a branding, AWS's own or one of its own. Without it there is no sign-in page for
        that client. Its OAuth 2.0 endpoints for tokens don't depend on it.
    type: int
    choices: [1, 2]
  replace:
    description:
      - Whether another domain of the same kind that the user pool has is deleted to make way for this one. Nobody can
        sign in at the old one from then on, and at the new one only when it is ready.
      - Without it the module fails and names the other one.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Give the user pool a prefix domain
  agent_platform.aws.cognito_idp_user_pool_domain:
    user_pool_id: us-west-2_aBcDeFgHi
    domain: demo-dev-1a2b3c4d
    managed_login_version: 1

- name: Give it a domain of our own
  agent_platform.aws.cognito_idp_user_pool_domain:
    user_pool_id: us-west-2_aBcDeFgHi
    domain: auth.example.com
    certificate_arn: arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab
    security_policy: TLS_V1_2_2021
  register: custom

- name: Show where its alias record must lead
  ansible.builtin.debug:
    var: custom.user_pool_domain.cloud_front_distribution
"""

RETURN = r"""
user_pool_domain:
  description: The domain as Cognito describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    cloud_front_distribution:
      description: Name of the CloudFront distribution to which an alias record for a custom domain must lead. Not known
        in check mode before it exists.
      type: str
      sample: d111111abcdef8.cloudfront.net
    custom_domain_config:
      description: Certificate and TLS policy of a custom domain.
      type: dict
    domain:
      description: The prefix, or the name of the custom domain.
      type: str
      sample: demo-dev-1a2b3c4d
    managed_login_version:
      description: Which sign-in pages there are.
      type: int
    status:
      description: Whether it can be used.
      type: str
      sample: ACTIVE
    user_pool_id:
      description: ID of the user pool.
      type: str
"""

from ..module_utils.cognito import NOT_FOUND, PoolResource
from ..module_utils.declarations import Create, Delete, Describe, Setting, States, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, placeholder

CUSTOM = "CustomDomainConfig"


class Domain(PoolResource):
    kind = "user pool domain"
    result = "user_pool_domain"
    names = {"UserPoolId": "user_pool_id", "Domain": "domain"}
    describe = Describe("DescribeUserPoolDomain", "DomainDescription", missing=NOT_FOUND, names={"Domain": "domain"})
    create = Create("CreateUserPoolDomain", exists=("InvalidParameterException",), tags=None)
    delete = Delete("DeleteUserPoolDomain", missing=NOT_FOUND)
    settings = (
        Setting("certificate_arn", f"{CUSTOM}.CertificateArn", update="domain"),
        Setting("security_policy", f"{CUSTOM}.SecurityPolicy", update="domain", absent="TLS_V1"),
        Setting("managed_login_version", "ManagedLoginVersion", update="domain", absent=1),
    )
    updates = {"domain": Update("UpdateUserPoolDomain", whole=True, kept=("ManagedLoginVersion",))}
    extra_operations = ("DescribeUserPool",)
    states = States(
        "Status",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={
            "FAILED": "See that the certificate is issued, in us-east-1, and covers the domain, and that no CloudFront "
            "distribution has its name already. Then remove the domain (state: absent), and run again."
        },
    )
    # A name that nobody has is answered so where it is to be deleted.
    absent = {"InvalidParameterException": ("No such domain",)}
    unmanaged = dict.fromkeys(
        ("CreateUserPoolDomain.Routing", "UpdateUserPoolDomain.Routing"),
        "user pools are not replicated to another region",
    )
    # The record of the parent domain may have been made a moment ago, or CloudFront still know the name from before.
    passing = {
        "ConcurrentModificationException": ("",),
        "InvalidParameterException": ("Was not able to resolve", "already associated with a different resource"),
    }
    hints = {
        "InvalidParameterException": {
            "associated with another user pool": "The name is taken, in this account or in another one. Choose another "
            "one: a prefix is unique in its region, a custom domain everywhere.",
            "reserved word": "Choose a prefix without aws, amazon and cognito.",
            "Was not able to resolve": "Give the parent domain an A record, whatever it leads to, and run again.",
            "already associated with a different resource": "A CloudFront distribution has this name already; take it "
            "away there, or choose another domain.",
            "certificate": "The certificate must be issued, in us-east-1, and cover the domain.",
        },
    }
    # AWS says that a certificate may take an hour to spread.
    timeout = 3600

    def find(self):
        found = super().find()
        # There is no error for a name that nobody has: its description is empty.
        if found is None or found.get("UserPoolId") == self.options["user_pool_id"]:
            return found
        if self.options["state"] == "absent":
            return None
        raise ResourceError(
            f"{self.title} can't be made: the domain is that of the user pool {found.get('UserPoolId')}. Nothing was "
            "changed. Choose another one, or delete it there."
        )

    def refuse(self, current, changes):
        is_custom = bool(get_path(current or {}, f"{CUSTOM}.CertificateArn"))
        if current is not None and self.options["certificate_arn"] and not is_custom:
            raise ResourceError(f"{self.title} is a prefix, which takes no certificate_arn.")
        if current is None and not self.options["replace"] and (other := self.other()):
            raise ResourceError(
                f"{self.title} can't be made: the user pool has the domain {other!r} already, and can have one of that "
                "kind only. Go back to that name, or give replace: true to have it deleted first."
            )

    def update_request(self, name, changes, current):
        """A custom domain keeps its kind, its certificate and its policy only if they go along."""
        request = super().update_request(name, changes, current)
        config = {**(current.get(CUSTOM) or {}), **request.get(CUSTOM, {})}
        return {**request, CUSTOM: config} if config else request

    def other(self):
        """The domain of the same kind that the user pool has in place of this one."""
        if placeholder(self.options["user_pool_id"]):
            return None
        request = {"UserPoolId": self.options["user_pool_id"]}
        pool = (self.read("DescribeUserPool", request, NOT_FOUND) or {}).get("UserPool", {})
        return pool.get("CustomDomain" if self.options["certificate_arn"] else "Domain")

    def make(self):
        other = self.other() if self.options["replace"] else None
        if other:
            self.make_way(other)
        return super().make()

    def make_way(self, other):
        """Delete the domain that this one replaces, and wait until it is gone."""
        doing = f"delete the domain {other!r}, which {self.title} replaces"
        self.write("DeleteUserPoolDomain", {**self.named(), "Domain": other}, doing, NOT_FOUND)
        for left in self.looks(self.other, self.wait_timeout, pause=1.0, longest=self.poll):
            if left != other:
                return
        raise ResourceError(f"The domain {other!r} is still there after {self.wait_timeout} s; run again.")


def main():
    run_module(Domain, DOCUMENTATION, required_by={"security_policy": "certificate_arn"})


if __name__ == "__main__":
    main()
