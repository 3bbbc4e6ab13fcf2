//! The names that the function owns, made and recognised here alone. What has one of these names is called "ours" in the
//! comments of this project; all else belongs to another owner.
//!
//! The names are a contract: a name that changed between releases would leave the old resource behind, and AWS refuses a second
//! target-tracking policy on the same metric.

use std::fmt;

/// What the names of all our alarms start with.
pub const ALARM_PREFIX: &str = "scale-to-zero/";

/// Names of endpoints and variants: 1 to 63 letters, digits and hyphens that start with a letter or digit and
/// don't end in a hyphen (`EndpointName` in the SageMaker API reference).
fn is_sagemaker_name(name: &str) -> bool {
    let letter_or_digit = |byte: u8| byte.is_ascii_alphanumeric();
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| letter_or_digit(byte) || byte == b'-')
        && name.bytes().next().is_some_and(letter_or_digit)
        && name.bytes().next_back().is_some_and(letter_or_digit)
}

/// The name of an endpoint. Invariant: legal in SageMaker, so safe inside resource ids and alarm names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointName(String);

/// The name of a production variant. Invariant: legal in SageMaker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariantName(String);

impl EndpointName {
    /// `None` where SageMaker would not allow the name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        is_sagemaker_name(name).then(|| Self(name.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the names of all alarms of this endpoint start with. The closing slash keeps `demo` apart from `demo-2`.
    #[must_use]
    pub fn alarm_prefix(&self) -> String {
        format!("{ALARM_PREFIX}{self}/")
    }
}

impl VariantName {
    /// `None` where SageMaker would not allow the name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        is_sagemaker_name(name).then(|| Self(name.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VariantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The resource that Application Auto Scaling knows a variant by.
#[must_use]
pub fn resource_id(endpoint: &EndpointName, variant: &VariantName) -> String {
    format!("endpoint/{endpoint}/variant/{variant}")
}

/// The variant that a resource id names; `None` where it isn't that of a variant.
#[must_use]
pub fn variant_of(resource_id: &str) -> Option<(EndpointName, VariantName)> {
    let (endpoint, variant) = resource_id.strip_prefix("endpoint/")?.split_once("/variant/")?;
    Some((EndpointName::new(endpoint)?, VariantName::new(variant)?))
}

/// The scaling policies that the function owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyName {
    /// Target tracking on the backlog per instance.
    Backlog,
    /// Step scaling from zero instances.
    Wake,
    /// Step scaling to a single instance, or `MinCapacity`, where that is enough.
    Spare,
    /// Step scaling to `MinCapacity` after the idle timeout.
    Idle,
}

impl PolicyName {
    pub const ALL: [Self; 4] = [Self::Backlog, Self::Wake, Self::Spare, Self::Idle];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backlog => "scale-to-zero-backlog",
            Self::Wake => "scale-to-zero-wake",
            Self::Spare => "scale-to-zero-spare",
            Self::Idle => "scale-to-zero-idle",
        }
    }

    /// `None`: the policy is another owner's.
    #[must_use]
    pub fn owned(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The alarms that the function owns, one of each kind a variant at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// A request waits and no instance runs.
    Wake,
    /// The same, with the number of instances that the backlog asks for.
    Ladder,
    /// One instance is enough.
    Spare,
    /// There is nothing to do.
    Idle,
}

impl AlarmKind {
    pub const ALL: [Self; 4] = [Self::Wake, Self::Ladder, Self::Spare, Self::Idle];

    fn as_str(self) -> &'static str {
        match self {
            Self::Wake => "wake",
            Self::Ladder => "ladder",
            Self::Spare => "spare",
            Self::Idle => "idle",
        }
    }

    /// The policy that the alarm drives.
    #[must_use]
    pub fn policy(self) -> PolicyName {
        match self {
            Self::Wake | Self::Ladder => PolicyName::Wake,
            Self::Spare => PolicyName::Spare,
            Self::Idle => PolicyName::Idle,
        }
    }
}

/// The name of an alarm of ours.
#[must_use]
pub fn alarm_name(endpoint: &EndpointName, variant: &VariantName, kind: AlarmKind) -> String {
    format!("{}{variant}/{}", endpoint.alarm_prefix(), kind.as_str())
}

