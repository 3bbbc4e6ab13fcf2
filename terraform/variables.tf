# Made of the parameters of template.yaml by `make terraform`. Null is the template's own default.

variable "tag_prefix" {
  description = "What the keys of the settings' tags start with. If you change it, every endpoint without tags of the new prefix is no longer managed: the next sweep wakes it and takes its scaling away. Tag with both prefixes first."
  type        = string
  default     = null
}

variable "manage" {
  description = "tagged manages the asynchronous endpoints that carry a tag of the prefix; all manages every asynchronous endpoint that doesn't opt out."
  type        = string
  default     = null
}

variable "capacity_limit" {
  description = "The most instances that a tag may ask for. Whoever may tag an endpoint sets its size, up to this limit."
  type        = string
  default     = null
}

variable "default_min_capacity" {
  description = "The fewest instances of an endpoint. Not above the maximum capacity."
  type        = string
  default     = null
}

variable "default_max_capacity" {
  description = "The most instances of an endpoint. Not above the capacity limit."
  type        = string
  default     = null
}

variable "default_backlog_per_instance" {
  description = "How many requests, waiting or being processed, each instance should have."
  type        = string
  default     = null
}

variable "default_scale_in_cooldown" {
  description = "How long target tracking waits between two steps down. It matters only with the idle timeout none."
  type        = string
  default     = null
}

variable "default_scale_out_cooldown" {
  description = "How long target tracking waits between two steps up."
  type        = string
  default     = null
}

variable "default_wake" {
  description = "Whether the first request wakes an endpoint that has no instances."
  type        = string
  default     = null
}

variable "default_wake_instances" {
  description = "How many instances an endpoint wakes with; auto for as many as the waiting requests ask for. Not above the maximum capacity."
  type        = string
  default     = null
}

variable "default_idle_timeout" {
  description = "How long an endpoint has nothing to do before all instances above the minimum go. With none, AWS's target tracking scales in."
  type        = string
  default     = null
}

variable "default_warm_hours" {
  description = "When instances are kept ready, such as MON-FRI 08:00-18:00 Europe/Berlin; empty for never."
  type        = string
  default     = null
}

variable "default_warm_capacity" {
  description = "The fewest instances of an endpoint in its warm hours. Not above the maximum capacity."
  type        = string
  default     = null
}

variable "default_longest_request" {
  description = "How long the longest request takes. A default idle timeout is at least as long, and no tag may set a shorter one. Empty if you don't know."
  type        = string
  default     = null
}

variable "sweep_schedule" {
  description = "How often the function looks at all endpoints, to make up for lost events; a schedule expression of EventBridge, in UTC, or off."
  type        = string
  default     = null
}

variable "work_concurrency" {
  description = "How many endpoints are changed at the same time after a sweep. CloudWatch takes 3 PutMetricAlarm calls a second; raise this once that quota is raised."
  type        = string
  default     = null
}

variable "alarms" {
  description = "Whether the stack has alarms."
  type        = string
  default     = null
}

variable "alarm_topic_arn" {
  description = "ARN of the SNS topic that the alarms notify; own for an encrypted topic that belongs to the stack, none for no notification."
  type        = string
  default     = null
}

variable "alarm_email" {
  description = "Address that the stack's own topic writes to, once the address has confirmed; empty for none."
  type        = string
  default     = null
}

variable "sweep_alarm_hours" {
  description = "After how many hours without a sweep an alarm rings. Choose enough for more than one sweep."
  type        = string
  default     = null
}

variable "wake_alarm_minutes" {
  description = "An alarm rings when a request has waited this many minutes and its endpoint had no instance; 0 for no alarm. Choose more than your instances take to start."
  type        = string
  default     = null
}

variable "endpoint_alarm" {
  description = "Whether an alarm rings when endpoints have wrong tags or another owner."
  type        = string
  default     = null
}

variable "dashboard" {
  description = "Whether the stack has a dashboard."
  type        = string
  default     = null
}

variable "memory_size" {
  description = "Memory of the function. It needs about a tenth of the smallest size; more memory brings more processor time."
  type        = string
  default     = null
}

variable "timeout" {
  description = "After how many seconds Lambda ends an invocation. A sweep that comes near this time hands the rest over. A failed message of the work queue comes back after six times as long."
  type        = string
  default     = null
}

