//! How the function is deployed: environment variables in, [`Config`] out. Read once, at start; a bad value stops the
//! function there, before it can do the wrong thing to any endpoint.

use std::fmt;

use crate::pace::Pace;
use crate::reconcile::{Key, Manage, Rules, SETTINGS, Settings, WakeInstances};

/// Application Auto Scaling's own bound on a capacity is that of its 32-bit field.
const LARGEST_CAPACITY: i32 = i32::MAX;

const LONGEST_TAG_KEY: usize = 128;
/// That AWS allows on anything.
const MOST_TAGS: usize = 50;

/// The function's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub rules: Rules,
    /// Defaults that are legal by themselves but don't go together. The nearest legal value is used instead: CloudFormation
    /// can't compare parameters, and a function that stopped would leave every endpoint alone.
    pub given_way: Vec<BadVariable>,
    /// The queue that a sweep fans out to; without it a sweep does its work itself.
    pub work_queue_url: Option<String>,
    /// Whether metrics are written.
    pub metrics: bool,
    /// Whether the function keeps the status tag. If not, it takes none away either: it then writes no tags at all.
    pub status_tag: bool,
    /// What becomes of everything that the function made when its stack is deleted.
    pub on_delete: OnDelete,
    /// Whether what happens to endpoints is told on EventBridge.
    pub events: bool,
    /// The keys of the endpoint's tags that are copied to what the function makes for it.
    pub copy_tags: Vec<String>,
    /// How the waits between attempts are drawn.
    pub pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    Keep,
    Remove,
}

impl OnDelete {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "keep" => Some(Self::Keep),
            "remove" => Some(Self::Remove),
            _ => None,
        }
    }
}

/// An environment variable that can't be used, and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariable {
    variable: String,
    value: String,
    problem: String,
}

impl BadVariable {
    fn new(variable: &str, value: &str, problem: &str) -> Self {
        Self { variable: variable.to_owned(), value: value.to_owned(), problem: problem.to_owned() }
    }

    /// In the words of whoever deploys the template, whose parameters these are.
    #[must_use]
    pub fn of_parameter(&self) -> String {
        let Self { variable, value, problem } = self;
        format!("parameter {}: {variable}={value:?} {problem}", parameter(variable))
    }
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, value, problem } = self;
        write!(f, "environment variable {variable}={value:?} {problem}")
    }
}

/// The template's parameter of an environment variable: `DefaultMaxCapacity` of `DEFAULT_MAX_CAPACITY`.
fn parameter(variable: &str) -> String {
    let capitalised = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_owned() + &rest.to_lowercase()
    };
    variable.split('_').map(capitalised).collect()
}

/// All environment variables that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfiguration {
    bad: Vec<BadVariable>,
    /// Whether a stack has deployed the function, and asks it about its parameters.
    pub is_of_stack: bool,
}

impl InvalidConfiguration {
    /// The fixed `errorType`.
    pub const ERROR_TYPE: &str = "InvalidConfiguration";

