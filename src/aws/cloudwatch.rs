//! CloudWatch: the alarms that drive our step policies.
#![expect(clippy::wildcard_enum_match_arm, reason = "AWS's enums are open; here they are narrowed to ours")]

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric as SdkMetric, MetricAlarm, MetricDataQuery, MetricStat,
    Statistic as SdkStatistic, Tag,
};
use aws_smithy_types::DateTime;

use super::autoscaling::{PolicyArns, Resource, ignore_not_found};
use super::{ApiError, Aws, ENDPOINT_DIMENSION, NAMESPACE};
use crate::reconcile::{
    Alarm, AlarmKind, BACKLOG_METRIC, Comparison, EndpointName, METRIC_PERIOD, Metric, MissingData, Scaling, Statistic,
    Tags, VariantName, owned_alarm,
};

/// The alarms of an endpoint that have our names, by variant.
pub(super) type Alarms = BTreeMap<VariantName, BTreeMap<AlarmKind, MetricAlarm>>;

/// The most alarms that one call of `DeleteAlarms` takes, and that a page of `DescribeAlarms` has.
const MOST_TO_DELETE: usize = 100;
const MOST_ON_A_PAGE: i32 = 100;
/// The most names that one call of `DescribeAlarms` takes.
const MOST_TO_DESCRIBE: usize = 100;

impl Aws {
    pub(super) async fn describe_alarms(&self, endpoint: &EndpointName) -> Result<Alarms, ApiError> {
        let mut by_endpoint =
            self.describe_alarms_by(&endpoint.alarm_prefix(), &format!("endpoint {endpoint}")).await?;
        Ok(by_endpoint.remove(endpoint).unwrap_or_default())
    }

    /// Our alarms whose names start with `prefix`, by endpoint.
    pub(super) async fn describe_alarms_by(
        &self,
        prefix: &str,
        label: &str,
    ) -> Result<BTreeMap<EndpointName, Alarms>, ApiError> {
        let mut found: BTreeMap<EndpointName, Alarms> = BTreeMap::new();
        let mut pages = self
            .cloudwatch
            .describe_alarms()
            .alarm_name_prefix(prefix)
            .max_records(MOST_ON_A_PAGE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| ApiError::new("DescribeAlarms", label, &error))?;
            for alarm in page.metric_alarms.unwrap_or_default() {
                if let Some((endpoint, variant, kind)) = alarm.alarm_name().and_then(owned_alarm) {
                    found.entry(endpoint).or_default().entry(variant).or_default().insert(kind, alarm);
                }
            }
        }
        Ok(found)
    }

    /// The alarms of these names, as many as there are, by name.
    pub(super) async fn describe_alarms_named(
        &self,
        names: &[String],
        label: &str,
    ) -> Result<BTreeMap<String, MetricAlarm>, ApiError> {
        let mut found = BTreeMap::new();
        for names in names.chunks(MOST_TO_DESCRIBE) {
            let mut pages = self
                .cloudwatch
                .describe_alarms()
                .set_alarm_names(Some(names.to_vec()))
                .max_records(MOST_ON_A_PAGE)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| ApiError::new("DescribeAlarms", label, &error))?;
                let alarms = page.metric_alarms.unwrap_or_default().into_iter();
                found.extend(alarms.filter_map(|alarm| Some((alarm.alarm_name.clone()?, alarm))));
            }
        }
        Ok(found)
    }

    /// The greatest backlog of each minute from `start` on and before `end`, with the minute's begin.
    pub(super) async fn backlog_sizes(
        &self,
        endpoint: &EndpointName,
        start: DateTime,
        end: DateTime,
    ) -> Result<Vec<(DateTime, f64)>, ApiError> {
        let metric = SdkMetric::builder()
            .namespace(NAMESPACE)
            .metric_name(BACKLOG_METRIC)
            .dimensions(Dimension::builder().name(ENDPOINT_DIMENSION).value(endpoint.as_str()).build())
            .build();
        let maximum =
            MetricStat::builder().metric(metric).period(METRIC_PERIOD).stat(SdkStatistic::Maximum.as_str()).build();
        let mut pages = self
            .cloudwatch
            .get_metric_data()
            .metric_data_queries(MetricDataQuery::builder().id("backlog").metric_stat(maximum).build())
            .start_time(start)
            .end_time(end)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| ApiError::new("GetMetricData", &format!("endpoint {endpoint}"), &error))?;
            for result in page.metric_data_results.unwrap_or_default() {
                found.extend(result.timestamps().iter().copied().zip(result.values().iter().copied()));
            }
        }
        Ok(found)
    }

    pub(super) async fn put_alarm(
        &self,
        resource: Resource<'_>,
        name: &str,
        alarm: &Alarm,
        action: &str,
        tags: &Tags,
    ) -> Result<(), ApiError> {
        let dimension = Dimension::builder().name(ENDPOINT_DIMENSION).value(&alarm.metric.endpoint).build();
        self.cloudwatch
            .put_metric_alarm()
            .alarm_name(name)
            .alarm_description(&alarm.description)
            .actions_enabled(true)
            .alarm_actions(action)
            .namespace(NAMESPACE)
            .metric_name(&alarm.metric.name)
            .dimensions(dimension)
            .statistic(match alarm.metric.statistic {
                Statistic::Average => SdkStatistic::Average,
                Statistic::Maximum => SdkStatistic::Maximum,
            })
            .period(alarm.period)
            .evaluation_periods(alarm.evaluation_periods)
            .datapoints_to_alarm(alarm.datapoints_to_alarm)
            .threshold(alarm.threshold)
            .comparison_operator(match alarm.comparison {
                Comparison::GreaterThanOrEqualToThreshold => ComparisonOperator::GreaterThanOrEqualToThreshold,
                Comparison::LessThanThreshold => ComparisonOperator::LessThanThreshold,
            })
            .treat_missing_data(match alarm.missing_data {
                MissingData::NotBreaching => "notBreaching",
                MissingData::Missing => "missing",
            })
            // Of an alarm that exists, AWS ignores them.
            .set_tags((!tags.is_empty()).then(|| tags.iter().map(tag).collect()))
            .send()
            .await
            .map_err(|error| ApiError::new("PutMetricAlarm", &format!("{}, alarm {name}", resource.label), &error))?;
        Ok(())
    }

    /// Alarms that are gone already are as good as deleted: AWS deletes the others of a call all the same.
    pub(super) async fn delete_alarms(&self, label: &str, names: &[String]) -> Result<(), ApiError> {
        for batch in names.chunks(MOST_TO_DELETE) {
            let deleted =
                self.cloudwatch.delete_alarms().set_alarm_names(Some(batch.to_vec())).send().await.map_err(|error| {
                    ApiError::new("DeleteAlarms", &format!("{label}, {} alarms", batch.len()), &error)
                });
            ignore_not_found(deleted)?;
        }
        Ok(())
    }
}

