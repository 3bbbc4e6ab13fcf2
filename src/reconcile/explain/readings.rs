//! What no decision depends on, and an explanation does: alarm states, activities and the backlog.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::activities::ScalingActivity;
use super::super::endpoint::Endpoint;
use super::super::names::{AlarmKind, VariantName};
use super::super::settings::{Rules, Wish};
use super::finding::{About, Finding, FindingCode};
use super::signs::{Minute, Sign};

/// Seconds. Target tracking scales in after about as long
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>
/// leaves it open; 15 one-minute datapoints are what users report).
const TARGET_TRACKING_WINDOW: i32 = 15 * 60;

/// What no decision depends on, and an explanation does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// Ours, and those that target tracking has made for our policy. `None` where they couldn't be read.
    pub alarms: Option<BTreeMap<VariantName, Vec<AlarmReading>>>,
    /// The newest come first.
    pub activities: BTreeMap<VariantName, Vec<ScalingActivity>>,
    /// By minute, the newest first; minutes without data are left out.
    pub backlog: Vec<BacklogSize>,
    /// By minute, the newest first.
    pub signs: BTreeMap<(VariantName, Sign), Vec<Minute>>,
    /// When SageMaker last changed the endpoint.
    pub modified: Option<Timestamp>,
    pub unreadable: Vec<Unreadable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmReading {
    pub name: String,
    pub role: AlarmRole,
    pub state: AlarmState,
    /// When it last changed its state.
    pub since: Option<Timestamp>,
    /// CloudWatch's `StateReason`.
    pub reason: String,
    /// Its actions are enabled, and the policy is one of them.
    pub drives_its_policy: bool,
}

/// What an alarm is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmRole {
    Own(AlarmKind),
    /// Made by target tracking, `AlarmHigh`.
    ScaleOut,
    /// Made by target tracking, `AlarmLow`.
    ScaleIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

/// The greatest `ApproximateBacklogSize` of a minute. AWS documents that it counts what waits and what is being processed
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>); short requests don't show, and a user
/// reports that none do once the model has taken them.
#[derive(Debug, Clone, PartialEq)]
pub struct BacklogSize {
    /// ISO 8601, UTC.
    pub at: String,
    pub requests: f64,
}

/// A read that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The beginning of a sentence: `The states of the alarms`.
    pub what: &'static str,
    pub why: String,
}

/// How far back the backlog has to be read: seconds.
#[must_use]
pub fn backlog_window(rules: &Rules, endpoint: &Endpoint) -> i32 {
    let idle_timeout = match rules.read(&endpoint.tags) {
        Ok(Wish::Managed(settings)) => settings.idle_timeout,
        Ok(Wish::None | Wish::OptOut) | Err(_) => None,
    };
    idle_timeout.unwrap_or_default().max(TARGET_TRACKING_WINDOW)
}

pub(super) fn unreadable(unread: &Unreadable) -> Finding {
    let sentence = format!("{} couldn't be read: {}.", unread.what, unread.why);
    Finding::new(FindingCode::Unreadable, About::All, sentence)
}
