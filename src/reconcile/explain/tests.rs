//! Findings from facts, without AWS.

mod situations;

use jiff::Timestamp;

use super::super::endpoint::{Hosting, Inference, Tags};
use super::super::names::{AlarmKind, EndpointName, PolicyName};
use super::super::plan::VariantPlan;
use super::super::scaling::ScalableTarget;
use super::super::settings::{Pause, Settings};
use super::super::{Conflict, Foreign, ForeignKind, desired};
use super::finding::{count, sentence_end};
use super::*;

fn all_traffic() -> VariantName {
    VariantName::new("AllTraffic").unwrap()
}

/// Runs as many instances, with the scaling that the default settings give it.
struct World {
    endpoint: Endpoint,
    scaling: Scaling,
    decision: Decision,
    readings: Readings,
}

fn world(instances: i32) -> World {
    let endpoint = Endpoint {
        name: EndpointName::new("demo").unwrap(),
        status: EndpointStatus::InService,
        failure_reason: None,
        inference: Inference::Asynchronous,
        variants: vec![Variant {
            name: all_traffic(),
            current_instances: Some(instances),
            desired_instances: Some(instances),
            hosting: Hosting::Instances,
            instance_type: None,
            publish_frequency: None,
        }],
        tags: Tags::from([("scale-to-zero:enabled".to_owned(), "true".to_owned())]),
    };
    let scaling = desired(&endpoint.name, &endpoint.variants[0], &Settings::default(), Timestamp::UNIX_EPOCH);
    World { endpoint, scaling, decision: planned(Vec::new()), readings: Readings::default() }
}

fn planned(changes: Vec<Change>) -> Decision {
    Decision::Configure(vec![VariantPlan { variant: all_traffic(), changes }], Pause::No)
}

impl World {
    fn explain(&self) -> Vec<Finding> {
        explain(&Facts {
            rules: &Rules::default(),
            endpoint: Some(&self.endpoint),
            status: Some("InService"),
            scaling: &BTreeMap::from([(all_traffic(), self.scaling.clone())]),
            decision: &self.decision,
            readings: &self.readings,
            now: Timestamp::UNIX_EPOCH,
        })
    }

    fn codes(&self) -> Vec<FindingCode> {
        self.explain().iter().map(|finding| finding.code).collect()
    }

    fn with_backlog(mut self, minutes: &[f64]) -> Self {
        let at = "2026-11-24T10:00:00Z".to_owned();
        self.readings.backlog = minutes.iter().map(|&requests| BacklogSize { at: at.clone(), requests }).collect();
        self
    }

    fn with_wake_alarm(mut self, state: AlarmState) -> Self {
        let reading = |role, state| AlarmReading {
            name: "an alarm".to_owned(),
            role,
            state,
            since: None,
            reason: String::new(),
            drives_its_policy: true,
        };
        let wake = reading(AlarmRole::Own(AlarmKind::Wake), state);
        let tracking = [AlarmRole::ScaleOut, AlarmRole::ScaleIn].map(|role| reading(role, AlarmState::Ok));
        let alarms = [wake].into_iter().chain(tracking).collect();
        self.readings.alarms = Some(BTreeMap::from([(all_traffic(), alarms)]));
        self
    }
}

fn target(min_capacity: i32) -> ScalableTarget {
    ScalableTarget { min_capacity, ..world(0).scaling.target.unwrap() }
}

#[test]
fn a_raised_minimum_is_of_the_warm_hours_where_the_plan_leaves_it_alone() {
    let mut warm = world(1);
    warm.scaling.target = Some(target(1));
    for (decision, tag, advice) in [
        (
            planned(Vec::new()),
            Some("scale-to-zero:warm-hours"),
            Some("set the tag scale-to-zero:warm-hours to other hours, or wait until they end"),
        ),
        (
            planned(vec![Change::RegisterScalableTarget(target(0))]),
            None,
            Some(
                "neither a tag nor the clock asks for it: invoke {\"action\": \"apply\", \"endpoint\": \"demo\"}, or \
                 wait for the next sweep",
            ),
        ),
        (Decision::Conflict(Vec::new(), Pause::No), None, None),
    ] {
        warm.decision = decision;
        let findings = warm.explain();
        let found = findings.iter().find(|finding| finding.code == FindingCode::WarmHours).unwrap();
        assert_eq!((found.tag.as_deref(), found.advice.as_deref()), (tag, advice), "{:?}", warm.decision);
        assert_eq!(
            found.sentence,
            "Variant AllTraffic keeps 1 instance for now: its MinCapacity is 1, above the 0 of min-capacity."
        );
    }
}

#[test]
fn one_request_is_backlog_and_less_is_none() {
    assert_eq!(world(1).with_backlog(&[1.0]).codes(), [FindingCode::Backlog, FindingCode::IdleTimeout]);
    assert_eq!(world(1).with_backlog(&[0.0, 9.0]).codes(), [FindingCode::IdleTimeout]);
}

