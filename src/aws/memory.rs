//! What AWS remembers of endpoints: the hours of all of them, and the minutes of one.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::metric_data::MetricQuery;
use super::readings::LONGEST_READ;
use super::sagemaker::Described;
use super::{ApiError, Aws, NAMESPACE, Observed};
use crate::advise::{History, Series};
use crate::reconcile::{
    BACKLOG_METRIC, DEFAULT_PUBLISH_FREQUENCY, Endpoint, EndpointName, Inference, Rules, Tags, Variant, VariantName,
    ineligible, starts,
};
use crate::savings::{Hours, Subject, Window, is_count};

/// Where SageMaker publishes what instances use; a sample of each instance at a time
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-troubleshooting.html>).
const INSTANCE_NAMESPACE: &str = "/aws/sagemaker/Endpoints";
const CPU_METRIC: &str = "CPUUtilization";
const WITHOUT_CAPACITY_METRIC: &str = "HasBacklogWithoutCapacity";
const PROCESSED_METRIC: &str = "InvocationsProcessed";
const PROCESSING_TIME_METRIC: &str = "TotalProcessingTime";
const TIME_IN_BACKLOG_METRIC: &str = "TimeInBacklog";

const HOUR: i32 = 3600;
const MINUTE: i32 = 60;

/// As in a sweep.
const LOOKS_AT_ONCE: usize = 16;

/// What an endpoint's description says beside what decisions rest on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Particulars {
    pub created: Option<Timestamp>,
    /// `LastModifiedTime`.
    pub modified: Option<Timestamp>,
    /// When the configuration in use was made.
    pub configured: Option<Timestamp>,
    /// `MaxConcurrentInvocationsPerInstance`.
    pub concurrency: Option<i32>,
}

/// The asynchronous endpoints among some, with their hours.
#[derive(Debug, Default)]
pub struct Remembered {
    pub endpoints: Vec<(Subject, Hours)>,
    /// How many metrics were asked for: CloudWatch's price is for each.
    pub metrics: usize,
}

/// Which series of an endpoint a query asks for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Samples,
    Processed,
    Backlog,
}

impl Aws {
    /// The hours that the asynchronous ones among these endpoints ran in the window.
    ///
    /// # Errors
    /// Whatever read fails for good.
    pub async fn remembered(
        &self,
        endpoints: &[(&EndpointName, &Tags)],
        rules: &Rules,
        window: Window,
    ) -> Result<Remembered, ApiError> {
        let found: Vec<_> = stream::iter(endpoints.iter().copied())
            .map(|(name, tags)| self.examine(name, tags))
            .buffered(LOOKS_AT_ONCE)
            .try_collect()
            .await?;
        let found: Vec<(Endpoint, Particulars)> =
            found.into_iter().flatten().filter(|(endpoint, _)| endpoint.inference == Inference::Asynchronous).collect();
        let (mut queries, mut kinds) = (Vec::new(), Vec::new());
        for (index, (endpoint, _)) in found.iter().enumerate() {
            let name = &endpoint.name;
            queries.push(query(NAMESPACE, BACKLOG_METRIC, name, None, "Maximum", HOUR));
            kinds.push((index, Kind::Backlog));
            for variant in &endpoint.variants {
                let variant = Some(&variant.name);
                queries.push(query(INSTANCE_NAMESPACE, CPU_METRIC, name, variant, "SampleCount", HOUR));
                queries.push(query(NAMESPACE, PROCESSED_METRIC, name, variant, "Sum", HOUR));
                kinds.extend([(index, Kind::Samples), (index, Kind::Processed)]);
            }
        }
        let mut hours: Vec<Hours> = found.iter().map(|_| Hours::none(window)).collect();
        let (start, end) = (date_time(window.start), date_time(window.end));
        self.metric_data(&queries, start, end, "asynchronous endpoints", |query, second, value| {
            let (Some((endpoint, kind)), Some(hour)) = (kinds.get(query), window.index(second)) else { return };
            let hours = &mut hours[*endpoint];
            if !is_count(value) {
                hours.strange += 1;
                return;
            }
            match kind {
                Kind::Samples => *hours.samples[hour].get_or_insert(0.0) += value,
                Kind::Processed => *hours.processed[hour].get_or_insert(0.0) += value,
                Kind::Backlog => hours.backlog[hour] = Some(value),
            }
        })
        .await?;
        let metrics = queries.len();
        let subjects = found.into_iter().map(|(endpoint, particulars)| subject(endpoint, particulars, rules));
        Ok(Remembered { metrics, endpoints: subjects.zip(hours).collect() })
    }

