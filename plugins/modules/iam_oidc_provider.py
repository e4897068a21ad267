#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: iam_oidc_provider
version_added: 0.1.0
short_description: Manage an OpenID Connect identity provider in IAM
description:
  - Creates, changes, tags and deletes the provider by which roles trust tokens of an issuer, such as an EKS cluster.
  - An account has one provider for an issuer. It is found by O(url).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  url:
    description:
      - URL of the issuer, with or without C(https://).
      - AWS takes C(https) only. A URL that begins with C(http://) is passed on as it is, since issuers of test doubles
        of AWS may have one. It is needed, here or in each entry of O(aggregate).
    type: str
  client_ids:
    description:
      - Audiences of the tokens. Roles for service accounts need C(sts.amazonaws.com).
    type: list
    elements: str
  purge_client_ids:
    description:
      - Whether audiences that aren't in O(client_ids) are removed.
    type: bool
    default: true
  thumbprints:
    description:
      - SHA-1 thumbprints of the certificate authorities of the issuer.
      - They are hardly ever needed. AWS doesn't use them for issuers with a certificate of a public authority, EKS
        among them.
      - If not set, AWS takes that of the issuer for a new provider, and an existing one is left alone.
    type: list
    elements: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let IAM roles trust service accounts of the cluster
  agent_platform.aws.iam_oidc_provider:
    url: https://oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF
    client_ids:
      - sts.amazonaws.com
    tags:
      Name: demo-eks

- name: Delete a provider
  agent_platform.aws.iam_oidc_provider:
    url: https://oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF
    state: absent
"""

RETURN = r"""
oidc_provider:
  description: The provider as IAM describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    arn:
      description: ARN of the provider. Not known in check mode as long as it doesn't exist.
      type: str
      sample: arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF
    url:
      description: URL of the issuer. IAM gives it without C(https://).
      type: str
      sample: oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF
    client_id_list:
      description: Audiences of the tokens.
      type: list
      elements: str
    thumbprint_list:
      description: Thumbprints of the certificate authorities.
      type: list
      elements: str
    create_date:
      description: When it was made.
      type: str
    tags:
      description: Tags of the provider.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update, tag_list
from ..module_utils.resource import Resource, run_module

PROVIDER = {"OpenIDConnectProviderArn": "Arn"}


def issuer(url):
    """The URL without its scheme, as ARNs have it."""
    return url.partition("://")[2] or url


def lower(texts):
    return sorted(text.lower() for text in texts)


class OidcProvider(Resource):
    service = "iam"
    kind = "OIDC provider"
    result = "oidc_provider"
    placed = True  # its issuer is one cluster's
    names = {"Url": "url"}
    capital_members = True
    describe = Describe("GetOpenIDConnectProvider", "", missing=("NoSuchEntity",))
    create = Create("CreateOpenIDConnectProvider", exists=("EntityAlreadyExists",), tags="Tags")
    delete = Delete("DeleteOpenIDConnectProvider", missing=("NoSuchEntity",), by=PROVIDER)
    settings = (
        Setting("client_ids", "ClientIDList", update="client_ids", update_members=("ClientID",), unordered=True),
        Setting(
            "thumbprints",
            "ThumbprintList",
            update="thumbprints",
            same=lambda have, want: lower(have or []) == lower(want),
        ),
    )
    updates = {
        "client_ids": Update(
            "AddClientIDToOpenIDConnectProvider", remove="RemoveClientIDFromOpenIDConnectProvider", by=PROVIDER
        ),
        "thumbprints": Update("UpdateOpenIDConnectProviderThumbprint", by=PROVIDER),
    }
    tagging = tag_list("TagOpenIDConnectProvider", "UntagOpenIDConnectProvider", by=PROVIDER)
    additions = (Addition("ListOpenIDConnectProviders", "OpenIDConnectProviderList.Arn", "Arn", by_hand=True),)
    # The issuer of a new cluster may not answer yet.
    passing = {"ConcurrentModification": ("",), "OpenIdIdpCommunicationError": ("",)}
    timeout = 120

    arn = None

    def find(self):
        # Read by its ARN, which IAM lists: so a dry run needs no valid URL, and no account id is needed.
        self.arn = self.arn or self.listed()
        found = super().find() if self.arn else None
        if found is None:
            self.arn = None
        return found

    def listed(self):
        """The ARN of the issuer's provider, or None."""
        response = self.read("ListOpenIDConnectProviders", {})
        arns = (entry["Arn"] for entry in response.get("OpenIDConnectProviderList", []))
        return next((arn for arn in arns if arn.partition(":oidc-provider/")[2] == issuer(self.options["url"])), None)

    def describe_request(self):
        return {"OpenIDConnectProviderArn": self.arn}

    def normal(self, description):
        return {**description, "Arn": self.arn}

    def create_request(self):
        url = self.options["url"]
        return {**super().create_request(), "Url": url if "://" in url else f"https://{url}"}

    def created(self, response):
        self.arn = response["OpenIDConnectProviderArn"]


def main():
    run_module(OidcProvider, DOCUMENTATION)


if __name__ == "__main__":
    main()
