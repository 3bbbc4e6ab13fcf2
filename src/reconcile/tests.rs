//! What is decided about a whole endpoint, and what is left of a removal after the second look.

use std::collections::BTreeSet;

use super::*;

fn name(name: &str) -> VariantName {
    VariantName::new(name).unwrap()
}

fn variant(variant: &str, instances: i32) -> Variant {
    Variant {
        name: name(variant),
        current_instances: Some(instances),
        desired_instances: Some(instances),
        hosting: Hosting::Instances,
        instance_type: Some("ml.g5.xlarge".to_owned()),
        publish_frequency: None,
    }
}

fn endpoint(instances: i32, tags: &[(&str, &str)]) -> Endpoint {
    let tag = |(key, value): &(&str, &str)| (format!("scale-to-zero:{key}"), (*value).to_owned());
    Endpoint {
        name: EndpointName::new("demo").unwrap(),
        status: EndpointStatus::InService,
        failure_reason: None,
        inference: Inference::Asynchronous,
        variants: vec![variant("AllTraffic", instances)],
        tags: tags.iter().map(tag).collect(),
    }
}

const ENABLED: &[(&str, &str)] = &[("enabled", "true")];

fn configured() -> Scaling {
    let demo = endpoint(1, ENABLED);
    desired(&demo.name, &demo.variants[0], &Settings::default(), Timestamp::UNIX_EPOCH)
}

fn with_foreign(scaling: Scaling) -> Scaling {
    let theirs = Foreign { kind: ForeignKind::ScalingPolicy, name: "theirs".to_owned() };
    Scaling { foreign: BTreeSet::from([theirs]), ..scaling }
}

fn target(min_capacity: i32, max_capacity: i32) -> ScalableTarget {
    ScalableTarget { min_capacity, max_capacity, suspended: Suspended::default() }
}

fn of(scaling: Scaling) -> BTreeMap<VariantName, Scaling> {
    BTreeMap::from([(name("AllTraffic"), scaling)])
}

fn decided(request: Request, endpoint: Option<&Endpoint>, observed: &BTreeMap<VariantName, Scaling>) -> Decision {
    decide(request, &Rules::default(), endpoint, observed, Timestamp::UNIX_EPOCH)
}

/// The plan of a removal whose changes are all made at once.
fn everything_goes(variant: &str) -> VariantPlan {
    let alarms = Change::DeleteAlarms(AlarmKind::ALL.to_vec());
    VariantPlan { variant: name(variant), changes: vec![Change::DeregisterScalableTarget, alarms] }
}

/// What a removal by hand leaves on a variant at zero, until an instance runs.
fn marked() -> Scaling {
    let (changes, _) = remove(&configured(), Standing::AtZero, Asked::ByHand);
    let mut scaling = configured();
    for change in changes {
        if let Change::RegisterScalableTarget(target) = change {
            scaling.target = Some(target);
        } else if let Change::PutScheduledAction(name, action) = change {
            scaling.actions.insert(name, action);
        } else {
            panic!("{change:?}");
        }
    }
    scaling
}

/// The event that follows is the sign that an instance runs. A person who applies by hand has changed their mind.
#[test]
fn a_removal_by_hand_is_finished_by_an_event_and_taken_back_by_whoever_applies() {
    let awake = endpoint(1, ENABLED);
    let finished = Decision::Remove(vec![everything_goes("AllTraffic")], Removal::Complete);
    assert_eq!(decided(Request::Event, Some(&awake), &of(marked())), finished);
    let Decision::Configure(plans, Pause::No) = decided(Request::Apply, Some(&awake), &of(marked())) else { panic!() };
    let taken_back = |change: &Change| matches!(change, Change::DeleteScheduledAction(_));
    assert!(plans[0].changes.iter().any(taken_back), "{plans:?}");
    let unmarked = Decision::Configure(vec![VariantPlan { variant: name("AllTraffic"), changes: vec![] }], Pause::No);
    assert_eq!(decided(Request::Event, Some(&awake), &of(configured())), unmarked);
}

