//! The reads that no decision depends on: what an explanation needs beside what was observed. If one fails, the explanation
//! says so, and the rest holds.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricAlarm, StateValue};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::autoscaling::{Reach, Resource, timestamp};
use super::{ApiError, Aws, Observed};
use crate::reconcile::{
    AlarmKind, AlarmReading, AlarmRole, AlarmState, BacklogSize, Endpoint, Inference, Metric, Minute, PolicyName,
    Readings, Rules, ScalingActivity, Sign, Unreadable, VariantName, alarm_name, backlog_metric, backlog_window,
    resource_id,
};

/// The longest time of each of these reads, if the invocation has that much left.
pub(super) const LONGEST_READ: Duration = Duration::from_secs(10);

/// What an alarm that is to be read stands for.
struct Expected<'a> {
    name: String,
    variant: &'a VariantName,
    /// `None`: one of target tracking's, which tells by its comparison.
    kind: Option<AlarmKind>,
}

impl Aws {
    /// Reads, side by side, what an explanation of `observed` rests on. None of the reads takes longer than `time_left`.
    pub async fn readings(
        &self,
        observed: &Observed,
        rules: &Rules,
        now: SystemTime,
        time_left: Option<Duration>,
    ) -> Readings {
        let is_asynchronous = |inference| inference == Inference::Asynchronous;
        let Some(endpoint) = observed.endpoint.as_ref().filter(|endpoint| is_asynchronous(endpoint.inference)) else {
            return Readings::default();
        };
        let limit = time_left.unwrap_or(LONGEST_READ).min(LONGEST_READ);
        let window = Duration::from_secs(backlog_window(rules, endpoint).unsigned_abs().into());
        let (alarms, activities, shown) = tokio::join!(
            in_time(limit, "The states of the alarms", self.alarm_readings(observed)),
            in_time(limit, "The scaling activities", self.activities(observed, limit)),
            in_time(limit, "The backlog", self.signs(endpoint, now, window))
        );
        let mut unreadable = Vec::new();
        let alarms = or_note(alarms.map(Some), &mut unreadable);
        let activities = or_note(activities, &mut unreadable);
        let Shown { backlog, signs } = or_note(shown, &mut unreadable);
        Readings { alarms, activities, backlog, signs, modified: observed.particulars.modified, unreadable }
    }

    async fn alarm_readings(&self, observed: &Observed) -> Result<BTreeMap<VariantName, Vec<AlarmReading>>, ApiError> {
        let ours = observed.scaling.iter().flat_map(|(variant, scaling)| {
            scaling.alarm_kinds().into_iter().map(move |kind| Expected {
                name: alarm_name(&observed.name, variant, kind),
                variant,
                kind: Some(kind),
            })
        });
        let tracking = observed.tracking_alarms.iter().flat_map(|(variant, names)| {
            names.iter().map(move |name| Expected { name: name.clone(), variant, kind: None })
        });
        let expected: Vec<Expected> = ours.chain(tracking).collect();
        let names: Vec<String> = expected.iter().map(|alarm| alarm.name.clone()).collect();
        let mut found = self.describe_alarms_named(&names, &format!("endpoint {}", observed.name)).await?;
        let mut readings: BTreeMap<VariantName, Vec<AlarmReading>> = BTreeMap::new();
        for Expected { name, variant, kind } in expected {
            let Some(alarm) = found.remove(&name) else { continue };
            let policy = kind.map_or(PolicyName::Backlog, AlarmKind::policy);
            let arn = observed.policy_arns.get(variant).and_then(|arns| arns.get(&policy));
            readings.entry(variant.clone()).or_default().push(reading(name, kind, arn.map(String::as_str), &alarm));
        }
        Ok(readings)
    }

