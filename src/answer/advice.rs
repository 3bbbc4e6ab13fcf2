//! What other settings would have done with an endpoint's requests, as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::reading::{ReadingCost, price, rounded};
use crate::advise::{COURSE_STEP, Course, Kind, Report, Row};
use crate::prices::Price;

/// Advice about one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Advised {
    pub report: Report,
    pub price: Option<Price>,
    /// Where it begins and ends, as texts.
    pub from: String,
    pub to: String,
    pub cost: ReadingCost,
    /// Whether to answer backlog and instances over time, too: for a picture.
    pub with_course: bool,
}

impl Advised {
    /// Adds its members to an answer.
    pub fn add_to(&self, answer: &mut Value) {
        let report = &self.report;
        answer["days"] = json!(rounded(report.days, 2));
        answer["from"] = json!(self.from);
        answer["to"] = json!(self.to);
        answer["requests"] = json!(report.requests);
        answer["model"] = json!({
            "instanceHours": rounded(report.model.instance_hours, 2),
            "cloudwatch": rounded(report.model.cloudwatch, 2),
            "difference": rounded(report.model.difference, 4),
        });
        answer["rows"] = report.rows.iter().map(|row| self.row(row)).collect();
        answer["tags"] = report.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        answer["assumptions"] = json!(report.assumptions);
        answer["reasons"] = json!(report.reasons);
        answer["price"] = price(self.price.as_ref());
        answer["cost"] = self.cost.to_json();
        if self.with_course {
            answer["observed"] = course(&report.observed);
            answer["stepSeconds"] = json!(COURSE_STEP.as_secs());
        }
    }

    fn row(&self, row: &Row) -> Value {
        let settings: Map<String, Value> =
            row.settings.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
        let mut json = json!({
            "settings": settings,
            "kind": kind(row.kind),
            "now": row.kind == Kind::Now,
            "recommended": row.recommended,
            "instanceHours": rounded(row.instance_hours, 2),
            "usd": row.usd.map(|usd| rounded(usd, 2)),
            "waited": row.waited,
            "waitP50": seconds(row.wait_p50),
            "waitP99": seconds(row.wait_p99),
            "waitMax": seconds(row.wait_max),
            "cutOff": row.cut_off,
            "wakes": row.wakes,
            "alarmMetrics": row.alarm_metrics,
        });
        if self.with_course {
            json["course"] = course(&row.course);
        }
        json
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Now => "now",
        Kind::Thriftier => "thriftier",
        Kind::Balanced => "balanced",
        Kind::Quicker => "quicker",
    }
}

/// Whole minutes, because CloudWatch knows no less.
fn seconds(duration: Duration) -> u64 {
    duration.saturating_add(Duration::from_millis(500)).as_secs()
}

fn course(course: &Course) -> Value {
    let values = |values: &[f32]| -> Vec<f64> { values.iter().map(|value| rounded(f64::from(*value), 2)).collect() };
    json!({ "instances": values(&course.instances), "backlog": values(&course.backlog) })
}
