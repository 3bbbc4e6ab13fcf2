//! What Application Auto Scaling did to a variant, or tried (`DescribeScalingActivities`): how long its instances take to
//! start, who scaled last, and what it has been trying in vain.
//!
//! An activity says its number and its cause in sentences. Their texts are those of AWS's own examples
//! (<https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html>,
//! <https://docs.aws.amazon.com/cli/latest/reference/application-autoscaling/describe-scaling-activities.html>,
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-query-history.html>). What can't be read is unknown.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::names::{PolicyName, is_owned_action};

/// One attempt to set a variant's instances, or the note that a scheduled action has set its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingActivity {
    pub start: Timestamp,
    /// `None`: it goes on, or it is the note of a scheduled action, which never gets one.
    pub end: Option<Timestamp>,
    pub status: ActivityStatus,
    pub cause: String,
    pub description: String,
    pub message: Option<String>,
}

/// `StatusCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityStatus {
    /// `Pending` or `InProgress`.
    InProgress,
    Successful,
    /// Another activity has taken its place.
    Overridden,
    /// `Failed` or `Unfulfilled`.
    Failed,
}

/// How long instances took to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starts {
    /// The median.
    pub seconds: u64,
    /// How many starts it is of.
    pub of: usize,
}

/// Who asked for an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    Policy {
        name: String,
        is_ours: bool,
    },
    ScheduledAction {
        name: String,
        is_ours: bool,
    },
    /// Whoever registered another `MinCapacity` or `MaxCapacity`: this function or somebody else.
    Bound,
    /// The cause is none of the known sentences.
    Unknown,
}

/// How a variant came to the number of instances that it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastAction<'a> {
    /// The newest activity set it, or tries to.
    Activity { activity: &'a ScalingActivity, author: Author },
    /// It isn't what the newest activity set: somebody set another number since, or updated the endpoint. Neither leaves an
    /// activity.
    ByHand { since: Timestamp },
}

/// An order for more instances that hasn't been fulfilled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The newest activity of the attempt: how it stands now.
    pub newest: &'a ScalingActivity,
    pub wanted: i32,
    /// When the first activity began of an unbroken series that ask for more instances and came to nothing.
    pub since: Timestamp,
    /// The list of activities ends with that first one. The series may have begun sooner.
    pub is_since_at_least: bool,
    pub obstacle: Obstacle,
}

/// What stands in the way of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// Nothing that is known: the instances are starting.
    None,
    /// AWS says that it has no instances of the type, or an order takes longer than a start does.
    Capacity,
    /// The account's quota for the instance type.
    Quota,
    /// Whatever the message says.
    Other,
}

/// The most activities that AWS answers at once, the newest first. If there are fewer, they are all of the last six weeks.
pub const ACTIVITIES_ON_A_PAGE: usize = 50;

/// The gap that separates two attempts. It is longer than the minute after which an alarm repeats its action, and leaves time
/// for a late datapoint.
const LONGEST_GAP: SignedDuration = SignedDuration::from_mins(15);

/// How long an order takes that AWS fulfils, if the endpoint's own starts aren't known. Users measured 7 to 15 minutes.
const LONGEST_START: SignedDuration = SignedDuration::from_mins(15);

/// The bounds that a scheduled action notes are held within a second; this leaves room for more.
const NOTE_TO_ACTIVITY: SignedDuration = SignedDuration::from_secs(60);

impl ScalingActivity {
    /// The number of instances that it sets. `None` for the note of a scheduled action, which sets bounds.
    #[must_use]
    pub fn instances(&self) -> Option<i32> {
        let number = self.description.trim().strip_prefix("Setting desired instance count to ")?;
        number.trim_end_matches('.').parse().ok()
    }

    /// Whether the message is AWS's refusal of an order. Otherwise it is the state of an order that AWS accepted.
    #[must_use]
    pub fn message_is_refusal(&self) -> bool {
        self.status == ActivityStatus::Failed
    }