/// Whose alarm this is; `None` where the name isn't one of ours.
#[must_use]
pub fn owned_alarm(name: &str) -> Option<(EndpointName, VariantName, AlarmKind)> {
    let mut parts = name.strip_prefix(ALARM_PREFIX)?.split('/');
    let (endpoint, variant, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = AlarmKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    if parts.next().is_some() {
        return None;
    }
    Some((EndpointName::new(endpoint)?, VariantName::new(variant)?, kind))
}

const WARM_START: &str = "scale-to-zero-warm-start";
const WARM_END: &str = "scale-to-zero-warm-end";

/// The name of the scheduled action that opens the warm hours of this label, which may be empty.
#[must_use]
pub(super) fn warm_start(label: &str) -> String {
    labelled(WARM_START, label)
}

/// The name of the scheduled action that closes them.
#[must_use]
pub(super) fn warm_end(label: &str) -> String {
    labelled(WARM_END, label)
}

/// The name of the scheduled action that says that a removal by hand waits for its instance. No tag gives this label.
pub(super) const REMOVAL_MARK: &str = "scale-to-zero-warm-start..removing";

/// Whether the scheduled action opens warm hours.
pub(super) fn is_warm_start(name: &str) -> bool {
    name != REMOVAL_MARK && has_label(name, WARM_START)
}

fn has_label(name: &str, owned: &str) -> bool {
    name.strip_prefix(owned).is_some_and(|label| label.is_empty() || label.starts_with('.'))
}

fn labelled(name: &str, label: &str) -> String {
    if label.is_empty() { name.to_owned() } else { format!("{name}.{label}") }
}

/// The label of the warm hours that a scheduled action opens or closes; empty for those without one. `None`: it does neither.
#[must_use]
pub fn warm_label(name: &str) -> Option<&str> {
    let label = [WARM_START, WARM_END].into_iter().find_map(|owned| name.strip_prefix(owned))?;
    if label.is_empty() { Some(label) } else { label.strip_prefix('.').filter(|_| name != REMOVAL_MARK) }
}

/// Whether a scheduled action of this name is ours.
#[must_use]
pub fn is_owned_action(name: &str) -> bool {
    [WARM_START, WARM_END].into_iter().any(|owned| has_label(name, owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (EndpointName, VariantName) {
        (EndpointName::new("demo").unwrap(), VariantName::new("AllTraffic").unwrap())
    }

    /// These names are in users' accounts: a change here is a breaking change.
    #[test]
    fn the_owned_names_are_a_contract() {
        let (endpoint, variant) = names();
        assert_eq!(resource_id(&endpoint, &variant), "endpoint/demo/variant/AllTraffic");
        assert_eq!(endpoint.alarm_prefix(), format!("{ALARM_PREFIX}demo/"));
        assert_eq!(
            PolicyName::ALL.map(PolicyName::as_str),
            ["scale-to-zero-backlog", "scale-to-zero-wake", "scale-to-zero-spare", "scale-to-zero-idle"]
        );
        assert_eq!(
            AlarmKind::ALL.map(|kind| alarm_name(&endpoint, &variant, kind)),
            ["wake", "ladder", "spare", "idle"].map(|kind| format!("scale-to-zero/demo/AllTraffic/{kind}"))
        );
    }

    #[test]
    fn an_owned_name_is_recognised_and_a_similar_one_is_not() {
        for policy in PolicyName::ALL {
            assert_eq!(PolicyName::owned(policy.as_str()), Some(policy));
        }
        for foreign in ["scale-to-zero", "scale-to-zero-wake2", "Scale-To-Zero-Wake", ""] {
            assert_eq!(PolicyName::owned(foreign), None, "policy {foreign:?}");
        }
        let (endpoint, variant) = names();
        for kind in AlarmKind::ALL {
            let name = alarm_name(&endpoint, &variant, kind);
            assert_eq!(owned_alarm(&name), Some((endpoint.clone(), variant.clone(), kind)));
        }
        for foreign in [
            "scale-to-zero/demo/AllTraffic/awake",
            "scale-to-zero/demo/AllTraffic",
            "scale-to-zero/demo/AllTraffic/wake/up",
            "scale-to-zero//AllTraffic/wake",
            "other/demo/AllTraffic/wake",
            "TargetTracking-endpoint/demo/variant/AllTraffic-AlarmHigh-1",
        ] {
            assert_eq!(owned_alarm(foreign), None, "alarm {foreign:?}");
        }
        for (action, owned) in [
            ("scale-to-zero-warm-start", true),
            ("scale-to-zero-warm-end.weekend", true),
            ("scale-to-zero-warm-starting", false),
            ("nightly", false),
        ] {
            assert_eq!(is_owned_action(action), owned, "scheduled action {action:?}");
        }
    }

    #[test]
    fn a_resource_id_names_its_variant() {
        assert_eq!(variant_of("endpoint/demo/variant/AllTraffic"), Some(names()));
        for other in ["endpoint/demo", "inference-component/demo", "endpoint/a/b/variant/c", ""] {
            assert_eq!(variant_of(other), None, "resource id {other:?}");
        }
    }

    #[test]
    fn a_name_that_sagemaker_would_refuse_is_refused() {
        for (name, legal) in [
            ("a", true),
            ("Demo-2", true),
            (&*"x".repeat(63), true),
            (&*"x".repeat(64), false),
            ("", false),
            ("-demo", false),
            ("demo-", false),
            ("de/mo", false),
            ("dé", false),
            ("demo ", false),
        ] {
            assert_eq!(EndpointName::new(name).is_some(), legal, "name {name:?}");
        }
    }

    #[test]
    fn the_alarms_of_an_endpoint_do_not_mix_with_those_of_a_longer_name() {
        let longer = alarm_name(
            &EndpointName::new("demo-2").unwrap(),
            &VariantName::new("AllTraffic").unwrap(),
            AlarmKind::Wake,
        );
        assert!(!longer.starts_with(&names().0.alarm_prefix()));
    }

    #[test]
    fn an_action_of_warm_hours_is_known_by_its_name_and_label() {
        for (name, label, is_start, is_owned) in [
            ("scale-to-zero-warm-start", Some(""), true, true),
            ("scale-to-zero-warm-end", Some(""), false, true),
            ("scale-to-zero-warm-start.office", Some("office"), true, true),
            ("scale-to-zero-warm-end.office", Some("office"), false, true),
            (REMOVAL_MARK, None, false, true),
            ("scale-to-zero-warm-starting", None, false, false),
            ("nightly", None, false, false),
            ("", None, false, false),
        ] {
            let found = (warm_label(name), is_warm_start(name), is_owned_action(name));
            assert_eq!(found, (label, is_start, is_owned), "{name}");
        }
    }
}
