//! CloudWatch: the alarms that drive our step policies.
use std::collections::BTreeMap;

use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric as SdkMetric, MetricAlarm, MetricDataQuery, MetricDataResult, MetricStat,
    Statistic as SdkStatistic, StatusCode, Tag,
};
use aws_smithy_types::DateTime;

use super::autoscaling::{PolicyArns, Resource, ignore_not_found};
use super::lists::{List, Missing};
use super::{ApiError, Aws, ENDPOINT_DIMENSION, VARIANT_DIMENSION};
use crate::reconcile::{
    Alarm, AlarmInput, AlarmKind, Comparison, EndpointName, Metric, MetricMath, MissingData, Namespace, OtherActions,
    PolicyName, Scaling, Statistic, Tags, VariantName, owned_alarm,
};

/// The alarms of an endpoint that have our names, by variant.
pub(super) type Alarms = BTreeMap<VariantName, BTreeMap<AlarmKind, MetricAlarm>>;

/// The most alarms that one call of `DeleteAlarms` takes, and that a page of `DescribeAlarms` has.
const MOST_TO_DELETE: usize = 100;
const MOST_ON_A_PAGE: i32 = 100;
/// The most names that one call of `DescribeAlarms` takes.
const MOST_TO_DESCRIBE: usize = 100;
/// The most actions of one state of an alarm (`AlarmActions` in the CloudWatch API reference).
const MOST_ACTIONS: usize = 5;

/// Of the expression of an alarm that has one.
const EXPRESSION_ID: &str = "e";

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
        let pages = self
            .cloudwatch
            .describe_alarms()
            .alarm_name_prefix(prefix)
            .max_records(MOST_ON_A_PAGE)
            .into_paginator()
            .send();
        for (name, alarm) in alarm_list(label).every(pages, named_alarms).await? {
            if let Some((endpoint, variant, kind)) = owned_alarm(&name) {
                found.entry(endpoint).or_default().entry(variant).or_default().insert(kind, alarm);
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
            let pages = self
                .cloudwatch
                .describe_alarms()
                .set_alarm_names(Some(names.to_vec()))
                .max_records(MOST_ON_A_PAGE)
                .into_paginator()
                .send();
            found.extend(alarm_list(label).every(pages, named_alarms).await?);
        }
        Ok(found)
    }

    /// The values of each of these metrics from `start` on and before `end`, with their period's begin, in one call.
    pub(super) async fn metric_values(
        &self,
        endpoint: &EndpointName,
        metrics: &[Metric],
        start: DateTime,
        end: DateTime,
    ) -> Result<Vec<Vec<(DateTime, f64)>>, ApiError> {
        let query = |(index, metric): (usize, &Metric)| {
            MetricDataQuery::builder().id(format!("m{index}")).metric_stat(metric_stat(metric)).build()
        };
        let pages = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(metrics.iter().enumerate().map(query).collect()))
            .start_time(start)
            .end_time(end)
            .into_paginator()
            .send();
        let label = format!("endpoint {endpoint}");
        let mut found = vec![None; metrics.len()];
        for result in metric_list(&label).every(pages, results).await? {
            let index = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            let Some(values) = index.and_then(|index| found.get_mut(index)) else { continue };
            let values: &mut Vec<_> = values.get_or_insert_default();
            values.extend(result.timestamps().iter().copied().zip(result.values().iter().copied()));
        }
        found.into_iter().map(|values| values.ok_or_else(|| unanswered(&label))).collect()
    }

    /// `action` is the ARN of the policy that the alarm drives.
    pub(super) async fn put_alarm(
        &self,
        resource: Resource<'_>,
        name: &str,
        alarm: &Alarm,
        action: &str,
        tags: &Tags,
    ) -> Result<(), ApiError> {
        let others = alarm.other_actions.alarm.iter().take(MOST_ACTIONS - 1).cloned();
        let request = self
            .cloudwatch
            .put_metric_alarm()
            .alarm_name(name)
            .alarm_description(&alarm.description)
            .actions_enabled(true)
            .set_alarm_actions(Some([action.to_owned()].into_iter().chain(others).collect()))
            .set_ok_actions(unless_empty(&alarm.other_actions.ok))
            .set_insufficient_data_actions(unless_empty(&alarm.other_actions.insufficient_data))
            .evaluation_periods(alarm.evaluation_periods)
            .datapoints_to_alarm(alarm.datapoints_to_alarm)
            .threshold(alarm.threshold)
            .comparison_operator(ComparisonOperator::from(alarm.comparison.as_str()))
            .treat_missing_data(match alarm.missing_data {
                MissingData::NotBreaching => "notBreaching",
                MissingData::Missing => "missing",
            })
            // Of an alarm that exists, AWS ignores them.
            .set_tags((!tags.is_empty()).then(|| tags.iter().map(tag).collect()));
        let request = match &alarm.input {
            AlarmInput::Metric(metric) => request
                .namespace(metric.namespace.as_str())
                .metric_name(&metric.name)
                .set_dimensions(Some(dimensions(metric)))
                .statistic(SdkStatistic::from(metric.statistic.as_str()))
                .period(metric.period),
            AlarmInput::Expression(math) => request.set_metrics(Some(metric_data_queries(math))),
        };
        request
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

fn named_alarms(page: DescribeAlarmsOutput) -> Result<Vec<(String, MetricAlarm)>, Missing> {
    let alarms = page.metric_alarms.ok_or("MetricAlarms")?.into_iter();
    alarms.map(|alarm| Ok((alarm.alarm_name.clone().ok_or("AlarmName")?, alarm))).collect()
}

fn alarm_list(label: &str) -> List<'_> {
    List { operation: "DescribeAlarms", label }
}