/// A person may have edited the mark; it still is nobody's but ours.
#[test]
fn an_edited_mark_of_a_removal_is_one() {
    let mut edited = marked();
    let marks: BTreeSet<String> = std::mem::take(&mut edited.actions).into_keys().collect();
    assert_eq!(marks.len(), 1);
    edited.strays.actions = marks;
    let finished = Decision::Remove(vec![everything_goes("AllTraffic")], Removal::Complete);
    assert_eq!(decided(Request::Event, Some(&endpoint(1, ENABLED)), &of(edited)), finished);
}

#[test]
fn the_mark_of_a_variant_that_is_gone_takes_nothing_from_a_living_one() {
    let observed = BTreeMap::from([(name("AllTraffic"), configured()), (name("Old"), marked())]);
    let Decision::Configure(plans, _) = decided(Request::Event, Some(&endpoint(1, ENABLED)), &observed) else {
        panic!()
    };
    let nothing = VariantPlan { variant: name("AllTraffic"), changes: vec![] };
    assert_eq!(plans, [nothing, everything_goes("Old")]);
}

fn ineligible_endpoints() -> [(Endpoint, SkipReason); 4] {
    let hosted = |hosting| {
        let mut demo = endpoint(1, ENABLED);
        // The second of two says as much as the first.
        demo.variants.push(Variant { hosting, ..variant("Other", 1) });
        demo
    };
    let of_type = |instance_type: &str| {
        let mut demo = endpoint(1, ENABLED);
        demo.variants[0].instance_type = Some(instance_type.to_owned());
        demo
    };
    [
        (hosted(Hosting::Serverless), SkipReason::Serverless),
        (hosted(Hosting::ManagedInstanceScaling), SkipReason::ManagedInstanceScaling),
        (Endpoint { inference: Inference::RealTime, ..endpoint(1, ENABLED) }, SkipReason::NotAsync),
        (of_type("ml.t2.medium"), SkipReason::BurstableInstance),
    ]
}

#[test]
fn what_cant_be_managed_is_left_alone_for_its_reason_and_loses_what_was_made_for_it() {
    for (demo, reason) in ineligible_endpoints() {
        assert_eq!(decided(Request::Apply, Some(&demo), &BTreeMap::new()), Decision::Skip(reason));
        assert_eq!(decided(Request::Remove, Some(&demo), &BTreeMap::new()), Decision::Skip(reason), "{reason:?}");
        // Not even a bad tag is worth a word on what can't be managed.
        let misspelt = Endpoint { tags: endpoint(1, &[("max-capcity", "2")]).tags, ..demo.clone() };
        assert_eq!(decided(Request::Apply, Some(&misspelt), &BTreeMap::new()), Decision::Skip(reason));
        let Decision::Remove(plans, Removal::Complete) = decided(Request::Apply, Some(&demo), &of(configured())) else {
            panic!("{reason:?}")
        };
        assert_eq!(plans[0], everything_goes("AllTraffic"), "{reason:?}");
    }
}

#[test]
fn an_endpoint_of_instances_that_are_not_burstable_is_managed() {
    assert_eq!(ineligible(&endpoint(1, ENABLED)), None);
    let mut unknown = endpoint(1, ENABLED);
    unknown.variants[0].instance_type = None;
    assert_eq!(ineligible(&unknown), None);
}

#[test]
fn whoever_opts_out_or_never_opted_in_is_left_alone_and_cleaned_up() {
    for tags in [&[][..], &[("enabled", "false")], &[("enabled", "OFF"), ("max-capcity", "2")]] {
        let demo = endpoint(1, tags);
        let skipped = Decision::Skip(SkipReason::NotManaged);
        assert_eq!(decided(Request::Apply, Some(&demo), &BTreeMap::new()), skipped, "{tags:?}");
        assert_eq!(decided(Request::Remove, Some(&demo), &BTreeMap::new()), skipped, "{tags:?}");
        let removed = Decision::Remove(vec![everything_goes("AllTraffic")], Removal::Complete);
        assert_eq!(decided(Request::Event, Some(&demo), &of(configured())), removed, "{tags:?}");
    }
}

