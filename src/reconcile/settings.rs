//! Reads the settings of an endpoint from its tags. Absent, wrong and default are three different things here. Every wrong tag
//! is reported, so that its owner mends all of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::endpoint::Tags;
use super::scaling::Suspended;
use super::values;
use super::warm::{WarmHours, WarmWindow};

/// The tag that the function itself writes; never a setting, whatever the prefix.
pub const STATUS_TAG: &str = "scale-to-zero-status";

/// Seconds.
const MINUTE: i32 = 60;
const HOUR: i32 = 60 * MINUTE;

/// Application Auto Scaling's largest `TargetValue`, 2^360; the smallest above zero is its reciprocal
/// (`TargetTrackingScalingPolicyConfiguration` in its API reference).
const LARGEST_TARGET_VALUE: f64 = 2.348_542_582_773_833_4e108;

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

impl Key {
    pub const ALL: [Self; 14] = [
        Self::Enabled,
        Self::MinCapacity,
        Self::MaxCapacity,
        Self::BacklogPerInstance,
        Self::ScaleInCooldown,
        Self::ScaleOutCooldown,
        Self::Wake,
        Self::WakeInstances,
        Self::IdleTimeout,
        Self::WarmHours,
        Self::WarmCapacity,
        Self::LongestRequest,
        Self::Pause,
        Self::Takeover,
    ];

    /// The settings for which the function can be deployed with another default. `enabled`, `pause` and `takeover` are
    /// decisions about one endpoint.
    pub const WITH_DEFAULT: [Self; 11] = [
        Self::MinCapacity,
        Self::MaxCapacity,
        Self::BacklogPerInstance,
        Self::ScaleInCooldown,
        Self::ScaleOutCooldown,
        Self::Wake,
        Self::WakeInstances,
        Self::IdleTimeout,
        Self::WarmHours,
        Self::WarmCapacity,
        Self::LongestRequest,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::MinCapacity => "min-capacity",
            Self::MaxCapacity => "max-capacity",
            Self::BacklogPerInstance => "backlog-per-instance",
            Self::ScaleInCooldown => "scale-in-cooldown",
            Self::ScaleOutCooldown => "scale-out-cooldown",
            Self::Wake => "wake",
            Self::WakeInstances => "wake-instances",
            Self::IdleTimeout => "idle-timeout",
            Self::WarmHours => "warm-hours",
            Self::WarmCapacity => "warm-capacity",
            Self::LongestRequest => "longest-request",
            Self::Pause => "pause",
            Self::Takeover => "takeover",
        }
    }

    fn nearest(name: &str) -> &'static str {
        let similarity = |known: &&str| strsim::jaro_winkler(known, name);
        Self::ALL
            .map(Self::as_str)
            .into_iter()
            .max_by(|one, other| similarity(one).total_cmp(&similarity(other)))
            .unwrap_or(Self::Enabled.as_str())
    }
}

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
    fn default() -> Self {
        Self {
            min_capacity: 0,
            max_capacity: 5,
            max_capacity_is_tagged: false,
            backlog_per_instance: 5.0,
            scale_in_cooldown: 300,
            scale_out_cooldown: 300,
            wake: true,
            wake_instances: WakeInstances::Auto,
            idle_timeout: Some(10 * MINUTE),
            warm_hours: WarmHours::new(),
            warm_capacity: 1,
            longest_request: None,
            pause: Pause::No,
            takeover: false,
        }
    }
}