    /// In the words of whoever deploys the template.
    #[must_use]
    pub fn of_parameters(&self) -> String {
        self.bad.iter().map(BadVariable::of_parameter).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for InvalidConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bad.iter().map(BadVariable::to_string).collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for InvalidConfiguration {}

impl Config {
    /// `lookup` gives the value of an environment variable. An empty one counts as unset: a SAM parameter can't be.
    ///
    /// # Errors
    /// All variables that can't be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfiguration> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let mut refuse = |variable: &str, value: &str, problem: &str| {
            problems.push(BadVariable::new(variable, value, problem));
        };
        let mut given_way = Vec::new();
        let mut yields = |variable: &str, value: &str, problem: &str| {
            given_way.push(BadVariable::new(variable, value, problem));
        };

        let documented = Rules::default();
        let tag_prefix = lookup("TAG_PREFIX").unwrap_or(documented.tag_prefix);
        if !is_tag_prefix(&tag_prefix) {
            refuse(
                "TAG_PREFIX",
                &tag_prefix,
                "must be at most 64 letters, digits, spaces and _ . : / = + - @, and not start with aws:",
            );
        }
        let manage = lookup("MANAGE").unwrap_or_else(|| "tagged".to_owned());
        let manage = match manage.as_str() {
            "tagged" => Manage::Tagged,
            "all" => Manage::All,
            other => {
                refuse("MANAGE", other, "must be tagged or all");
                Manage::Tagged
            }
        };
        let mut capacity_limit = documented.capacity_limit;
        if let Some(value) = lookup("CAPACITY_LIMIT") {
            match value.parse() {
                Ok(limit @ 1..=LARGEST_CAPACITY) => capacity_limit = limit,
                _ => refuse("CAPACITY_LIMIT", &value, "must be an integer of 1 or more"),
            }
        }

        let mut defaults = documented.defaults;
        defaults.max_capacity = defaults.max_capacity.min(capacity_limit);
        for setting in SETTINGS.iter().filter(|setting| setting.has_parameter) {
            let (key, variable) = (setting.key, setting.variable());
            let Some(value) = lookup(&variable) else { continue };
            let Err(problem) = defaults.set(key, &value, capacity_limit) else { continue };
            // Good by itself, and above what another parameter allows.
            if defaults.set(key, &value, LARGEST_CAPACITY).is_ok() {
                _ = defaults.set(key, &capacity_limit.to_string(), capacity_limit);
                yields(&variable, &value, &problem);
            } else {
                refuse(&variable, &value, &problem);
            }
        }
        given_way.extend(fit_to_the_largest(&mut defaults));
        let work_queue_url = lookup("WORK_QUEUE_URL");
        if let Some(url) = work_queue_url.as_deref().filter(|url| !url.starts_with("http")) {
            refuse("WORK_QUEUE_URL", url, "must be the URL of an SQS queue");
        }
        let switches = [("METRICS", true), ("STATUS_TAG", true), ("EVENTS", false)];
        let [metrics, status_tag, events] = switches.map(|(variable, default)| match lookup(variable).as_deref() {
            None => default,
            Some("on") => true,
            Some("off") => false,
            Some(other) => {
                refuse(variable, other, "must be on or off");
                default
            }
        });
        let on_delete = lookup("ON_DELETE");
        let is_of_stack = on_delete.as_deref().and_then(OnDelete::parse).is_some();
        let on_delete = match on_delete.as_deref() {
            None => OnDelete::Keep,
            Some(text) => OnDelete::parse(text).unwrap_or_else(|| {
                refuse("ON_DELETE", text, "must be keep or remove");
                OnDelete::Keep
            }),
        };
        let listed = lookup("COPY_TAGS").unwrap_or_default();
        let copy_tags = tag_keys(&listed).unwrap_or_else(|problem| {
            refuse("COPY_TAGS", &listed, problem);
            Vec::new()
        });
        let pace = match lookup(Pace::VARIABLE) {
            None => Pace::default(),
            Some(value) => Pace::parse(&value).unwrap_or_else(|| {
                refuse(Pace::VARIABLE, &value, "must be an integer from 1 to 100, and is for tests alone");
                Pace::default()
            }),
        };
        if problems.is_empty() {
            let rules = Rules { tag_prefix, manage, defaults, capacity_limit };
            Ok(Self { rules, given_way, work_queue_url, metrics, status_tag, on_delete, events, copy_tags, pace })
        } else {
            Err(InvalidConfiguration { bad: problems, is_of_stack })
        }
    }
}

/// Lowers the default numbers of instances to the default maximum, and says which.
fn fit_to_the_largest(defaults: &mut Settings) -> Vec<BadVariable> {
    let mut lowered = Vec::new();
    let largest = defaults.max_capacity;
    let wake_instances = match defaults.wake_instances {
        WakeInstances::Auto => 1,
        WakeInstances::Fixed(count) => count,
    };
    let counts = [
        (Key::MinCapacity, defaults.min_capacity),
        (Key::WakeInstances, wake_instances),
        (Key::WarmCapacity, defaults.warm_capacity),
    ];
    for (key, count) in counts {
        if count > largest {
            let problem = format!("must be at most DEFAULT_MAX_CAPACITY, which is {largest}");
            _ = defaults.set(key, &largest.to_string(), largest);
            lowered.push(BadVariable::new(&key.setting().variable(), &count.to_string(), &problem));
        }
    }
    lowered
}