#[test]
fn the_maximum_is_too_low_only_above_the_target_of_all_instances() {
    let is_too_low =
        |instances, requests| world(instances).with_backlog(&[requests]).codes()[0] == FindingCode::AtMaxCapacity;
    assert!(is_too_low(5, 26.0));
    assert!(!is_too_low(5, 25.0));
    assert!(!is_too_low(4, 26.0), "target tracking adds one");
}

#[test]
fn at_zero_a_request_waits_for_the_alarm_and_the_alarm_for_an_instance() {
    let asleep = |state| world(0).with_wake_alarm(state);
    assert_eq!(asleep(AlarmState::Ok).codes(), [FindingCode::AllWell]);
    assert_eq!(asleep(AlarmState::Ok).with_backlog(&[2.0]).codes(), [FindingCode::Waking]);
    assert_eq!(asleep(AlarmState::Alarm).with_backlog(&[2.0]).codes(), [FindingCode::WakeStuck]);
    let mut starting = asleep(AlarmState::Alarm);
    starting.endpoint.variants[0].desired_instances = Some(1);
    assert_eq!(starting.codes(), [FindingCode::Starting]);
}

#[test]
fn what_a_lost_alarm_means_is_not_said_where_another_owner_stands_in_the_way() {
    let mut lost = world(0);
    lost.scaling.alarms.remove(&AlarmKind::Wake);
    assert_eq!(lost.codes(), [FindingCode::WakeMissing]);
    let foreign = Foreign { kind: ForeignKind::ScalingPolicy, name: "theirs".to_owned() };
    lost.decision = Decision::Conflict(vec![Conflict { variant: all_traffic(), foreign }], Pause::No);
    assert_eq!(lost.codes(), [FindingCode::Conflict]);
}

#[test]
fn only_a_failure_about_scaling_has_to_do_with_the_instance_type() {
    for (reason, is_about_scaling) in [
        ("Cannot update: the variant is registered as a Scalable target", true),
        ("deregister it from auto scaling first", true),
        ("the image can't be pulled", false),
        ("the container's scaling of its workers failed", false),
        ("Auto scaling could not start an instance: insufficient capacity for the scalable target", false),
        ("the scalable target asks for more than the account-level service limit", false),
    ] {
        assert_eq!(way_to_another_instance_type(&Rules::default(), reason).is_some(), is_about_scaling, "{reason}");
    }
}

#[test]
fn the_backlog_is_read_as_far_back_as_it_can_matter() {
    let mut endpoint = world(1).endpoint;
    for (timeout, seconds) in [("5m", 900), ("15m", 900), ("2h", 7200), ("soon", 900)] {
        endpoint.tags.insert("scale-to-zero:idle-timeout".to_owned(), timeout.to_owned());
        assert_eq!(backlog_window(&Rules::default(), &endpoint), seconds, "{timeout}");
    }
}

#[test]
fn the_text_of_another_ends_a_sentence_of_ours() {
    for (text, end) in [("why", "why."), (" why. ", "why."), ("why?", "why?"), ("", ".")] {
        assert_eq!(sentence_end(text), end);
    }
    assert_eq!([count(0.0, "minute"), count(1.0, "minute")], ["0 minutes", "1 minute"]);
}

#[test]
fn what_is_not_known_is_not_told_as_good_news() {
    let mut nameless = world(0);
    nameless.endpoint.variants.clear();
    nameless.decision = Decision::Configure(Vec::new(), Pause::No);
    assert_eq!(nameless.codes(), [FindingCode::Unreadable]);
    let mut uncounted = world(0);
    uncounted.endpoint.variants[0].current_instances = None;
    uncounted.endpoint.variants[0].desired_instances = None;
    assert_eq!(uncounted.explain()[0].sentence, "All is well: endpoint demo is as its tags say.");
    let mut suspended = world(0).scaling;
    suspended.policies.remove(&PolicyName::Wake);
    let asleep = World { scaling: suspended, ..world(0) };
    assert!(asleep.explain().iter().all(|finding| !finding.sentence.contains("sleeps, and wakes")));
}

#[test]
fn a_minimum_is_told_by_what_runs() {
    for (instances, registered, codes, words) in [
        (1, 1, &[][..], "always keeps 1 instance"),
        (0, 1, &[FindingCode::BelowMinCapacity][..], "should always keep 1 instance"),
        (1, 0, &[][..], "should always keep 1 instance"),
    ] {
        let mut kept = world(instances);
        kept.endpoint.tags.insert("scale-to-zero:min-capacity".to_owned(), "1".to_owned());
        kept.scaling.target = Some(target(registered));
        let findings = kept.explain();
        let minimum = findings.iter().find(|finding| finding.code == FindingCode::MinCapacity).unwrap();
        assert_eq!(minimum.sentence, format!("Variant AllTraffic {words}, because min-capacity is 1."));
        let below: Vec<FindingCode> =
            kept.codes().into_iter().filter(|code| *code == FindingCode::BelowMinCapacity).collect();
        assert_eq!(below, codes);
    }
}
