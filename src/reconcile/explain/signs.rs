//! What shows that a variant is at work, minute by minute; and where what CloudWatch and Application Auto Scaling answer
//! contradicts what the alarms rest on. AWS documents too little of it to be sure.

use jiff::{SignedDuration, Timestamp};

use super::super::activities::ScalingActivity;
use super::super::desired::{BACKLOG_METRIC, METRIC_PERIOD, reports_a_minute};
use super::super::endpoint::{Endpoint, Variant};
use super::super::names::AlarmKind;
use super::super::scaling::{Metric, Namespace, Statistic};
use super::super::settings::Key;
use super::finding::{About, Finding, FindingCode, clock, count, time_span};
use super::readings::{AlarmRole, AlarmState, BacklogSize};
use super::variant::VariantFacts;

/// A metric of a variant beside the backlog, which is the endpoint's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// Requests that were finished.
    Completions,
    /// The greatest use of a GPU, in percent.
    GpuUse,
    /// How often instances reported their CPU use.
    Reports,
    /// How long the longest of the requests that were finished took, in microseconds.
    LongestRequest,
}

impl Sign {
    pub const ALL: [Self; 4] = [Self::Completions, Self::GpuUse, Self::Reports, Self::LongestRequest];

    /// The metric that has it. `None`: the variant has no GPU.
    #[must_use]
    pub fn metric(self, endpoint: &Endpoint, variant: &Variant) -> Option<Metric> {
        let (namespace, name, statistic) = match self {
            Self::Completions => (Namespace::Invocations, "InvocationsProcessed", Statistic::Sum),
            Self::GpuUse if !variant.may_have_gpu() => return None,
            Self::GpuUse => (Namespace::Instances, "GPUUtilization", Statistic::Maximum),
            Self::Reports => (Namespace::Instances, "CPUUtilization", Statistic::SampleCount),
            Self::LongestRequest => (Namespace::Invocations, "ModelLatency", Statistic::Maximum),
        };
        let variant = Some(variant.name.clone());
        Some(Metric { namespace, name: name.to_owned(), variant, statistic, ..backlog_metric(endpoint) })
    }
}

/// The endpoint's backlog.
#[must_use]
pub fn backlog_metric(endpoint: &Endpoint) -> Metric {
    Metric {
        namespace: Namespace::Invocations,
        name: BACKLOG_METRIC.to_owned(),
        endpoint: endpoint.name.to_string(),
        variant: None,
        statistic: Statistic::Maximum,
        period: METRIC_PERIOD,
    }
}

/// A datapoint of a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minute {
    pub at: Timestamp,
    pub value: f64,
}

/// A request in service for so long fills the whole minute before the one in which it ends.
const TWO_MINUTES: f64 = 120.0;
const MICROSECONDS: f64 = 1_000_000.0;

/// An alarm that starts something does so at once, and again each minute.
const LONGEST_WITHOUT_ACTIVITY: SignedDuration = SignedDuration::from_mins(5);

/// The newest minute may not be whole, and what starts or goes shows in the next ones.
const MINUTES_TO_COMPARE: usize = 3;