pub(super) fn metric_list(label: &str) -> List<'_> {
    List { operation: "GetMetricData", label }
}

/// A metric that CloudWatch couldn't read isn't one without datapoints.
pub(super) fn results(page: GetMetricDataOutput) -> Result<Vec<MetricDataResult>, Missing> {
    let results = page.metric_data_results.ok_or("MetricDataResults")?;
    let is_unread =
        |it: &MetricDataResult| matches!(it.status_code(), Some(StatusCode::InternalError | StatusCode::Forbidden));
    if results.iter().any(is_unread) { Err("values of a metric") } else { Ok(results) }
}

/// `GetMetricData` answers a result for each query, without values where there are none. That no request was finished mustn't
/// follow from a result that isn't there.
pub(super) fn unanswered(label: &str) -> ApiError {
    ApiError::incomplete("GetMetricData", label, "result for a metric")
}

pub(super) fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Adds the alarms of a variant to what is known of it, its policies among them.
pub(super) fn add_alarms(scaling: &mut Scaling, arns: &PolicyArns, alarms: BTreeMap<AlarmKind, MetricAlarm>) {
    for (kind, alarm) in alarms {
        match recognise_alarm(&alarm, arns.get(&kind.policy()).map(String::as_str)) {
            Some(alarm) => _ = scaling.alarms.insert(kind, alarm),
            None => _ = scaling.strays.alarms.insert(kind, other_actions(&alarm)),
        }
    }
}

/// `None`: nothing that we would write, or an action that isn't the policy as it exists now.
fn recognise_alarm(alarm: &MetricAlarm, policy_arn: Option<&str>) -> Option<Alarm> {
    let mut of_ours = alarm.alarm_actions().iter().filter(|action| is_own_policy(action));
    let drives_its_policy = of_ours.next().map(String::as_str) == policy_arn && of_ours.next().is_none();
    let is_ours = policy_arn.is_some()
        && drives_its_policy
        && alarm.actions_enabled() != Some(false)
        && alarm.unit().is_none()
        && alarm.extended_statistic().is_none();
    is_ours.then_some(())?;
    let evaluation_periods = alarm.evaluation_periods()?;
    Some(Alarm {
        description: alarm.alarm_description().unwrap_or_default().to_owned(),
        input: alarm_input(alarm)?,
        comparison: {
            let operator = alarm.comparison_operator()?;
            Comparison::ALL.into_iter().find(|known| known.as_str() == operator.as_str())?
        },
        threshold: alarm.threshold()?,
        evaluation_periods,
        datapoints_to_alarm: alarm.datapoints_to_alarm().unwrap_or(evaluation_periods),
        missing_data: match alarm.treat_missing_data() {
            Some("notBreaching") => MissingData::NotBreaching,
            Some("missing") | None => MissingData::Missing,
            Some(_) => return None,
        },
        other_actions: other_actions(alarm),
    })
}

