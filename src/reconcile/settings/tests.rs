//! The settings by example.

use super::super::endpoint::Tags;
use super::kind::LARGEST_TARGET_VALUE;
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
    let (min, max, wake) = ("scale-to-zero:min-capacity", "scale-to-zero:max-capacity", "scale-to-zero:wake-instances");
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
        assert_eq!(Settings::default().with(Key::IdleTimeout, value).map(|settings| settings.idle_timeout), Ok(None));
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
    for (pairs, tag) in [([(idle, "bogus"), (longest, "1h")], idle), ([(idle, "1m"), (longest, "bogus")], longest)] {
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

#[test]
fn the_table_has_the_order_of_the_keys() {
    for (place, setting) in SETTINGS.iter().enumerate() {
        assert_eq!(setting.key as usize, place, "{}", setting.name);
    }
}

#[test]
fn every_default_of_the_table_is_one_of_its_values() {
    for setting in SETTINGS {
        if let Some(default) = setting.default {
            assert_eq!(Settings::default().set(setting.key, default, 100), Ok(()), "{}", setting.name);
        }
    }
}

#[test]
fn without_a_tag_holds_what_is_documented() {
    let want = Settings {
        min_capacity: 0,
        max_capacity: 5,
        max_capacity_is_tagged: false,
        backlog_per_instance: 5.0,
        scale_in_cooldown: 300,
        scale_out_cooldown: 300,
        wake: true,
        wake_instances: WakeInstances::Auto,
        idle_timeout: Some(600),
        warm_hours: WarmHours::new(),
        warm_capacity: 1,
        longest_request: None,
        pause: Pause::No,
        takeover: false,
    };
    assert_eq!(Settings::default(), want);
}

#[test]
fn a_key_that_is_no_setting_is_told_which_there_are() {
    let [(_, problem)] = &problems(&[("scale-to-zero:max-capcity", "2")])[..] else { panic!() };
    let known = "Known settings: enabled, min-capacity, max-capacity, backlog-per-instance, ";
    assert!(problem.contains(known) && problem.ends_with("takeover"), "{problem}");
}

/// Of an endpoint that leaves, too, and of tags that can't be honoured as a whole.
#[test]
fn the_minimum_of_the_tags_is_read_whatever_else_they_say() {
    let of_deployment = Rules { defaults: Settings { min_capacity: 3, ..Settings::default() }, ..rules() };
    for (pairs, want) in [
        (&[("scale-to-zero:min-capacity", "2")][..], 2),
        (&[("scale-to-zero:enabled", "false"), ("scale-to-zero:min-capacity", "2")], 2),
        (&[("scale-to-zero:max-capcity", "1"), ("scale-to-zero:min-capacity", "4")], 4),
        (&[("scale-to-zero:min-capacity", "many")], 3),
        (&[("min-capacity", "2")], 3),
        (&[], 3),
    ] {
        assert_eq!(of_deployment.min_capacity(&tags(pairs)), want, "{pairs:?}");
    }
}

#[test]
fn the_values_of_a_setting_are_told_in_the_words_of_the_documents() {
    let words = |key: Key| key.setting().kind.in_words();
    for (key, want) in [
        (Key::Takeover, "switch"),
        (Key::Pause, "switch, or `scale-in`"),
        (Key::MaxCapacity, "integer from 1 to `CapacityLimit`"),
        (Key::WakeInstances, "`auto`, or integer from 1 to `CapacityLimit`"),
        (Key::BacklogPerInstance, "number above 0, such as `5` or `0.5`"),
        (Key::ScaleInCooldown, "duration"),
        (Key::IdleTimeout, "duration from `1m` to `24h`, in whole minutes, or `none`"),
        (Key::WarmHours, "`MON-FRI 08:00-18:00 Europe/Berlin`, or `none`"),
    ] {
        assert_eq!(words(key), want, "{key:?}");
    }
}
