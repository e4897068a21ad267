# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the emulator lacks, added from outside while it runs.

One file per service. Each says which operation or field ministack 1.5.33 leaves out or answers otherwise than AWS, and
answers it by botocore's service model and the AWS documentation. The emulator's installed files are never edited; a
shim goes when its gap is closed there. tests/unit/local_cloud proves them: with LOCAL_CLOUD_SHIMS=0 its tests of
Application Auto Scaling, DynamoDB, EC2, ECR, EKS, ElastiCache, IAM, Logs, RDS, Secrets Manager, Service Quotas and S3's
new buckets fail, and one that doesn't names a shim that isn't needed any more.
"""

from __future__ import annotations

from . import (
    application_autoscaling,
    dynamodb,
    ec2,
    ecr,
    eks,
    elasticache,
    iam,
    logs,
    rds_groups,
    s3,
    secretsmanager,
    servicequotas,
)


def install() -> None:
    """Patch the emulator's services in this process. Call it once, before the first request is served."""
    for service in (
        application_autoscaling,
        dynamodb,
        ec2,
        ecr,
        eks,
        elasticache,
        iam,
        logs,
        rds_groups,
        s3,
        secretsmanager,
        servicequotas,
    ):
        service.install()