impl Settings {
    /// Takes over one value; an error says what would be accepted.
    ///
    /// # Errors
    /// What the value must be, as the end of a sentence: `must be …`.
    pub fn set(&mut self, key: Key, value: &str, capacity_limit: i32) -> Result<(), String> {
        let capacity = |least: i32| {
            values::integer(value).filter(|count| (least..=capacity_limit).contains(count)).ok_or_else(|| {
                format!("must be an integer from {least} to {capacity_limit} (the CAPACITY_LIMIT of the deployment)")
            })
        };
        let cooldown = || {
            values::seconds(value)
                .ok_or_else(|| "must be a duration such as 300s, 10m, 1h or plain seconds, 300".to_owned())
        };
        let duration = |range: RangeInclusive<i32>| values::seconds(value).filter(|seconds| range.contains(seconds));
        let switch = || values::switch(value).ok_or_else(|| "must be true or false".to_owned());
        let is = |word: &str| value.trim().eq_ignore_ascii_case(word);
        match key {
            // Read before any other key, see `Rules::read`; here it only has to be legal.
            Key::Enabled => _ = switch()?,
            Key::MinCapacity => self.min_capacity = capacity(0)?,
            Key::MaxCapacity => self.max_capacity = capacity(1)?,
            Key::BacklogPerInstance => {
                self.backlog_per_instance = values::number(value)
                    .filter(|target| (LARGEST_TARGET_VALUE.recip()..=LARGEST_TARGET_VALUE).contains(target))
                    .ok_or_else(|| "must be a number above 0, such as 5 or 0.5".to_owned())?;
            }
            Key::ScaleInCooldown => self.scale_in_cooldown = cooldown()?,
            Key::ScaleOutCooldown => self.scale_out_cooldown = cooldown()?,
            Key::Wake => self.wake = switch()?,
            Key::WakeInstances if is("auto") => self.wake_instances = WakeInstances::Auto,
            Key::WakeInstances => {
                let count = capacity(1).map_err(|problem| problem.replacen("must be", "must be auto or", 1))?;
                self.wake_instances = WakeInstances::Fixed(count);
            }
            Key::IdleTimeout if is("none") => self.idle_timeout = None,
            Key::IdleTimeout => {
                let timeout = duration(MINUTE..=24 * HOUR).filter(|seconds| seconds % MINUTE == 0);
                let problem = || "must be a duration from 1m to 24h in whole minutes, or none".to_owned();
                self.idle_timeout = Some(timeout.ok_or_else(problem)?);
            }
            Key::WarmHours => self.set_window("", value)?,
            Key::WarmCapacity => self.warm_capacity = capacity(1)?,
            Key::LongestRequest => {
                let longest = duration(1..=HOUR);
                self.longest_request = Some(longest.ok_or_else(|| "must be a duration from 1s to 1h".to_owned())?);
            }
            Key::Pause if is("scale-in") => self.pause = Pause::ScaleIn,
            Key::Pause => {
                self.pause = match values::switch(value) {
                    Some(false) => Pause::No,
                    Some(true) => Pause::All,
                    None => return Err("must be true, scale-in or false".to_owned()),
                }
            }
            Key::Takeover => self.takeover = switch()?,
        }
        Ok(())
    }

    /// Takes over the warm hours of one label. `none` takes them away, where they are a default.
    fn set_window(&mut self, label: &str, value: &str) -> Result<(), String> {
        if value.trim().eq_ignore_ascii_case("none") {
            self.warm_hours.remove(label);
        } else {
            self.warm_hours.insert(label.to_owned(), WarmWindow::parse(value)?);
        }
        Ok(())
    }
}

/// What follows `warm-hours.` where an endpoint has several windows. It becomes a part of the name of a scheduled action,
/// which is at most 256 characters long and holds no `:`, `/` or `|`.
fn window_label(name: &str) -> Option<Result<&str, String>> {
    let label = name.strip_prefix(Key::WarmHours.as_str())?.strip_prefix('.')?;
    let is_fit = (1..=64).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let problem = || "has a label that is not 1 to 64 letters, digits, - and _".to_owned();
    Some(if is_fit { Ok(label) } else { Err(problem()) })
}

/// Which endpoints are managed, and by which settings where their tags say nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    pub tag_prefix: String,
    pub manage: Manage,
    pub defaults: Settings,
    /// The most instances that a tag may ask for. Whoever may tag sets sizes; whoever deploys sets the ceiling.
    pub capacity_limit: i32,
}

