"""SageMaker endpoints: their life from Creating to gone, their ARNs and their tags.

`settle` stands for the time that AWS takes: until it is called, what was begun goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig

from local.account import Account
from local.errors import AwsError
from local.services import targets

# Any type that moto knows: it takes the place of newer ones while moto looks at them.
_OLD_INSTANCE_TYPE = "ml.m5.xlarge"
_IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/model:latest"
_IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def create_endpoint_config(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS keeps a configuration as it was made, gives variants a weight, and has every instance type."""
    name = params["EndpointConfigName"]
    variants = [{"InitialVariantWeight": 1.0, **variant} for variant in params["ProductionVariants"]]
    if name in account.sagemaker.endpoint_configs:
        raise AwsError(
            "ValidationException", f'Cannot create already existing endpoint configuration "{name}".'
        )
    config = account.sagemaker.create_endpoint_config(
        endpoint_config_name=name,
        production_variants=[
            {**variant, "InstanceType": _OLD_INSTANCE_TYPE} if "InstanceType" in variant else variant
            for variant in variants
        ],
        data_capture_config=params.get("DataCaptureConfig", {}),
        async_inference_config=params.get("AsyncInferenceConfig"),
        tags=params.get("Tags", []),
        kms_key_id=params.get("KmsKeyId"),
    )
    config.production_variants = variants
    return {"EndpointConfigArn": config.endpoint_config_arn}


