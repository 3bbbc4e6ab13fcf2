"""A session of boto3 that finds its Region where the AWS CLI finds it."""

from __future__ import annotations

import os

import boto3


def new_session(region: str | None = None) -> boto3.Session:
    """Version 2 of the AWS CLI and the function's SDK heed AWS_REGION; boto3 doesn't."""
    return boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