fn tag_keys(listed: &str) -> Result<Vec<String>, &'static str> {
    let keys = listed.split(',').map(str::trim).filter(|key| !key.is_empty());
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    let is_good = keys.len() <= MOST_TAGS && keys.iter().all(|key| is_tag_text(key, LONGEST_TAG_KEY));
    is_good.then_some(keys).ok_or(
        "must be at most 50 tag keys with commas between, each of at most 128 letters, digits, spaces and _ . : / = + - @, \
         and not starting with aws:",
    )
}

/// A tag key (`TagKey` in the SageMaker API reference), with room left for the longest setting.
fn is_tag_prefix(prefix: &str) -> bool {
    is_tag_text(prefix, 64)
}

/// What AWS takes as a tag key, or as a part of one.
fn is_tag_text(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && !text.to_ascii_lowercase().starts_with("aws:")
        && text.chars().all(|letter| letter.is_alphanumeric() || letter == ' ' || "_.:/=+-@".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::Setting;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let lookup =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        Config::read(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn without_any_variable_the_documented_defaults_hold() {
        let rules = read(&[]).unwrap().rules;
        assert_eq!(
            rules,
            Rules {
                tag_prefix: "scale-to-zero:".to_owned(),
                manage: Manage::Tagged,
                defaults: Settings::default(),
                capacity_limit: 100,
            }
        );
    }

    /// A parameter of the stack can't be left out, only be empty.
    #[test]
    fn an_empty_variable_is_as_if_unset_and_a_blank_default_is_refused_by_its_name() {
        let unset = read(&[]).unwrap();
        let others = ["TAG_PREFIX", "MANAGE", "CAPACITY_LIMIT", "WORK_QUEUE_URL", "COPY_TAGS", "ON_DELETE"];
        let switches = ["METRICS", "STATUS_TAG", "EVENTS"];
        let with_parameter = SETTINGS.iter().filter(|setting| setting.has_parameter);
        let defaults: Vec<String> = with_parameter.map(Setting::variable).collect();
        for variable in defaults.iter().map(String::as_str).chain(others).chain(switches) {
            assert_eq!(read(&[(variable, "")]).as_ref(), Ok(&unset), "{variable}");
        }
        let all_empty: Vec<(&str, &str)> = defaults.iter().map(|variable| (variable.as_str(), "")).collect();
        assert_eq!(read(&all_empty).as_ref(), Ok(&unset));
        for variable in &defaults {
            let refused = read(&[(variable, " ")]).unwrap_err();
            assert!(refused.starts_with(&format!("environment variable {variable}=\" \" ")), "{refused}");
        }
    }

    #[test]
    fn every_default_has_its_variable() {
        let rules = read(&[
            ("TAG_PREFIX", "team/zero:"),
            ("MANAGE", "all"),
            ("CAPACITY_LIMIT", "10"),
            ("DEFAULT_MIN_CAPACITY", "1"),
            ("DEFAULT_MAX_CAPACITY", "9"),
            ("DEFAULT_BACKLOG_PER_INSTANCE", "2.5"),
            ("DEFAULT_SCALE_IN_COOLDOWN", "10m"),
            ("DEFAULT_SCALE_OUT_COOLDOWN", "30s"),
            ("DEFAULT_WAKE", "false"),
            ("DEFAULT_WAKE_INSTANCES", "3"),
            ("DEFAULT_IDLE_TIMEOUT", "10m"),
            ("DEFAULT_LONGEST_REQUEST", "8m"),
        ])
        .unwrap()
        .rules;
        let defaults = Settings {
            min_capacity: 1,
            max_capacity: 9,
            backlog_per_instance: 2.5,
            scale_in_cooldown: 600,
            scale_out_cooldown: 30,
            wake: false,
            wake_instances: WakeInstances::Fixed(3),
            idle_timeout: Some(600),
            longest_request: Some(480),
            ..Settings::default()
        };
        let want = Rules { tag_prefix: "team/zero:".to_owned(), manage: Manage::All, defaults, capacity_limit: 10 };
        assert_eq!(rules, want);
    }

    #[test]
    fn metrics_and_the_status_tag_are_there_unless_switched_off() {
        for (value, want) in [("", true), ("on", true), ("off", false)] {
            let metrics = read(&[("METRICS", value)]).unwrap();
            assert_eq!((metrics.metrics, metrics.status_tag), (want, true), "METRICS={value}");
            let status_tag = read(&[("STATUS_TAG", value)]).unwrap();
            assert_eq!((status_tag.metrics, status_tag.status_tag), (true, want), "STATUS_TAG={value}");
        }
    }

    #[test]
    fn nothing_is_told_and_no_tag_goes_along_unless_asked() {
        let unset = read(&[]).unwrap();
        assert_eq!((unset.events, unset.copy_tags), (false, Vec::new()));
        let set = read(&[("EVENTS", "on"), ("COPY_TAGS", " CostCenter, Owner,,")]).unwrap();
        assert_eq!((set.events, set.copy_tags), (true, vec!["CostCenter".to_owned(), "Owner".to_owned()]));
    }

    #[test]
    fn a_bad_value_is_refused_by_the_name_of_its_variable() {
        for (variable, value) in [
            ("TAG_PREFIX", "aws:zero"),
            ("TAG_PREFIX", "a,b"),
            ("MANAGE", "some"),
            ("CAPACITY_LIMIT", "0"),
            ("CAPACITY_LIMIT", "lots"),
            ("DEFAULT_BACKLOG_PER_INSTANCE", "0"),
            ("DEFAULT_SCALE_IN_COOLDOWN", "soon"),
            ("DEFAULT_SCALE_OUT_COOLDOWN", "-1"),
            ("DEFAULT_WAKE", "y"),
            ("DEFAULT_IDLE_TIMEOUT", "30s"),
            ("DEFAULT_LONGEST_REQUEST", "2h"),
            ("WORK_QUEUE_URL", "work"),
            ("METRICS", "true"),
            ("STATUS_TAG", "OFF"),
            ("ON_DELETE", "purge"),
            ("EVENTS", "yes"),
            ("COPY_TAGS", "Owner,aws:createdBy"),
            ("COPY_TAGS", "Cost*Center"),
            ("DIVIDE_WAITS_BY", "0"),
            ("DIVIDE_WAITS_BY", "1000"),
        ] {
            let error = read(&[(variable, value)]).expect_err(variable);
            assert!(error.contains(&format!("{variable}={value:?}")), "{error}");
        }
    }

    #[test]
    fn defaults_that_do_not_go_together_give_way_to_the_nearest_that_do() {
        for (variables, min, max, warm) in [
            (&[("DEFAULT_MIN_CAPACITY", "6")][..], 5, 5, 1),
            (&[("DEFAULT_MAX_CAPACITY", "101")], 0, 100, 1),
            (&[("CAPACITY_LIMIT", "3"), ("DEFAULT_MAX_CAPACITY", "5")], 0, 3, 1),
            (&[("DEFAULT_WARM_CAPACITY", "9"), ("DEFAULT_MAX_CAPACITY", "2")], 0, 2, 2),
        ] {
            let config = read(variables).unwrap();
            let Settings { min_capacity, max_capacity, warm_capacity, .. } = config.rules.defaults;
            assert_eq!((min_capacity, max_capacity, warm_capacity), (min, max, warm), "{variables:?}");
            assert_eq!(config.given_way.len(), 1, "{variables:?}");
        }
        assert_eq!(read(&[("DEFAULT_LONGEST_REQUEST", "40m")]).unwrap().given_way, []);
    }

    #[test]
    fn what_the_deletion_of_the_stack_does_is_said_by_the_stack() {
        for (value, want) in [("", OnDelete::Keep), ("keep", OnDelete::Keep), ("remove", OnDelete::Remove)] {
            assert_eq!(read(&[("ON_DELETE", value)]).unwrap().on_delete, want, "{value}");
        }
        let is_of_stack = |on_delete: &str| {
            let lookup = |name: &str| match name {
                "ON_DELETE" => Some(on_delete.to_owned()),
                "MANAGE" => Some("x".to_owned()),
                _ => None,
            };
            Config::read(lookup).unwrap_err().is_of_stack
        };
        assert_eq!(["", "keep", "remove", "purge"].map(is_of_stack), [false, true, true, false]);
    }

    #[test]
    fn a_bad_variable_is_told_by_the_name_that_its_reader_knows() {
        let lookup = |name: &str| ["MANAGE", "DEFAULT_MAX_CAPACITY"].contains(&name).then(|| "x".to_owned());
        let invalid = Config::read(lookup).unwrap_err();
        let capacity = "must be an integer from 1 to 100 (the CAPACITY_LIMIT of the deployment)";
        assert_eq!(
            invalid.of_parameters(),
            format!(
                "parameter Manage: MANAGE=\"x\" must be tagged or all; parameter DefaultMaxCapacity: \
                 DEFAULT_MAX_CAPACITY=\"x\" {capacity}"
            )
        );
        assert_eq!(
            invalid.to_string(),
            format!(
                "environment variable MANAGE=\"x\" must be tagged or all; environment variable DEFAULT_MAX_CAPACITY=\"x\" \
                 {capacity}"
            )
        );
    }

    #[test]
    fn keys_of_tags_are_as_long_and_as_many_as_aws_takes() {
        let keys = |count: usize| (0..count).map(|key| format!("k{key}")).collect::<Vec<_>>().join(",");
        for (variable, good, bad) in [
            ("TAG_PREFIX", "p".repeat(64), "p".repeat(65)),
            ("COPY_TAGS", "k".repeat(128), "k".repeat(129)),
            ("COPY_TAGS", keys(50), keys(51)),
            ("COPY_TAGS", "Größe 1_.:/=+-@".to_owned(), "k,l;m".to_owned()),
            ("TAG_PREFIX", "my aws:".to_owned(), "AWS:".to_owned()),
            ("CAPACITY_LIMIT", i32::MAX.to_string(), "2147483648".to_owned()),
            ("CAPACITY_LIMIT", "1".to_owned(), "-1".to_owned()),
            ("WORK_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/work".to_owned(), "arn:aws:sqs:a".to_owned()),
        ] {
            assert!(read(&[(variable, &good)]).is_ok(), "{variable}={good}");
            assert!(read(&[(variable, &bad)]).is_err(), "{variable}={bad}");
        }
        assert_eq!(read(&[("COPY_TAGS", &keys(50))]).unwrap().copy_tags.len(), 50);
    }

    #[test]
    fn a_default_gives_way_only_where_it_has_to() {
        for (variables, given_way) in [
            (&[("CAPACITY_LIMIT", "5")][..], &[][..]),
            (&[("CAPACITY_LIMIT", "3")], &[]),
            (&[("DEFAULT_MAX_CAPACITY", "100")], &[]),
            (&[("DEFAULT_MIN_CAPACITY", "5")], &[]),
            (&[("DEFAULT_WAKE_INSTANCES", "5")], &[]),
            (
                &[("DEFAULT_WAKE_INSTANCES", "6")],
                &["environment variable DEFAULT_WAKE_INSTANCES=\"6\" must be at most DEFAULT_MAX_CAPACITY, which is 5"],
            ),
            (
                &[("DEFAULT_MAX_CAPACITY", "101")],
                &[
                    "environment variable DEFAULT_MAX_CAPACITY=\"101\" must be an integer from 1 to 100 (the CAPACITY_LIMIT of \
                   the deployment)",
                ],
            ),
        ] {
            let config = read(variables).unwrap();
            let told: Vec<String> = config.given_way.iter().map(BadVariable::to_string).collect();
            assert_eq!(told, given_way, "{variables:?}");
        }
        let limited = read(&[("CAPACITY_LIMIT", "3")]).unwrap().rules;
        assert_eq!((limited.capacity_limit, limited.defaults.max_capacity), (3, 3));
    }

    #[test]
    fn all_bad_variables_are_named_at_once() {
        let error = read(&[("MANAGE", "x"), ("DEFAULT_WAKE", "x")]).expect_err("both are wrong");
        assert!(error.contains("MANAGE=") && error.contains("DEFAULT_WAKE="), "{error}");
    }
}
