//! Properties of the core against a reference model of an account: it converges from any world, cut off anywhere, and
//! never passes through a state in which an endpoint can sleep but not wake.

#![expect(clippy::unwrap_used, reason = "a test that can't go on had better stop where it stands")]

mod by_hand;
mod interleaved;
mod model;
mod status;

use jiff::{Timestamp, ToSpan};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use sagemaker_scale_to_zero::payload;
use sagemaker_scale_to_zero::reconcile::{
    AlarmKind, Change, Decision, FindingCode, Key, Manage, PolicyName, PolicyType, Request, Rules, ScalableTarget,
    ScalingPolicy, ScheduledAction, Settings, Suspended, Tags, TargetTracking, WakeInstances, Wish, desired,
    desired_beside,
};
use serde_json::Value;

use model::{
    Account, Action, DrivenAlarm, Policy, PolicyContent, Resources, endpoint_name, is_empty, variant, variant_name,
};

fn rules() -> Rules {
    Rules::default()
}

/// Tags of our prefix, right and wrong ones; few enough that every combination comes up.
fn any_tags() -> impl Strategy<Value = Tags> {
    let tag = select(vec![
        ("enabled", "true"),
        ("enabled", "false"),
        ("min-capacity", "0"),
        ("min-capacity", "1"),
        ("max-capacity", "1"),
        ("max-capacity", "8"),
        ("backlog-per-instance", "2.5"),
        ("scale-in-cooldown", "10m"),
        ("wake", "false"),
        ("wake-instances", "1"),
        ("idle-timeout", "none"),
        ("idle-timeout", "5m"),
        ("idle-timeout", "1h"),
        ("longest-request", "30m"),
        ("warm-hours", "MON-FRI 08:00-18:00 Europe/Berlin"),
        ("warm-hours", "SAT+SUN 22:00-06:00 America/New_York"),
        ("warm-hours.late", "MON-SUN 16:00-24:00 UTC"),
        ("warm-capacity", "2"),
        ("pause", "true"),
        ("pause", "scale-in"),
        ("takeover", "true"),
        ("max-capcity", "8"),
        ("min-capacity", "x"),
    ]);
    vec(tag, 0..4).prop_map(|tags| {
        tags.into_iter().map(|(key, value)| (format!("scale-to-zero:{key}"), value.to_owned())).collect()
    })
}

/// Tags that the function can honour.
fn good_tags() -> impl Strategy<Value = Tags> {
    any_tags().prop_filter("the tags ask for nothing, or for nonsense", |tags| {
        matches!(rules().read(tags), Ok(Wish::Managed(_)))
    })
}

/// Tags of which at least one can't be honoured.
fn bad_tags() -> impl Strategy<Value = Tags> {
    any_tags().prop_map(|mut tags| {
        tags.remove("scale-to-zero:enabled");
        tags.insert("scale-to-zero:max-capcity".to_owned(), "8".to_owned());
        tags
    })
}

fn any_suspension() -> impl Strategy<Value = Suspended> {
    any::<[bool; 3]>().prop_map(|[scale_in, scale_out, scheduled]| Suspended { scale_in, scale_out, scheduled })
}

fn any_target() -> impl Strategy<Value = ScalableTarget> {
    (0..3i32, 1..8i32, any_suspension()).prop_map(|(min, more, suspended)| ScalableTarget {
        min_capacity: min,
        max_capacity: min.max(more),
        suspended,
    })
}

