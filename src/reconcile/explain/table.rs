//! The table of findings: the code of each, which questions it answers, and what it means, each stated once. Answers are made
//! with it; the documents are compared with it.

use super::finding::{About, FindingCode};

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct FindingKind {
    pub code: FindingCode,
    /// The fixed code in answers.
    pub name: &'static str,
    /// The questions that it may answer.
    pub about: &'static [About],
    /// One line in the words of the documents.
    pub meaning: &'static str,
}

const fn row(code: FindingCode, name: &'static str, about: &'static [About], meaning: &'static str) -> FindingKind {
    FindingKind { code, name, about, meaning }
}

/// In the order of importance, which is that of [`FindingCode`].
pub const FINDINGS: [FindingKind; 44] = [
    row(FindingCode::NotFound, "not-found", &[About::All], "there is no endpoint of this name"),
    row(FindingCode::Deleting, "deleting", &[About::All], "it is being deleted"),
    row(FindingCode::Serverless, "serverless", &[About::All], "a serverless variant has no instances"),
    row(
        FindingCode::ManagedInstanceScaling,
        "managed-instance-scaling",
        &[About::All],
        "it hosts inference components",
    ),
    row(FindingCode::NotAsync, "not-async", &[About::All], "it is a real-time endpoint"),
    row(
        FindingCode::BurstableInstance,
        "burstable-instance",
        &[About::All],
        "Application Auto Scaling takes no burstable instance types",
    ),
    row(FindingCode::OptedOut, "opted-out", &[About::All], "`enabled` is `false`"),
    row(FindingCode::NotManaged, "not-managed", &[About::All], "it has no tag of the prefix"),
    row(FindingCode::Removing, "removing", &[About::All], "what the function made for it is being removed"),
    row(
        FindingCode::EndpointFailed,
        "endpoint-failed",
        &[About::All],
        "its status is `Failed`, `UpdateRollbackFailed` or `OutOfService`; with SageMaker's reason",
    ),
    row(
        FindingCode::InvalidTags,
        "invalid-tags",
        &[About::Change],
        "a tag can't be honoured, and why; one finding for each",
    ),
    row(
        FindingCode::Conflict,
        "conflict",
        &[About::Change],
        "another owner's policy or scheduled action is there; one finding for each",
    ),
    row(
        FindingCode::UpdateFailed,
        "update-failed",
        &[About::Change],
        "it is in service, but its last update failed; how to change the instance type, if that was it",
    ),
    row(
        FindingCode::NoCapacity,
        "no-capacity",
        &[About::Wake],
        "AWS has no capacity of the instance type: it says so, or it has been trying for longer than a start takes; since when, and what helps",
    ),
    row(
        FindingCode::Quota,
        "quota",
        &[About::Wake],
        "your quota for the instance type is used up; since when, and AWS's message",
    ),
    row(
        FindingCode::Updating,
        "updating",
        &[About::Change],
        "SageMaker is changing it, for example starting an instance",
    ),
    row(FindingCode::NotConfigured, "not-configured", &[About::All], "the variant is no scalable target yet"),
    row(
        FindingCode::Paused,
        "paused",
        &[About::Sleep, About::Wake, About::All],
        "scaling is suspended, by the tag `pause` or by hand",
    ),
    row(
        FindingCode::WakeStuck,
        "wake-stuck",
        &[About::Wake],
        "the wake alarm is in `ALARM`, no instance runs, and no scaling activity says that one starts",
    ),
    row(
        FindingCode::ScalingFailed,
        "scaling-failed",
        &[About::All],
        "the newest scaling activity failed for another reason, with AWS's message",
    ),
    row(
        FindingCode::BelowMinCapacity,
        "below-min-capacity",
        &[About::Wake],
        "fewer instances run than `MinCapacity`, and AWS isn't at work on it",
    ),
    row(FindingCode::WakeMissing, "wake-missing", &[About::Wake], "the wake policy or its alarm is gone"),
    row(
        FindingCode::SleepMissing,
        "sleep-missing",
        &[About::Sleep],
        "the policy that scales in, or the idle alarm, is gone",
    ),
    row(
        FindingCode::TrackingAlarmMissing,
        "tracking-alarm-missing",
        &[About::Sleep, About::Wake],
        "target tracking's policy has lost an alarm that it needs",
    ),
    row(
        FindingCode::AlarmWithoutAction,
        "alarm-without-action",
        &[About::Sleep, About::Wake],
        "an alarm's actions are switched off, or it drives none of the function's policies",
    ),
    row(
        FindingCode::LadderWithoutEffect,
        "ladder-without-effect",
        &[About::Wake],
        "the ladder alarm is in `ALARM`, and no scaling activity of it followed: please report it",
    ),
    row(
        FindingCode::WorkUnseen,
        "work-unseen",
        &[About::Sleep],
        "the backlog was 0 in a minute in which a request of more than two minutes ran: please report it",
    ),
    row(FindingCode::WakeOff, "wake-off", &[About::Wake], "`wake` is `false`"),
    row(
        FindingCode::AtMaxCapacity,
        "at-max-capacity",
        &[About::Wake],
        "more requests than `backlog-per-instance` for each of `max-capacity` instances",
    ),
    row(
        FindingCode::Drift,
        "drift",
        &[About::Change],
        "something isn't as the tags say; see `pendingChanges`, or `plan` for all of it",
    ),
    row(FindingCode::MinCapacity, "min-capacity", &[About::Sleep], "`min-capacity` is above 0"),
    row(
        FindingCode::WarmHours,
        "warm-hours",
        &[About::Sleep],
        "`MinCapacity` is above `min-capacity` for now. With the finding `drift` as well, somebody raised it by hand",
    ),
    row(FindingCode::Backlog, "backlog", &[About::Sleep], "the backlog isn't empty"),
    row(
        FindingCode::Completions,
        "completions",
        &[About::Sleep],
        "requests were finished, and the idle time began anew",
    ),
    row(FindingCode::GpuUse, "gpu-use", &[About::Sleep], "a GPU was at work, and the idle time began anew"),
    row(
        FindingCode::InsufficientData,
        "insufficient-data",
        &[About::Sleep],
        "the alarm that scales in has no data, and does nothing; normal for the first minutes",
    ),
    row(FindingCode::IdleTimeout, "idle-timeout", &[About::Sleep], "the idle timeout is not over yet"),
    row(
        FindingCode::TargetTracking,
        "target-tracking",
        &[About::Sleep],
        "target tracking's alarm has not seen too few requests for long enough, or its cooldown isn't over",
    ),
    row(
        FindingCode::Starting,
        "starting",
        &[About::Wake],
        "instances are starting; since when, and how long this endpoint's past starts took",
    ),
    row(FindingCode::Waking, "waking", &[About::Wake], "a request waits at zero, and the wake alarm hasn't fired yet"),
    row(
        FindingCode::WakeAlarmNew,
        "wake-alarm-new",
        &[About::Wake],
        "the wake alarm is in `INSUFFICIENT_DATA`; normal for some minutes after it was made",
    ),
    row(
        FindingCode::InstancesMiscounted,
        "instances-miscounted",
        &[About::Sleep],
        "reports of CPU use aren't the number of instances: please report it",
    ),
    row(
        FindingCode::Unreadable,
        "unreadable",
        &[About::All],
        "alarm states, scaling activities or the backlog couldn't be read; the rest holds",
    ),
    row(
        FindingCode::AllWell,
        "all-well",
        &[About::All],
        "nothing stands in the way, and everything could be read that is needed to say so",
    ),
];

impl FindingCode {
    /// What the table says of it.
    #[must_use]
    pub fn kind(self) -> &'static FindingKind {
        // Held by `the_table_has_the_order_of_the_findings`.
        &FINDINGS[self as usize]
    }
}

impl About {
    /// The fixed word for the question that a finding answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Wake => "wake",
            Self::Change => "change",
            Self::All => "all",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_order_of_the_findings() {
        for (place, kind) in FINDINGS.iter().enumerate() {
            assert_eq!(kind.code as usize, place, "{}", kind.name);
        }
    }
}
