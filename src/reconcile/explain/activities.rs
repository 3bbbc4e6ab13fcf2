//! What Application Auto Scaling is trying for a variant, and since when: instances that start, a lack of capacity, a quota.

use super::super::activities::{Attempt, Obstacle, ScalingActivity, Starts, median_start, open_attempt};
use super::super::settings::{Key, Rules};
use super::finding::{About, Finding, FindingCode, clock, count, sentence_end, time_span};
use super::variant::VariantFacts;

impl VariantFacts<'_> {
    pub(super) fn activities(&self) -> &[ScalingActivity] {
        self.facts.readings.activities.get(&self.variant.name).map_or(&[], Vec::as_slice)
    }

    /// The order for more instances that is still open; `None` where as many run as it asks for.
    pub(super) fn attempt(&self) -> Option<Attempt<'_>> {
        let attempt = open_attempt(self.activities(), self.facts.now)?;
        let runs_as_many = self.variant.current_instances >= Some(attempt.wanted);
        (!runs_as_many || attempt.obstacle == Obstacle::Other).then_some(attempt)
    }

    pub(super) fn capacity(&self) -> Option<Finding> {
        let Some(attempt) = self.attempt() else { return self.ordered_elsewhere() };
        let wanted = attempt.wanted;
        let since = self.since(&attempt);
        let message = sentence_end(attempt.newest.message.as_deref().unwrap_or("AWS gives no reason"));
        let runs = count(self.instances().into(), "instance");
        let kind = self.variant.instance_type.as_deref().unwrap_or("its instance type");
        let finding = match attempt.obstacle {
            Obstacle::None => {
                let sentence = format!("runs {runs} and should have {wanted}: AWS has been starting them {since}.");
                let finding = self.finding(FindingCode::Starting, About::Wake, &sentence);
                finding.advice(format!("wait: {}", start_time(self.activities())))
            }
            Obstacle::Capacity if attempt.newest.message_is_refusal() => {
                let sentence = format!(
                    "runs {runs} and can't get {wanted}: AWS has been trying {since}, and has no capacity of {kind}. Its last \
                     answer, at {}: {message}",
                    clock(attempt.newest.start)
                );
                self.finding(FindingCode::NoCapacity, About::Wake, &sentence).advice(what_helps(self.facts.rules))
            }
            Obstacle::Capacity => {
                let sentence = format!(
                    "runs {runs} and should have {wanted}: AWS has been trying {since}, longer than a start takes ({}). \
                     Probably AWS has no capacity of {kind}. It then reports no failure, and goes on trying.",
                    start_time(self.activities())
                );
                self.finding(FindingCode::NoCapacity, About::Wake, &sentence).advice(what_helps(self.facts.rules))
            }
            Obstacle::Quota => {
                let sentence = format!(
                    "runs {runs} and can't get {wanted}: AWS has been trying {since}, and your quota for {kind} is used up. \
                     Its last answer, at {}: {message}",
                    clock(attempt.newest.start)
                );
                self.finding(FindingCode::Quota, About::Wake, &sentence).advice(format!(
                    "ask for more in Service Quotas, end what else runs on {kind}, or set the tag {} to what the quota allows",
                    self.tag(Key::MaxCapacity)
                ))
            }
            Obstacle::Other => {
                let sentence = format!(
                    "could not be scaled when Application Auto Scaling last tried, at {} ({}): {message}",
                    clock(attempt.newest.start),
                    attempt.newest.description.trim_end_matches('.'),
                );
                self.finding(FindingCode::ScalingFailed, About::All, &sentence).advice("mend what the message says")
            }
        };
        Some(finding)
    }

    /// More instances are wanted than run, and no activity says who asked for them, or since when.
    fn ordered_elsewhere(&self) -> Option<Finding> {
        let (current, desired) = (self.variant.current_instances?, self.variant.desired_instances?);
        if desired <= current || !self.is_in_service() {
            return None;
        }
        let sentence = format!(
            "runs {} and should have {desired}, and no scaling activity says since when: they are starting, or AWS has no \
             capacity of {}.",
            count(current.into(), "instance"),
            self.variant.instance_type.as_deref().unwrap_or("its instance type")
        );
        let finding = self.finding(FindingCode::Starting, About::Wake, &sentence);
        let helps = what_helps(self.facts.rules);
        Some(finding.advice(format!("wait: {}; if it takes much longer, {helps}", start_time(self.activities()))))
    }

    fn since(&self, attempt: &Attempt) -> String {
        let at_least = if attempt.is_since_at_least { "at least " } else { "" };
        let span = self.facts.now.duration_since(attempt.since);
        format!("since {at_least}{} ({})", clock(attempt.since), time_span(span.as_secs().unsigned_abs()))
    }
}

/// How long starts take: this endpoint's own, where some are known.
pub(super) fn start_time(activities: &[ScalingActivity]) -> String {
    match median_start(activities) {
        Some(Starts { seconds, of: 1 }) => format!("its last start took {}", time_span(seconds)),
        Some(Starts { seconds, of }) => {
            format!("its last {of} starts took {}, by the median", time_span(seconds))
        }
        None => "users measured starts of 7 to 15 minutes".to_owned(),
    }
}

/// Against a lack of capacity.
pub(super) fn what_helps(rules: &Rules) -> String {
    format!(
        "wait, or name instance pools (several instance types; AWS takes the first that it has) or another instance type in \
         the endpoint's configuration: {}",
        super::status::way_through(rules)
    )
}