def describe_endpoint_config(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS's message for a missing configuration, and no member that was never set."""
    config = _config(account, params["EndpointConfigName"])
    return {
        "EndpointConfigName": config.endpoint_config_name,
        "EndpointConfigArn": config.endpoint_config_arn,
        "ProductionVariants": config.production_variants,
        "AsyncInferenceConfig": config.async_inference_config or None,
        "DataCaptureConfig": config.data_capture_config or None,
        "KmsKeyId": config.kms_key_id,
        "CreationTime": config.creation_time,
    }


def create_endpoint(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS refuses a name that is taken, whatever its case; the endpoint is Creating at first."""
    name = params["EndpointName"]
    arn = account.endpoint_arn(name)
    if arn in account.endpoints_by_arn:
        raise AwsError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
    _config(account, params["EndpointConfigName"])
    endpoint = account.sagemaker.create_endpoint(
        name, params["EndpointConfigName"], list(params.get("Tags", []))
    )
    endpoint.arn = arn
    endpoint.endpoint_status = "Creating"
    endpoint.next_config_name = None
    endpoint.was_tagged = bool(endpoint.tags)
    endpoint.production_variants = _variants(
        endpoint, account.sagemaker.endpoint_configs[endpoint.endpoint_config_name]
    )
    account.endpoints_by_arn[arn] = endpoint
    return {"EndpointArn": arn}


def describe_endpoint(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS tells with AsyncInferenceConfig that an endpoint is asynchronous.

    One that is Creating or Failed has no variants, the reason of a failure begins with a blank, and since
    2026 there is a MetricsConfig that nobody asked for.
    """
    endpoint = account.endpoint(params["EndpointName"])
    config = account.sagemaker.endpoint_configs.get(endpoint.endpoint_config_name)
    return {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.endpoint_config_name,
        "ProductionVariants": (
            None
            if endpoint.endpoint_status in ("Creating", "Failed")
            else [_shown(endpoint, variant) for variant in endpoint.production_variants]
        ),
        "EndpointStatus": endpoint.endpoint_status,
        "FailureReason": f" {endpoint.failure_reason}" if endpoint.failure_reason else None,
        "CreationTime": endpoint.creation_time,
        "LastModifiedTime": endpoint.last_modified_time,
        "AsyncInferenceConfig": (config.async_inference_config or None) if config else None,
        "PendingDeploymentSummary": (
            {"EndpointConfigName": endpoint.next_config_name} if endpoint.next_config_name else None
        ),
        "MetricsConfig": {
            "EnableDetailedObservability": True,
            "MetricPublishFrequencyInSeconds": account.publish_frequencies.get(endpoint.endpoint_name),
        },
    }


def _shown(endpoint: FakeEndpoint, variant: dict[str, Any]) -> dict[str, Any]:
    """AWS says which image runs, and of a serverless variant no instance, and no wish once it has settled."""
    image = {"SpecifiedImage": _IMAGE, "ResolvedImage": _IMAGE, "ResolutionTime": endpoint.creation_time}
    shown = {"DeployedImages": [image], **variant}
    if "CurrentServerlessConfig" in variant:
        shown["CurrentInstanceCount"] = 0
        if variant.get("DesiredServerlessConfig") == variant["CurrentServerlessConfig"]:
            del shown["DesiredServerlessConfig"]
    return shown


def list_endpoints(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS lists the newest endpoint first unless asked otherwise."""
    found = [
        endpoint
        for endpoint in account.sagemaker.endpoints.values()
        if params.get("NameContains", "").lower() in endpoint.endpoint_name.lower()
        and params.get("StatusEquals", endpoint.endpoint_status) == endpoint.endpoint_status
        and _within(endpoint.creation_time, params.get("CreationTimeAfter"), params.get("CreationTimeBefore"))
        and _within(
            endpoint.last_modified_time,
            params.get("LastModifiedTimeAfter"),
            params.get("LastModifiedTimeBefore"),
        )
    ]
    keys = {"Name": "endpoint_name", "Status": "endpoint_status"}
    key = keys.get(params.get("SortBy", ""), "creation_time")
    descending = params.get("SortOrder", "Descending") == "Descending"
    found.sort(key=lambda endpoint: getattr(endpoint, key), reverse=descending)
    return {"Endpoints": [endpoint.summary() for endpoint in found]}


def _within(time: datetime, after: float | None, before: float | None) -> bool:
    seconds = time.replace(tzinfo=UTC).timestamp()
    return (after is None or seconds > after) and (before is None or seconds < before)


def update_endpoint(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS refuses an update that removes a scalable target's variant or changes its instance type.

    The endpoint is Updating until the new configuration serves.
    """
    endpoint = account.endpoint(params["EndpointName"])
    _refuse_in_progress(endpoint)
    config = _config(account, params["EndpointConfigName"])
    for variant in account.sagemaker.endpoint_configs[endpoint.endpoint_config_name].production_variants:
        new = next((v for v in config.production_variants if v["VariantName"] == variant["VariantName"]), {})
        registered = targets.find_target(account, endpoint.endpoint_name, variant["VariantName"])
        if registered and new.get("InstanceType") != variant.get("InstanceType"):
            raise AwsError(
                "ValidationException",
                f"Variant {variant['VariantName']} is a scalable target: deregister it before the update.",
            )
    begin_update(
        endpoint, config.endpoint_config_name, keep_counts=params.get("RetainAllVariantProperties", False)
    )
    return {"EndpointArn": endpoint.arn}


def update_weights_and_capacities(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS changes the desired counts at once and the current ones when the endpoint is InService again."""
    endpoint = account.endpoint(params["EndpointName"])
    _refuse_in_progress(endpoint)
    for wanted in params["DesiredWeightsAndCapacities"]:
        variant = find_variant(endpoint, wanted["VariantName"])
        if variant is None:
            raise AwsError(
                "ValidationException", f'The variant name(s) "{wanted["VariantName"]}" is/are not present.'
            )
        for member in ("DesiredWeight", "DesiredInstanceCount"):
            if member in wanted:
                variant[member] = wanted[member]
    set_status(endpoint, "Updating")
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS refuses in the middle of an update, deregisters the scalable targets, and takes its time."""
    endpoint = account.endpoint(params["EndpointName"])
    _refuse_in_progress(endpoint)
    for variant in endpoint.production_variants:
        targets.drop_target(account, endpoint.endpoint_name, variant["VariantName"])
    set_status(endpoint, "Deleting")
    return {}


def list_tags(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """AWS knows an endpoint by its ARN in lower case, and answers an unknown ARN with an error in JSON."""
    return {"Tags": _tagged(account, params["ResourceArn"]).tags}


def add_tags(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """A key that is there already gets the new value; moto would keep both."""
    resource = _tagged(account, params["ResourceArn"])
    tags = {tag["Key"]: tag["Value"] for tag in [*resource.tags, *params["Tags"]]}
    if len(tags) > 50:
        raise AwsError("ValidationException", "A resource has at most 50 tags.")
    resource.tags = [{"Key": key, "Value": value} for key, value in tags.items()]
    resource.was_tagged = True
    return {"Tags": resource.tags}


def delete_tags(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """As ListTags, for the ARN."""
    resource = _tagged(account, params["ResourceArn"])
    resource.tags = [tag for tag in resource.tags if tag["Key"] not in params["TagKeys"]]
    return {}


def find_variant(endpoint: FakeEndpoint, name: str) -> dict[str, Any] | None:
    return next((v for v in endpoint.production_variants if v["VariantName"] == name), None)


def instance_type(account: Account, endpoint: FakeEndpoint, variant: str) -> str | None:
    config = account.sagemaker.endpoint_configs[endpoint.endpoint_config_name]
    found = next((v for v in config.production_variants if v["VariantName"] == variant), {})
    return found.get("InstanceType")


def begin_update(endpoint: FakeEndpoint, config_name: str, *, keep_counts: bool) -> None:
    """AWS starts with the new InitialInstanceCount, unless the variants' properties are retained."""
    endpoint.next_config_name = config_name
    endpoint.keep_counts = keep_counts
    set_status(endpoint, "Updating")


def scale(endpoint: FakeEndpoint, variant: dict[str, Any], instances: int) -> None:
    """A scaling action is an update like any other: the endpoint is Updating until it has the instances."""
    variant["DesiredInstanceCount"] = instances
    set_status(endpoint, "Updating")


def settle(account: Account, before: datetime | None = None) -> None:
    """Finishes all that is in progress, or all that began before the given time."""
    for endpoint in list(account.sagemaker.endpoints.values()):
        if is_in_progress(endpoint) and (before is None or endpoint.last_modified_time < before):
            finish(account, endpoint)


def is_in_progress(endpoint: FakeEndpoint) -> bool:
    return endpoint.endpoint_status in _IN_PROGRESS


def finish(account: Account, endpoint: FakeEndpoint) -> None:
    if endpoint.endpoint_status == "Deleting":
        forget(account, endpoint)
        return
    if endpoint.next_config_name:
        _serve_next_config(account, endpoint)
    for variant in endpoint.production_variants:
        for member in ("InstanceCount", "Weight", "ServerlessConfig"):
            if f"Desired{member}" in variant:
                variant[f"Current{member}"] = variant[f"Desired{member}"]
    set_status(endpoint, "InService")


def _serve_next_config(account: Account, endpoint: FakeEndpoint) -> None:
    counts = {v["VariantName"]: v.get("DesiredInstanceCount") for v in endpoint.production_variants}
    endpoint.endpoint_config_name, endpoint.next_config_name = endpoint.next_config_name, None
    config = account.sagemaker.endpoint_configs[endpoint.endpoint_config_name]
    endpoint.production_variants = _variants(endpoint, config)
    for variant in endpoint.production_variants:
        kept = counts.get(variant["VariantName"])
        if endpoint.keep_counts and kept is not None:
            variant["DesiredInstanceCount"] = kept


def forget(account: Account, endpoint: FakeEndpoint) -> None:
    """The endpoint is gone; its configuration stays, as AWS leaves it."""
    account.sagemaker.delete_endpoint(endpoint.endpoint_name)
    del account.endpoints_by_arn[endpoint.arn]


def _variants(endpoint: FakeEndpoint, config: FakeEndpointConfig) -> list[dict[str, Any]]:
    """AWS shows managed instance scaling in the summary of a variant too."""
    variants = endpoint._process_production_variants(config.production_variants)
    for variant, configured in zip(variants, config.production_variants, strict=True):
        if "ManagedInstanceScaling" in configured:
            variant["ManagedInstanceScaling"] = configured["ManagedInstanceScaling"]
    return variants


def _config(account: Account, name: str) -> FakeEndpointConfig:
    try:
        return account.sagemaker.endpoint_configs[name]
    except KeyError:
        arn = FakeEndpointConfig.arn_formatter(name, account.id, account.region).lower()
        raise AwsError("ValidationException", f'Could not find endpoint configuration "{arn}".') from None


def _tagged(account: Account, arn: str) -> Any:
    if ":endpoint/" in arn:
        resource = account.endpoints_by_arn.get(arn.lower())
    else:
        try:
            resource = account.sagemaker._get_resource_from_arn(arn)
        except (AttributeError, ValueError):
            resource = None
    if resource is None:
        raise AwsError("ValidationException", f'Could not find the resource "{arn}".')
    return resource


def _refuse_in_progress(endpoint: FakeEndpoint) -> None:
    """AWS's message for a change in the middle of another."""
    if is_in_progress(endpoint):
        raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')


def set_status(endpoint: FakeEndpoint, status: str) -> None:
    endpoint.endpoint_status = status
    endpoint.last_modified_time = utcnow()
