//! What the endpoints of a Region ran, as JSON.

use serde_json::{Value, json};

use super::endpoint::reason_code;
use super::reading::{ReadingCost, price, rounded};
use crate::reconcile::{EndpointName, Key, Rules};
use crate::savings::{DAYS, Row, Standing, Usage, Window, sort};

/// Lambda's answers hold 6 MB; the rest is for what surrounds the rows.
const MOST_ROW_BYTES: usize = 5_000_000;

/// The answer about all endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct SavingsReport {
    pub window: Window,
    pub region: Option<String>,
    pub rows: Vec<Row>,
    /// Endpoints that were looked at, asynchronous or not.
    pub endpoints: usize,
    /// The endpoint behind which there was no time left.
    pub after: Option<EndpointName>,
    pub cost: ReadingCost,
    /// Of the tag that opts in.
    pub tag_prefix: String,
}

/// What the numbers rest on.
const ASSUMPTIONS: [&str; 4] = [
    "an instance counts while it publishes CPUUtilization; the minutes in which it starts may be billed, and are not counted",
    "an hour is idle if nothing waited and nothing was finished, neither then nor in the hour after",
    "US$ are hours times the price on demand, before Savings Plans, without storage and data",
    "alwaysOnHours are the hours of one instance that is always on, since the endpoint was created, 30 days at most",
];

impl SavingsReport {
    #[must_use]
    pub fn new(window: Window, region: Option<String>, rules: &Rules) -> Self {
        Self {
            window,
            region,
            rows: Vec::new(),
            endpoints: 0,
            after: None,
            cost: ReadingCost::default(),
            tag_prefix: rules.tag_prefix.clone(),
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut rows = self.rows.clone();
        sort(&mut rows);
        let mut bytes = 0;
        let mut fitting = Vec::new();
        for row in &rows {
            let row = self.row(row);
            bytes += row.to_string().len();
            if bytes > MOST_ROW_BYTES {
                break;
            }
            fitting.push(row);
        }
        let left_off = rows.len() - fitting.len();
        let known = || rows.iter().filter_map(|row| row.usage.ok());
        let total = |of: fn(Usage) -> f64| rounded(known().map(of).sum(), 2);
        let mut answer = json!({
            "outcome": "savings",
            "region": self.region,
            "days": DAYS,
            "from": format!("{:.0}", self.window.start),
            "to": format!("{:.0}", self.window.end),
            "endpoints": self.endpoints,
            "instanceHours": total(|usage| usage.instance_hours),
            "idleHours": total(|usage| usage.idle_hours),
            "rows": fitting,
            "assumptions": ASSUMPTIONS,
            "cost": self.cost.to_json(),
        });
        if left_off > 0 {
            answer["leftOff"] = json!(left_off);
        }
        if let Some(after) = &self.after {
            answer["after"] = json!(after.as_str());
        }
        answer
    }

    fn row(&self, row: &Row) -> Value {
        let hours = |of: fn(Usage) -> f64| row.usage.ok().map(|usage| rounded(of(usage), 2));
        let usd = |of: fn(Usage) -> f64| {
            let (usage, price) = (row.usage.ok()?, row.price.as_ref()?);
            Some(rounded(of(usage) * price.usd, 2))
        };
        let mut json = json!({
            "endpoint": row.endpoint.as_str(),
            "managed": row.standing.is_managed(),
            "instanceType": row.instance_type,
            "instanceHours": hours(|usage| usage.instance_hours),
            "alwaysOnHours": hours(|usage| usage.always_on_hours),
            "idleHours": hours(|usage| usage.idle_hours),
            "idleShare": row.usage.ok().map(|usage| rounded(usage.idle_share(), 4)),
            "requests": row.usage.ok().map(|usage| usage.requests),
            "usd": usd(|usage| usage.instance_hours),
            "alwaysOnUsd": usd(|usage| usage.always_on_hours),
            "idleUsd": usd(|usage| usage.idle_hours),
            "price": price(row.price.as_ref()),
        });
        match row.standing {
            Standing::Unmanaged | Standing::OptedOut => {
                let key = format!("{}{}", self.tag_prefix, Key::Enabled.as_str());
                json["tag"] = json!({ "Key": key, "Value": "true" });
            }
            Standing::Ineligible(reason) => json["reason"] = json!(reason_code(reason)),
            Standing::Managed | Standing::InvalidTags => {}
        }
        if let Err(reason) = row.usage {
            json["reason"] = json!(reason.code());
        }
        if !row.notes.is_empty() {
            json["notes"] = json!(row.notes);
        }
        json
    }
}