impl Default for Rules {
    /// As documented for a function that is deployed without any parameter.
    fn default() -> Self {
        Self {
            tag_prefix: "scale-to-zero:".to_owned(),
            manage: Manage::Tagged,
            defaults: Settings::default(),
            capacity_limit: 100,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manage {
    /// Endpoints with any tag of the prefix.
    Tagged,
    /// Every asynchronous endpoint that doesn't opt out.
    All,
}

/// What an endpoint's tags say about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// No tag of ours.
    None,
    /// `enabled` is `false`.
    OptOut,
    Managed(Settings),
}

/// A tag that can't be honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The whole key, prefix included.
    pub tag: String,
    /// `None` where the problem is that the tag is missing.
    pub value: Option<String>,
    /// What is wrong and what would be accepted.
    pub problem: String,
}

impl Rules {
    /// The whole tag key of a setting.
    #[must_use]
    pub fn tag(&self, key: Key) -> String {
        format!("{}{}", self.tag_prefix, key.as_str())
    }

    /// The settings among the tags: key without prefix, and value.
    fn own_tags<'a>(&'a self, tags: &'a Tags) -> impl Iterator<Item = (&'a str, &'a str)> {
        tags.iter()
            .filter(|(key, _)| key.as_str() != STATUS_TAG)
            .filter_map(|(key, value)| Some((key.strip_prefix(&self.tag_prefix)?, value.as_str())))
    }

    /// Whether a change of the tag `key` can matter to this function.
    #[must_use]
    pub fn is_own_tag(&self, key: &str) -> bool {
        key != STATUS_TAG && key.starts_with(&self.tag_prefix)
    }

    /// Reads what the tags ask for.
    ///
    /// # Errors
    /// All tags that can't be honoured, sorted by key.
    pub fn read(&self, tags: &Tags) -> Result<Wish, Vec<Problem>> {
        let own: Vec<(&str, &str)> = self.own_tags(tags).collect();
        if own.is_empty() && self.manage == Manage::Tagged {
            return Ok(Wish::None);
        }
        // Whoever opts out must not have to mend the other tags first.
        if own.iter().any(|(key, value)| *key == Key::Enabled.as_str() && values::switch(value) == Some(false)) {
            return Ok(Wish::OptOut);
        }
        let mut settings = self.defaults.clone();
        let mut tagged = BTreeMap::new();
        let mut problems = Vec::new();
        let mut unreadable = BTreeSet::new();
        for (name, value) in own {
            let outcome = match (Key::ALL.into_iter().find(|key| key.as_str() == name), window_label(name)) {
                (Some(key), _) => {
                    tagged.insert(key, value);
                    settings.set(key, value, self.capacity_limit).inspect_err(|_| _ = unreadable.insert(key))
                }
                (None, Some(label)) => label.and_then(|label| settings.set_window(label, value)),
                (None, None) => Err(self.unknown(name)),
            };
            if let Err(problem) = outcome {
                problems.push(Problem {
                    tag: format!("{}{name}", self.tag_prefix),
                    value: Some(value.to_owned()),
                    problem,
                });
            }
        }
        settings.max_capacity_is_tagged = tagged.contains_key(&Key::MaxCapacity);
        // Comparing settings of which one couldn't be read would only add noise.
        let capacities = [Key::MinCapacity, Key::MaxCapacity, Key::WakeInstances, Key::WarmCapacity];
        if unreadable.is_disjoint(&BTreeSet::from(capacities)) {
            self.fit_capacities(&mut settings, &tagged, &mut problems);
        }
        if unreadable.is_disjoint(&BTreeSet::from([Key::IdleTimeout, Key::LongestRequest])) {
            self.fit_idle_timeout(&mut settings, &tagged, &mut problems);
        }
        if problems.is_empty() {
            Ok(Wish::Managed(settings))
        } else {
            problems.sort_by(|one, other| one.tag.cmp(&other.tag));
            Err(problems)
        }
    }

