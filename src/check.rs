//! Whether the stack works as it is deployed: whether its parameters go together, and whether each read that its function is
//! granted is allowed.

use crate::cloudformation::Verdict;

/// What came of one read that the function is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRead {
    pub read: Read,
    pub finding: ReadFinding,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFinding {
    /// AWS answered, if only that there is nothing of that name.
    Allowed,
    /// AWS refuses it to the function's role.
    Denied(String),
    /// AWS could not be asked, or refuses the request as it is.
    Failed(String),
    /// AWS was too busy to answer. That is no reason to fail a deployment.
    Unknown(String),
}

/// What the function reads. `tests/black_box/test_template.py` holds the list against what the template grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    ListEndpoints,
    DescribeEndpoint,
    DescribeEndpointConfig,
    ListTags,
    GetResources,
    DescribeScalableTargets,
    DescribeScalingPolicies,
    DescribeScheduledActions,
    DescribeScalingActivities,
    DescribeAlarms,
    GetMetricData,
    GetQueueAttributes,
}

impl Read {
    pub const ALL: [Self; 12] = [
        Self::ListEndpoints,
        Self::DescribeEndpoint,
        Self::DescribeEndpointConfig,
        Self::ListTags,
        Self::GetResources,
        Self::DescribeScalableTargets,
        Self::DescribeScalingPolicies,
        Self::DescribeScheduledActions,
        Self::DescribeScalingActivities,
        Self::DescribeAlarms,
        Self::GetMetricData,
        Self::GetQueueAttributes,
    ];

    /// In AWS's word.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::ListEndpoints => "ListEndpoints",
            Self::DescribeEndpoint => "DescribeEndpoint",
            Self::DescribeEndpointConfig => "DescribeEndpointConfig",
            Self::ListTags => "ListTags",
            Self::GetResources => "GetResources",
            Self::DescribeScalableTargets => "DescribeScalableTargets",
            Self::DescribeScalingPolicies => "DescribeScalingPolicies",
            Self::DescribeScheduledActions => "DescribeScheduledActions",
            Self::DescribeScalingActivities => "DescribeScalingActivities",
            Self::DescribeAlarms => "DescribeAlarms",
            Self::GetMetricData => "GetMetricData",
            Self::GetQueueAttributes => "GetQueueAttributes",
        }
    }

    /// The action in IAM, and the statement of the template's role that grants it.
    #[must_use]
    pub fn grant(self) -> (&'static str, &'static str) {
        match self {
            Self::ListEndpoints => ("sagemaker:ListEndpoints", "FindEndpoints"),
            Self::DescribeEndpoint => ("sagemaker:DescribeEndpoint", "ReadEndpoints"),
            Self::DescribeEndpointConfig => ("sagemaker:DescribeEndpointConfig", "ReadEndpointConfigs"),
            Self::ListTags => ("sagemaker:ListTags", "ReadEndpoints"),
            Self::GetResources => ("tag:GetResources", "ReadTags"),
            Self::DescribeScalableTargets => ("application-autoscaling:DescribeScalableTargets", "ReadScaling"),
            Self::DescribeScalingPolicies => ("application-autoscaling:DescribeScalingPolicies", "ReadScaling"),
            Self::DescribeScheduledActions => ("application-autoscaling:DescribeScheduledActions", "ReadScaling"),
            Self::DescribeScalingActivities => ("application-autoscaling:DescribeScalingActivities", "ReadScaling"),
            Self::DescribeAlarms => ("cloudwatch:DescribeAlarms", "ReadAlarms"),
            Self::GetMetricData => ("cloudwatch:GetMetricData", "ReadBacklog"),
            Self::GetQueueAttributes => ("sqs:GetQueueAttributes", "HandOutWork"),
        }
    }
}

/// Whether the stack works as it is deployed: its parameters, each by its name, and what AWS allows the function.
#[must_use]
pub fn judge(problems: &[String], reads: &[CheckedRead]) -> Verdict {
    let mut wrong = problems.to_vec();
    let mut unknown = Vec::new();
    for CheckedRead { read, finding } in reads {
        let (action, statement) = read.grant();
        match finding {
            ReadFinding::Allowed => {}
            ReadFinding::Denied(error) => wrong.push(format!(
                "the function's role may not call {action}, which the statement {statement} of the template grants; \
                 look for a permissions boundary or an organization's policy that denies it ({error})"
            )),
            ReadFinding::Failed(error) => wrong.push(error.clone()),
            ReadFinding::Unknown(error) => unknown.push(error.clone()),
        }
    }
    if !wrong.is_empty() {
        return Verdict::Failed(wrong.join("; "));
    }
    let asked = reads.len() - unknown.len();
    let mut reason = format!("the parameters go together, and {asked} reads are allowed");
    if !unknown.is_empty() {
        reason = format!("{reason}; not known of {}: {}", unknown.len(), unknown.join("; "));
    }
    Verdict::Success(reason)
}
