//! How an endpoint stands, in as few reads as tell it: somebody may ask every ten seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, Statistic};
use aws_smithy_types::DateTime;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::autoscaling::{Reach, Resource};
use super::cloudwatch::{metric_list, results, unanswered};
use super::readings::{LONGEST_READ, in_time, or_note};
use super::sagemaker::Described;
use super::{ApiError, Aws, ENDPOINT_DIMENSION, NAMESPACE, Observed};
use crate::reconcile::{
    BACKLOG_METRIC, Endpoint, EndpointName, Inference, METRIC_PERIOD, ScalingActivity, Unreadable, VariantName, Work,
    resource_id,
};

/// What tells how an endpoint stands.
#[derive(Debug)]
pub struct Standing {
    /// Without its tags.
    pub endpoint: Endpoint,
    pub is_deploying: bool,
    pub modified: Option<Timestamp>,
    /// The newest of each variant's activities.
    pub activities: BTreeMap<VariantName, Vec<ScalingActivity>>,
    pub unreadable: Vec<Unreadable>,
}

/// Long enough for a datapoint that is late.
const LAST_MINUTES: Duration = Duration::from_mins(5);

/// The most metrics that one call of `GetMetricData` takes.
const MOST_QUERIES: usize = 500;

const INSTANCE_NAMESPACE: &str = "/aws/sagemaker/Endpoints";
const VARIANT_DIMENSION: &str = "VariantName";

impl Aws {
    /// How an endpoint stands; `None` where there is none of this name. Two calls, with one variant, and another the first
    /// time that an endpoint doesn't tell by itself that it is asynchronous.
    ///
    /// # Errors
    /// When the endpoint itself can't be read.
    pub async fn standing(&self, name: &EndpointName) -> Result<Option<Standing>, ApiError> {
        let Some(described) = self.describe_endpoint(name).await? else { return Ok(None) };
        let Described { mut endpoint, config_name, is_deploying, particulars, .. } = described;
        if let (Inference::RealTime, Some(config_name)) = (endpoint.inference, config_name) {
            let config = match self.remembered_config(&config_name) {
                Some(config) => config,
                None => self.describe_endpoint_config(name, &config_name).await?,
            };
            config.complete(&mut endpoint);
        }
        let mut unreadable = Vec::new();
        let activities = if endpoint.inference == Inference::Asynchronous {
            or_note(
                in_time(LONGEST_READ, "The scaling activities", self.activities_of(&endpoint)).await,
                &mut unreadable,
            )
        } else {
            BTreeMap::new()
        };
        Ok(Some(Standing { endpoint, is_deploying, modified: particulars.modified, activities, unreadable }))
    }

    /// An endpoint that is being changed, with its tags: two calls, and one where it has no variant. Nothing about its
    /// scaling.
    ///
    /// # Errors
    /// Whatever read fails for good.
    pub async fn changing(&self, name: &EndpointName) -> Result<Option<Observed>, ApiError> {
        let Some(described) = self.describe_endpoint(name).await? else { return Ok(None) };
        let Described { mut endpoint, arn, is_deploying, .. } = described;
        if !endpoint.variants.is_empty() {
            endpoint.tags = self.list_tags(&endpoint.name, &arn).await?;
        }
        let bare = Observed::bare(endpoint.name.clone());
        Ok(Some(Observed { endpoint: Some(endpoint), is_deploying, arn: Some(arn), ..bare }))
    }

    /// What was done to the variants of an endpoint, or tried, as far as a page of it tells: a call each.
    ///
    /// # Errors
    /// Whatever `DescribeScalingActivities` fails for good.
    pub async fn activities_of(
        &self,
        endpoint: &Endpoint,
    ) -> Result<BTreeMap<VariantName, Vec<ScalingActivity>>, ApiError> {
        let reads = try_join_all(endpoint.variants.iter().map(|variant| async {
            let id = resource_id(&endpoint.name, &variant.name);
            let label = format!("endpoint {}, variant {}", endpoint.name, variant.name);
            let activities = self.describe_activities(Resource { id: &id, label: &label }, Reach::OnePage).await?;
            Ok((variant.name.clone(), activities))
        }));
        Ok(reads.await?.into_iter().collect())
    }

