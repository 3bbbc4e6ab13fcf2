//! The kinds of values that settings have: how one is read, and the words for what is accepted.

use super::super::values;
use super::{NO_HOURS, Settings};

/// Seconds.
pub(super) const MINUTE: i32 = 60;
pub(super) const HOUR: i32 = 60 * MINUTE;

/// Application Auto Scaling's largest `TargetValue`, 2^360; the smallest above zero is its reciprocal
/// (`TargetTrackingScalingPolicyConfiguration` in its API reference).
pub(super) const LARGEST_TARGET_VALUE: f64 = 2.348_542_582_773_833_4e108;

/// Which values a setting takes, and where they go.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Switch {
        take: fn(&mut Settings, bool),
        or: Option<Word>,
    },
    /// A number of instances up to the capacity limit.
    Instances {
        least: i32,
        take: fn(&mut Settings, i32),
        or: Option<Word>,
    },
    /// A number above zero that Application Auto Scaling takes as a target.
    Number {
        take: fn(&mut Settings, f64),
    },
    AnyDuration {
        take: fn(&mut Settings, i32),
    },
    /// Bounds in seconds.
    Duration {
        least: i32,
        most: i32,
        in_minutes: bool,
        take: fn(&mut Settings, i32),
        or: Option<Word>,
    },
    /// Days, times and a time zone.
    Hours,
}

/// A word that a setting takes beside the values of its kind.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub text: &'static str,
    pub take: fn(&mut Settings),
}

impl Kind {
    fn word(self) -> Option<Word> {
        match self {
            Self::Switch { or, .. } | Self::Instances { or, .. } | Self::Duration { or, .. } => or,
            Self::Number { .. } | Self::AnyDuration { .. } | Self::Hours => None,
        }
    }

    /// Reads a value and takes it over; an error says what would be accepted, as the end of a sentence: `must be …`.
    pub(super) fn take(self, settings: &mut Settings, text: &str, capacity_limit: i32) -> Result<(), String> {
        if let Some(word) = self.word()
            && text.trim().eq_ignore_ascii_case(word.text)
        {
            (word.take)(settings);
            return Ok(());
        }
        let taken = match self {
            Self::Switch { take, .. } => values::switch(text).map(|is_on| take(settings, is_on)),
            Self::Instances { least, take, .. } => values::integer(text)
                .filter(|count| (least..=capacity_limit).contains(count))
                .map(|count| take(settings, count)),
            Self::Number { take } => values::number(text)
                .filter(|target| (LARGEST_TARGET_VALUE.recip()..=LARGEST_TARGET_VALUE).contains(target))
                .map(|target| take(settings, target)),
            Self::AnyDuration { take } => values::seconds(text).map(|seconds| take(settings, seconds)),
            Self::Duration { least, most, in_minutes, take, .. } => values::seconds(text)
                .filter(|seconds| (least..=most).contains(seconds) && (!in_minutes || seconds % MINUTE == 0))
                .map(|seconds| take(settings, seconds)),
            Self::Hours => return settings.set_window("", text),
        };
        taken.ok_or_else(|| self.demand(capacity_limit))
    }

    /// What the value must be.
    fn demand(self, capacity_limit: i32) -> String {
        match self {
            Self::Switch { or: None, .. } => "must be true or false".to_owned(),
            Self::Switch { or: Some(word), .. } => format!("must be true, {} or false", word.text),
            Self::Instances { least, or, .. } => {
                let word = or.map(|word| format!("{} or ", word.text)).unwrap_or_default();
                format!(
                    "must be {word}an integer from {least} to {capacity_limit} (the CAPACITY_LIMIT of the deployment)"
                )
            }
            Self::Number { .. } => "must be a number above 0, such as 5 or 0.5".to_owned(),
            Self::AnyDuration { .. } => "must be a duration such as 300s, 10m, 1h or plain seconds, 300".to_owned(),
            Self::Duration { least, most, in_minutes, or, .. } => {
                let minutes = if in_minutes { " in whole minutes" } else { "" };
                let word = or.map(|word| format!(", or {}", word.text)).unwrap_or_default();
                format!("must be a duration from {} to {}{minutes}{word}", duration(least), duration(most))
            }
            // Its own parser tells which part is wrong.
            Self::Hours => "must be days, times and a time zone".to_owned(),
        }
    }

    /// The values in the words of the documents, where code stands between backticks.
    #[must_use]
    pub fn in_words(self) -> String {
        let or = |word: Option<Word>| word.map(|word| format!(", or `{}`", word.text)).unwrap_or_default();
        match self {
            Self::Switch { or: word, .. } => format!("switch{}", or(word)),
            Self::Instances { least, or: word, .. } => {
                let word = word.map(|word| format!("`{}`, or ", word.text)).unwrap_or_default();
                format!("{word}integer from {least} to `CapacityLimit`")
            }
            Self::Number { .. } => "number above 0, such as `5` or `0.5`".to_owned(),
            Self::AnyDuration { .. } => "duration".to_owned(),
            Self::Duration { least, most, in_minutes, or: word, .. } => {
                let minutes = if in_minutes { ", in whole minutes" } else { "" };
                format!("duration from `{}` to `{}`{minutes}{}", duration(least), duration(most), or(word))
            }
            Self::Hours => format!("`MON-FRI 08:00-18:00 Europe/Berlin`, or `{NO_HOURS}`"),
        }
    }
}

/// In the largest unit that is whole: `24h`, `1m`, `1s`.
fn duration(seconds: i32) -> String {
    if seconds % HOUR == 0 {
        format!("{}h", seconds / HOUR)
    } else if seconds % MINUTE == 0 {
        format!("{}m", seconds / MINUTE)
    } else {
        format!("{seconds}s")
    }
}
