//! What an answer says about its sources: prices, and what the reading itself has cost.

use serde_json::{Value, json};

use crate::prices::Price;

/// US$ for each metric of `GetMetricData` (<https://aws.amazon.com/cloudwatch/pricing/>, most Regions).
const USD_PER_METRIC: f64 = 0.01 / 1000.0;

/// What a report itself has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadingCost {
    /// How many metrics CloudWatch was asked for.
    pub metrics: usize,
    /// How many calls it took, retries and pages included.
    pub calls: u64,
}

impl ReadingCost {
    pub(super) fn to_json(self) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 metrics")]
        let usd = self.metrics as f64 * USD_PER_METRIC;
        json!({ "metrics": self.metrics, "calls": self.calls, "usd": rounded(usd, 6) })
    }
}

pub(super) fn price(price: Option<&Price>) -> Value {
    price
        .map_or(Value::Null, |Price { usd, source, date }| json!({ "usdPerHour": usd, "source": source, "date": date }))
}

/// Rounds to so many decimals. More digits would claim what nobody knows.
pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}