/// The tags still say what they said before, so at zero they would configure it again: it has to be written down.
#[test]
fn a_removal_that_the_tags_dont_ask_for_is_written_down_while_it_waits() {
    let is_written_down = |demo: &Endpoint, request| {
        let Decision::Remove(plans, Removal::AwaitsInstance) = decided(request, Some(demo), &of(configured())) else {
            panic!("{:?}", demo.tags)
        };
        assert!(matches!(plans[0].changes[0], Change::RegisterScalableTarget(_)), "{plans:?}");
        plans[0].changes.iter().any(|change| matches!(change, Change::PutScheduledAction(..)))
    };
    assert!(is_written_down(&endpoint(0, ENABLED), Request::Remove));
    assert!(is_written_down(&endpoint(0, &[("max-capcity", "2")]), Request::Remove), "mended, they would ask for it");
    assert!(!is_written_down(&endpoint(0, &[]), Request::Apply));
    assert!(!is_written_down(&endpoint(0, &[("enabled", "false")]), Request::Remove));
}

#[test]
fn a_removal_answers_whether_there_was_anything_to_remove() {
    let demo = endpoint(1, ENABLED);
    let nothing = VariantPlan { variant: name("AllTraffic"), changes: vec![] };
    assert_eq!(
        decided(Request::Remove, Some(&demo), &BTreeMap::new()),
        Decision::Remove(vec![nothing], Removal::Complete)
    );
}

/// One that waits for its instance holds the whole removal back, whichever it is.
#[test]
fn a_removal_is_as_far_as_its_slowest_variant() {
    for (first, second, want) in
        [(0, 1, Removal::AwaitsInstance), (1, 0, Removal::AwaitsInstance), (1, 2, Removal::Complete)]
    {
        let mut demo = endpoint(first, ENABLED);
        demo.variants.push(variant("Other", second));
        let observed = BTreeMap::from([(name("AllTraffic"), configured()), (name("Other"), configured())]);
        let Decision::Remove(_, removal) = decided(Request::Remove, Some(&demo), &observed) else { panic!() };
        assert_eq!(removal, want, "{first} and {second} instances");
    }
}

#[test]
fn what_is_gone_or_going_leaves_nothing_behind() {
    let observed = BTreeMap::from([(name("AllTraffic"), configured()), (name("Empty"), Scaling::default())]);
    let removed = Decision::Remove(vec![everything_goes("AllTraffic")], Removal::Complete);
    let going = Endpoint { status: EndpointStatus::Deleting, ..endpoint(0, ENABLED) };
    assert_eq!(decided(Request::Event, None, &observed), removed);
    assert_eq!(decided(Request::Event, Some(&going), &observed), removed);
    assert_eq!(decided(Request::Event, None, &BTreeMap::new()), Decision::Skip(SkipReason::NotFound));
    assert_eq!(decided(Request::Event, Some(&going), &BTreeMap::new()), Decision::Skip(SkipReason::NotInService));
}

#[test]
fn nothing_is_written_while_sagemaker_is_at_work_or_has_failed() {
    for status in [EndpointStatus::Other, EndpointStatus::Failed] {
        let demo = Endpoint { status, ..endpoint(1, ENABLED) };
        for request in [Request::Apply, Request::Event, Request::Remove] {
            let decision = decided(request, Some(&demo), &of(configured()));
            assert_eq!(decision, Decision::Skip(SkipReason::NotInService), "{status:?} {request:?}");
            assert_eq!(decision.plans(), []);
        }
    }
}