    /// One endpoint of a list, as it is now; `None` if it has been deleted meanwhile, or is being deleted.
    async fn examine(&self, name: &EndpointName, tags: &Tags) -> Result<Option<(Endpoint, Particulars)>, ApiError> {
        let Some(Described { mut endpoint, config_name, particulars, .. }) = self.describe_endpoint(name).await? else {
            return Ok(None);
        };
        endpoint.tags = tags.clone();
        let mut particulars = particulars;
        if let Some(config_name) = config_name {
            let config = match self.remembered_config(&config_name) {
                Some(config) => config,
                None => self.describe_endpoint_config(name, &config_name).await?,
            };
            config.complete(&mut endpoint);
            config.add_to(&mut particulars);
        }
        Ok(Some((endpoint, particulars)))
    }

    /// The minutes of one endpoint, and how long its instances have taken to start: of all its variants together.
    ///
    /// # Errors
    /// Whatever read fails for good.
    pub async fn history(
        &self,
        observed: &Observed,
        endpoint: &Endpoint,
        start: SystemTime,
        minutes: usize,
    ) -> Result<History, ApiError> {
        let name = &observed.name;
        let start = DateTime::from_secs(DateTime::from(start).secs() / i64::from(MINUTE) * i64::from(MINUTE));
        let end = DateTime::from_secs(start.secs() + i64::try_from(minutes).unwrap_or(0) * i64::from(MINUTE));
        let of_queue = |metric| query(NAMESPACE, metric, name, None, "Maximum", MINUTE);
        let mut queries = vec![of_queue(BACKLOG_METRIC), of_queue(WITHOUT_CAPACITY_METRIC)];
        let mut places = vec![BACKLOG, WITHOUT_CAPACITY];
        for Variant { name: variant, .. } in &endpoint.variants {
            let of_variant =
                |namespace, metric, statistic| query(namespace, metric, name, Some(variant), statistic, MINUTE);
            queries.extend([
                of_variant(NAMESPACE, PROCESSED_METRIC, "Sum"),
                of_variant(NAMESPACE, PROCESSING_TIME_METRIC, "Sum"),
                of_variant(NAMESPACE, TIME_IN_BACKLOG_METRIC, "Sum"),
                of_variant(INSTANCE_NAMESPACE, CPU_METRIC, "SampleCount"),
            ]);
            places.extend([PROCESSED, PROCESSING_TIME, TIME_IN_BACKLOG, SAMPLES]);
        }
        let mut series: [Series; 6] = std::array::from_fn(|_| vec![None; minutes]);
        let label = format!("endpoint {name}");
        let reads = self.metric_data(&queries, start, end, &label, |query, second, value| {
            let minute = usize::try_from((second - start.secs()).div_euclid(i64::from(MINUTE))).ok();
            let place = places.get(query).and_then(|place| series[*place].get_mut(minute?));
            if let (Some(place), true) = (place, is_count(value)) {
                *place.get_or_insert(0.0) += value;
            }
        });
        let ((), activities) = tokio::try_join!(reads, self.activities(observed, LONGEST_READ))?;
        let [backlog, processed, processing_time, time_in_backlog, samples, without_capacity] = series;
        let particulars = observed.particulars;
        Ok(History {
            start: super::autoscaling::timestamp(&start),
            minutes,
            processed,
            processing_time,
            time_in_backlog,
            backlog,
            without_capacity,
            samples,
            publish_frequency: publish_frequency(endpoint),
            starts: activities.values().flat_map(|activities| starts(activities)).collect(),
            created: particulars.created.unwrap_or(Timestamp::UNIX_EPOCH),
            configured: particulars.configured.unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }
}

// Where a series of a history stands while it is read.
const BACKLOG: usize = 0;
const PROCESSED: usize = 1;
const PROCESSING_TIME: usize = 2;
const TIME_IN_BACKLOG: usize = 3;
const SAMPLES: usize = 4;
const WITHOUT_CAPACITY: usize = 5;

fn query<'a>(
    namespace: &'static str,
    name: &'static str,
    endpoint: &'a EndpointName,
    variant: Option<&'a VariantName>,
    statistic: &'static str,
    period: i32,
) -> MetricQuery<'a> {
    MetricQuery { namespace, name, endpoint, variant, statistic, period }
}

fn subject(endpoint: Endpoint, particulars: Particulars, rules: &Rules) -> Subject {
    Subject {
        publish_frequency: publish_frequency(&endpoint),
        ineligible: ineligible(&endpoint),
        wish: rules.read(&endpoint.tags),
        instances: endpoint.variants.iter().filter_map(|variant| variant.current_instances).sum(),
        instance_type: endpoint.variants.into_iter().find_map(|variant| variant.instance_type),
        name: endpoint.name,
        created: particulars.created,
        configured: particulars.configured,
    }
}

/// One for all variants of an endpoint.
fn publish_frequency(endpoint: &Endpoint) -> i32 {
    endpoint.variants.first().map_or(DEFAULT_PUBLISH_FREQUENCY, Variant::publish_frequency)
}

fn date_time(at: Timestamp) -> DateTime {
    DateTime::from_secs(at.as_second())
}