    /// The `MinCapacity` outside the warm hours, whether the tags ask for the function or not.
    pub(super) fn min_capacity(&self, tags: &Tags) -> i32 {
        let mut settings = self.defaults.clone();
        if let Some((_, value)) = self.own_tags(tags).find(|(key, _)| *key == Key::MinCapacity.as_str()) {
            // What can't be read is as if it weren't there.
            _ = settings.set(Key::MinCapacity, value, self.capacity_limit);
        }
        settings.min_capacity
    }

    fn unknown(&self, name: &str) -> String {
        let known = Key::ALL.map(Key::as_str).join(", ");
        format!("is not a setting; did you mean {}{}? Known settings: {known}", self.tag_prefix, Key::nearest(name))
    }

    /// Holds the idle timeout at the longest request or above, so that no alarm can fire while one is in flight, should
    /// the backlog not count it. A default gives way, also one of `none`: target tracking scales in whatever is in flight.
    fn fit_idle_timeout(&self, settings: &mut Settings, tagged: &BTreeMap<Key, &str>, problems: &mut Vec<Problem>) {
        let Some(longest) = settings.longest_request else { return };
        if settings.idle_timeout.is_some_and(|timeout| timeout >= longest) {
            return;
        }
        let Some(value) = tagged.get(&Key::IdleTimeout) else {
            settings.idle_timeout = Some((longest + MINUTE - 1) / MINUTE * MINUTE);
            return;
        };
        let default = if tagged.contains_key(&Key::LongestRequest) { "" } else { " by default" };
        let demand =
            if settings.idle_timeout.is_some() { "must not be shorter than" } else { "must not be none beside" };
        problems.push(Problem {
            tag: self.tag(Key::IdleTimeout),
            value: Some((*value).to_owned()),
            problem: format!(
                "{demand} {}, which is {longest}s{default}: a request that takes so long could be killed by scaling in",
                Key::LongestRequest.as_str()
            ),
        });
    }