    /// Its cause, as far as the sentence tells. A bound may have been set by a scheduled action: see [`author`].
    fn stated_author(&self) -> Author {
        let cause = self.cause.trim().trim_end_matches('.');
        let scheduled =
            cause.strip_prefix("scheduled action name ").and_then(|rest| rest.strip_suffix(" was triggered"));
        if let Some((_, policy)) = cause.split_once(" triggered policy ") {
            Author::Policy { name: policy.to_owned(), is_ours: PolicyName::owned(policy).is_some() }
        } else if let Some(name) = scheduled {
            Author::ScheduledAction { name: name.to_owned(), is_ours: is_owned_action(name) }
        } else if ["minimum", "maximum"].iter().any(|bound| cause.starts_with(&format!("{bound} capacity was set to ")))
        {
            Author::Bound
        } else {
            Author::Unknown
        }
    }

    /// Whether it adds instances, as far as its cause tells.
    fn adds(&self) -> Option<bool> {
        if self.cause.contains("minimum capacity was set to ") || self.cause.contains("-AlarmHigh-") {
            return Some(true);
        }
        if self.cause.contains("maximum capacity was set to ") || self.cause.contains("-AlarmLow-") {
            return Some(false);
        }
        let Author::Policy { name, .. } = self.stated_author() else { return None };
        match PolicyName::owned(&name)? {
            PolicyName::Wake => Some(true),
            PolicyName::Spare | PolicyName::Idle => Some(false),
            PolicyName::Backlog => None,
        }
    }
}

/// The activities that set a number of instances, the newest first, each with whether it adds some.
fn orders(activities: &[ScalingActivity]) -> Vec<(&ScalingActivity, Option<bool>)> {
    let mut orders: Vec<&ScalingActivity> = activities.iter().filter(|it| it.instances().is_some()).collect();
    orders.sort_by_key(|activity| activity.start);
    let mut before = None;
    let mut found = Vec::new();
    for order in orders {
        let compared = before.zip(order.instances()).map(|(before, after)| after > before);
        found.push((order, order.adds().or(compared)));
        if order.status == ActivityStatus::Successful {
            before = order.instances();
        }
    }
    found.reverse();
    found
}

/// Whether none of these is an order that was fulfilled, and some are ones that were not.
#[must_use]
pub fn hide_what_was_fulfilled(activities: &[ScalingActivity]) -> bool {
    let orders = orders(activities);
    !orders.is_empty() && orders.iter().all(|(order, _)| order.status != ActivityStatus::Successful)
}

/// How long each start of instances took, from the order to its fulfilment, the newest first.
#[must_use]
pub fn starts(activities: &[ScalingActivity]) -> Vec<Duration> {
    let is_start = |(order, adds): &(&ScalingActivity, Option<bool>)| {
        order.status == ActivityStatus::Successful && *adds == Some(true)
    };
    let took = |order: &ScalingActivity| Duration::try_from(order.end?.duration_since(order.start)).ok();
    let found = orders(activities).into_iter().filter(is_start);
    found.filter_map(|(order, _)| took(order)).filter(|took| !took.is_zero()).collect()
}

/// How long instances of this variant take to start. `None` where no start is known.
#[must_use]
pub fn median_start(activities: &[ScalingActivity]) -> Option<Starts> {
    let mut starts = starts(activities);
    starts.sort_unstable();
    let of = starts.len();
    let (lower, upper) = (starts.get(of.checked_sub(1)? / 2)?, starts.get(of / 2)?);
    Some(Starts { seconds: ((*lower + *upper) / 2).as_secs(), of })
}

/// Who asked for `activity`, one of `activities`.
#[must_use]
pub fn author(activity: &ScalingActivity, activities: &[ScalingActivity]) -> Author {
    let stated = activity.stated_author();
    if stated != Author::Bound {
        return stated;
    }
    let is_note = |note: &&ScalingActivity| {
        let ahead = activity.start.duration_since(note.start);
        note.instances().is_none() && !ahead.is_negative() && ahead <= NOTE_TO_ACTIVITY
    };
    let note = activities.iter().filter(is_note).max_by_key(|note| note.start);
    match note.map(ScalingActivity::stated_author) {
        Some(scheduled @ Author::ScheduledAction { .. }) => scheduled,
        _ => stated,
    }
}