variable "reserved_concurrency" {
  description = "How many invocations of the function Lambda sets aside for it, and runs at most; empty for none. Choose more than WorkConcurrency, or the work queue keeps events waiting. A new account has none to set aside."
  type        = string
  default     = null
}

variable "log_level" {
  description = "The least severe log lines that are kept. Above INFO, the line about each invocation is dropped as well."
  type        = string
  default     = null
}

variable "log_retention_in_days" {
  description = "How long log lines are kept."
  type        = string
  default     = null
}

variable "metrics" {
  description = "Whether the function writes metrics of its own, in the namespace ScaleToZero. With off, dashboard graphs and alarms that read them have no data."
  type        = string
  default     = null
}

variable "status_tag" {
  description = "Whether an endpoint with bad tags, or in conflict with another owner, gets a tag scale-to-zero-status that says why. With off no such tag is written, and none is taken away."
  type        = string
  default     = null
}

variable "events" {
  description = "Whether the function puts an event on EventBridge's default bus, as sagemaker-scale-to-zero, when an endpoint was configured, falls asleep, wakes, is awake or needs attention. AWS bills each event."
  type        = string
  default     = null
}

variable "copy_tags" {
  description = "Keys of endpoint tags that the function also puts on the alarms and scalable targets, with commas between; empty for none. For cost allocation, and for organisations that refuse resources without tags."
  type        = string
  default     = null
}

variable "on_delete" {
  description = "What becomes of the scaling of your endpoints when this stack is deleted. keep leaves it as it is. remove takes away all that the function made, after it has started an instance of each endpoint at zero; that takes minutes, so set the time-out to 900 as well."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the IAM policy that bounds the function's role, if the account asks for one; empty for none."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Private subnets that the function runs in, if it must not reach AWS by the internet; empty for none. AWS's services have to be reachable from there."
  type        = string
  default     = null
}

variable "security_group_ids" {
  description = "Security groups of the function in these subnets. They have to let HTTPS out."
  type        = string
  default     = null
}

variable "https_proxy" {
  description = "URL of the proxy by which the function reaches AWS, if the subnets have no other way; empty for none."
  type        = string
  default     = null
}

variable "no_proxy" {
  description = "Hosts that need no proxy, such as those of interface endpoints, with commas between; empty for none."
  type        = string
  default     = null
}

locals {
  parameters = {
    TagPrefix                 = var.tag_prefix
    Manage                    = var.manage
    CapacityLimit             = var.capacity_limit
    DefaultMinCapacity        = var.default_min_capacity
    DefaultMaxCapacity        = var.default_max_capacity
    DefaultBacklogPerInstance = var.default_backlog_per_instance
    DefaultScaleInCooldown    = var.default_scale_in_cooldown
    DefaultScaleOutCooldown   = var.default_scale_out_cooldown
    DefaultWake               = var.default_wake
    DefaultWakeInstances      = var.default_wake_instances
    DefaultIdleTimeout        = var.default_idle_timeout
    DefaultWarmHours          = var.default_warm_hours
    DefaultWarmCapacity       = var.default_warm_capacity
    DefaultLongestRequest     = var.default_longest_request
    SweepSchedule             = var.sweep_schedule
    WorkConcurrency           = var.work_concurrency
    Alarms                    = var.alarms
    AlarmTopicArn             = var.alarm_topic_arn
    AlarmEmail                = var.alarm_email
    SweepAlarmHours           = var.sweep_alarm_hours
    WakeAlarmMinutes          = var.wake_alarm_minutes
    EndpointAlarm             = var.endpoint_alarm
    Dashboard                 = var.dashboard
    MemorySize                = var.memory_size
    Timeout                   = var.timeout
    ReservedConcurrency       = var.reserved_concurrency
    LogLevel                  = var.log_level
    LogRetentionInDays        = var.log_retention_in_days
    Metrics                   = var.metrics
    StatusTag                 = var.status_tag
    Events                    = var.events
    CopyTags                  = var.copy_tags
    OnDelete                  = var.on_delete
    PermissionsBoundary       = var.permissions_boundary
    SubnetIds                 = var.subnet_ids
    SecurityGroupIds          = var.security_group_ids
    HttpsProxy                = var.https_proxy
    NoProxy                   = var.no_proxy
  }
}
