//! What is simulated: the scaling that tags ask for, by the function's own core, and AWS's documented example beside it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sagemaker_scale_to_zero::config::Config;
use sagemaker_scale_to_zero::reconcile::{
    Alarm, AlarmKind, EndpointName, Manage, MissingData, Rules, Scaling, Settings, Tags, Wish, desired,
};

/// A scaling with a name for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) title: String,
    pub(crate) scaling: Scaling,
}

/// Seconds. The cooldown for scaling in of AWS's example
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html>); its target, 5, and its cooldown
/// for scaling out, 300 s, are defaults here too.
const EXAMPLE_SCALE_IN_COOLDOWN: i32 = 600;

/// The tags of a command line: `key=value`, with the prefix or without, separated by commas, which no tag value can
/// hold, or by spaces. A word without `=` belongs to the value before it, and quotes around a value are dropped.
///
/// # Errors
/// The first part that is no tag.
pub(crate) fn parse_tags(text: &str, prefix: &str) -> Result<Tags, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let mut begins = true;
        for word in part.split_whitespace() {
            match (word.split_once('='), pairs.last_mut()) {
                (Some((key, value)), _) => {
                    let key = key.strip_prefix(prefix).unwrap_or(key);
                    pairs.push((format!("{prefix}{key}"), value.to_owned()));
                }
                (None, Some((_, value))) if !begins => *value = format!("{value} {word}"),
                (None, _) => return Err(format!("{word:?} is no tag, such as idle-timeout=10m")),
            }
            begins = false;
        }
    }
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        let value = value.trim_matches(['"', '\'']).to_owned();
        if let Some(before) = tags.insert(key.clone(), value) {
            return Err(format!("{key} is there twice, the first time as {before:?}"));
        }
    }
    Ok(tags)
}

/// The rules of a stack that is deployed with its defaults, but for endpoints without any tag.
///
/// # Errors
/// Never, as long as the defaults are within their bounds.
pub(crate) fn rules() -> Result<Rules, String> {
    let config = Config::read(|_| None).map_err(|error| error.to_string())?;
    Ok(Rules { manage: Manage::All, ..config.rules })
}

