# The stack of a release, as CloudFormation makes it: what it holds is said in one place, stack.json.

terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "release" {
  description = "The folder of an unpacked release, which holds stack.json and the zips. Null is the one that this module came with."
  type        = string
  default     = null
}

variable "bucket" {
  description = "A bucket of yours, in the Region of the stack, for the code and the template."
  type        = string
}

variable "name" {
  description = "The name of the stack."
  type        = string
  default     = "sagemaker-scale-to-zero"
}

locals {
  release      = coalesce(var.release, "${path.module}/..")
  stack        = jsondecode(file("${local.release}/stack.json"))
  architecture = local.stack.Parameters.Architecture.Default
  zip          = "${local.release}/sagemaker-scale-to-zero-${local.architecture}.zip"
}

resource "aws_s3_object" "code" {
  bucket      = var.bucket
  key         = local.stack.Parameters.CodeKey.Default
  source      = local.zip
  source_hash = filesha256(local.zip)
}

resource "aws_s3_object" "template" {
  bucket      = var.bucket
  key         = "sagemaker-scale-to-zero-${substr(filesha256("${local.release}/stack.json"), 0, 16)}.json"
  source      = "${local.release}/stack.json"
  source_hash = filesha256("${local.release}/stack.json")
}

resource "aws_cloudformation_stack" "this" {
  name         = var.name
  capabilities = ["CAPABILITY_IAM"]
  template_url = "https://${data.aws_s3_bucket.this.bucket_regional_domain_name}/${aws_s3_object.template.key}"

  parameters = merge(
    { for name, value in local.parameters : name => value if value != null },
    { CodeBucket = aws_s3_object.code.bucket, CodeKey = aws_s3_object.code.key },
  )
}

data "aws_s3_bucket" "this" {
  bucket = var.bucket
}