    pub(super) async fn activities(
        &self,
        observed: &Observed,
        within: Duration,
    ) -> Result<BTreeMap<VariantName, Vec<ScalingActivity>>, ApiError> {
        // With time to spare for what was found.
        let reach = Reach::ToTheLastFulfilled { until: Instant::now() + within * 3 / 4 };
        let targets = observed.scaling.iter().filter(|(_, scaling)| scaling.target.is_some());
        let found = try_join_all(targets.map(|(variant, _)| async move {
            let id = resource_id(&observed.name, variant);
            let label = format!("endpoint {}, variant {variant}", observed.name);
            let activities = self.describe_activities(Resource { id: &id, label: &label }, reach).await?;
            Ok((variant.clone(), activities))
        }));
        Ok(found.await?.into_iter().collect())
    }

    /// What shows work, the newest minute first.
    async fn signs(&self, endpoint: &Endpoint, now: SystemTime, window: Duration) -> Result<Shown, ApiError> {
        let end = DateTime::from(now);
        let start = DateTime::from(now.checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH));
        let signs = endpoint.variants.iter().flat_map(|variant| {
            let metric = move |sign: Sign| Some(((variant.name.clone(), sign), sign.metric(endpoint, variant)?));
            Sign::ALL.into_iter().filter_map(metric)
        });
        let (signs, mut metrics): (Vec<(VariantName, Sign)>, Vec<Metric>) = signs.unzip();
        metrics.insert(0, backlog_metric(endpoint));
        let mut values = self.metric_values(&endpoint.name, &metrics, start, end).await?.into_iter();
        let mut backlog = values.next().unwrap_or_default();
        backlog.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let minutes = |mut values: Vec<(DateTime, f64)>| {
            values.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            values.into_iter().map(|(at, value)| Minute { at: timestamp(&at), value }).collect()
        };
        Ok(Shown {
            backlog: backlog.into_iter().map(|(at, requests)| BacklogSize { at: iso(at), requests }).collect(),
            signs: signs.into_iter().zip(values.map(minutes)).collect(),
        })
    }
}

/// What `GetMetricData` answers.
#[derive(Default)]
struct Shown {
    backlog: Vec<BacklogSize>,
    signs: BTreeMap<(VariantName, Sign), Vec<Minute>>,
}

/// What a read gave, or what it was about and why it gave nothing.
pub(super) async fn in_time<T>(
    limit: Duration,
    what: &'static str,
    read: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, Unreadable> {
    match tokio::time::timeout(limit, read).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Unreadable { what, why: error.to_string() }),
        Err(_) => Err(Unreadable { what, why: format!("no answer within {} ms", limit.as_millis()) }),
    }
}

pub(super) fn or_note<T: Default>(read: Result<T, Unreadable>, unreadable: &mut Vec<Unreadable>) -> T {
    read.unwrap_or_else(|failed| {
        unreadable.push(failed);
        T::default()
    })
}

fn reading(name: String, kind: Option<AlarmKind>, policy_arn: Option<&str>, alarm: &MetricAlarm) -> AlarmReading {
    let role = match (kind, alarm.comparison_operator()) {
        (Some(kind), _) => AlarmRole::Own(kind),
        (None, Some(ComparisonOperator::LessThanThreshold | ComparisonOperator::LessThanOrEqualToThreshold)) => {
            AlarmRole::ScaleIn
        }
        (None, _) => AlarmRole::ScaleOut,
    };
    // Target tracking's actions are its policy's ARN with an id of their own behind it.
    let is_policy = |action: &String| policy_arn.is_some_and(|arn| action.starts_with(arn));
    AlarmReading {
        name,
        role,
        state: match alarm.state_value() {
            Some(StateValue::Ok) => AlarmState::Ok,
            Some(StateValue::Alarm) => AlarmState::Alarm,
            _ => AlarmState::InsufficientData,
        },
        since: alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp()).map(timestamp),
        reason: alarm.state_reason().unwrap_or_default().to_owned(),
        drives_its_policy: alarm.actions_enabled() != Some(false) && alarm.alarm_actions().iter().any(is_policy),
    }
}

/// ISO 8601, UTC, in whole seconds.
fn iso(time: DateTime) -> String {
    DateTime::from_secs(time.secs()).fmt(Format::DateTime).unwrap_or_default()
}