/// The settings that tags ask for.
///
/// # Errors
/// What is wrong with them, in the function's own words.
pub(crate) fn settings(rules: &Rules, tags: &Tags) -> Result<Settings, String> {
    match rules.read(tags) {
        Ok(Wish::Managed(settings)) => Ok(settings),
        Ok(Wish::None | Wish::OptOut) => {
            Err("these tags opt the endpoint out: there is nothing to simulate".to_owned())
        }
        Err(problems) => {
            let lines = problems.iter().map(|problem| match &problem.value {
                Some(value) => format!("{} = {value}: {}", problem.tag, problem.problem),
                None => format!("{}: {}", problem.tag, problem.problem),
            });
            Err(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The scaling that the function would make, registered at `start`.
pub(crate) fn planned(settings: &Settings, start: Timestamp) -> Result<Scaling, String> {
    let endpoint = EndpointName::new("simulated").ok_or("an endpoint name")?;
    Ok(desired(&endpoint, settings, start))
}

pub(crate) fn of_tags(tags: &Tags, rules: &Rules, start: Timestamp) -> Result<Candidate, String> {
    let words =
        tags.iter().map(|(key, value)| format!("{}={value}", key.strip_prefix(&rules.tag_prefix).unwrap_or(key)));
    let words = words.collect::<Vec<_>>().join(", ");
    let title = if words.is_empty() { "no tags".to_owned() } else { words };
    Ok(Candidate { title, scaling: planned(&settings(rules, tags)?, start)? })
}

/// AWS's example with target tracking alone, and with its optional policy that scales up from zero, which waits for two
/// datapoints. The bounds are those of `settings`, so that like is compared with like.
pub(crate) fn examples(settings: &Settings, start: Timestamp) -> Result<Vec<Candidate>, String> {
    let tracking = Settings {
        min_capacity: settings.min_capacity,
        max_capacity: settings.max_capacity,
        scale_in_cooldown: EXAMPLE_SCALE_IN_COOLDOWN,
        wake: false,
        ..Settings::default()
    };
    let mut woken = planned(&Settings { wake: true, ..tracking.clone() }, start)?;
    if let Some(alarm) = woken.alarms.get_mut(&AlarmKind::Wake) {
        *alarm = Alarm {
            evaluation_periods: 2,
            datapoints_to_alarm: 2,
            missing_data: MissingData::Missing,
            ..alarm.clone()
        };
    }
    Ok(vec![
        Candidate { title: "target tracking alone".to_owned(), scaling: planned(&tracking, start)? },
        Candidate { title: "with AWS's wake policy".to_owned(), scaling: woken },
    ])
}

#[cfg(test)]
mod tests {
    use sagemaker_scale_to_zero::reconcile::{PolicyName, ScalingPolicy};

    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        let tags = parse_tags(text, "scale-to-zero:").unwrap();
        tags.into_iter().map(|(key, value)| (key.replace("scale-to-zero:", ""), value)).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tags_are_separated_by_commas_or_spaces() {
        let both = pairs(&[("idle-timeout", "10m"), ("max-capacity", "3")]);
        for text in [
            "idle-timeout=10m max-capacity=3",
            "idle-timeout=10m,max-capacity=3",
            " max-capacity=3 , scale-to-zero:idle-timeout=10m,",
            "idle-timeout='10m' max-capacity=\"3\"",
        ] {
            assert_eq!(parsed(text), both, "{text}");
        }
        let warm = pairs(&[("max-capacity", "3"), ("warm-hours", "MON-FRI 08:00-18:00 Europe/Berlin")]);
        for text in [
            "warm-hours=MON-FRI 08:00-18:00 Europe/Berlin, max-capacity=3",
            "warm-hours=\"MON-FRI 08:00-18:00 Europe/Berlin\" max-capacity=3",
            "max-capacity=3 warm-hours=MON-FRI 08:00-18:00 Europe/Berlin",
        ] {
            assert_eq!(parsed(text), warm, "{text}");
        }
        assert_eq!(parsed(" "), []);
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for (text, says) in [
            ("10m", "\"10m\" is no tag"),
            ("idle-timeout=10m, max-capacity", "\"max-capacity\" is no tag"),
            ("wake=true wake=false", "scale-to-zero:wake is there twice"),
        ] {
            let problem = parse_tags(text, "scale-to-zero:").unwrap_err();
            assert!(problem.contains(says), "{text}: {problem}");
        }
    }

    #[test]
    fn wrong_tags_get_the_problems_of_the_function_itself() {
        let rules = rules().unwrap();
        let problem = |text| settings(&rules, &parse_tags(text, &rules.tag_prefix).unwrap()).unwrap_err();
        let found = problem("max-capcity=3, idle-timeout=90s");
        assert!(found.contains("scale-to-zero:max-capcity = 3: is not a setting; did you mean"), "{found}");
        assert!(found.contains("scale-to-zero:idle-timeout = 90s: must be a duration from 1m to 24h"), "{found}");
        assert!(problem("enabled=false").contains("opt the endpoint out"));
    }

    #[test]
    fn the_examples_are_those_of_aws() {
        let settings = Settings { max_capacity: 3, ..Settings::default() };
        let [alone, woken] = &examples(&settings, Timestamp::UNIX_EPOCH).unwrap()[..] else { panic!("two") };
        let ScalingPolicy::TargetTracking(tracking) = &alone.scaling.policies[&PolicyName::Backlog] else {
            panic!("{alone:?}")
        };
        assert_eq!((tracking.target_value, tracking.scale_in_cooldown, tracking.scale_out_cooldown), (5.0, 600, 300));
        assert!(alone.scaling.alarms.is_empty() && alone.scaling.policies.len() == 1);
        let alarm = &woken.scaling.alarms[&AlarmKind::Wake];
        assert_eq!((alarm.evaluation_periods, alarm.datapoints_to_alarm), (2, 2));
        assert_eq!(woken.scaling.target.as_ref().unwrap().max_capacity, 3);
    }
}
