//! `GetMetricData` in bulk: as many metrics in a call as it takes, and every page of it.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_smithy_types::DateTime;

use super::cloudwatch::{metric_list, results, unanswered};
use super::{ApiError, Aws, ENDPOINT_DIMENSION};
use crate::reconcile::{EndpointName, VariantName};

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const MOST_QUERIES: usize = 500;
const VARIANT_DIMENSION: &str = "VariantName";

/// One statistic of one metric, by the period.
#[derive(Debug, Clone, Copy)]
pub(super) struct MetricQuery<'a> {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) endpoint: &'a EndpointName,
    /// `None`: a metric of the endpoint as a whole.
    pub(super) variant: Option<&'a VariantName>,
    pub(super) statistic: &'static str,
    /// Seconds.
    pub(super) period: i32,
}

impl MetricQuery<'_> {
    fn to_sdk(self, id: usize) -> MetricDataQuery {
        let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let dimensions = std::iter::once(dimension(ENDPOINT_DIMENSION, self.endpoint.as_str()))
            .chain(self.variant.map(|variant| dimension(VARIANT_DIMENSION, variant.as_str())));
        let metric = Metric::builder()
            .namespace(self.namespace)
            .metric_name(self.name)
            .set_dimensions(Some(dimensions.collect()))
            .build();
        let stat = MetricStat::builder().metric(metric).period(self.period).stat(self.statistic).build();
        MetricDataQuery::builder().id(format!("q{id}")).metric_stat(stat).build()
    }
}

impl Aws {
    /// Gives every datapoint from `start` on and before `end` to `take`: which of the queries it is of, the second in
    /// which its period begins, and its value. Page by page, so that no more than one is in memory.
    pub(super) async fn metric_data(
        &self,
        queries: &[MetricQuery<'_>],
        start: DateTime,
        end: DateTime,
        label: &str,
        mut take: impl FnMut(usize, i64, f64),
    ) -> Result<(), ApiError> {
        for (chunk, queries) in queries.chunks(MOST_QUERIES).enumerate() {
            let first = chunk * MOST_QUERIES;
            let mut unread: BTreeSet<usize> = (first..first + queries.len()).collect();
            let queries = queries.iter().enumerate().map(|(index, query)| query.to_sdk(first + index)).collect();
            let mut pages = self
                .cloudwatch
                .get_metric_data()
                .set_metric_data_queries(Some(queries))
                .start_time(start)
                .end_time(end)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                for result in metric_list(label).of_page(page, results)? {
                    let id = result.id().and_then(|id| id.strip_prefix('q')).and_then(|id| id.parse().ok());
                    let Some(query) = id else { continue };
                    unread.remove(&query);
                    for (time, value) in result.timestamps().iter().zip(result.values()) {
                        take(query, time.secs(), *value);
                    }
                }
            }
            if !unread.is_empty() {
                return Err(unanswered(label));
            }
        }
        Ok(())
    }
}
