//! The table of all settings: what a tag is called, which values it takes, what holds without it, and what it means, each
//! stated once. Tags and parameters are read by it; the documents, the template and the tests are compared with it.

use super::kind::{HOUR, Kind, MINUTE, Word};
use super::{Pause, WakeInstances};

/// The settings, each by the key that follows the tag prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Enabled,
    MinCapacity,
    MaxCapacity,
    BacklogPerInstance,
    ScaleInCooldown,
    ScaleOutCooldown,
    Wake,
    WakeInstances,
    IdleTimeout,
    WarmHours,
    WarmCapacity,
    LongestRequest,
    Pause,
    Takeover,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub key: Key,
    /// What follows the tag prefix.
    pub name: &'static str,
    /// Which values it takes, and where they go.
    pub kind: Kind,
    /// What the value may be beside other settings, as the documents say it.
    pub beside: &'static str,
    /// What holds without the tag, as the value of one.
    pub default: Option<&'static str>,
    /// Whether the function can be deployed with another default. What is a decision about one endpoint can't.
    pub has_parameter: bool,
    /// One line in the words of the documents.
    pub meaning: &'static str,
}

/// In the order in which they are listed everywhere, which is that of [`Key`].
pub const SETTINGS: [Setting; 14] = [
    Setting {
        key: Key::Enabled,
        name: "enabled",
        // Read before any other, see `Rules::read`; here it only has to be legal.
        kind: Kind::Switch { take: |_, _| (), or: None },
        beside: "",
        default: None,
        has_parameter: false,
        meaning: "`true` opts in; `false` opts out, and all that the function made is taken away",
    },
    Setting {
        key: Key::MinCapacity,
        name: "min-capacity",
        kind: Kind::Instances { least: 0, take: |settings, count| settings.min_capacity = count, or: None },
        beside: ", not above `max-capacity`",
        default: Some("0"),
        has_parameter: true,
        meaning: "the fewest instances",
    },
    Setting {
        key: Key::MaxCapacity,
        name: "max-capacity",
        kind: Kind::Instances { least: 1, take: |settings, count| settings.max_capacity = count, or: None },
        beside: "",
        default: Some("5"),
        has_parameter: true,
        meaning: "the most instances",
    },
    Setting {
        key: Key::BacklogPerInstance,
        name: "backlog-per-instance",
        kind: Kind::Number { take: |settings, target| settings.backlog_per_instance = target },
        beside: "",
        default: Some("5"),
        has_parameter: true,
        meaning: "how many requests, waiting or being processed, each instance should have",
    },
    Setting {
        key: Key::ScaleInCooldown,
        name: "scale-in-cooldown",
        kind: Kind::AnyDuration { take: |settings, seconds| settings.scale_in_cooldown = seconds },
        beside: "",
        default: Some("300s"),
        has_parameter: true,
        meaning: "the wait between two steps down; it matters only with `idle-timeout` = `none`",
    },
    Setting {
        key: Key::ScaleOutCooldown,
        name: "scale-out-cooldown",
        kind: Kind::AnyDuration { take: |settings, seconds| settings.scale_out_cooldown = seconds },
        beside: "",
        default: Some("300s"),
        has_parameter: true,
        meaning: "the wait between two steps up",
    },
    Setting {
        key: Key::Wake,
        name: "wake",
        kind: Kind::Switch { take: |settings, is_on| settings.wake = is_on, or: None },
        beside: "",
        default: Some("true"),
        has_parameter: true,
        meaning: "whether the first request wakes the endpoint from zero; it matters only where `min-capacity` is 0",
    },
    Setting {
        key: Key::WakeInstances,
        name: "wake-instances",
        kind: Kind::Instances {
            least: 1,
            take: |settings, count| settings.wake_instances = WakeInstances::Fixed(count),
            or: Some(Word { text: "auto", take: |settings| settings.wake_instances = WakeInstances::Auto }),
        },
        beside: ", not above `max-capacity`",
        default: Some("auto"),
        has_parameter: true,
        meaning: "how many instances it wakes with; `auto`: as many as the waiting requests ask for",
    },
    Setting {
        key: Key::IdleTimeout,
        name: "idle-timeout",
        kind: Kind::Duration {
            least: MINUTE,
            most: 24 * HOUR,
            in_minutes: true,
            take: |settings, seconds| settings.idle_timeout = Some(seconds),
            or: Some(Word { text: "none", take: |settings| settings.idle_timeout = None }),
        },
        beside: "",
        default: Some("10m"),
        has_parameter: true,
        meaning: "how long nothing waits and nothing is processed before all instances above `min-capacity` go; with \
                  `none`, target tracking scales in, as in AWS's example",
    },
    Setting {
        key: Key::WarmHours,
        name: "warm-hours",
        kind: Kind::Hours,
        beside: "",
        default: None,
        has_parameter: true,
        meaning: "when instances are kept ready, such as `MON-FRI 08:00-18:00 Europe/Berlin`: then `min-capacity` is raised to `warm-capacity`",
    },
    Setting {
        key: Key::WarmCapacity,
        name: "warm-capacity",
        kind: Kind::Instances { least: 1, take: |settings, count| settings.warm_capacity = count, or: None },
        beside: ", from `min-capacity` to `max-capacity`",
        default: Some("1"),
        has_parameter: true,
        meaning: "the fewest instances in the warm hours",
    },
    Setting {
        key: Key::LongestRequest,
        name: "longest-request",
        kind: Kind::Duration {
            least: 1,
            most: HOUR,
            in_minutes: false,
            take: |settings, seconds| settings.longest_request = Some(seconds),
            or: None,
        },
        beside: "",
        default: None,
        has_parameter: true,
        meaning: "how long your longest request takes; no idle timeout may be shorter",
    },
    Setting {
        key: Key::Pause,
        name: "pause",
        kind: Kind::Switch {
            take: |settings, is_on| settings.pause = if is_on { Pause::All } else { Pause::No },
            or: Some(Word { text: "scale-in", take: |settings| settings.pause = Pause::ScaleIn }),
        },
        beside: "",
        default: Some("false"),
        has_parameter: false,
        meaning: "`true` suspends all scaling, `scale-in` only keeps instances from being taken away",
    },
    Setting {
        key: Key::Takeover,
        name: "takeover",
        kind: Kind::Switch { take: |settings, is_on| settings.takeover = is_on, or: None },
        beside: "",
        default: Some("false"),
        has_parameter: false,
        meaning: "`true` replaces the policies and scheduled actions of another owner",
    },
];

impl Key {
    /// What the table says of it.
    #[must_use]
    pub fn setting(self) -> &'static Setting {
        // Held by `the_table_has_the_order_of_the_keys`.
        &SETTINGS[self as usize]
    }

    /// What follows the tag prefix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.setting().name
    }

    /// The key of this very name.
    pub(super) fn of(name: &str) -> Option<Self> {
        SETTINGS.iter().find(|setting| setting.name == name).map(|setting| setting.key)
    }

    /// The name that is most like this one.
    pub(super) fn nearest(name: &str) -> &'static str {
        let similarity = |setting: &&Setting| strsim::jaro_winkler(setting.name, name);
        SETTINGS
            .iter()
            .max_by(|one, other| similarity(one).total_cmp(&similarity(other)))
            .map_or(Self::Enabled.as_str(), |setting| setting.name)
    }
}

impl Setting {
    /// The environment variable with the default of a deployment: `DEFAULT_MAX_CAPACITY` for `max-capacity`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("DEFAULT_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

/// The names of all settings.
pub(super) fn known() -> String {
    SETTINGS.map(|setting| setting.name).join(", ")
}
