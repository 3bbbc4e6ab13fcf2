output "outputs" {
  description = "The outputs of the stack, by their names in the template."
  value       = aws_cloudformation_stack.this.outputs
}

output "function_name" {
  description = "To invoke by hand."
  value       = aws_cloudformation_stack.this.outputs["FunctionName"]
}
