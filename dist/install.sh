#!/bin/sh
# Deploys sagemaker-scale-to-zero with the AWS CLI alone, as in CloudShell. Run it in the folder of a release.
# What is given as Name=value is a parameter of the stack: ./install.sh DefaultMaxCapacity=3 OnDelete=remove
set -eu
cd "$(dirname "$0")"

STACK=${STACK:-sagemaker-scale-to-zero}

stop() {
    echo "install.sh: $*" >&2
    exit 1
}

for given in "$@"; do
    case $given in
        -* | =*) stop "$given is no parameter; give parameters of the stack as Name=value, or nothing" ;;
        *=*) ;;
        *) stop "$given has no value; give parameters of the stack as Name=value, or nothing" ;;
    esac
done
for tool in aws sha256sum; do
    command -v "$tool" >/dev/null || stop "$tool is needed and not on the path"
done
sha256sum --check --quiet SHA256SUMS >&2 || stop "a file is not the one of the release; fetch it again, nothing was deployed"

account=$(aws sts get-caller-identity --query Account --output text) \
    || stop "the AWS CLI has no credentials that work; sign in (aws login, aws sso login) or open CloudShell"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[ -n "$region" ] || stop "no Region is set; set AWS_REGION"

# Only "does not exist" means that there is none. A warning may stand before the status.
status=$(aws cloudformation describe-stacks --region "$region" --stack-name "$STACK" \
    --query 'Stacks[0].StackStatus' --output text 2>&1) || case $status in
    *"does not exist"*) status=NONE ;;
    *) stop "the stack $STACK could not be looked at: $status" ;;
esac
status=${status##*[!A-Z_]}
case $status in
    NONE | CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_ROLLBACK_COMPLETE) ;;
    ROLLBACK_COMPLETE | REVIEW_IN_PROGRESS)
        stop "the stack $STACK is left over from a deployment that failed ($status); delete it first: aws cloudformation delete-stack --region $region --stack-name $STACK" ;;
    *) stop "the stack $STACK is in the state $status; wait until it is over, or mend it" ;;
esac

# The name of the bucket is unique to the account and Region, and nobody else may read it.
bucket=${BUCKET:-sagemaker-scale-to-zero-$account-$region}
package=$(for name in sagemaker-scale-to-zero-arm64.zip sagemaker-scale-to-zero-x86_64.zip; do
    [ -f "$name" ] && echo "$name" && break
done)
digest=$(sha256sum "$package" | cut -c 1-16)
key=sagemaker-scale-to-zero-$digest.zip

echo "Account $account, Region $region"
echo "  bucket  $bucket (made if it is missing, private), for the code: $package"
echo "  stack   $STACK ($([ "$status" = NONE ] && echo new || echo "update of what is there"))"
echo "  with    one Lambda function and its role, rules of EventBridge, SQS queues, CloudWatch alarms and a dashboard, an SNS topic"
[ $# -eq 0 ] || echo "  given   $*"
if [ "${YES:-}" != 1 ]; then
    printf 'Deploy it? [y/N] '
    read -r answer || answer=
    case $answer in
        y | Y | yes) ;;
        *) stop "nothing was deployed" ;;
    esac
fi

if ! aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" >/dev/null 2>&1; then
    aws s3 mb "s3://$bucket" --region "$region" >/dev/null || stop "the bucket $bucket could not be made; name another in BUCKET"
    aws s3api put-public-access-block --bucket "$bucket" --public-access-block-configuration \
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
fi
aws s3api put-object --bucket "$bucket" --key "$key" --body "$package" --expected-bucket-owner "$account" >/dev/null \
    || stop "the code could not be put into the bucket $bucket"
# The template is larger than the CLI sends by itself, so it goes by the bucket too.
aws cloudformation deploy --region "$region" --stack-name "$STACK" --template-file stack.json \
    --s3-bucket "$bucket" --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
    --parameter-overrides "CodeBucket=$bucket" "CodeKey=$key" "$@" \
    || stop "the deployment failed; where no reason stands above, it is among the stack's events: aws cloudformation describe-stack-events --region $region --stack-name $STACK"
echo "Deployed. Tag an asynchronous endpoint with scale-to-zero:enabled=true."
