//! Which tags go along, and what lacks them.

use super::super::{AlarmKind, EndpointName, EndpointStatus, Inference, ScalableTarget, Suspended};
use super::*;

fn tags(tags: &[(&str, &str)]) -> Tags {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn name(name: &str) -> VariantName {
    VariantName::new(name).unwrap()
}

fn tagged(what: Tagged, lacking: &[(&str, &str)]) -> Change {
    Change::TagResource(what, tags(lacking))
}

#[test]
fn the_tags_of_the_named_keys_go_along_as_they_are() {
    let endpoint = Endpoint {
        name: EndpointName::new("demo").unwrap(),
        status: EndpointStatus::InService,
        failure_reason: None,
        inference: Inference::Asynchronous,
        variants: vec![],
        tags: tags(&[("team", "a"), ("cost", "b"), ("Team", "c"), ("scale-to-zero:enabled", "true")]),
    };
    let keys = ["team".to_owned(), "cost".to_owned(), "owner".to_owned()];
    assert_eq!(tags_along(&keys, &endpoint), tags(&[("team", "a"), ("cost", "b")]));
    assert_eq!(tags_along(&[], &endpoint), Tags::new());
}

#[test]
fn what_exists_gets_what_it_lacks_and_what_goes_gets_nothing() {
    let wake = Tagged::Alarm(AlarmKind::Wake);
    let idle = Tagged::Alarm(AlarmKind::Idle);
    let along = tags(&[("team", "a"), ("cost", "b")]);
    let all = &[("cost", "b"), ("team", "a")][..];
    let register = Change::RegisterScalableTarget(ScalableTarget {
        min_capacity: 0,
        max_capacity: 5,
        suspended: Suspended::default(),
    });
    for (what, changes, present, want) in [
        ("it has none", vec![], vec![(wake, &[][..])], vec![tagged(wake, all)]),
        ("it has all, and one beside", vec![], vec![(wake, &[("cost", "b"), ("team", "a"), ("x", "y")])], vec![]),
        (
            "one has another value",
            vec![],
            vec![(wake, &[("cost", "c"), ("team", "a")])],
            vec![tagged(wake, &[("cost", "b")])],
        ),
        (
            "its value stands under another key",
            vec![],
            vec![(wake, &[("cost", "b"), ("x", "a")])],
            vec![tagged(wake, &[("team", "a")])],
        ),
        (
            "several",
            vec![],
            vec![(Tagged::ScalableTarget, &[][..]), (idle, &[][..])],
            vec![tagged(Tagged::ScalableTarget, all), tagged(idle, all)],
        ),
        (
            "it is changed",
            vec![register],
            vec![(Tagged::ScalableTarget, &[][..])],
            vec![tagged(Tagged::ScalableTarget, all)],
        ),
        ("the target goes", vec![Change::DeregisterScalableTarget], vec![(Tagged::ScalableTarget, &[][..])], vec![]),
        (
            "only the target goes",
            vec![Change::DeregisterScalableTarget],
            vec![(wake, &[][..])],
            vec![tagged(wake, all)],
        ),
        (
            "one of two alarms goes",
            vec![Change::DeleteAlarms(vec![AlarmKind::Wake])],
            vec![(wake, &[][..]), (idle, &[][..])],
            vec![tagged(idle, all)],
        ),
        (
            "alarms go, and the target stays",
            vec![Change::DeleteAlarms(vec![AlarmKind::Wake])],
            vec![(Tagged::ScalableTarget, &[][..])],
            vec![tagged(Tagged::ScalableTarget, all)],
        ),
    ] {
        let present: Present =
            present.into_iter().map(|(resource, has)| ((name("AllTraffic"), resource), tags(has))).collect();
        let mut plans = [VariantPlan { variant: name("AllTraffic"), changes: changes.clone() }];
        plan_tags(&mut plans, &along, &present);
        assert_eq!(plans[0].changes, [changes, want].concat(), "{what}");
    }
}

#[test]
fn each_variant_gets_its_own_tags() {
    let present = Present::from([((name("Other"), Tagged::ScalableTarget), Tags::new())]);
    let plan = |variant: &str| VariantPlan { variant: name(variant), changes: vec![] };
    let mut plans = [plan("AllTraffic"), plan("Other")];
    plan_tags(&mut plans, &tags(&[("team", "a")]), &present);
    assert_eq!(plans[0].changes, []);
    assert_eq!(plans[1].changes, [tagged(Tagged::ScalableTarget, &[("team", "a")])]);
}
