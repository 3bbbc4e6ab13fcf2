//! What is simulated: the scaling that tags ask for, by the function's own core, and AWS's documented example beside it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sagemaker_scale_to_zero::config::Config;
use sagemaker_scale_to_zero::reconcile::{
    EndpointName, Hosting, Manage, Rules, Scaling, Settings, Tags, Variant, VariantName, Wish, desired,
};
use sagemaker_scale_to_zero::simulate::example_of_aws;

/// A scaling with a name for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) title: String,
    pub(crate) scaling: Scaling,
}

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
    let variant = Variant {
        name: VariantName::new("AllTraffic").ok_or("a variant name")?,
        current_instances: Some(settings.min_capacity),
        desired_instances: Some(settings.min_capacity),
        hosting: Hosting::Instances,
        // Its alarms look at the use of a GPU, whether the model has one or not.
        instance_type: None,
        publish_frequency: None,
    };
    Ok(desired(&endpoint, &variant, settings, start))
}

pub(crate) fn of_tags(tags: &Tags, rules: &Rules, start: Timestamp) -> Result<Candidate, String> {
    let words =
        tags.iter().map(|(key, value)| format!("{}={value}", key.strip_prefix(&rules.tag_prefix).unwrap_or(key)));
    let words = words.collect::<Vec<_>>().join(", ");
    let title = if words.is_empty() { "no tags".to_owned() } else { words };
    Ok(Candidate { title, scaling: planned(&settings(rules, tags)?, start)? })
}

/// AWS's documented example, the function's defaults, two other idle timeouts, and the tags that are given, if any. The
/// example gets the bounds of those, so that like is compared with like.
pub(crate) fn all(tags: &Tags, rules: &Rules, start: Timestamp) -> Result<Vec<Candidate>, String> {
    let given = settings(rules, tags)?;
    let example = example_of_aws(given.min_capacity, given.max_capacity);
    let mut all = vec![Candidate { title: "AWS's example".to_owned(), scaling: example }];
    for ours in ["", "idle-timeout=2m", "idle-timeout=none"] {
        all.push(of_tags(&parse_tags(ours, &rules.tag_prefix)?, rules, start)?);
    }
    let of_given = of_tags(tags, rules, start)?;
    if all.iter().all(|candidate| candidate.title != of_given.title) {
        all.push(of_given);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
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
    fn a_comparison_has_the_example_and_three_of_ours_and_the_tags_that_are_given() {
        let rules = rules().unwrap();
        let titles = |tags| {
            let tags = parse_tags(tags, &rules.tag_prefix).unwrap();
            let all = all(&tags, &rules, Timestamp::UNIX_EPOCH).unwrap();
            let maximum = all[0].scaling.target.as_ref().unwrap().max_capacity;
            (maximum, all.into_iter().map(|candidate| candidate.title).collect::<Vec<_>>())
        };
        let always = ["AWS's example", "no tags", "idle-timeout=2m", "idle-timeout=none"];
        assert_eq!(titles(""), (5, always.map(str::to_owned).to_vec()));
        assert_eq!(titles("idle-timeout=2m").1, always);
        let (maximum, given) = titles("max-capacity=3, idle-timeout=1h");
        assert_eq!((maximum, given.last().unwrap().as_str()), (3, "idle-timeout=1h, max-capacity=3"));
    }
}
