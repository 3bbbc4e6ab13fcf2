# Made of the outputs of template.yaml by `make terraform`. Null is what the parameters leave out.

output "function_name" {
  description = "To invoke by hand, with one of the payloads in events/."
  value       = lookup(aws_cloudformation_stack.this.outputs, "FunctionName", null)
}

output "function_arn" {
  description = "ARN of the function."
  value       = lookup(aws_cloudformation_stack.this.outputs, "FunctionArn", null)
}

output "undelivered_events_queue_url" {
  description = "Holds events that never reached the function. Not empty means that something is wrong."
  value       = lookup(aws_cloudformation_stack.this.outputs, "UndeliveredEventsQueueUrl", null)
}

output "failed_invocations_queue_url" {
  description = "Holds events that the function failed on. Not empty means that something is wrong."
  value       = lookup(aws_cloudformation_stack.this.outputs, "FailedInvocationsQueueUrl", null)
}

output "work_queue_url" {
  description = "Holds what sweeps have found to do, until it is done."
  value       = lookup(aws_cloudformation_stack.this.outputs, "WorkQueueUrl", null)
}

output "failed_work_queue_url" {
  description = "Holds work that the function failed on. Not empty means that something is wrong."
  value       = lookup(aws_cloudformation_stack.this.outputs, "FailedWorkQueueUrl", null)
}

output "alarm_topic_arn" {
  description = "The stack's own topic, to subscribe to."
  value       = lookup(aws_cloudformation_stack.this.outputs, "AlarmTopicArn", null)
}

output "dashboard_name" {
  description = "The dashboard in CloudWatch."
  value       = lookup(aws_cloudformation_stack.this.outputs, "DashboardName", null)
}