pub(super) fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Adds the alarms of a variant to what is known of it, its policies among them.
pub(super) fn add_alarms(scaling: &mut Scaling, arns: &PolicyArns, alarms: BTreeMap<AlarmKind, MetricAlarm>) {
    for (kind, alarm) in alarms {
        match recognise_alarm(&alarm, arns.get(&kind.policy()).map(String::as_str)) {
            Some(alarm) => _ = scaling.alarms.insert(kind, alarm),
            None => _ = scaling.strays.alarms.insert(kind),
        }
    }
}

/// `None`: nothing that we would write, or an action that isn't the policy as it exists now.
fn recognise_alarm(alarm: &MetricAlarm, policy_arn: Option<&str>) -> Option<Alarm> {
    let [dimension] = alarm.dimensions() else { return None };
    let [action] = alarm.alarm_actions() else { return None };
    let is_ours = alarm.actions_enabled() != Some(false)
        && Some(action.as_str()) == policy_arn
        && alarm.ok_actions().is_empty()
        && alarm.insufficient_data_actions().is_empty()
        && alarm.namespace() == Some(NAMESPACE)
        && dimension.name() == Some(ENDPOINT_DIMENSION)
        && alarm.metrics().is_empty()
        && alarm.unit().is_none()
        && alarm.extended_statistic().is_none();
    is_ours.then_some(())?;
    let evaluation_periods = alarm.evaluation_periods()?;
    Some(Alarm {
        description: alarm.alarm_description().unwrap_or_default().to_owned(),
        metric: Metric {
            name: alarm.metric_name()?.to_owned(),
            endpoint: dimension.value()?.to_owned(),
            statistic: match alarm.statistic()? {
                SdkStatistic::Average => Statistic::Average,
                SdkStatistic::Maximum => Statistic::Maximum,
                _ => return None,
            },
        },
        comparison: match alarm.comparison_operator()? {
            ComparisonOperator::GreaterThanOrEqualToThreshold => Comparison::GreaterThanOrEqualToThreshold,
            ComparisonOperator::LessThanThreshold => Comparison::LessThanThreshold,
            _ => return None,
        },
        threshold: alarm.threshold()?,
        period: alarm.period()?,
        evaluation_periods,
        datapoints_to_alarm: alarm.datapoints_to_alarm().unwrap_or(evaluation_periods),
        missing_data: match alarm.treat_missing_data() {
            Some("notBreaching") => MissingData::NotBreaching,
            Some("missing") | None => MissingData::Missing,
            Some(_) => return None,
        },
    })
}
