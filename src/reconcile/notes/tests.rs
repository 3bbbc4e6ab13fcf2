//! Which notes stand beside which decision.

use super::super::{EndpointName, Inference, Pause, Problem, Removal, SkipReason, VariantName, VariantPlan};
use super::*;

fn endpoint(status: EndpointStatus, enabled: &str, failure_reason: Option<&str>) -> Endpoint {
    Endpoint {
        name: EndpointName::new("demo").unwrap(),
        status,
        failure_reason: failure_reason.map(str::to_owned),
        inference: Inference::Asynchronous,
        variants: vec![],
        tags: [("scale-to-zero:enabled".to_owned(), enabled.to_owned())].into(),
    }
}

fn tagged() -> Endpoint {
    endpoint(EndpointStatus::InService, "true", None)
}

fn noted(endpoint: &Endpoint, decision: &Decision) -> Vec<String> {
    notes(&Rules::default(), Some(endpoint), decision)
}

fn configure(changes: &[Change]) -> Decision {
    let variant = VariantName::new("AllTraffic").unwrap();
    // The second variant says as much as the first.
    let first = VariantPlan { variant: variant.clone(), changes: vec![] };
    Decision::Configure(vec![first, VariantPlan { variant, changes: changes.to_vec() }], Pause::No)
}

fn delete_policy(name: &str) -> Change {
    Change::DeleteScalingPolicy(name.to_owned())
}

fn delete_action(name: &str) -> Change {
    Change::DeleteScheduledAction(name.to_owned())
}

#[test]
fn whoever_takes_over_is_told_to_take_it_out_of_the_owners_code() {
    for (what, changes, want) in [
        ("another's policy", vec![delete_policy("theirs")], true),
        ("another's action", vec![delete_action("nightly")], true),
        ("among ours", vec![delete_policy("scale-to-zero-idle"), delete_policy("theirs")], true),
        ("our own policy", vec![delete_policy("scale-to-zero-idle")], false),
        ("our own action", vec![delete_action("scale-to-zero-warm-end")], false),
        ("nothing is deleted", vec![Change::SetDesiredInstances(1)], false),
    ] {
        let found = noted(&tagged(), &configure(&changes));
        assert_eq!(found.len(), usize::from(want), "{what}: {found:?}");
        assert!(found.iter().all(|note| note.starts_with("another owner's scaling is deleted: ")), "{what}: {found:?}");
    }
}

#[test]
fn a_removal_that_the_tags_go_on_contradicting_says_that_it_wont_last() {
    let removal = || Decision::Remove(vec![], Removal::Complete);
    let real_time = Endpoint { inference: Inference::RealTime, ..tagged() };
    let misspelt = Endpoint { tags: [("scale-to-zero:max".to_owned(), "1".to_owned())].into(), ..tagged() };
    for (what, endpoint, decision, want) in [
        ("the tags ask for it", tagged(), removal(), true),
        ("it waits for its instance", tagged(), Decision::Remove(vec![], Removal::AwaitsInstance), true),
        ("nothing is removed", tagged(), configure(&[]), false),
        ("nothing is done", tagged(), Decision::Skip(SkipReason::NotManaged), false),
        ("it was opted out", endpoint(EndpointStatus::InService, "false", None), removal(), false),
        ("it goes", endpoint(EndpointStatus::Deleting, "true", None), removal(), false),
        ("it can't be managed", real_time, removal(), false),
        ("its tags make no sense", misspelt, removal(), false),
    ] {
        let want = if want {
            vec![
                "the endpoint's tags still ask for this scaling, so the next event or sweep makes it again; set the tag \
                 scale-to-zero:enabled to false to keep it away"
                    .to_owned(),
            ]
        } else {
            vec![]
        };
        assert_eq!(noted(&endpoint, &decision), want, "{what}");
    }
}

#[test]
fn the_failure_of_the_last_update_is_told_whatever_is_decided() {
    let problem = Problem { tag: "a".to_owned(), value: None, problem: "b".to_owned() };
    for decision in [configure(&[]), Decision::Invalid(vec![problem]), Decision::Skip(SkipReason::NotInService)] {
        let failed = endpoint(EndpointStatus::InService, "true", Some("the image was not found"));
        let want = ["the endpoint's last update failed: the image was not found"];
        assert_eq!(noted(&failed, &decision), want, "{decision:?}");
    }
    let refused =
        "Cannot change the instance type: the variant is registered with Application Auto Scaling. Deregister it.";
    let failed = endpoint(EndpointStatus::InService, "true", Some(refused));
    let [note] = &noted(&failed, &configure(&[]))[..] else { panic!() };
    let way = "; to change the instance type, set the tag scale-to-zero:enabled to false, ";
    assert!(note.starts_with("the endpoint's last update failed: Cannot change") && note.contains(way), "{note}");
}

#[test]
fn an_endpoint_that_is_gone_has_no_notes() {
    let removed = Decision::Remove(vec![], Removal::Complete);
    assert_eq!(notes(&Rules::default(), None, &removed), Vec::<String>::new());
}
