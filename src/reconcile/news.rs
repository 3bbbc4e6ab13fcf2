//! What is worth telling others about an endpoint: that it fell asleep, wakes, is awake, or needs somebody. Nothing is
//! remembered between two looks, so what was before is read from the activities of its variants.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::activities::{Attempt, Obstacle, ScalingActivity, open_attempt};
use super::endpoint::{Endpoint, EndpointStatus, Variant};
use super::names::VariantName;
use super::state::{Before, State, state_before};

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something was written, so that the scaling is as the tags say.
    Configured,
    Asleep(Before),
    Awake(Before),
    Waking,
    NeedsAttention(Attention),
}

/// Why somebody has to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attention {
    Invalid,
    Conflict,
    /// AWS doesn't start the instances that were asked for.
    NoCapacity {
        state: State,
        /// `None`: before what a page of activities tells.
        since: Option<Timestamp>,
        /// The account's quota stands in the way, not a lack of capacity.
        is_quota: bool,
        message: Option<String>,
    },
}

/// The news of an endpoint that has just come into service. `None`: it is what it was, as far as anybody can tell. In doubt it
/// is told as awake, with nothing about before.
#[must_use]
pub fn state_news(
    endpoint: &Endpoint,
    activities: &BTreeMap<VariantName, Vec<ScalingActivity>>,
    now: Timestamp,
) -> Option<News> {
    if endpoint.status != EndpointStatus::InService || endpoint.variants.is_empty() {
        return None;
    }
    let of = |variant: &Variant| activities.get(&variant.name).map(Vec::as_slice).unwrap_or_default();
    let states: Vec<(State, &Variant)> =
        endpoint.variants.iter().map(|variant| (State::of(variant, false, false), variant)).collect();
    if let Some(lacking) = states.iter().find_map(|(state, variant)| no_capacity(*state, variant, of(variant), now)) {
        return Some(News::NeedsAttention(lacking));
    }
    let before = |state: State| {
        let each: Vec<Before> = states.iter().map(|(_, variant)| state_before(state, of(variant), now)).collect();
        match each.split_first() {
            Some((first, rest)) if rest.iter().all(|before| before == first) => *first,
            Some(_) | None => Before::Unknown,
        }
    };
    if states.iter().all(|(state, _)| *state == State::Asleep) {
        return Some(News::Asleep(before(State::Asleep)));
    }
    if states.iter().any(|(state, _)| *state == State::Awake) {
        return match before(State::Awake) {
            Before::Was(State::Awake) => None,
            before @ (Before::Was(_) | Before::Unknown) => Some(News::Awake(before)),
        };
    }
    None
}

/// Whether an order for instances of a variant that is at rest came to nothing.
fn no_capacity(state: State, variant: &Variant, activities: &[ScalingActivity], now: Timestamp) -> Option<Attention> {
    let attempt: Attempt<'_> = open_attempt(activities, now)?;
    let lacks = variant.current_instances.is_some_and(|current| attempt.wanted > current);
    let is_quota = match attempt.obstacle {
        Obstacle::Capacity => false,
        Obstacle::Quota => true,
        Obstacle::None | Obstacle::Other => return None,
    };
    lacks.then(|| Attention::NoCapacity {
        state,
        since: (!attempt.is_since_at_least).then_some(attempt.since),
        is_quota,
        message: attempt.newest.message.clone(),
    })
}

/// Whether an endpoint that is being changed is waking: it has no instance, and should get some.
#[must_use]
pub fn waking(endpoint: &Endpoint, is_deploying: bool) -> Option<News> {
    let is_waking = |variant: &Variant| State::of(variant, true, is_deploying) == State::Waking;
    let is_changing = endpoint.status == EndpointStatus::Other;
    (is_changing && endpoint.variants.iter().any(is_waking)).then_some(News::Waking)
}

