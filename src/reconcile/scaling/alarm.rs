//! What CloudWatch watches: metrics, and alarms on them.

use super::super::names::VariantName;

/// A metric of an endpoint, or of one of its variants, and what is made of the values of each period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    pub namespace: Namespace,
    pub name: String,
    /// The dimension `EndpointName`.
    pub endpoint: String,
    /// The dimension `VariantName`, of metrics that have one.
    pub variant: Option<VariantName>,
    pub statistic: Statistic,
    /// Seconds.
    pub period: i32,
}

/// Where SageMaker publishes the metrics of endpoints
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// Of requests and their queue.
    Invocations,
    /// Of instances.
    Instances,
}

impl Namespace {
    pub const ALL: [Self; 2] = [Self::Invocations, Self::Instances];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invocations => "AWS/SageMaker",
            Self::Instances => "/aws/sagemaker/Endpoints",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Average,
    Maximum,
    Sum,
    SampleCount,
}

impl Statistic {
    pub const ALL: [Self; 4] = [Self::Average, Self::Maximum, Self::Sum, Self::SampleCount];

    /// As CloudWatch spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Average => "Average",
            Self::Maximum => "Maximum",
            Self::Sum => "Sum",
            Self::SampleCount => "SampleCount",
        }
    }
}

/// A CloudWatch alarm as we write them (`PutMetricAlarm`): enabled, with the ARN of the policy of its kind as an action.
/// That ARN is made by AWS when the policy is, so it is no field here; the alarm's state is none either.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub description: String,
    pub input: AlarmInput,
    pub comparison: Comparison,
    pub threshold: f64,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: i32,
    pub missing_data: MissingData,
    pub other_actions: OtherActions,
}

impl Alarm {
    /// Whether a datapoint of this value breaches the threshold.
    #[must_use]
    pub fn fires_at(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterThanThreshold => value > self.threshold,
            Comparison::GreaterThanOrEqualToThreshold => value >= self.threshold,
            Comparison::LessThanThreshold => value < self.threshold,
        }
    }

    /// The metrics that it looks at, which is what CloudWatch bills.
    #[must_use]
    pub fn metrics(&self) -> Vec<&Metric> {
        match &self.input {
            AlarmInput::Metric(metric) => vec![metric],
            AlarmInput::Expression(math) => math.metrics.iter().map(|(_, metric)| metric).collect(),
        }
    }
}

/// What an alarm compares with its threshold.
#[derive(Debug, Clone, PartialEq)]
pub enum AlarmInput {
    Metric(Metric),
    Expression(MetricMath),
}

/// A metric-math expression in CloudWatch's own text, and the metrics behind its ids
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>).
#[derive(Debug, Clone, PartialEq)]
pub struct MetricMath {
    pub expression: String,
    pub metrics: Vec<(String, Metric)>,
}

/// An action that somebody else has put on an alarm of ours, such as a topic of theirs. It is kept, also when the alarm is
/// written anew.
/// By ARN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherActions {
    pub alarm: Vec<String>,
    pub ok: Vec<String>,
    pub insufficient_data: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    GreaterThanThreshold,
    GreaterThanOrEqualToThreshold,
    LessThanThreshold,
}

impl Comparison {
    pub const ALL: [Self; 3] =
        [Self::GreaterThanThreshold, Self::GreaterThanOrEqualToThreshold, Self::LessThanThreshold];

    /// As CloudWatch spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    NotBreaching,
    Missing,
}