/// Names of variants come and go with configurations. What was made for a name that is gone goes too, but an answer that
/// names no variant at all is an incomplete one.
#[test]
fn a_variant_that_is_gone_leaves_nothing_behind_and_an_incomplete_answer_takes_nothing_away() {
    let observed = BTreeMap::from([(name("AllTraffic"), configured()), (name("Old"), configured())]);
    let demo = endpoint(1, ENABLED);
    let decision = decided(Request::Event, Some(&demo), &observed);
    assert_eq!(decision.plans()[1..], [everything_goes("Old")]);
    let removal = decided(Request::Remove, Some(&demo), &observed);
    assert_eq!(removal.plans(), [everything_goes("AllTraffic"), everything_goes("Old")]);

    let nameless = Endpoint { variants: vec![], ..endpoint(1, ENABLED) };
    for request in [Request::Event, Request::Remove] {
        assert_eq!(decided(request, Some(&nameless), &observed).plans(), [], "{request:?}");
    }
}

#[test]
fn anothers_policy_is_a_conflict_until_it_may_be_taken_over() {
    let shared = of(with_foreign(configured()));
    let foreign = shared[&name("AllTraffic")].foreign.first().unwrap().clone();
    let conflict = Conflict { variant: name("AllTraffic"), foreign };
    let decision = decided(Request::Apply, Some(&endpoint(1, ENABLED)), &shared);
    assert_eq!(decision, Decision::Conflict(vec![conflict], Pause::No));
    assert_eq!(decision.plans(), []);

    let Decision::Configure(plans, _) = decided(Request::Apply, Some(&endpoint(1, &[("takeover", "true")])), &shared)
    else {
        panic!()
    };
    assert_eq!(plans[0].changes, [Change::DeleteScalingPolicy("theirs".to_owned())]);
}

/// Only with a maximum that somebody has written down are instances cut off or another bound put in place.
#[test]
fn a_default_maximum_never_cuts_instances_off_or_changes_anothers_bound() {
    let bound = |max| Scaling { target: Some(target(0, max)), ..Scaling::default() };
    let shared = |max| with_foreign(Scaling { target: Some(target(0, max)), ..configured() });
    let takeover: &[(&str, &str)] = &[("takeover", "true")];
    let tagged: &[(&str, &str)] = &[("max-capacity", "5"), ("takeover", "true")];
    let rows = [
        // Instances, what is there, tags, whether it is refused and with which words.
        (5, Scaling::default(), takeover, None),
        (6, Scaling::default(), takeover, Some("runs 6 instances: the default of 5 would cut them down at once")),
        (6, Scaling::default(), tagged, None),
        (1, bound(5), takeover, None),
        (1, Scaling { target: Some(target(1, 5)), ..Scaling::default() }, takeover, None),
        (1, bound(4), takeover, Some("has the MaxCapacity 4: the default of 5 would change it")),
        (1, bound(6), takeover, Some("has the MaxCapacity 6: the default of 5 would change it")),
        (1, bound(6), tagged, None),
        (1, shared(5), takeover, None),
        (1, shared(7), takeover, Some("has the MaxCapacity 7: the default of 5 would change it")),
        // What is ours alone follows the deployment's default.
        (1, Scaling { target: Some(target(0, 7)), ..configured() }, takeover, None),
        // Nothing is registered, so nothing is cut.
        (7, configured(), takeover, None),
    ];
    for (instances, observed, tags, want) in rows {
        let decision = decided(Request::Apply, Some(&endpoint(instances, tags)), &of(observed.clone()));
        let row = format!("{instances} instances, {tags:?}, {:?}", observed.target);
        match want {
            None => assert!(matches!(decision, Decision::Configure(..)), "{row}: {decision:?}"),
            Some(words) => {
                let Decision::Invalid(problems) = decision else { panic!("{row}: {decision:?}") };
                assert_eq!(problems.len(), 1, "{row}");
                assert_eq!((problems[0].tag.as_str(), &problems[0].value), ("scale-to-zero:max-capacity", &None));
                assert!(problems[0].problem.contains(words), "{row}: {}", problems[0].problem);
            }
        }
    }
}