impl News {
    /// The detail type of its event. The rules of users rest on it.
    #[must_use]
    pub fn detail_type(&self) -> &'static str {
        match self {
            Self::Configured => "Endpoint Configured",
            Self::Asleep(_) => "Endpoint Asleep",
            Self::Awake(_) => "Endpoint Awake",
            Self::Waking => "Endpoint Waking",
            Self::NeedsAttention(_) => "Endpoint Needs Attention",
        }
    }

    /// What the endpoint was before and is now, as far as it is known.
    #[must_use]
    pub fn old_and_new(&self) -> (Option<State>, Option<State>) {
        let was = |before: &Before| match before {
            Before::Was(state) => Some(*state),
            Before::Unknown => None,
        };
        match self {
            Self::Asleep(before) => (was(before), Some(State::Asleep)),
            Self::Awake(before) => (was(before), Some(State::Awake)),
            Self::Waking => (Some(State::Asleep), Some(State::Waking)),
            Self::NeedsAttention(Attention::NoCapacity { state, .. }) => (None, Some(*state)),
            Self::Configured | Self::NeedsAttention(Attention::Invalid | Attention::Conflict) => (None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ACTIVITIES_ON_A_PAGE, ActivityStatus, EndpointName, Hosting, Inference, Tags};
    use super::*;

    fn endpoint(status: EndpointStatus, current: i32, desired: i32) -> Endpoint {
        Endpoint {
            name: EndpointName::new("demo").unwrap(),
            status,
            failure_reason: None,
            inference: Inference::Asynchronous,
            variants: vec![Variant {
                name: name(),
                current_instances: Some(current),
                desired_instances: Some(desired),
                hosting: Hosting::Instances,
                instance_type: None,
                publish_frequency: None,
            }],
            tags: Tags::new(),
        }
    }

    fn name() -> VariantName {
        VariantName::new("AllTraffic").unwrap()
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    /// Began at this minute and took five.
    fn set(minute: i64, instances: i32) -> ScalingActivity {
        ScalingActivity {
            start: at(minute),
            end: Some(at(minute + 5)),
            status: ActivityStatus::Successful,
            cause: String::new(),
            description: format!("Setting desired instance count to {instances}."),
            message: None,
        }
    }

    fn told(current: i32, desired: i32, activities: &[ScalingActivity], minute: i64) -> Option<News> {
        let activities = BTreeMap::from([(name(), activities.to_vec())]);
        state_news(&endpoint(EndpointStatus::InService, current, desired), &activities, at(minute))
    }

    #[test]
    fn a_change_is_told_with_what_was_before() {
        let was = Before::Was;
        for (label, instances, activities, want) in [
            ("put to sleep", 0, vec![set(10, 1), set(90, 0)], Some(News::Asleep(was(State::Awake)))),
            ("put to sleep by hand", 0, vec![set(10, 1)], Some(News::Asleep(was(State::Awake)))),
            ("asleep, nothing known", 0, vec![], Some(News::Asleep(Before::Unknown))),
            ("updated in its sleep", 0, vec![set(10, 0)], Some(News::Asleep(Before::Unknown))),
            ("woken", 1, vec![set(10, 0), set(90, 1)], Some(News::Awake(was(State::Asleep)))),
            ("woken by hand", 2, vec![set(10, 1), set(50, 0)], Some(News::Awake(was(State::Asleep)))),
            ("scaled out", 3, vec![set(10, 0), set(50, 1), set(90, 3)], None),
            ("long awake, and updated", 3, vec![set(10, 0), set(50, 3)], Some(News::Awake(Before::Unknown))),
            ("made", 1, vec![], Some(News::Awake(Before::Unknown))),
        ] {
            assert_eq!(told(instances, instances, &activities, 96), want, "{label}");
        }
    }

    #[test]
    fn an_order_that_comes_to_nothing_needs_attention() {
        let refused = |message: &str| ScalingActivity {
            status: ActivityStatus::Failed,
            message: Some(message.to_owned()),
            ..set(90, 1)
        };
        for (message, want) in [
            ("The account-level service limit 'ml.g5.xlarge for endpoint usage' is 4 Instances", Some(true)),
            (
                "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.",
                Some(false),
            ),
            ("Cannot update in-progress endpoint", None),
        ] {
            let found = match told(0, 0, &[set(10, 0), refused(message)], 96) {
                Some(News::NeedsAttention(Attention::NoCapacity { state: State::Asleep, is_quota, .. })) => {
                    Some(is_quota)
                }
                Some(News::Asleep(_)) => None,
                other => panic!("{message}: {other:?}"),
            };
            assert_eq!(found, want, "{message}");
        }
        let trying = ScalingActivity { status: ActivityStatus::InProgress, end: None, ..set(10, 1) };
        assert!(matches!(told(0, 1, std::slice::from_ref(&trying), 60), Some(News::NeedsAttention(_))));
        assert_eq!(told(0, 1, &[trying], 15), None, "it is starting");
    }

    #[test]
    fn an_order_that_has_come_true_otherwise_needs_no_attention() {
        let refused = ScalingActivity {
            status: ActivityStatus::Failed,
            message: Some("Insufficient capacity.".to_owned()),
            ..set(90, 2)
        };
        for (current, desired, needs) in [(1, 1, true), (1, 2, true), (2, 2, false), (2, 3, false), (3, 3, false)] {
            let found = told(current, desired, &[set(10, 1), refused.clone()], 96);
            assert_eq!(matches!(found, Some(News::NeedsAttention(_))), needs, "{current} of {desired}: {found:?}");
        }
    }

    /// Rules of others go by them.
    #[test]
    fn the_types_of_the_events_are_a_contract() {
        let lacking =
            Attention::NoCapacity { state: State::Waking, since: Some(at(1)), is_quota: false, message: None };
        for (news, detail_type, old_and_new) in [
            (News::Configured, "Endpoint Configured", (None, None)),
            (News::Asleep(Before::Was(State::Awake)), "Endpoint Asleep", (Some(State::Awake), Some(State::Asleep))),
            (News::Asleep(Before::Unknown), "Endpoint Asleep", (None, Some(State::Asleep))),
            (News::Awake(Before::Was(State::Asleep)), "Endpoint Awake", (Some(State::Asleep), Some(State::Awake))),
            (News::Waking, "Endpoint Waking", (Some(State::Asleep), Some(State::Waking))),
            (News::NeedsAttention(lacking), "Endpoint Needs Attention", (None, Some(State::Waking))),
            (News::NeedsAttention(Attention::Invalid), "Endpoint Needs Attention", (None, None)),
            (News::NeedsAttention(Attention::Conflict), "Endpoint Needs Attention", (None, None)),
        ] {
            assert_eq!((news.detail_type(), news.old_and_new()), (detail_type, old_and_new), "{news:?}");
        }
    }

    #[test]
    fn since_when_it_is_refused_is_told_only_where_something_before_it_is_known() {
        let since = |count: usize| {
            let refused = ScalingActivity {
                status: ActivityStatus::Failed,
                message: Some("service limit".to_owned()),
                ..set(90, 1)
            };
            match told(0, 0, &vec![refused; count], 96) {
                Some(News::NeedsAttention(Attention::NoCapacity { since, .. })) => since,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((since(1), since(ACTIVITIES_ON_A_PAGE)), (Some(at(90)), None));
    }

    #[test]
    fn only_a_change_from_none_to_some_is_waking() {
        let other = EndpointStatus::Other;
        for (status, current, desired, is_deploying, want) in [
            (other, 0, 1, false, Some(News::Waking)),
            (other, 0, 1, true, None),
            (other, 1, 3, false, None),
            (other, 1, 0, false, None),
            (EndpointStatus::InService, 0, 1, false, None),
            (EndpointStatus::Deleting, 0, 1, false, None),
        ] {
            assert_eq!(waking(&endpoint(status, current, desired), is_deploying), want, "{current} {desired}");
        }
    }

    #[test]
    fn nothing_is_told_of_an_endpoint_without_variants_or_that_is_being_changed() {
        let nameless = Endpoint { variants: vec![], ..endpoint(EndpointStatus::InService, 0, 0) };
        assert_eq!(state_news(&nameless, &BTreeMap::new(), at(0)), None);
        for status in [EndpointStatus::Other, EndpointStatus::Failed, EndpointStatus::Deleting] {
            assert_eq!(state_news(&endpoint(status, 0, 0), &BTreeMap::new(), at(0)), None, "{status:?}");
        }
    }

    #[test]
    fn what_was_before_is_known_only_where_all_variants_were_the_same() {
        let other = VariantName::new("Other").unwrap();
        let mut asleep = endpoint(EndpointStatus::InService, 0, 0);
        asleep.variants.push(Variant { name: other.clone(), ..asleep.variants[0].clone() });
        let told = |second: &[ScalingActivity]| {
            let activities = BTreeMap::from([(name(), vec![set(100, 0)]), (other.clone(), second.to_vec())]);
            state_news(&asleep, &activities, at(106))
        };
        assert_eq!(told(&[set(100, 0)]), Some(News::Asleep(Before::Was(State::Awake))));
        assert_eq!(told(&[]), Some(News::Asleep(Before::Unknown)));
    }
}