/// A policy of ours as it should be by some settings, edited by hand, or replaced by something else.
fn any_own_policy() -> impl Strategy<Value = PolicyContent> {
    let known = (any::<bool>(), 1..4i32, any::<bool>()).prop_map(|(is_wake, number, disable_scale_in)| {
        let settings = Settings {
            wake_instances: WakeInstances::Fixed(number),
            backlog_per_instance: f64::from(number),
            ..Settings::default()
        };
        let policies = desired(&endpoint_name(), &variant("AllTraffic", 1), &settings, Timestamp::UNIX_EPOCH).policies;
        let name = if is_wake { PolicyName::Wake } else { PolicyName::Backlog };
        match policies[&name].clone() {
            ScalingPolicy::TargetTracking(tracking) => {
                PolicyContent::Known(ScalingPolicy::TargetTracking(TargetTracking { disable_scale_in, ..tracking }))
            }
            step @ ScalingPolicy::Step(_) => PolicyContent::Known(step),
        }
    });
    let other = select(vec![PolicyType::TargetTracking, PolicyType::Step, PolicyType::Other]);
    prop_oneof![4 => known, 1 => other.prop_map(PolicyContent::Other)]
}

fn any_action() -> impl Strategy<Value = Action> {
    let known = ScheduledAction {
        schedule: "cron(0 8 ? * MON,TUE,WED,THU,FRI *)".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        min_capacity: 1,
    };
    prop_oneof![
        (0..3i32).prop_map(move |min_capacity| Action::Known(ScheduledAction { min_capacity, ..known.clone() })),
        Just(Action::Other),
    ]
}

/// Any hour of two weeks, of which one has a change of summer time in Berlin and not in New York.
fn any_time() -> impl Strategy<Value = Timestamp> {
    let first: Timestamp = "2026-03-23T00:00:00Z".parse().unwrap();
    (0..14 * 24i64).prop_map(move |hours| first + hours.hours())
}

/// Whatever may hang on a variant: ours, half of ours, edited, and another owner's.
fn any_resources() -> impl Strategy<Value = Resources> {
    let own = btree_map(select(PolicyName::ALL.to_vec()), any_own_policy(), 0..3);
    let alarms = btree_set(select(AlarmKind::ALL.to_vec()), 0..2);
    let foreign = btree_set(select(vec!["theirs", "another"]), 0..2);
    let names = vec!["nightly", "scale-to-zero-warm-start", "scale-to-zero-warm-end.old"];
    let actions = btree_map(select(names), any_action(), 0..3);
    let with_target = (any_target(), own, foreign, actions);
    (proptest::option::of(with_target), alarms, any::<bool>(), any::<bool>()).prop_map(
        |(on_target, alarms, dangling, edited)| {
            let mut resources = Resources::default();
            if let Some((target, own, foreign, actions)) = on_target {
                resources.target = Some(target);
                resources.actions = actions.into_iter().map(|(name, action)| (name.to_owned(), action)).collect();
                let mut trackings = 0;
                for (name, content) in own {
                    // AWS holds one target-tracking policy a metric.
                    let is_tracking = matches!(content, PolicyContent::Known(ScalingPolicy::TargetTracking(_)));
                    trackings += i32::from(is_tracking);
                    if !is_tracking || trackings == 1 {
                        let id = 100 + u32::try_from(resources.policies.len()).unwrap();
                        resources.policies.insert(name.to_string(), Policy { id, content });
                    }
                }
                for name in foreign {
                    let content = PolicyContent::Other(PolicyType::TargetTracking);
                    resources.policies.insert(name.to_owned(), Policy { id: 200, content });
                }
            }
            let usual =
                desired(&endpoint_name(), &variant("AllTraffic", 1), &Settings::default(), Timestamp::UNIX_EPOCH);
            for kind in alarms {
                let id = resources.policies.get(kind.policy().as_str()).map_or(0, |policy| policy.id);
                let drives = if dangling { 0 } else { id };
                let mut alarm = usual.alarms[&kind].clone();
                alarm.threshold += f64::from(i8::from(edited));
                resources.alarms.insert(kind, DrivenAlarm { alarm, drives });
            }
            resources
        },
    )
}