/// Between the two looks an alarm may have taken the last instance away.
#[test]
fn what_is_left_of_a_removal_goes_by_the_second_look() {
    let demo = endpoint(1, ENABLED);
    let alarms = || Change::DeleteAlarms(AlarmKind::ALL.to_vec());
    let plans = |changes: &[Change]| [VariantPlan { variant: name("AllTraffic"), changes: changes.to_vec() }];
    let gone = plans(&[Change::DeregisterScalableTarget, alarms()]);
    let only_alarms = plans(&[alarms()]);
    let asleep = endpoint(0, ENABLED);
    let of_status = |status, instances| Endpoint { status, ..endpoint(instances, ENABLED) };
    let renamed = {
        let mut demo = endpoint(0, ENABLED);
        demo.variants[0].name = name("New");
        demo
    };
    let finish = (vec![alarms()], Removal::Complete);
    let wait = (vec![], Removal::AwaitsInstance);
    let rows = [
        ("it runs", Some(endpoint(1, ENABLED)), &gone, finish.clone()),
        ("it is gone", None, &gone, finish.clone()),
        ("it goes", Some(of_status(EndpointStatus::Deleting, 0)), &gone, finish.clone()),
        ("the variant is gone", Some(renamed), &gone, finish.clone()),
        ("it is being changed", Some(of_status(EndpointStatus::Other, 1)), &gone, wait.clone()),
        ("it has failed", Some(of_status(EndpointStatus::Failed, 1)), &gone, wait),
        ("it sleeps, but nothing was taken away", Some(asleep), &only_alarms, finish.clone()),
        ("nothing was taken away", Some(of_status(EndpointStatus::Other, 0)), &only_alarms, finish),
    ];
    for (what, again, plans, (changes, removal)) in rows {
        let rest = after_the_second_look(&Rules::default(), &demo, again.as_ref(), &of(configured()), plans);
        assert_eq!(rest, (vec![VariantPlan { variant: name("AllTraffic"), changes }], removal), "{what}");
    }
}

#[test]
fn an_endpoint_that_has_fallen_asleep_between_the_looks_is_raised_with_what_is_left() {
    let raised = |demo: &Endpoint, observed: &Scaling| {
        let (changes, _) = remove(observed, Standing::Running { instances: 1, cold: 0 }, Asked::ByTags);
        let plans = [VariantPlan { variant: name("AllTraffic"), changes }];
        let again = Endpoint { tags: demo.tags.clone(), ..endpoint(0, &[]) };
        let (rests, removal) =
            after_the_second_look(&Rules::default(), demo, Some(&again), &of(observed.clone()), &plans);
        assert_eq!((rests.len(), removal), (1, Removal::AwaitsInstance));
        rests[0].changes.clone()
    };
    let register = |max_capacity| Change::RegisterScalableTarget(target(1, max_capacity));
    // The target was ours and has gone; one that another owner uses stays, with its own maximum.
    assert_eq!(raised(&endpoint(1, &[]), &configured()), [register(1)]);
    assert_eq!(raised(&endpoint(1, &[]), &with_foreign(configured())), [register(5)]);
    // With a minimum of its own it isn't registered on the way, and is the one that was there.
    let held = Scaling { target: Some(target(2, 7)), ..with_foreign(configured()) };
    assert_eq!(raised(&endpoint(1, &[]), &held), [Change::RegisterScalableTarget(target(2, 7))]);

    // Where the tags go on asking for the function, the removal is written down, and nowhere else.
    let mut cant_be_managed = endpoint(1, ENABLED);
    cant_be_managed.inference = Inference::RealTime;
    for (demo, is_written_down) in
        [(endpoint(1, ENABLED), true), (cant_be_managed, false), (endpoint(1, &[("enabled", "false")]), false)]
    {
        let changes = raised(&demo, &configured());
        assert_eq!(changes[0], register(1));
        assert_eq!(changes.len() == 2, is_written_down, "{:?}", demo.tags);
    }
}

#[test]
fn as_many_instances_at_the_least_as_at_the_most_are_a_fixed_number() {
    let fixed = endpoint(3, &[("min-capacity", "3"), ("max-capacity", "3"), ("warm-capacity", "3")]);
    let Decision::Configure(plans, _) = decided(Request::Apply, Some(&fixed), &BTreeMap::new()) else { panic!() };
    assert_eq!(plans[0].changes[0], Change::RegisterScalableTarget(target(3, 3)));
}
