//! What an explanation consists of: a cause in a sentence, and what to do about it.

use jiff::Timestamp;

/// A cause, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub code: FindingCode,
    pub about: About,
    pub sentence: String,
    /// The whole key of the tag that decides it.
    pub tag: Option<String>,
    pub advice: Option<String>,
}

/// The question that a finding answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Why doesn't it go to zero?
    Sleep,
    /// Why doesn't it get instances?
    Wake,
    /// Why isn't it as its tags say?
    Change,
    All,
}

/// In the order of importance, by which findings are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingCode {
    NotFound,
    Deleting,
    Serverless,
    ManagedInstanceScaling,
    NotAsync,
    BurstableInstance,
    OptedOut,
    NotManaged,
    Removing,
    EndpointFailed,
    InvalidTags,
    Conflict,
    UpdateFailed,
    NoCapacity,
    Quota,
    Updating,
    NotConfigured,
    Paused,
    WakeStuck,
    ScalingFailed,
    BelowMinCapacity,
    WakeMissing,
    SleepMissing,
    TrackingAlarmMissing,
    AlarmWithoutAction,
    LadderWithoutEffect,
    WorkUnseen,
    WakeOff,
    AtMaxCapacity,
    Drift,
    MinCapacity,
    WarmHours,
    Backlog,
    Completions,
    GpuUse,
    InsufficientData,
    IdleTimeout,
    TargetTracking,
    Starting,
    Waking,
    WakeAlarmNew,
    InstancesMiscounted,
    Unreadable,
    AllWell,
}

impl Finding {
    pub(super) fn new(code: FindingCode, about: About, sentence: impl Into<String>) -> Self {
        Self { code, about, sentence: sentence.into(), tag: None, advice: None }
    }

    pub(super) fn tag(self, tag: String) -> Self {
        Self { tag: Some(tag), ..self }
    }

    /// The tag decides it, and is what to change.
    pub(super) fn set(self, tag: String, to_what: &str) -> Self {
        let advice = format!("set the tag {tag} {to_what}");
        self.tag(tag).advice(advice)
    }

    pub(super) fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// `1 instance`, `2 instances`.
pub(super) fn count(number: f64, noun: &str) -> String {
    format!("{number} {noun}{}", if (number - 1.0).abs() < f64::EPSILON { "" } else { "s" })
}

/// `40 s`, `7 min`, `3 h 20 min`.
pub(super) fn time_span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// ISO 8601, UTC, in whole seconds.
#[must_use]
pub fn clock(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Another's text as the end of a sentence of ours.
pub(super) fn sentence_end(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
