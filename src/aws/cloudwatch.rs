//! CloudWatch: the alarms that drive our step policies.
#![expect(clippy::wildcard_enum_match_arm, reason = "AWS's enums are open; here they are narrowed to ours")]

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricAlarm, Statistic as SdkStatistic};

use super::autoscaling::{Resource, ignore_not_found};
use super::{ApiError, Aws, ENDPOINT_DIMENSION, NAMESPACE};
use crate::reconcile::{
    Alarm, AlarmKind, Comparison, EndpointName, Metric, MissingData, Statistic, VariantName, owned_alarm,
};

/// The alarms of an endpoint that have our names, by variant.
pub(super) type Alarms = BTreeMap<VariantName, BTreeMap<AlarmKind, MetricAlarm>>;

impl Aws {
    pub(super) async fn describe_alarms(&self, endpoint: &EndpointName) -> Result<Alarms, ApiError> {
        let mut alarms = Alarms::new();
        let mut pages =
            self.cloudwatch.describe_alarms().alarm_name_prefix(endpoint.alarm_prefix()).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| ApiError::new("DescribeAlarms", &format!("endpoint {endpoint}"), &error))?;
            for alarm in page.metric_alarms.unwrap_or_default() {
                if let Some((owner, variant, kind)) = alarm.alarm_name().and_then(owned_alarm)
                    && owner == *endpoint
                {
                    alarms.entry(variant).or_default().insert(kind, alarm);
                }
            }
        }
        Ok(alarms)
    }

    pub(super) async fn put_alarm(
        &self,
        resource: Resource<'_>,
        name: &str,
        alarm: &Alarm,
        action: &str,
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
            .send()
            .await
            .map_err(|error| ApiError::new("PutMetricAlarm", &format!("{}, alarm {name}", resource.label), &error))?;
        Ok(())
    }

    /// Alarms that are gone already are as good as deleted.
    pub(super) async fn delete_alarms(&self, resource: Resource<'_>, names: Vec<String>) -> Result<(), ApiError> {
        let label = format!("{}, alarms {}", resource.label, names.join(" and "));
        let deleted = self
            .cloudwatch
            .delete_alarms()
            .set_alarm_names(Some(names))
            .send()
            .await
            .map_err(|error| ApiError::new("DeleteAlarms", &label, &error));
        ignore_not_found(deleted)
    }
}

/// `None`: nothing that we would write, or an action that isn't the policy as it exists now.
pub(super) fn recognise_alarm(alarm: &MetricAlarm, policy_arn: Option<&str>) -> Option<Alarm> {
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
