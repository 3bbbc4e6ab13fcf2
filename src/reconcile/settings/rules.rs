//! Which endpoints are managed, and what their tags ask for. Absent, wrong and default are three different things here.
//! Every wrong tag is reported, so that its owner mends all of them at once.

use std::collections::{BTreeMap, BTreeSet};

use super::super::endpoint::Tags;
use super::super::values;
use super::kind::MINUTE;
use super::table::known;
use super::{Key, STATUS_TAG, Settings, WakeInstances};

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
    /// The most instances that a tag may ask for. A person who may tag sets sizes; the deployer sets this ceiling.
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
    /// No tag of the prefix.
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
        // An owner who opts out must not have to mend the other tags first.
        if own.iter().any(|(key, value)| *key == Key::Enabled.as_str() && values::switch(value) == Some(false)) {
            return Ok(Wish::OptOut);
        }
        let mut settings = self.defaults.clone();
        let mut tagged = BTreeMap::new();
        let mut problems = Vec::new();
        let mut unreadable = BTreeSet::new();
        for (name, value) in own {
            let outcome = match (Key::of(name), window_label(name)) {
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
    pub(in super::super) fn min_capacity(&self, tags: &Tags) -> i32 {
        let mut settings = self.defaults.clone();
        if let Some((_, value)) = self.own_tags(tags).find(|(key, _)| *key == Key::MinCapacity.as_str()) {
            // What can't be read is as if it weren't there.
            _ = settings.set(Key::MinCapacity, value, self.capacity_limit);
        }
        settings.min_capacity
    }

    fn unknown(&self, name: &str) -> String {
        let (prefix, nearest) = (&self.tag_prefix, Key::nearest(name));
        format!("is not a setting; did you mean {prefix}{nearest}? Known settings: {}", known())
    }

    /// Holds the idle timeout at the longest request or above. Then no alarm can fire while a request is in flight, even if the
    /// backlog does not count it. A default gives way, also one of `none`: target tracking scales in whatever is in flight.
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
    /// are a problem, and so is a tag that contradicts the default maximum, because raising that one costs money.
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
        // A default that has given way is compared with nothing, and one that is a problem by itself is compared only once.
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