    /// How many requests wait at each of these endpoints, as far as CloudWatch has a datapoint of the last minutes; and
    /// why not, where it can't be read. A call for 500 endpoints.
    pub async fn waiting(
        &self,
        names: &[EndpointName],
        now: SystemTime,
    ) -> (BTreeMap<EndpointName, f64>, Vec<Unreadable>) {
        let mut unreadable = Vec::new();
        let reads = try_join_all(names.chunks(MOST_QUERIES).map(|names| async move {
            let queries = names.iter().enumerate().map(|(index, name)| {
                let dimensions = [(ENDPOINT_DIMENSION, name.as_str())];
                query(format!("w{index}"), NAMESPACE, BACKLOG_METRIC, &dimensions, &Statistic::Maximum)
            });
            let found = self.newest_values(queries.collect(), now, "all endpoints", Take::Newest).await?;
            let of = |index: usize| found.get(&format!("w{index}")).copied();
            let found = names.iter().enumerate().filter_map(|(index, name)| Some((name.clone(), of(index)?)));
            Ok(found.collect::<Vec<_>>())
        }));
        let found = or_note(in_time(LONGEST_READ, "The backlog", reads).await, &mut unreadable);
        (found.into_iter().flatten().collect(), unreadable)
    }

    /// What shows that the endpoint is at work, in one call.
    ///
    /// # Errors
    /// When `GetMetricData` fails for good.
    pub async fn work(&self, endpoint: &Endpoint, now: SystemTime) -> Result<Work, ApiError> {
        let name = endpoint.name.as_str();
        let mut queries = vec![query(
            "waiting".to_owned(),
            NAMESPACE,
            BACKLOG_METRIC,
            &[(ENDPOINT_DIMENSION, name)],
            &Statistic::Maximum,
        )];
        for (index, variant) in endpoint.variants.iter().enumerate() {
            let dimensions = [(ENDPOINT_DIMENSION, name), (VARIANT_DIMENSION, variant.name.as_str())];
            let of_instances = |id: &str, namespace, metric, statistic| {
                query(format!("{id}{index}"), namespace, metric, &dimensions, statistic)
            };
            queries.push(of_instances("finished", NAMESPACE, "InvocationsProcessed", &Statistic::Sum));
            queries.push(of_instances("gpu", INSTANCE_NAMESPACE, "GPUUtilization", &Statistic::Maximum));
        }
        let label = format!("endpoint {name}");
        let found = self.newest_values(queries, now, &label, Take::All).await?;
        let of =
            |id: &'static str| found.iter().filter(move |(found, _)| found.starts_with(id)).map(|(_, value)| *value);
        Ok(Work {
            waiting: of("waiting").reduce(f64::max),
            finished: of("finished").reduce(f64::max).unwrap_or(0.0),
            gpu: of("gpu").reduce(f64::max),
        })
    }

    /// One value for each query that has a datapoint of the last minutes.
    async fn newest_values(
        &self,
        queries: Vec<MetricDataQuery>,
        now: SystemTime,
        label: &str,
        take: Take,
    ) -> Result<BTreeMap<String, f64>, ApiError> {
        let mut unread: BTreeSet<String> = queries.iter().filter_map(MetricDataQuery::id).map(str::to_owned).collect();
        let pages = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries))
            .start_time(DateTime::from(now.checked_sub(LAST_MINUTES).unwrap_or(SystemTime::UNIX_EPOCH)))
            .end_time(DateTime::from(now))
            .into_paginator()
            .send();
        let mut found: BTreeMap<String, (DateTime, f64)> = BTreeMap::new();
        for result in metric_list(label).every(pages, results).await? {
            let Some(id) = result.id() else { continue };
            unread.remove(id);
            for (at, value) in result.timestamps().iter().zip(result.values()) {
                let seen = found.entry(id.to_owned()).or_insert((*at, *value));
                match take {
                    Take::Newest if *at > seen.0 => *seen = (*at, *value),
                    Take::Newest => {}
                    Take::All => seen.1 = seen.1.max(*value),
                }
            }
        }
        if !unread.is_empty() {
            return Err(unanswered(label));
        }
        Ok(found.into_iter().map(|(id, (_, value))| (id, value)).collect())
    }
}

/// Which of the datapoints count.
#[derive(Debug, Clone, Copy)]
enum Take {
    Newest,
    /// The greatest of them.
    All,
}

fn query(
    id: String,
    namespace: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
    statistic: &Statistic,
) -> MetricDataQuery {
    let dimension = |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
    let metric = Metric::builder()
        .namespace(namespace)
        .metric_name(metric)
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .build();
    let stat = MetricStat::builder().metric(metric).period(METRIC_PERIOD).stat(statistic.as_str()).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}