/// How the variant came to the `desired` number of instances. `None` where nothing was done in the time that AWS remembers.
#[must_use]
pub fn last_action(activities: &[ScalingActivity], desired: Option<i32>) -> Option<LastAction<'_>> {
    let orders = orders(activities);
    let (activity, _) = orders.first()?;
    let fulfilled = orders.iter().find(|(order, _)| order.status == ActivityStatus::Successful);
    let is_from_elsewhere = activity.status == ActivityStatus::Successful
        && desired.is_some()
        && fulfilled.and_then(|(order, _)| order.instances()) != desired;
    Some(if is_from_elsewhere {
        LastAction::ByHand { since: activity.end.unwrap_or(activity.start) }
    } else {
        LastAction::Activity { activity, author: author(activity, activities) }
    })
}

/// The order for more instances that is still open at `now`. `None`: the newest order was fulfilled, or takes instances away.
#[must_use]
pub fn open_attempt(activities: &[ScalingActivity], now: Timestamp) -> Option<Attempt<'_>> {
    let orders = orders(activities);
    let is_open = |(order, adds): &&(&ScalingActivity, Option<bool>)| {
        order.status != ActivityStatus::Successful && *adds != Some(false)
    };
    let (newest, _) = *orders.iter().find(|order| order.0.status != ActivityStatus::Overridden).filter(is_open)?;
    let wanted = newest.instances()?;
    let mut since = newest.start;
    let mut in_row = 0;
    for (order, _) in orders.iter().take_while(is_open) {
        if since.duration_since(order.end.unwrap_or(order.start)) > LONGEST_GAP {
            break;
        }
        since = since.min(order.start);
        in_row += 1;
    }
    let obstacle = match newest.status {
        ActivityStatus::Failed => refusal(newest.message.as_deref().unwrap_or_default()),
        ActivityStatus::InProgress if now.duration_since(since) > longest_start(activities) => Obstacle::Capacity,
        ActivityStatus::InProgress | ActivityStatus::Overridden | ActivityStatus::Successful => Obstacle::None,
    };
    let is_since_at_least = in_row == orders.len() && activities.len() >= ACTIVITIES_ON_A_PAGE;
    Some(Attempt { newest, wanted, since, is_since_at_least, obstacle })
}

/// A time that is longer than a start of this variant takes.
fn longest_start(activities: &[ScalingActivity]) -> SignedDuration {
    let median = median_start(activities).map_or(Duration::ZERO, |starts| Duration::from_secs(starts.seconds));
    SignedDuration::try_from(median * 2).map_or(LONGEST_START, |twice| twice.max(LONGEST_START))
}