    /// Holds min ≤ max, wake ≤ max and min ≤ warm ≤ max. A default gives way to a tagged maximum; two tags that contradict each other
    /// are a problem, and so is a tag that contradicts the default maximum, for raising that one costs money.
    fn fit_capacities(&self, settings: &mut Settings, tagged: &BTreeMap<Key, &str>, problems: &mut Vec<Problem>) {
        let max = settings.max_capacity;
        let max_is_tagged = tagged.contains_key(&Key::MaxCapacity);
        let mut add = |key: Key, problem: String| {
            let value = tagged.get(&key).map(|value| (*value).to_owned());
            problems.push(Problem { tag: self.tag(key), value, problem });
        };
        let above_max = || {
            let hint = format!("set {} as well to allow more", self.tag(Key::MaxCapacity));
            if max_is_tagged {
                format!("must be at most {}, which is {max}", Key::MaxCapacity.as_str())
            } else {
                format!("must be at most {}, which is {max} by default; {hint}", Key::MaxCapacity.as_str())
            }
        };
        if settings.min_capacity > max {
            match (tagged.contains_key(&Key::MinCapacity), max_is_tagged) {
                (true, true) => {
                    let min = settings.min_capacity;
                    add(Key::MaxCapacity, format!("must be at least {}, which is {min}", Key::MinCapacity.as_str()));
                }
                (true, false) => add(Key::MinCapacity, above_max()),
                (false, _) => settings.min_capacity = max,
            }
        }
        // Nothing is compared with a default that has given way, and nothing twice with one that is a problem by itself.
        let min = settings.min_capacity.min(max);
        if matches!(settings.wake_instances, WakeInstances::Fixed(count) if count > max) {
            if tagged.contains_key(&Key::WakeInstances) {
                add(Key::WakeInstances, above_max());
            } else {
                settings.wake_instances = WakeInstances::Fixed(max);
            }
        }
        if !tagged.contains_key(&Key::WarmCapacity) {
            settings.warm_capacity = settings.warm_capacity.clamp(min, max);
        } else if settings.warm_capacity > max {
            add(Key::WarmCapacity, above_max());
        } else if settings.warm_capacity < min {
            let default = if tagged.contains_key(&Key::MinCapacity) { "" } else { " by default" };
            add(Key::WarmCapacity, format!("must be at least {}, which is {min}{default}", Key::MinCapacity.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::default()
    }

    impl Settings {
        fn with(mut self, key: Key, value: &str) -> Result<Self, String> {
            self.set(key, value, 100)?;
            Ok(self)
        }
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn managed(pairs: &[(&str, &str)]) -> Settings {
        match rules().read(&tags(pairs)) {
            Ok(Wish::Managed(settings)) => settings,
            other => panic!("{pairs:?} gave {other:?}"),
        }
    }

    /// The tags of all problems, each with what is said of it.
    fn problems(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let found = rules().read(&tags(pairs)).expect_err("these tags are wrong");
        found.into_iter().map(|problem| (problem.tag, problem.problem)).collect()
    }

    #[test]
    fn an_endpoint_without_a_tag_of_the_prefix_is_not_managed() {
        assert_eq!(rules().read(&tags(&[("team", "ml"), ("scale-to-zero-status", "x")])), Ok(Wish::None));
    }

    #[test]
    fn with_manage_all_an_untagged_endpoint_gets_the_defaults() {
        let all = Rules { manage: Manage::All, ..rules() };
        assert_eq!(all.read(&tags(&[])), Ok(Wish::Managed(Settings::default())));
        assert_eq!(all.read(&tags(&[("scale-to-zero:enabled", "false")])), Ok(Wish::OptOut));
    }

    #[test]
    fn any_tag_of_the_prefix_opts_in() {
        assert_eq!(managed(&[("scale-to-zero:enabled", "true")]), Settings::default());
        let max_is_tagged = Settings { max_capacity: 3, max_capacity_is_tagged: true, ..Settings::default() };
        assert_eq!(managed(&[("scale-to-zero:max-capacity", "3")]), max_is_tagged);
    }

    #[test]
    fn opting_out_wins_over_bad_tags() {
        let pairs = tags(&[("scale-to-zero:enabled", "false"), ("scale-to-zero:max-capcity", "x")]);
        assert_eq!(rules().read(&pairs), Ok(Wish::OptOut));
    }

    #[test]
    fn every_setting_is_read_from_its_tag() {
        let want = Settings {
            min_capacity: 1,
            max_capacity: 8,
            max_capacity_is_tagged: true,
            backlog_per_instance: 2.5,
            scale_in_cooldown: 600,
            scale_out_cooldown: 60,
            wake: false,
            wake_instances: WakeInstances::Fixed(2),
            idle_timeout: Some(1800),
            warm_hours: WarmHours::from([
                (String::new(), WarmWindow::parse("MON-FRI 08:00-18:00 Europe/Berlin").unwrap()),
                ("late".to_owned(), WarmWindow::parse("FRI 22:00-02:00 UTC").unwrap()),
            ]),
            warm_capacity: 4,
            longest_request: Some(900),
            pause: Pause::ScaleIn,
            takeover: true,
        };
        assert_eq!(
            managed(&[
                ("scale-to-zero:enabled", "true"),
                ("scale-to-zero:min-capacity", "1"),
                ("scale-to-zero:max-capacity", "8"),
                ("scale-to-zero:backlog-per-instance", "2.5"),
                ("scale-to-zero:scale-in-cooldown", "10m"),
                ("scale-to-zero:scale-out-cooldown", "60"),
                ("scale-to-zero:wake", "false"),
                ("scale-to-zero:wake-instances", "2"),
                ("scale-to-zero:idle-timeout", "30m"),
                ("scale-to-zero:warm-hours", "MON-FRI 08:00-18:00 Europe/Berlin"),
                ("scale-to-zero:warm-hours.late", "FRI 22:00-02:00 UTC"),
                ("scale-to-zero:warm-capacity", "4"),
                ("scale-to-zero:longest-request", "15m"),
                ("scale-to-zero:pause", "scale-in"),
                ("scale-to-zero:takeover", "true"),
            ]),
            want
        );
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let found = problems(&[
            ("scale-to-zero:backlog-per-instance", "0"),
            ("scale-to-zero:enabled", "y"),
            ("scale-to-zero:idle-timeout", "90s"),
            ("scale-to-zero:longest-request", "2h"),
            ("scale-to-zero:max-capcity", "5"),
            ("scale-to-zero:max-capacity", "101"),
            ("scale-to-zero:min-capacity", "-1"),
            ("scale-to-zero:pause", "maybe"),
            ("scale-to-zero:scale-in-cooldown", "5 minutes"),
            ("scale-to-zero:scale-out-cooldown", ""),
            ("scale-to-zero:takeover", "2"),
            ("scale-to-zero:wake", "Ture"),
            ("scale-to-zero:wake-instances", "0"),
            ("scale-to-zero:warm-capacity", "0"),
            ("scale-to-zero:warm-hours", "always"),
            ("scale-to-zero:warm-hours.", "MON 08:00-18:00 UTC"),
            ("scale-to-zero:warm-hours.x", "MON 08:00-18:00"),
        ]);
        let tags: Vec<&str> = found.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(
            tags,
            [
                "scale-to-zero:backlog-per-instance",
                "scale-to-zero:enabled",
                "scale-to-zero:idle-timeout",
                "scale-to-zero:longest-request",
                "scale-to-zero:max-capacity",
                "scale-to-zero:max-capcity",
                "scale-to-zero:min-capacity",
                "scale-to-zero:pause",
                "scale-to-zero:scale-in-cooldown",
                "scale-to-zero:scale-out-cooldown",
                "scale-to-zero:takeover",
                "scale-to-zero:wake",
                "scale-to-zero:wake-instances",
                "scale-to-zero:warm-capacity",
                "scale-to-zero:warm-hours",
                "scale-to-zero:warm-hours.",
                "scale-to-zero:warm-hours.x",
            ]
        );
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        for (name, nearest) in [
            ("max-capcity", "max-capacity"),
            ("Enabled", "enabled"),
            ("cooldown-scale-in", "scale-in-cooldown"),
            ("backlog", "backlog-per-instance"),
            ("wake-instance", "wake-instances"),
        ] {
            let found = problems(&[(&format!("scale-to-zero:{name}"), "1")]);
            let hint = format!("did you mean scale-to-zero:{nearest}?");
            assert!(found[0].1.contains(&hint), "{name}: {found:?}");
        }
    }

    #[test]
    fn capacities_that_contradict_each_other_are_a_problem() {
        let (min, max, wake) =
            ("scale-to-zero:min-capacity", "scale-to-zero:max-capacity", "scale-to-zero:wake-instances");
        let warm = "scale-to-zero:warm-capacity";
        for (pairs, tag, says) in [
            (vec![(min, "3"), (max, "2")], max, "at least min-capacity, which is 3"),
            (vec![(min, "6")], min, "max-capacity, which is 5 by default; set scale-to-zero:max-capacity as well"),
            (vec![(wake, "3"), (max, "2")], wake, "at most max-capacity, which is 2"),
            (vec![(wake, "6")], wake, "which is 5 by default"),
            (vec![(warm, "3"), (max, "2")], warm, "at most max-capacity, which is 2"),
            (vec![(warm, "6")], warm, "which is 5 by default"),
            (vec![(warm, "1"), (min, "2")], warm, "at least min-capacity, which is 2"),
        ] {
            let found = problems(&pairs);
            assert_eq!(found.len(), 1, "{pairs:?} gave {found:?}");
            assert!(found[0].0 == tag && found[0].1.contains(says), "{pairs:?} gave {found:?}");
        }
        let found = problems(&[(min, "6"), (max, "many")]);
        assert_eq!(found.len(), 1, "an unreadable maximum is compared with nothing: {found:?}");
    }

    #[test]
    fn a_default_gives_way_to_a_tagged_maximum() {
        let wake_instances = WakeInstances::Fixed(3);
        let defaults = Settings { min_capacity: 2, wake_instances, warm_capacity: 4, ..Settings::default() };
        let rules = Rules { defaults, ..rules() };
        match rules.read(&tags(&[("scale-to-zero:max-capacity", "1")])) {
            Ok(Wish::Managed(settings)) => {
                assert_eq!((settings.min_capacity, settings.max_capacity, settings.warm_capacity), (1, 1, 1));
                assert_eq!(settings.wake_instances, WakeInstances::Fixed(1));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn warm_hours_by_default_can_be_changed_and_taken_away() {
        let mut defaults = Settings::default();
        defaults.set(Key::WarmHours, "MON-FRI 08:00-18:00 UTC", 100).unwrap();
        let rules = Rules { defaults, ..rules() };
        let windows = |value: &str| match rules.read(&tags(&[("scale-to-zero:warm-hours", value)])) {
            Ok(Wish::Managed(settings)) => settings.warm_hours,
            other => panic!("{other:?}"),
        };
        assert_eq!(windows("none"), WarmHours::new());
        assert_eq!(windows("SAT 08:00-18:00 UTC")[""], WarmWindow::parse("SAT 08:00-18:00 UTC").unwrap());
    }

    #[test]
    fn the_least_warm_capacity_is_the_minimum() {
        assert_eq!(managed(&[("scale-to-zero:min-capacity", "2")]).warm_capacity, 2);
    }

    #[test]
    fn an_idle_timeout_is_whole_minutes_of_a_day_at_the_most() {
        let refusal = "must be a duration from 1m to 24h in whole minutes, or none";
        for (value, want) in [
            ("1m", Some(60)),
            ("60", Some(60)),
            ("24h", Some(86_400)),
            ("59s", None),
            ("61s", None),
            ("0", None),
            ("25h", None),
        ] {
            let set = Settings::default().with(Key::IdleTimeout, value).map(|settings| settings.idle_timeout);
            assert_eq!(set, want.map(Some).ok_or_else(|| refusal.to_owned()), "{value}");
        }
        for value in ["none", "None", " none "] {
            assert_eq!(
                Settings::default().with(Key::IdleTimeout, value).map(|settings| settings.idle_timeout),
                Ok(None)
            );
        }
    }

    #[test]
    fn instances_to_wake_with_are_a_number_or_left_to_the_backlog() {
        let set = |value| {
            let fixed = Settings { wake_instances: WakeInstances::Fixed(3), ..Settings::default() };
            fixed.with(Key::WakeInstances, value).map(|settings| settings.wake_instances)
        };
        assert_eq!(set("auto"), Ok(WakeInstances::Auto));
        assert_eq!(set("Auto"), Ok(WakeInstances::Auto));
        assert_eq!(set("2"), Ok(WakeInstances::Fixed(2)));
        for value in ["0", "101", "automatic", ""] {
            let problem = set(value).expect_err(value);
            assert!(problem.starts_with("must be auto or an integer from 1 to 100"), "{problem}");
        }
    }

    #[test]
    fn a_tag_is_not_compared_with_a_default_that_has_given_way() {
        let defaults = Settings { min_capacity: 3, warm_capacity: 4, ..Settings::default() };
        let rules = Rules { defaults, ..rules() };
        let (max, warm) = ("scale-to-zero:max-capacity", "scale-to-zero:warm-capacity");
        match rules.read(&tags(&[(max, "2"), (warm, "2")])) {
            Ok(Wish::Managed(settings)) => assert_eq!((settings.min_capacity, settings.warm_capacity), (2, 2)),
            other => panic!("{other:?}"),
        }
        let found = rules.read(&tags(&[(max, "2"), (warm, "1")])).expect_err("the minimum is 2 by then");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].problem.contains("which is 2 by default"), "{found:?}");
    }

    #[test]
    fn an_idle_timeout_shorter_than_the_longest_request_is_refused_and_a_default_gives_way() {
        let (idle, longest) = ("scale-to-zero:idle-timeout", "scale-to-zero:longest-request");
        let found = problems(&[(idle, "5m"), (longest, "10m")]);
        assert!(found.len() == 1 && found[0].0 == idle && found[0].1.contains("which is 600s"), "{found:?}");
        assert_eq!(managed(&[(idle, "10m"), (longest, "10m")]).idle_timeout, Some(600));
        let defaults = Settings { idle_timeout: Some(300), ..Settings::default() };
        let rules = Rules { defaults, ..rules() };
        match rules.read(&tags(&[(longest, "610s")])) {
            Ok(Wish::Managed(settings)) => assert_eq!(settings.idle_timeout, Some(660), "rounded up to whole minutes"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_longest_request_protects_by_itself_and_none_beside_it_is_refused() {
        let (idle, longest) = ("scale-to-zero:idle-timeout", "scale-to-zero:longest-request");
        assert_eq!(managed(&[(longest, "5m")]).idle_timeout, Some(600), "the default is longer");
        assert_eq!(managed(&[(longest, "1h")]).idle_timeout, Some(3600));
        let none = Rules { defaults: Settings { idle_timeout: None, ..Settings::default() }, ..rules() };
        match none.read(&tags(&[(longest, "61s")])) {
            Ok(Wish::Managed(settings)) => assert_eq!(settings.idle_timeout, Some(120)),
            other => panic!("{other:?}"),
        }
        let found = problems(&[(idle, "none"), (longest, "1s")]);
        assert!(found.len() == 1 && found[0].0 == idle && found[0].1.starts_with("must not be none"), "{found:?}");
    }

    #[test]
    fn a_tag_that_cannot_be_read_is_one_problem_whatever_its_default_contradicts() {
        let (idle, longest) = ("scale-to-zero:idle-timeout", "scale-to-zero:longest-request");
        let defaults = Settings { idle_timeout: Some(300), longest_request: Some(300), ..Settings::default() };
        let rules = Rules { defaults, ..rules() };
        for (pairs, tag) in [([(idle, "bogus"), (longest, "1h")], idle), ([(idle, "1m"), (longest, "bogus")], longest)]
        {
            let found = rules.read(&tags(&pairs)).expect_err("one tag is wrong");
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].tag.as_str(), found[0].value.as_deref()), (tag, Some("bogus")));
        }
    }

    #[test]
    fn a_problem_shows_the_value_as_it_was_tagged() {
        let pairs = [("scale-to-zero:idle-timeout", "5m"), ("scale-to-zero:longest-request", "10m")];
        let found = rules().read(&tags(&pairs)).expect_err("too short");
        assert_eq!(found[0].value.as_deref(), Some("5m"));
        let found = rules().read(&tags(&[("scale-to-zero:min-capacity", " 06")])).expect_err("above the maximum");
        assert_eq!(found[0].value.as_deref(), Some(" 06"));
    }

    #[test]
    fn the_status_tag_is_no_setting_even_where_the_prefix_covers_it() {
        let rules = Rules { tag_prefix: "scale-to-zero-".to_owned(), ..rules() };
        assert_eq!(rules.read(&tags(&[(STATUS_TAG, "invalid")])), Ok(Wish::None));
        assert!(!rules.is_own_tag(STATUS_TAG));
        assert!(rules.is_own_tag("scale-to-zero-enabled"));
    }

    #[test]
    fn a_pause_reads_back_from_the_target() {
        for pause in [Pause::No, Pause::ScaleIn, Pause::All] {
            assert_eq!(Pause::of(pause.suspended()), pause);
        }
    }

    #[test]
    fn the_smallest_and_largest_target_values_are_those_of_aws() {
        assert!((LARGEST_TARGET_VALUE - 2f64.powi(360)).abs() < f64::EPSILON * LARGEST_TARGET_VALUE);
    }
}