/// What a deployment may set: mostly nothing.
fn any_rules() -> impl Strategy<Value = Rules> {
    let defaults = select(vec![
        Settings { min_capacity: 1, ..Settings::default() },
        Settings { wake: false, ..Settings::default() },
        Settings { idle_timeout: None, ..Settings::default() },
        Settings { wake_instances: WakeInstances::Fixed(2), max_capacity: 3, ..Settings::default() },
        Settings { max_capacity: 1, ..Settings::default() },
        Settings { longest_request: Some(1800), backlog_per_instance: 0.5, ..Settings::default() },
        Settings { warm_capacity: 2, ..Settings::default() },
    ]);
    let others = (any::<bool>(), select(vec!["scale-to-zero:", "team/zero:", ""]), defaults).prop_map(
        |(all, tag_prefix, defaults)| Rules {
            manage: if all { Manage::All } else { Manage::Tagged },
            tag_prefix: tag_prefix.to_owned(),
            defaults,
            ..Rules::default()
        },
    );
    prop_oneof![2 => Just(Rules::default()), 1 => others]
}

fn within_bounds(resources: &Resources, instances: i32) -> i32 {
    resources.target.as_ref().map_or(instances, |target| instances.clamp(target.min_capacity, target.max_capacity))
}

fn any_account(tags: impl Strategy<Value = Tags>) -> impl Strategy<Value = Account> {
    let beside = proptest::option::weighted(0.2, (any_resources(), 0..6i32));
    let ordered = proptest::option::weighted(0.2, 0..6i32);
    (tags, any_resources(), 0..6i32, any_time(), any_rules(), beside, ordered).prop_map(
        |(tags, resources, instances, now, rules, beside, ordered)| {
            let tag = |(key, value): (String, String)| (key.replace("scale-to-zero:", &rules.tag_prefix), value);
            let tags = tags.into_iter().map(tag).collect();
            let mut account = Account::with_endpoint("AllTraffic", within_bounds(&resources, instances), tags);
            account.ordered = ordered.map(|ordered| within_bounds(&resources, ordered));
            account.beside = beside.map(|(resources, instances)| {
                let instances = within_bounds(&resources, instances);
                account.resources.insert(variant_name("Green"), resources);
                (variant_name("Green"), instances)
            });
            account.resources.insert(variant_name("AllTraffic"), resources);
            account.now = now;
            account.rules = rules;
            account
        },
    )
}

/// One whose tags the function can honour.
fn good_account() -> impl Strategy<Value = Account> {
    any_account(good_tags()).prop_filter("the tags ask for nothing, or for nonsense", |account| {
        matches!(account.rules.read(&account.tags), Ok(Wish::Managed(_)))
    })
}

/// The tags leave it to the function to keep the endpoint able to wake.
fn must_wake(account: &Account) -> bool {
    match account.rules.read(&account.tags) {
        Ok(Wish::Managed(settings)) => settings.wake || settings.min_capacity > 0,
        Ok(Wish::None | Wish::OptOut) | Err(_) => true,
    }
}

/// The user may pause an endpoint that has no instance, and it then waits for them.
fn pauses(account: &Account) -> bool {
    account.tags.get(&account.rules.tag(Key::Pause)).is_some_and(|pause| pause == "true")
}