/// What stands in the way, by a message about an order, or about an endpoint's creation or update.
#[must_use]
pub fn refusal(message: &str) -> Obstacle {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-query-history.html
    if says(&["service limit", "service quota", "resourcelimitexceeded"]) {
        Obstacle::Quota
    // "… due to InsufficientInstanceCapacity error", and
    // https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-heterogeneous.html
    } else if says(&["insufficient capacity", "insufficientcapacity", "insufficientinstancecapacity", "capacityerror"])
        || (says(&["unable to provision"]) && says(&["capacity"]))
    {
        Obstacle::Capacity
    } else {
        Obstacle::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At this minute: in progress for so long, or ended after so many seconds.
    fn order(minute: i64, instances: i32, cause: &str, status: ActivityStatus, took: Option<i64>) -> ScalingActivity {
        let start = at(minute);
        ScalingActivity {
            start,
            end: took.map(|seconds| start + SignedDuration::from_secs(seconds)),
            status,
            cause: cause.to_owned(),
            description: format!("Setting desired instance count to {instances}."),
            message: None,
        }
    }

    fn done(minute: i64, instances: i32, cause: &str, took: i64) -> ScalingActivity {
        order(minute, instances, cause, ActivityStatus::Successful, Some(took))
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn note(minute: i64, action: &str) -> ScalingActivity {
        ScalingActivity {
            description: "Setting min capacity to 1 and max capacity to 5".to_owned(),
            end: None,
            ..done(minute, 0, &format!("scheduled action name {action} was triggered"), 0)
        }
    }

    fn by(policy: &str) -> String {
        format!("monitor alarm some/alarm in state ALARM triggered policy {policy}")
    }

    const HIGH: &str = "monitor alarm TargetTracking-endpoint/demo/variant/AllTraffic-AlarmHigh-1 in state ALARM triggered \
                        policy scale-to-zero-backlog";
    const LOW: &str = "monitor alarm TargetTracking-endpoint/demo/variant/AllTraffic-AlarmLow-1 in state ALARM triggered \
                       policy theirs";
    const MINIMUM: &str = "minimum capacity was set to 1";

    #[test]
    fn only_fulfilled_orders_for_more_instances_are_starts() {
        let wake = by("scale-to-zero-wake");
        let starts = [
            done(900, 1, &by("theirs"), 420),
            order(800, 2, &wake, ActivityStatus::Failed, Some(1)),
            order(700, 1, &wake, ActivityStatus::InProgress, None),
            done(600, 0, &by("theirs"), 90),
            done(500, 1, &wake, 600),
            note(500, "scale-to-zero-warm-start"),
            done(400, 0, &by("scale-to-zero-idle"), 80),
            done(300, 3, HIGH, 500),
            done(200, 1, LOW, 70),
            done(100, 2, &by("theirs"), 9),
        ];
        assert_eq!(median_start(&starts), Some(Starts { seconds: 500, of: 3 }));
        let mut reversed = starts.clone();
        reversed.reverse();
        assert_eq!(median_start(&reversed), median_start(&starts), "the order of the list says nothing");
        assert_eq!(median_start(&starts[5..8]), Some(Starts { seconds: 500, of: 1 }));
        assert_eq!(
            median_start(&starts[4..8]),
            Some(Starts { seconds: 550, of: 2 }),
            "the mean of the two in the middle"
        );
        assert_eq!(median_start(&starts[1..4]), None);
        assert_eq!(median_start(&[]), None);
    }

    #[test]
    fn an_order_for_as_many_as_there_are_starts_none() {
        let theirs = by("theirs");
        let orders = [done(300, 2, &theirs, 60), done(200, 2, &theirs, 60), done(100, 1, &theirs, 60)];
        assert_eq!(median_start(&orders[..2]), None);
        assert_eq!(median_start(&orders).map(|starts| starts.of), Some(1), "only from one to two");
        let again = order(400, 2, &theirs, ActivityStatus::InProgress, None);
        let adds_none = [vec![again], orders.to_vec()].concat();
        assert_eq!(open_attempt(&adds_none, at(401)), None, "nothing is lacking");
    }

    #[test]
    fn orders_that_came_to_nothing_hide_the_others_where_no_other_is_there() {
        let failed = order(10, 1, MINIMUM, ActivityStatus::Failed, None);
        let under_way = order(11, 1, MINIMUM, ActivityStatus::InProgress, None);
        for (activities, want) in [
            (vec![], false),
            (vec![note(9, "nightly")], false),
            (vec![failed.clone()], true),
            (vec![failed.clone(), under_way, note(9, "nightly")], true),
            (vec![failed, done(1, 1, MINIMUM, 60)], false),
            (vec![done(1, 1, MINIMUM, 60)], false),
        ] {
            assert_eq!(hide_what_was_fulfilled(&activities), want, "{activities:?}");
        }
    }

    #[test]
    fn only_the_message_of_a_failure_is_a_refusal() {
        for (status, want) in [
            (ActivityStatus::Failed, true),
            (ActivityStatus::Successful, false),
            (ActivityStatus::InProgress, false),
            (ActivityStatus::Overridden, false),
        ] {
            assert_eq!(order(1, 1, MINIMUM, status, None).message_is_refusal(), want, "{status:?}");
        }
    }

    #[test]
    fn the_cause_says_whose_an_order_is() {
        let ours = |name: &str| Author::Policy { name: name.to_owned(), is_ours: true };
        let theirs = |name: &str| Author::Policy { name: name.to_owned(), is_ours: false };
        for (cause, want) in [
            (&*by("scale-to-zero-wake"), ours("scale-to-zero-wake")),
            (HIGH, ours("scale-to-zero-backlog")),
            (LOW, theirs("theirs")),
            (MINIMUM, Author::Bound),
            ("maximum capacity was set to 2", Author::Bound),
            ("the moon is full", Author::Unknown),
            ("", Author::Unknown),
        ] {
            let order = done(9, 1, cause, 60);
            assert_eq!(author(&order, std::slice::from_ref(&order)), want, "{cause}");
        }
        for (minute, action, is_ours) in [(9, "scale-to-zero-warm-start", true), (9, "nightly", false)] {
            let activities = [done(9, 1, MINIMUM, 60), note(minute, action)];
            let want = Author::ScheduledAction { name: action.to_owned(), is_ours };
            assert_eq!(author(&activities[0], &activities), want);
            assert_eq!(author(&activities[1], &activities), want);
        }
        let long_ago = [done(9, 1, MINIMUM, 60), note(7, "nightly")];
        assert_eq!(author(&long_ago[0], &long_ago), Author::Bound);
    }

    /// An action notes what it did, and the order of instances follows within a minute.
    #[test]
    fn a_schedule_is_behind_an_order_only_just_after_its_note() {
        let order = done(9, 1, MINIMUM, 60);
        let noted = |seconds_before: i64, action: &str| {
            let start = order.start - SignedDuration::from_secs(seconds_before);
            ScalingActivity { start, ..note(0, action) }
        };
        let by = |action: &str| Author::ScheduledAction { name: action.to_owned(), is_ours: false };
        let also_ordered = ScalingActivity { description: order.description.clone(), ..noted(10, "nightly") };
        for (others, want) in [
            (vec![noted(0, "nightly")], by("nightly")),
            (vec![noted(60, "nightly")], by("nightly")),
            (vec![noted(61, "nightly")], Author::Bound),
            (vec![noted(-1, "nightly")], Author::Bound),
            (vec![noted(50, "first"), noted(5, "last"), noted(30, "middle")], by("last")),
            (vec![also_ordered], Author::Bound),
        ] {
            let activities = [vec![order.clone()], others].concat();
            assert_eq!(author(&order, &activities), want, "{:?}", activities[1].start);
        }
    }

    #[test]
    fn an_attempt_goes_on_over_a_quarter_of_an_hour_without_an_order_and_no_longer() {
        let wake = by("scale-to-zero-wake");
        let failed = |second: i64| ScalingActivity {
            start: Timestamp::from_second(second).unwrap(),
            ..order(0, 1, &wake, ActivityStatus::Failed, None)
        };
        let since = |first: i64| open_attempt(&[failed(9_000), failed(first)], at(160)).unwrap().since.as_second();
        assert_eq!(since(9_000 - 900), 8_100);
        assert_eq!(since(9_000 - 901), 9_000);
    }

    #[test]
    fn a_number_that_no_activity_set_was_set_by_hand() {
        let activities = [note(20, "nightly"), done(10, 1, &by("scale-to-zero-wake"), 60)];
        let by_policy = LastAction::Activity {
            activity: &activities[1],
            author: Author::Policy { name: "scale-to-zero-wake".to_owned(), is_ours: true },
        };
        assert_eq!(last_action(&activities, Some(1)), Some(by_policy.clone()));
        assert_eq!(last_action(&activities, None), Some(by_policy), "the number isn't known");
        assert_eq!(last_action(&activities, Some(3)), Some(LastAction::ByHand { since: at(11) }));
        assert_eq!(last_action(&activities[..1], Some(3)), None, "a note sets no number");
        let failed = [order(20, 2, MINIMUM, ActivityStatus::Failed, Some(1)), activities[1].clone()];
        let tried = LastAction::Activity { activity: &failed[0], author: Author::Bound };
        assert_eq!(last_action(&failed, Some(1)), Some(tried));
    }

    #[test]
    fn an_order_that_takes_longer_than_a_start_lacks_capacity() {
        let trying = [order(100, 1, &by("scale-to-zero-wake"), ActivityStatus::InProgress, None)];
        let slow = [trying[0].clone(), done(10, 1, &by("scale-to-zero-wake"), 1200)];
        for (activities, minute, want) in [
            (&trying[..], 115, Obstacle::None),
            (&trying, 116, Obstacle::Capacity),
            (&slow, 140, Obstacle::None),
            (&slow, 141, Obstacle::Capacity),
        ] {
            let attempt = open_attempt(activities, at(minute)).unwrap();
            assert_eq!((attempt.obstacle, attempt.since), (want, at(100)), "minute {minute}, {activities:?}");
        }
    }

    #[test]
    fn an_attempt_began_with_the_first_order_in_a_row_that_came_to_nothing() {
        let wake = by("scale-to-zero-wake");
        let overridden = order(70, 1, &wake, ActivityStatus::Overridden, Some(20 * 60));
        let activities = [
            note(95, "nightly"),
            order(90, 2, HIGH, ActivityStatus::InProgress, None),
            overridden.clone(),
            order(60, 1, &wake, ActivityStatus::Failed, Some(1)),
            order(30, 1, &wake, ActivityStatus::Failed, Some(1)),
            done(10, 0, &by("scale-to-zero-idle"), 60),
        ];
        let attempt = open_attempt(&activities, at(95)).unwrap();
        assert_eq!((attempt.since, attempt.wanted, attempt.obstacle), (at(60), 2, Obstacle::Capacity));
        assert!(!attempt.is_since_at_least);
        let after_scale_in = [activities[1].clone(), done(89, 0, LOW, 20)];
        assert_eq!(open_attempt(&after_scale_in, at(95)).unwrap().since, at(90));
        let scaling_in = [order(94, 0, LOW, ActivityStatus::InProgress, None), overridden];
        assert_eq!(open_attempt(&scaling_in, at(95)), None, "that takes instances away");
        assert_eq!(open_attempt(&[done(90, 1, &wake, 60)], at(95)), None);
        assert_eq!(open_attempt(&[note(90, "nightly")], at(95)), None);
    }

    #[test]
    fn a_full_page_of_failures_may_have_begun_sooner() {
        let failed = |second: usize| ScalingActivity {
            start: Timestamp::from_second(i64::try_from(second).unwrap() * 10).unwrap(),
            ..order(0, 4, HIGH, ActivityStatus::Failed, Some(0))
        };
        let page: Vec<ScalingActivity> = (1..=ACTIVITIES_ON_A_PAGE).map(failed).collect();
        assert!(open_attempt(&page, at(60)).unwrap().is_since_at_least);
        assert!(!open_attempt(&page[1..], at(60)).unwrap().is_since_at_least);
    }

    #[test]
    fn a_refusal_says_what_it_is_about() {
        for (message, want) in [
            (
                "Failed to set desired instance count to 4. Reason: The account-level service limit 'ml.g5.xlarge for \
                 endpoint usage' is 4 Instances, with current utilization of 3 Instances and a request delta of 3 Instances. \
                 Please use AWS Service Quotas to request an increase for this quota.",
                Obstacle::Quota,
            ),
            ("… (Service: AmazonSageMaker; Status Code: 400; Error Code: ResourceLimitExceeded)", Obstacle::Quota),
            (
                "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry \
                 using a different ML instance type or after some time.",
                Obstacle::Capacity,
            ),
            ("CapacityError: Unable to provision requested ML compute capacity.", Obstacle::Capacity),
            ("Failed to set desired instance count to 1. Reason: Insufficient capacity.", Obstacle::Capacity),
            ("Cannot update in-progress endpoint", Obstacle::Other),
            ("the variant is registered as a scalable target: its MinCapacity can't be kept", Obstacle::Other),
            ("", Obstacle::Other),
        ] {
            assert_eq!(refusal(message), want, "{message}");
        }
    }
}