/// Whether the action is one of our policies, or was: a policy that is gone leaves its ARN on the alarm.
fn is_own_policy(action: &str) -> bool {
    action.rsplit_once(":policyName/").is_some_and(|(_, name)| PolicyName::owned(name).is_some())
}

fn other_actions(alarm: &MetricAlarm) -> OtherActions {
    let alarm_actions = alarm.alarm_actions().iter().filter(|action| !is_own_policy(action));
    OtherActions {
        alarm: alarm_actions.cloned().collect(),
        ok: alarm.ok_actions().to_vec(),
        insufficient_data: alarm.insufficient_data_actions().to_vec(),
    }
}

fn alarm_input(alarm: &MetricAlarm) -> Option<AlarmInput> {
    if alarm.metrics().is_empty() {
        let statistic = alarm.statistic()?.as_str();
        return metric(alarm.namespace(), alarm.metric_name(), alarm.dimensions(), statistic, alarm.period())
            .map(AlarmInput::Metric);
    }
    let mut expressions = Vec::new();
    let mut metrics = Vec::new();
    for query in alarm.metrics() {
        match (query.expression(), query.metric_stat()) {
            (Some(expression), None) => expressions.push(expression.to_owned()),
            (None, Some(stat)) if stat.unit().is_none() && query.return_data() != Some(true) => {
                let of = stat.metric()?;
                let read = metric(of.namespace(), of.metric_name(), of.dimensions(), stat.stat()?, stat.period())?;
                metrics.push((query.id()?.to_owned(), read));
            }
            _ => return None,
        }
    }
    let [expression] = <[String; 1]>::try_from(expressions).ok()?;
    Some(AlarmInput::Expression(MetricMath { expression, metrics }))
}

/// `None`: a metric that we never look at.
fn metric(
    namespace: Option<&str>,
    name: Option<&str>,
    dimensions: &[Dimension],
    statistic: &str,
    period: Option<i32>,
) -> Option<Metric> {
    let value = |name: &str| dimensions.iter().find(|it| it.name() == Some(name)).and_then(Dimension::value);
    let variant = value(VARIANT_DIMENSION);
    (dimensions.len() == if variant.is_some() { 2 } else { 1 }).then_some(())?;
    Some(Metric {
        namespace: Namespace::ALL.into_iter().find(|known| Some(known.as_str()) == namespace)?,
        name: name?.to_owned(),
        endpoint: value(ENDPOINT_DIMENSION)?.to_owned(),
        variant: match variant {
            Some(variant) => Some(VariantName::new(variant)?),
            None => None,
        },
        statistic: Statistic::ALL.into_iter().find(|known| known.as_str() == statistic)?,
        period: period?,
    })
}

fn unless_empty(actions: &[String]) -> Option<Vec<String>> {
    (!actions.is_empty()).then(|| actions.to_vec())
}

fn dimensions(metric: &Metric) -> Vec<Dimension> {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let variant = metric.variant.as_ref().map(|variant| dimension(VARIANT_DIMENSION, variant.as_str()));
    [dimension(ENDPOINT_DIMENSION, &metric.endpoint)].into_iter().chain(variant).collect()
}

/// The expression comes first: with a metric first, the console shows the policy under that metric
/// (<https://github.com/terraform-aws-modules/terraform-aws-cloudwatch/issues/18>).
fn metric_data_queries(math: &MetricMath) -> Vec<MetricDataQuery> {
    let expression =
        MetricDataQuery::builder().id(EXPRESSION_ID).expression(&math.expression).return_data(true).build();
    let metric = |(id, metric): &(String, Metric)| {
        MetricDataQuery::builder().id(id).metric_stat(metric_stat(metric)).return_data(false).build()
    };
    [expression].into_iter().chain(math.metrics.iter().map(metric)).collect()
}

fn metric_stat(metric: &Metric) -> MetricStat {
    let of = SdkMetric::builder()
        .namespace(metric.namespace.as_str())
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions(metric)))
        .build();
    MetricStat::builder().metric(of).period(metric.period).stat(metric.statistic.as_str()).build()
}
