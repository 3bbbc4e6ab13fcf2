//! The settings of an endpoint: [`table`] states each once, [`rules`] reads them from tags.

mod kind;
mod rules;
mod table;

use super::scaling::Suspended;
use super::warm::{WarmHours, WarmWindow};

pub use kind::{Kind, Word};
pub use rules::{Manage, Problem, Rules, Wish};
pub use table::{Key, SETTINGS, Setting};

/// The tag that the function itself writes; never a setting, whatever the prefix.
pub const STATUS_TAG: &str = "scale-to-zero-status";

/// The value by which an endpoint has no warm hours, whatever the default.
const NO_HOURS: &str = "none";

/// How many instances are started at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeInstances {
    /// As many as the backlog asks for.
    Auto,
    Fixed(i32),
}

/// How much of the scaling is suspended (`SuspendedState` of the scalable target).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    No,
    ScaleIn,
    All,
}

impl Pause {
    #[must_use]
    pub fn suspended(self) -> Suspended {
        match self {
            Self::No => Suspended::default(),
            Self::ScaleIn => Suspended { scale_in: true, ..Suspended::default() },
            Self::All => Suspended { scale_in: true, scale_out: true, scheduled: true },
        }
    }

    /// How a scalable target is paused, whoever did it.
    #[must_use]
    pub fn of(suspended: Suspended) -> Self {
        match (suspended.scale_in, suspended.scale_out) {
            (false, _) => Self::No,
            (true, false) => Self::ScaleIn,
            (true, true) => Self::All,
        }
    }
}

/// What the tags of one endpoint ask for. Invariants: 0 ≤ min ≤ max, 1 ≤ max ≤ the capacity limit,
/// 1 ≤ a fixed `wake_instances` ≤ max, min ≤ `warm_capacity` ≤ max, a target value that Application Auto Scaling takes, cooldowns ≥ 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub min_capacity: i32,
    pub max_capacity: i32,
    /// Whether the user said so by tag; only then may a running variant be cut down to it.
    pub max_capacity_is_tagged: bool,
    pub backlog_per_instance: f64,
    /// Seconds.
    pub scale_in_cooldown: i32,
    /// Seconds.
    pub scale_out_cooldown: i32,
    pub wake: bool,
    pub wake_instances: WakeInstances,
    /// Seconds, whole minutes. `None`: target tracking scales in by itself, as in AWS's example.
    pub idle_timeout: Option<i32>,
    pub warm_hours: WarmHours,
    /// `MinCapacity` in the warm hours.
    pub warm_capacity: i32,
    /// Seconds. No `idle_timeout` is shorter.
    pub longest_request: Option<i32>,
    pub pause: Pause,
    pub takeover: bool,
}

impl Default for Settings {
    /// Those of the table.
    fn default() -> Self {
        let mut settings = Self {
            min_capacity: 0,
            max_capacity: 0,
            max_capacity_is_tagged: false,
            backlog_per_instance: 0.0,
            scale_in_cooldown: 0,
            scale_out_cooldown: 0,
            wake: false,
            wake_instances: WakeInstances::Auto,
            idle_timeout: None,
            warm_hours: WarmHours::new(),
            warm_capacity: 0,
            longest_request: None,
            pause: Pause::No,
            takeover: false,
        };
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                // Held by `every_default_of_the_table_is_one_of_its_values`.
                _ = settings.set(setting.key, default, i32::MAX);
            }
        }
        settings
    }
}

impl Settings {
    /// Takes over one value; an error says what would be accepted.
    ///
    /// # Errors
    /// What the value must be, as the end of a sentence: `must be …`.
    pub fn set(&mut self, key: Key, value: &str, capacity_limit: i32) -> Result<(), String> {
        key.setting().kind.take(self, value, capacity_limit)
    }

    /// Takes over the warm hours of one label. `none` takes them away, where they are a default.
    fn set_window(&mut self, label: &str, value: &str) -> Result<(), String> {
        if value.trim().eq_ignore_ascii_case(NO_HOURS) {
            self.warm_hours.remove(label);
        } else {
            self.warm_hours.insert(label.to_owned(), WarmWindow::parse(value)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