/// What is to hold in the end: as the tags say, or nothing of ours, or hands off.
fn assert_settled(account: &Account, decision: &Decision) {
    let again = account.decide(Request::Apply);
    assert!(is_empty(&again), "a second look finds more to do: {again:?}");
    match decision {
        Decision::Configure(..) => {
            let Ok(Wish::Managed(settings)) = account.rules.read(&account.tags) else { panic!("configured unasked") };
            for (name, instances) in account.live() {
                let observed = account.observed(&name);
                let variant = variant(name.as_str(), instances);
                assert_eq!(observed, desired_beside(&endpoint_name(), &variant, &settings, &observed, account.now));
            }
        }
        Decision::Remove(..) | Decision::Skip(_) => assert_eq!(account.ours(), Vec::<String>::new()),
        Decision::Invalid(_) | Decision::Conflict(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn any_world_converges_and_then_nothing_is_left_to_do(mut account in any_account(any_tags())) {
        let decision = account.settle(|_, _| {});
        assert_settled(&account, &decision);
    }

    #[test]
    fn a_plan_cut_off_anywhere_converges_all_the_same(mut account in any_account(any_tags()), calls in 0..6usize) {
        account.invoke(Request::Apply, calls, |_, _| {});
        let decision = account.settle(|_, _| {});
        assert_settled(&account, &decision);
    }

    #[test]
    fn no_write_makes_an_endpoint_that_could_wake_unable_to(mut account in good_account()) {
        prop_assume!(must_wake(&account) && !pauses(&account) && !account.is_stranded());
        let before = account.clone();
        account.invoke(Request::Apply, usize::MAX, |account, change| {
            assert!(!account.is_stranded(), "stranded by {change:?}\nfrom {before:#?}");
        });
    }

    #[test]
    fn taking_the_function_away_strands_nothing_and_leaves_nothing(mut account in good_account()) {
        prop_assume!(!account.is_stranded());
        for request in [Request::Remove, Request::Event] {
            account.invoke(request, usize::MAX, |account, change| {
                assert!(!account.is_stranded(), "stranded by {change:?}");
            });
            if account.ours().is_empty() {
                break;
            }
        }
        prop_assert_eq!(account.ours(), Vec::<String>::new());
        prop_assert!(!account.is_stranded());
    }

    #[test]
    fn without_takeover_another_owners_things_are_never_written(mut account in any_account(any_tags())) {
        prop_assume!(!account.tags.contains_key(&account.rules.tag(Key::Takeover)));
        let theirs = |account: &Account| {
            let of = |resources: &Resources| {
                let policies = resources.policies.keys().filter(|name| PolicyName::owned(name).is_none());
                let actions = resources.actions.keys().filter(|name| *name == "nightly");
                policies.chain(actions).cloned().collect::<Vec<_>>()
            };
            account.resources.values().map(of).collect::<Vec<_>>()
        };
        let before = theirs(&account);
        account.settle(|_, _| {});
        prop_assert_eq!(theirs(&account), before);
    }

    #[test]
    fn any_world_has_an_explanation_with_the_most_important_finding_first(account in any_account(any_tags())) {
        let decision = account.decide(Request::Event);
        let codes = account.explain(&decision);
        prop_assert!(!codes.is_empty() && codes.is_sorted(), "{codes:?}");
        if codes == [FindingCode::AllWell] {
            prop_assert!(matches!(decision, Decision::Configure(..)) && is_empty(&decision), "{decision:?}");
            prop_assert!(account.live().iter().all(|(variant, _)| account.observed(variant).can_wake()));
        }
    }

    #[test]
    fn bad_tags_change_nothing(mut account in any_account(bad_tags())) {
        let before = account.clone();
        account.invoke(Request::Apply, usize::MAX, |_, _| {});
        prop_assert_eq!(account, before);
    }

    #[test]
    fn an_untagged_endpoint_with_nothing_of_ours_is_never_written(mut account in any_account(Just(Tags::new()))) {
        prop_assume!(account.rules.manage == Manage::Tagged);
        for resources in account.resources.values_mut() {
            resources.policies.retain(|name, _| PolicyName::owned(name).is_none());
            resources.actions.retain(|name, _| name == "nightly");
            resources.alarms.clear();
        }
        let before = account.clone();
        for request in [Request::Apply, Request::Event, Request::Remove] {
            account.invoke(request, usize::MAX, |_, _| {});
            prop_assert_eq!(&account, &before);
        }
    }
}

/// What happens around the function, in any order.
#[derive(Debug, Clone)]
enum Happening {
    Retag(Tags),
    /// An invocation, of which only so many writes succeed. Events may be late, doubled or lost: they carry nothing.
    Invoke(Request, usize),
    /// An update begins; until it ends nothing may be written.
    Update,
    UpdateEnds(i32),
    /// The variant is replaced by one of another name. AWS lets that happen to a deregistered variant only.
    Rename(&'static str),
    Delete,
    Create(i32),
    /// Whatever the policies may do to the instances now.
    ScaleIn,
    ScaleOut,
    /// Hours go by; the scheduled actions may have run on time or not.
    Wait(i64),
    /// A scheduled action runs.
    Schedule(usize),
    /// Somebody deletes a policy by hand.
    Meddle(PolicyName),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let request = select(vec![Request::Apply, Request::Event, Request::Event, Request::Remove]);
    prop_oneof![
        3 => any_tags().prop_map(Happening::Retag),
        6 => (request, 0..8usize).prop_map(|(request, calls)| Happening::Invoke(request, calls)),
        1 => Just(Happening::Update),
        2 => (1..5i32).prop_map(Happening::UpdateEnds),
        1 => select(vec!["AllTraffic", "Blue"]).prop_map(Happening::Rename),
        1 => Just(Happening::Delete),
        1 => (1..5i32).prop_map(Happening::Create),
        3 => Just(Happening::ScaleIn),
        2 => Just(Happening::ScaleOut),
        2 => (1..40i64).prop_map(Happening::Wait),
        3 => (0..4usize).prop_map(Happening::Schedule),
        1 => select(PolicyName::ALL.to_vec()).prop_map(Happening::Meddle),
    ]
}

fn happen(account: &mut Account, happening: &Happening) {
    match happening {
        Happening::Retag(tags) => account.tags = tags.clone(),
        Happening::Invoke(request, calls) => {
            // What is stranded by the user's own wish, or by a hand that deleted a policy, is not our doing.
            let judged = !account.is_stranded() && must_wake(account) && !pauses(account);
            let before = account.clone();
            account.invoke(*request, *calls, |account, change| {
                assert!(!(judged && account.is_stranded()), "stranded by {change:?}\nfrom {before:#?}");
            });
        }
        Happening::Update => account.updating = true,
        Happening::UpdateEnds(instances) => {
            if account.updating
                && let Some((_, running)) = &mut account.endpoint
            {
                *running = *instances;
            }
            account.updating = false;
        }
        Happening::Rename(name) => {
            if let Some((variant, _)) = &mut account.endpoint {
                if let Some(resources) = account.resources.get_mut(variant) {
                    resources.target = None;
                    resources.policies.clear();
                    resources.actions.clear();
                }
                *variant = variant_name(name);
            }
        }
        Happening::Delete => {
            for resources in account.resources.values_mut() {
                resources.target = None;
                resources.policies.clear();
                resources.actions.clear();
            }
            (account.endpoint, account.updating) = (None, false);
            account.tags.clear();
        }
        Happening::Create(instances) => {
            if account.endpoint.is_none() {
                account.endpoint = Some((variant_name("AllTraffic"), *instances));
            }
        }
        Happening::ScaleIn => {
            if let Some((variant, instances)) = account.endpoint.clone() {
                let scaling = account.observed(&variant);
                if let Some(target) = scaling.target.as_ref().filter(|target| !target.suspended.scale_in)
                    && scaling.can_scale_in()
                {
                    account.endpoint = Some((variant, instances.min(target.min_capacity)));
                }
            }
        }
        Happening::ScaleOut => {
            if let Some((variant, instances)) = account.endpoint.clone()
                && account.observed(&variant).can_wake()
            {
                account.endpoint = Some((variant, instances.max(1)));
            }
        }
        Happening::Wait(hours) => account.now += hours.hours(),
        Happening::Schedule(place) => run_action(account, *place),
        Happening::Meddle(policy) => {
            for resources in account.resources.values_mut() {
                resources.policies.remove(policy.as_str());
            }
        }
    }
}

/// `MinCapacity` as the action says, which pulls the instances up to it but never down.
fn run_action(account: &mut Account, place: usize) {
    let Some((variant, instances)) = account.endpoint.clone() else { return };
    let Some(resources) = account.resources.get_mut(&variant) else { return };
    let (Some(target), Some(Action::Known(action))) = (&mut resources.target, resources.actions.values().nth(place))
    else {
        return;
    };
    if !target.suspended.scheduled {
        target.min_capacity = action.min_capacity.min(target.max_capacity);
        account.endpoint = Some((variant, instances.max(target.min_capacity)));
    }
}

proptest! {
    #[test]
    fn whatever_happened_one_quiet_reconcile_ends_as_the_tags_say(
        tags in any_tags(), instances in 1..5i32, happenings in vec(any_happening(), 0..14)
    ) {
        let mut account = Account::with_endpoint("AllTraffic", instances, tags);
        for happening in &happenings {
            happen(&mut account, happening);
        }
        let decision = account.settle(|_, _| {});
        assert_settled(&account, &decision);
    }
}

#[test]
fn the_model_tells_a_stranded_endpoint() {
    let tags = Tags::from([("scale-to-zero:enabled".to_owned(), "true".to_owned())]);
    let mut account = Account::with_endpoint("AllTraffic", 1, tags);
    account.settle(|_, _| {});
    assert!(!account.is_stranded());
    let variant = variant_name("AllTraffic");
    account.make(&variant, &Change::DeleteAlarms(vec![AlarmKind::Wake])).unwrap();
    assert!(account.is_stranded(), "it can sleep and has no alarm to wake it");
}

/// What `make fuzz` runs for long: whatever comes in is understood or refused, and nothing panics.
mod parsers {
    use super::*;

    proptest! {
        #[test]
        fn tags_of_any_text_give_settings_within_their_bounds_or_problems(
            tags in btree_map("(scale-to-zero:)?(min-capacity|max-capacity|wake-instances|scale-in-cooldown|backlog-per-instance|.*)", "[0-9]{0,12}[a-zA-Z. -]{0,3}|\\PC*", 0..6)
        ) {
            if let Ok(Wish::Managed(settings)) = rules().read(&tags) {
                prop_assert!(0 <= settings.min_capacity && settings.min_capacity <= settings.max_capacity);
                prop_assert!(1 <= settings.max_capacity && settings.max_capacity <= 100);
                if let WakeInstances::Fixed(count) = settings.wake_instances {
                    prop_assert!(1 <= count && count <= settings.max_capacity);
                }
                prop_assert!(settings.backlog_per_instance > 0.0 && settings.backlog_per_instance.is_finite());
                prop_assert!(settings.scale_in_cooldown >= 0 && settings.scale_out_cooldown >= 0);
            }
        }

        #[test]
        fn a_payload_of_any_shape_is_understood_or_refused(payload in any_payload()) {
            if let Err(error) = payload::parse(&payload, &rules()) {
                prop_assert!(error.to_string().contains("accepted are"));
            }
        }
    }

    fn any_payload() -> impl Strategy<Value = Value> {
        let word = select(vec![
            "action",
            "apply",
            "plan",
            "remove",
            "endpoint",
            "demo",
            "source",
            "aws.sagemaker",
            "aws.tag",
            "detail-type",
            "SageMaker Endpoint State Change",
            "Tag Change on Resource",
            "AWS API Call via CloudTrail",
            "detail",
            "EndpointName",
            "EndpointStatus",
            "IN_SERVICE",
            "Tags",
            "resources",
            "changed-tag-keys",
            "requestParameters",
            "resourceArn",
            "arn:aws:sagemaker:eu-west-1:1:endpoint/demo",
            "scale-to-zero:enabled",
            "",
            "ü/\u{0}",
        ]);
        let text = prop_oneof![4 => word.clone().prop_map(str::to_owned), 1 => "\\PC*"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map(text.clone(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