impl VariantFacts<'_> {
    fn sign(&self, sign: Sign) -> &[Minute] {
        self.facts.readings.signs.get(&(self.variant.name.clone(), sign)).map_or(&[], Vec::as_slice)
    }

    /// The newest minute of a sign that shows work, if the idle alarm still looks at that minute.
    fn newest_work(&self, sign: Sign) -> Option<Minute> {
        let minutes = self.scaling.alarms.get(&AlarmKind::Idle)?.evaluation_periods;
        let since = self.facts.now - SignedDuration::from_secs((minutes * METRIC_PERIOD).into());
        self.sign(sign).iter().copied().find(|minute| minute.value >= 1.0 && minute.at >= since)
    }

    /// Whether no sign of this minute shows work.
    pub(super) fn shows_nothing(&self, minute: &BacklogSize) -> bool {
        let is_quiet = |sign| !self.sign(sign).iter().any(|of| clock(of.at) == minute.at && of.value >= 1.0);
        minute.requests < 1.0 && is_quiet(Sign::Completions) && is_quiet(Sign::GpuUse)
    }

    /// What keeps the variant awake beside the backlog.
    pub(super) fn work(&self) -> Vec<Finding> {
        if !self.may_scale_in() {
            return Vec::new();
        }
        let completions = self.newest_work(Sign::Completions).map(|minute| {
            let finished = count(minute.value, "request");
            let sentence = format!("is not idle: it finished {finished} in the minute from {}.", clock(minute.at));
            self.finding(FindingCode::Completions, About::Sleep, &sentence)
        });
        let gpu = self.newest_work(Sign::GpuUse).map(|minute| {
            let sentence = format!(
                "is not idle: a GPU was up to {} % busy in the minute from {}.",
                minute.value,
                clock(minute.at)
            );
            self.finding(FindingCode::GpuUse, About::Sleep, &sentence)
        });
        completions.into_iter().chain(gpu).collect()
    }

    /// Findings about what AWS leaves open.
    pub(super) fn self_checks(&self) -> Vec<Finding> {
        [self.ladder_without_effect(), self.instances_miscounted(), self.work_unseen()].into_iter().flatten().collect()
    }

    fn ladder_without_effect(&self) -> Option<Finding> {
        let role = AlarmRole::Own(AlarmKind::Ladder);
        let alarm = self.alarms().iter().find(|alarm| alarm.role == role && alarm.state == AlarmState::Alarm)?;
        let since = alarm.since.filter(|_| alarm.drives_its_policy && !self.target.suspended.scale_out)?;
        let so_far = self.facts.now.duration_since(since);
        // The plain wake alarm starts an instance all the same; its orders are not the ladder's.
        let is_of_ladder = |activity: &ScalingActivity| {
            activity.start >= since - SignedDuration::from_mins(1) && activity.cause.contains(&alarm.name)
        };
        if so_far < LONGEST_WITHOUT_ACTIVITY || self.activities().iter().any(is_of_ladder) {
            return None;
        }
        let sentence = format!(
            "has a ladder alarm in ALARM since {} ({}), and no scaling activity of it followed: AWS doesn't seem to take the \
             value of its expression. The plain wake alarm starts one instance all the same.",
            clock(since),
            time_span(so_far.as_secs().unsigned_abs())
        );
        let finding = self.finding(FindingCode::LadderWithoutEffect, About::Wake, &sentence);
        Some(finding.set(self.tag(Key::WakeInstances), "to a number, which needs no ladder, and report it"))
    }

    fn instances_miscounted(&self) -> Option<Finding> {
        self.scaling.alarms.get(&AlarmKind::Spare)?;
        let frequency = self.variant.publish_frequency();
        if frequency > METRIC_PERIOD {
            let sentence = format!(
                "has instances that report their CPU use only every {frequency} s: the spare alarm counts them by the reports of \
                 each minute, so it takes none away, and only the idle alarm does."
            );
            let finding = self.finding(FindingCode::InstancesMiscounted, About::Sleep, &sentence);
            return Some(finding.advice(
                "a MetricsConfig with MetricPublishFrequencyInSeconds of 60 in the endpoint's configuration makes it one report \
                 a minute",
            ));
        }
        let instances = self
            .variant
            .current_instances
            .filter(|_| self.variant.current_instances == self.variant.desired_instances)?;
        let compared = self.sign(Sign::Reports).iter().skip(1).take(MINUTES_TO_COMPARE);
        let reports: Vec<f64> = compared.map(|minute| minute.value).collect();
        let [first, ..] = reports[..] else { return None };
        let expected = f64::from(instances) * f64::from(reports_a_minute(self.variant));
        let is_settled =
            reports.len() == MINUTES_TO_COMPARE && reports.iter().all(|it| (it - first).abs() < f64::EPSILON);
        if !is_settled || (first - expected).abs() < f64::EPSILON {
            return None;
        }
        let sentence = format!(
            "runs {}, and they sent {} of their CPU use a minute instead of {expected}{}: the spare alarm counts instances by \
             these reports, and may keep more than one. It never takes the last.",
            count(instances.into(), "instance"),
            count(first, "report"),
            if self.variant.publish_frequency.is_none() {
                " (the endpoint doesn't say how often, so once is assumed)"
            } else {
                ""
            }
        );
        let finding = self.finding(FindingCode::InstancesMiscounted, About::Sleep, &sentence);
        Some(finding.advice(
            "report it; a MetricsConfig with MetricPublishFrequencyInSeconds of 60 makes it one report each, as AWS documents",
        ))
    }

    fn work_unseen(&self) -> Option<Finding> {
        let long = self.sign(Sign::LongestRequest).iter().filter(|minute| minute.value > TWO_MINUTES * MICROSECONDS);
        let unseen = long.into_iter().find_map(|ended| {
            let before = clock(ended.at - SignedDuration::from_secs(METRIC_PERIOD.into()));
            let minute = self.facts.readings.backlog.iter().find(|minute| minute.at == before)?;
            (minute.requests < 1.0).then_some((minute, ended))
        });
        let (minute, ended) = unseen?;
        let sentence = format!(
            "had a backlog of 0 in the minute from {}, in which a request of {:.0} s was being processed: here the backlog \
             doesn't count what runs.",
            minute.at,
            ended.value / MICROSECONDS
        );
        let finding = self.finding(FindingCode::WorkUnseen, About::Sleep, &sentence);
        Some(finding.set(
            self.tag(Key::LongestRequest),
            "to how long the longest request takes, so that none is cut off, and report it",
        ))
    }
}
