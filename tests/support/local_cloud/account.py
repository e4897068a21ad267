# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an account has before any platform comes to it, and what the inventory of the local AWS relies on."""

from __future__ import annotations

import json

import boto3
import botocore.session
from botocore.config import Config

from .settings import ACCOUNT_ID, REGION

# People come with roles of their own; inventories/local gives this one access to the cluster.
ADMINISTRATORS = "platform-administrators"


def furnish(endpoint: str, account_id: str = ACCOUNT_ID) -> None:
    """Make the administrators' role. EKS refuses an access entry for a principal that doesn't exist."""
    # A profile of the user's is none of the emulator's, and may not exist.
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    session = boto3.Session(account_id, "a-secret-key-that-nobody-uses", region_name=REGION, botocore_session=core)
    iam = session.client("iam", endpoint_url=endpoint, config=Config(proxies={}))
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam.create_role(
        RoleName=ADMINISTRATORS,
        AssumeRolePolicyDocument=json.dumps(trust),
        Description="People who administer what runs in this account",
    )
