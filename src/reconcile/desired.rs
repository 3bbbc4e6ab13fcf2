//! From settings to the scaling that a variant should have.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::endpoint::Variant;
use super::names::{AlarmKind, EndpointName, PolicyName};
use super::scaling::{
    Adjustment, Aggregation, Alarm, AlarmInput, Comparison, Metric, MetricMath, MissingData, Namespace, OtherActions,
    ScalableTarget, Scaling, ScalingPolicy, Statistic, StepAdjustment, StepScaling, TargetTracking,
};
use super::settings::{Pause, Settings, WakeInstances};
use super::warm;

/// Seconds. The metrics of asynchronous endpoints arrive once a minute; a shorter period would leave the alarm without
/// data (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>).
pub const METRIC_PERIOD: i32 = 60;

/// Requests that wait and, as AWS documents it, requests in flight
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>).
pub const BACKLOG_METRIC: &str = "ApproximateBacklogSize";

/// Seconds, from when the instances run. Both alarms that wake go on for a minute or two after that.
const WAKE_COOLDOWN: i32 = 180;

/// Seconds. One minute of the metric: the policy has nothing to do again before a new datapoint is there.
const SCALE_IN_COOLDOWN: i32 = METRIC_PERIOD;

/// The most steps of a policy
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html>).
const MOST_STEPS: i32 = 20;

/// Seconds. The longest time that the spare alarm waits, unless the longest request takes longer.
const LONGEST_SPARE: i32 = 5 * 60;

/// Seconds. The ladder asks for more than one instance only in the first minute of a backlog. Then the plain wake alarm takes
/// over, so that an order that AWS refuses is never repeated in place of a smaller one.
const LADDER_AGE: i32 = METRIC_PERIOD;

/// The scaling that `settings` ask for at the time `now`, of a variant that has none yet.
#[must_use]
pub fn desired(endpoint: &EndpointName, variant: &Variant, settings: &Settings, now: Timestamp) -> Scaling {
    let metrics = Metrics { endpoint, variant };
    let mut policies = BTreeMap::from([(PolicyName::Backlog, backlog_policy(&metrics, settings))]);
    let mut alarms = BTreeMap::new();
    // Where an instance always runs there is nothing to wake, and the metric would never be 1.
    if settings.wake && settings.min_capacity == 0 {
        let climbs = settings.wake_instances == WakeInstances::Auto && settings.max_capacity > 1;
        policies.insert(PolicyName::Wake, wake_policy(settings));
        alarms.insert(AlarmKind::Wake, wake_alarm(&metrics, climbs));
        if climbs {
            alarms.insert(AlarmKind::Ladder, ladder_alarm(&metrics, settings));
        }
    }
    if let Some(timeout) = settings.idle_timeout {
        let least = settings.min_capacity.max(1);
        if settings.max_capacity > least {
            policies.insert(PolicyName::Spare, exact_capacity(least, from_zero_up));
            alarms.insert(AlarmKind::Spare, spare_alarm(&metrics, settings, timeout));
        }
        policies.insert(PolicyName::Idle, exact_capacity(settings.min_capacity, up_to_zero));
        alarms.insert(AlarmKind::Idle, idle_alarm(&metrics, timeout));
    }
    Scaling {
        target: Some(ScalableTarget {
            min_capacity: min_capacity(settings, now),
            max_capacity: settings.max_capacity,
            suspended: settings.pause.suspended(),
        }),
        policies,
        alarms,
        actions: warm::scheduled_actions(&settings.warm_hours, settings.warm_capacity, settings.min_capacity, now),
        ..Scaling::default()
    }
}

/// The scaling that `settings` ask for of a variant that has `observed` already.
#[must_use]
pub fn desired_beside(
    endpoint: &EndpointName,
    variant: &Variant,
    settings: &Settings,
    observed: &Scaling,
    now: Timestamp,
) -> Scaling {
    let mut scaling = desired(endpoint, variant, settings, now);
    // A pause also pauses the warm hours: `MinCapacity` stays as it was when the pause began.
    if let (Pause::All, Some(present), Some(target)) = (settings.pause, &observed.target, &mut scaling.target)
        && [settings.min_capacity, settings.warm_capacity].contains(&present.min_capacity)
    {
        target.min_capacity = present.min_capacity;
    }
    // A start can fail. What wakes the variant stays until an instance runs.
    let has_to_start = settings.min_capacity > 0 && variant.current_instances == Some(0);
    if has_to_start && observed.has_a_way_to_wake() {
        if let Some(policy) = observed.policies.get(&PolicyName::Wake) {
            scaling.policies.insert(PolicyName::Wake, policy.clone());
        }
        for kind in [AlarmKind::Wake, AlarmKind::Ladder] {
            if let Some(alarm) = observed.alarms.get(&kind) {
                scaling.alarms.insert(kind, alarm.clone());
            }
        }
    }
    for (kind, alarm) in &mut scaling.alarms {
        alarm.other_actions = observed.other_actions(*kind);
    }
    scaling
}

/// A variant that is paused when it is first seen gets none of its warm hours.
fn min_capacity(settings: &Settings, now: Timestamp) -> i32 {
    let is_warm = settings.pause != Pause::All && warm::is_warm(&settings.warm_hours, now);
    if is_warm { settings.warm_capacity } else { settings.min_capacity }
}

/// The metrics of one variant, each by what it says.
struct Metrics<'a> {
    endpoint: &'a EndpointName,
    variant: &'a Variant,
}

impl Metrics<'_> {
    /// Of the queue, which is the endpoint's.
    fn of_queue(&self, name: &str, statistic: Statistic) -> Metric {
        Metric {
            namespace: Namespace::Invocations,
            name: name.to_owned(),
            endpoint: self.endpoint.to_string(),
            variant: None,
            statistic,
            period: METRIC_PERIOD,
        }
    }

    fn of_variant(&self, namespace: Namespace, name: &str, statistic: Statistic) -> Metric {
        let variant = Some(self.variant.name.clone());
        Metric { namespace, variant, ..self.of_queue(name, statistic) }
    }

    /// 1 while a request waits and no instance runs, else 0.
    fn waiting(&self) -> Metric {
        self.of_queue("HasBacklogWithoutCapacity", Statistic::Average)
    }

    fn backlog(&self, statistic: Statistic) -> Metric {
        self.of_queue(BACKLOG_METRIC, statistic)
    }

    /// Seconds.
    fn age(&self) -> Metric {
        self.of_queue("ApproximateAgeOfOldestRequest", Statistic::Maximum)
    }

    /// Requests that were finished. A request that is short enough shows in no sample of the backlog.
    fn completions(&self) -> Metric {
        self.of_variant(Namespace::Invocations, "InvocationsProcessed", Statistic::Sum)
    }

    /// Each instance reports as often as the endpoint's `MetricsConfig` says, by default once a minute. The number of reports
    /// is that of the instances then
    /// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-troubleshooting.html>).
    fn instances(&self) -> Metric {
        self.of_variant(Namespace::Instances, "CPUUtilization", Statistic::SampleCount)
    }

    /// Percent.
    fn gpu_use(&self) -> Metric {
        self.of_variant(Namespace::Instances, "GPUUtilization", Statistic::Maximum)
    }
}

fn backlog_policy(metrics: &Metrics, settings: &Settings) -> ScalingPolicy {
    ScalingPolicy::TargetTracking(TargetTracking {
        target_value: settings.backlog_per_instance,
        metric: metrics.of_queue("ApproximateBacklogSizePerInstance", Statistic::Average),
        scale_in_cooldown: settings.scale_in_cooldown,
        scale_out_cooldown: settings.scale_out_cooldown,
        // With an idle timeout, the idle and spare alarms alone decide when to scale in.
        disable_scale_in: settings.idle_timeout.is_some(),
    })
}

/// Both alarms that drive it fire above 0, so the value of the metric is the number of instances to start. Bounds halfway
/// between two numbers make rounding harmless.
fn wake_policy(settings: &Settings) -> ScalingPolicy {
    let steps = match settings.wake_instances {
        WakeInstances::Fixed(count) => vec![from_zero_up(count)],
        WakeInstances::Auto => {
            let most = settings.max_capacity.min(MOST_STEPS);
            let bound = |count: i32| f64::from(count) + 0.5;
            (1..=most)
                .map(|count| StepAdjustment {
                    lower: Some(if count == 1 { 0.0 } else { bound(count - 1) }),
                    upper: (count < most).then(|| bound(count)),
                    amount: count,
                })
                .collect()
        }
    };
    ScalingPolicy::Step(StepScaling {
        adjustment: Adjustment::ChangeInCapacity,
        aggregation: Aggregation::Maximum,
        steps,
        cooldown: WAKE_COOLDOWN,
    })
}

/// Alone, one datapoint is enough: the metric is above 0 only when a request waits and no instance runs, which is never a false
/// alarm. Beside a ladder this alarm is the net, and leaves the first minute to the ladder.
fn wake_alarm(metrics: &Metrics, is_beside_a_ladder: bool) -> Alarm {
    let minutes = if is_beside_a_ladder { 2 } else { 1 };
    Alarm {
        comparison: Comparison::GreaterThanThreshold,
        threshold: 0.0,
        missing_data: MissingData::NotBreaching,
        ..alarm(
            "Starts an instance when a request waits and none runs.",
            AlarmInput::Metric(metrics.waiting()),
            minutes,
        )
    }
}

/// As many instances as the backlog asks for, in one order: SageMaker takes no other before they run. Up to the target of
/// one instance it is one. Above it is twice the share, as requests go on coming while instances start.
fn ladder_alarm(metrics: &Metrics, settings: &Settings) -> Alarm {
    let target = settings.backlog_per_instance;
    let share = (2.0 / target).min(1.0);
    let input = expression(
        format!("(w > 0) + (w > 0)*(b > {target})*(a <= {LADDER_AGE})*(CEIL({share}*b) - 1)"),
        [("w", metrics.waiting()), ("b", metrics.backlog(Statistic::Maximum)), ("a", metrics.age())],
    );
    Alarm {
        comparison: Comparison::GreaterThanThreshold,
        threshold: 0.0,
        missing_data: MissingData::NotBreaching,
        ..alarm("Starts as many instances as the backlog asks for when requests wait and none runs.", input, 1)
    }
}

/// More requests than any queue holds. Far above, a number is the same as the one that follows it.
const MOST_REQUESTS: f64 = 1e12;

/// What a ladder alarm does: `Asleep, 1 to 5 requests start 1 instance, 6 or 7 start 3, 8 to 10 start 4, 11 or more start 5.`
/// By its own expression, and at the most to `max_capacity` instances.
#[must_use]
pub fn ladder_in_words(alarm: &Alarm, max_capacity: i32) -> Option<String> {
    let AlarmInput::Expression(math) = &alarm.input else { return None };
    let (_, behind) = math.expression.split_once("(b > ")?;
    let target: f64 = behind.split_once(')')?.0.parse().ok().filter(|target| *target > 0.0)?;
    let most = f64::from(max_capacity.clamp(1, MOST_STEPS));
    let share = (2.0 / target).min(1.0);
    let instances = |requests: f64| if requests > target { (share * requests).ceil() } else { 1.0 };
    let mut rungs = Vec::new();
    let (mut from, mut started) = (1.0, instances(1.0));
    let climbs = target <= MOST_REQUESTS;
    while climbs && started < most {
        let mut to = if started > 1.0 { (started / share).floor() } else { target.floor() };
        // Only where the division was rounded.
        while instances(to) > started {
            to -= 1.0;
        }
        rungs.push((from, Some(to.max(from)), started));
        from = to.max(from) + 1.0;
        started = instances(from);
    }
    rungs.push((from, None, if climbs { most } else { started }));
    let words: Vec<String> = rungs.into_iter().map(|(from, to, started)| rung(from, to, started)).collect();
    Some(format!("Asleep, {}.", words.join(", ")))
}

fn rung(from: f64, to: Option<f64>, started: f64) -> String {
    let requests = match to {
        None => format!("{from} or more"),
        Some(to) if to <= from => from.to_string(),
        Some(to) if to <= from + 1.0 => format!("{from} or {to}"),
        Some(to) => format!("{from} to {to}"),
    };
    match (from <= 1.0, to) {
        (true, Some(to)) if to <= 1.0 => format!("{requests} request starts {started} instance"),
        (true, _) => format!("{requests} requests start {started} instance"),
        (false, _) => format!("{requests} start {started}"),
    }
}

/// Less than one request's work in each minute: one instance is enough. By the average, which is the load however often
/// SageMaker samples. More reports than one instance sends are those of a second one.
fn spare_alarm(metrics: &Metrics, settings: &Settings, timeout: i32) -> Alarm {
    let seconds = timeout.min(LONGEST_SPARE).max(settings.longest_request.unwrap_or(0));
    let minutes = seconds.div_euclid(METRIC_PERIOD) + i32::from(seconds % METRIC_PERIOD > 0);
    let of_one_instance = reports_a_minute(metrics.variant);
    let input = expression(
        format!("(b < 1)*(c - {of_one_instance})"),
        [("b", metrics.backlog(Statistic::Average)), ("c", metrics.instances())],
    );
    let description =
        format!("Leaves a single instance, or MinCapacity, after {minutes} min in which that was enough.");
    Alarm { comparison: Comparison::GreaterThanOrEqualToThreshold, ..alarm(&description, input, minutes) }
}

/// How often an instance reports in a minute, once at least. Where it reports less often, the spare alarm has no datapoint of
/// some minutes and never fires: instances stay, and none is lost.
pub(super) fn reports_a_minute(variant: &Variant) -> i32 {
    let frequency = variant.publish_frequency().clamp(1, METRIC_PERIOD);
    METRIC_PERIOD.div_euclid(frequency) + i32::from(METRIC_PERIOD % frequency > 0)
}

/// Missing data don't prove that there is nothing to do.
fn idle_alarm(metrics: &Metrics, timeout: i32) -> Alarm {
    let minutes = timeout / METRIC_PERIOD;
    let mut parts =
        vec![("b", metrics.backlog(Statistic::Maximum)), ("m", metrics.completions()), ("g", metrics.gpu_use())];
    if !metrics.variant.may_have_gpu() {
        parts.pop();
    }
    let ids: Vec<&str> = parts.iter().map(|(id, _)| *id).collect();
    let description = format!("Takes all instances above MinCapacity away after {minutes} min without work.");
    alarm(&description, expression(ids.join(" + "), parts), minutes)
}

fn expression<'a>(expression: String, metrics: impl IntoIterator<Item = (&'a str, Metric)>) -> AlarmInput {
    let metrics = metrics.into_iter().map(|(id, metric)| (id.to_owned(), metric)).collect();
    AlarmInput::Expression(MetricMath { expression, metrics })
}

/// An alarm for values below 1 in each of so many minutes.
fn alarm(description: &str, input: AlarmInput, minutes: i32) -> Alarm {
    Alarm {
        description: format!("{description} Kept by sagemaker-scale-to-zero."),
        input,
        comparison: Comparison::LessThanThreshold,
        threshold: 1.0,
        evaluation_periods: minutes,
        datapoints_to_alarm: minutes,
        missing_data: MissingData::Missing,
        other_actions: OtherActions::default(),
    }
}

/// To so many instances at once, however many run.
fn exact_capacity(amount: i32, step: fn(i32) -> StepAdjustment) -> ScalingPolicy {
    ScalingPolicy::Step(StepScaling {
        adjustment: Adjustment::ExactCapacity,
        aggregation: Aggregation::Average,
        steps: vec![step(amount)],
        cooldown: SCALE_IN_COOLDOWN,
    })
}

/// For an alarm that fires above its threshold.
fn from_zero_up(amount: i32) -> StepAdjustment {
    StepAdjustment { lower: Some(0.0), upper: None, amount }
}

/// For an alarm that fires below its threshold.
fn up_to_zero(amount: i32) -> StepAdjustment {
    StepAdjustment { lower: None, upper: Some(0.0), amount }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::super::endpoint::Hosting;
    use super::super::names::VariantName;
    use super::super::scaling::Suspended;
    use super::super::settings::Key;
    use super::*;

    /// A Thursday.
    const NOON: Timestamp = Timestamp::constant(43_200, 0);

    fn demo() -> EndpointName {
        EndpointName::new("demo").unwrap()
    }

    fn on(instance_type: &str) -> Variant {
        Variant {
            name: VariantName::new("AllTraffic").unwrap(),
            current_instances: Some(1),
            desired_instances: Some(1),
            hosting: Hosting::Instances,
            instance_type: Some(instance_type.to_owned()),
            publish_frequency: None,
        }
    }

    fn with(settings: &Settings) -> Scaling {
        desired(&demo(), &on("ml.g5.xlarge"), settings, NOON)
    }

    fn tagged(tags: &[(Key, &str)]) -> Scaling {
        let mut settings = Settings::default();
        for (key, value) in tags {
            settings.set(*key, value, 100).unwrap();
        }
        with(&settings)
    }

    fn step(scaling: &Scaling, name: PolicyName) -> &StepScaling {
        match &scaling.policies[&name] {
            ScalingPolicy::Step(step) => step,
            ScalingPolicy::TargetTracking(_) => panic!("{name} is target tracking"),
        }
    }

    fn scales_in_by_target_tracking(scaling: &Scaling) -> bool {
        match &scaling.policies[&PolicyName::Backlog] {
            ScalingPolicy::TargetTracking(tracking) => !tracking.disable_scale_in,
            ScalingPolicy::Step(_) => panic!("the backlog policy is a step policy"),
        }
    }

    fn math(scaling: &Scaling, kind: AlarmKind) -> &MetricMath {
        match &scaling.alarms[&kind].input {
            AlarmInput::Expression(math) => math,
            AlarmInput::Metric(metric) => panic!("{kind:?} looks at {metric:?} alone"),
        }
    }

    /// Each metric as `id name statistic`.
    fn words(math: &MetricMath) -> Vec<String> {
        math.metrics.iter().map(|(id, it)| format!("{id} {} {}", it.name, it.statistic.as_str())).collect()
    }

    /// Minutes, of which all must breach.
    fn minutes(scaling: &Scaling, kind: AlarmKind) -> i32 {
        let alarm = &scaling.alarms[&kind];
        assert_eq!(alarm.datapoints_to_alarm, alarm.evaluation_periods, "{kind:?}");
        assert!(alarm.metrics().iter().all(|metric| metric.period == 60), "{kind:?}");
        alarm.evaluation_periods
    }

    #[test]
    fn the_defaults_go_to_zero_by_four_alarms_and_grow_by_target_tracking() {
        let scaling = with(&Settings::default());
        let target = ScalableTarget { min_capacity: 0, max_capacity: 5, suspended: Suspended::default() };
        assert_eq!(scaling.target, Some(target));
        assert_eq!(scaling.policies.keys().copied().collect::<Vec<_>>(), PolicyName::ALL);
        assert_eq!(scaling.alarms.keys().copied().collect::<Vec<_>>(), AlarmKind::ALL);
        assert!(!scales_in_by_target_tracking(&scaling));
        assert!(scaling.can_wake() && scaling.can_scale_in() && scaling.can_take_the_last());
        assert_eq!(AlarmKind::ALL.map(|kind| minutes(&scaling, kind)), [2, 1, 5, 10]);

        let wake = step(&scaling, PolicyName::Wake);
        assert_eq!((wake.adjustment, wake.aggregation), (Adjustment::ChangeInCapacity, Aggregation::Maximum));
        assert_eq!(wake.cooldown, 180);
        for (kind, amount) in [(PolicyName::Spare, 1), (PolicyName::Idle, 0)] {
            let policy = step(&scaling, kind);
            assert_eq!((policy.adjustment, policy.cooldown), (Adjustment::ExactCapacity, 60), "{kind}");
            assert_eq!(policy.steps.iter().map(|step| step.amount).collect::<Vec<_>>(), [amount], "{kind}");
        }
        // The spare alarm fires at 1 and above, the idle alarm below 1.
        assert_eq!(step(&scaling, PolicyName::Spare).amount_at(0.0), Some(1));
        assert_eq!(step(&scaling, PolicyName::Idle).amount_at(-1.0), Some(0));
    }

    #[test]
    fn the_ladder_is_said_in_words() {
        for (tags, words) in [
            (&[][..], "Asleep, 1 to 5 requests start 1 instance, 6 or 7 start 3, 8 to 10 start 4, 11 or more start 5."),
            (&[(Key::MaxCapacity, "2")], "Asleep, 1 to 5 requests start 1 instance, 6 or more start 2."),
            (
                &[(Key::BacklogPerInstance, "1"), (Key::MaxCapacity, "3")],
                "Asleep, 1 request starts 1 instance, 2 start 2, 3 or more start 3.",
            ),
            (
                &[(Key::BacklogPerInstance, "0.5"), (Key::MaxCapacity, "3")],
                "Asleep, 1 request starts 1 instance, 2 start 2, 3 or more start 3.",
            ),
            // 2/91 of 273 is a little more than 6, as computers count, also CloudWatch's.
            (
                &[(Key::BacklogPerInstance, "91"), (Key::MaxCapacity, "7")],
                "Asleep, 1 to 91 requests start 1 instance, 92 to 136 start 3, 137 to 182 start 4, 183 to 227 start 5, \
                 228 to 272 start 6, 273 or more start 7.",
            ),
            (
                &[(Key::BacklogPerInstance, "7"), (Key::MaxCapacity, "6")],
                "Asleep, 1 to 7 requests start 1 instance, 8 to 10 start 3, 11 to 14 start 4, 15 to 17 start 5, 18 or \
                 more start 6.",
            ),
        ] {
            let scaling = tagged(tags);
            let most = scaling.target.as_ref().unwrap().max_capacity;
            let alarm = &scaling.alarms[&AlarmKind::Ladder];
            assert_eq!(ladder_in_words(alarm, most).as_deref(), Some(words), "{tags:?}");
            assert_eq!(ladder_in_words(&scaling.alarms[&AlarmKind::Wake], most), None);
            assert_eq!(ladder_in_words(&scaling.alarms[&AlarmKind::Idle], most), None);
        }
    }

    /// Whoever may tag an endpoint must not be able to keep the function busy for ever.
    #[test]
    fn a_target_that_no_queue_reaches_has_one_rung() {
        for target in ["1000000000001", "9007199254740993", "99999999999999999999", &"9".repeat(108)] {
            let scaling = tagged(&[(Key::BacklogPerInstance, target), (Key::MaxCapacity, "20")]);
            let words = ladder_in_words(&scaling.alarms[&AlarmKind::Ladder], 20);
            assert_eq!(words.as_deref(), Some("Asleep, 1 or more requests start 1 instance."), "{target}");
        }
        let scaling = tagged(&[(Key::BacklogPerInstance, "1000000000000"), (Key::MaxCapacity, "3")]);
        assert_eq!(
            ladder_in_words(&scaling.alarms[&AlarmKind::Ladder], 3).as_deref(),
            Some("Asleep, 1 to 1000000000000 requests start 1 instance, 1000000000001 or more start 3.")
        );
    }

    #[test]
    fn an_expression_that_isnt_ours_has_no_words() {
        for expression in ["", "(b > )", "(b > five)", "(b > 0)*2", "(b > -1)*2", "(b > 5", "b + m + g"] {
            let mut alarm = with(&Settings::default()).alarms[&AlarmKind::Ladder].clone();
            alarm.input = AlarmInput::Expression(MetricMath { expression: expression.to_owned(), metrics: vec![] });
            assert_eq!(ladder_in_words(&alarm, 5), None, "{expression}");
        }
    }

    #[test]
    fn the_alarms_are_these_expressions() {
        let scaling = with(&Settings::default());
        let ladder = math(&scaling, AlarmKind::Ladder);
        assert_eq!(ladder.expression, "(w > 0) + (w > 0)*(b > 5)*(a <= 60)*(CEIL(0.4*b) - 1)");
        assert_eq!(
            words(ladder),
            [
                "w HasBacklogWithoutCapacity Average",
                "b ApproximateBacklogSize Maximum",
                "a ApproximateAgeOfOldestRequest Maximum",
            ]
        );
        let spare = math(&scaling, AlarmKind::Spare);
        assert_eq!(spare.expression, "(b < 1)*(c - 1)");
        assert_eq!(words(spare), ["b ApproximateBacklogSize Average", "c CPUUtilization SampleCount"]);
        let idle = math(&scaling, AlarmKind::Idle);
        assert_eq!(idle.expression, "b + m + g");
        assert_eq!(
            words(idle),
            ["b ApproximateBacklogSize Maximum", "m InvocationsProcessed Sum", "g GPUUtilization Maximum"]
        );
        let of_variant = |math: &MetricMath| {
            let of_variant = math.metrics.iter().filter(|(_, metric)| metric.variant.is_some());
            of_variant.map(|(id, metric)| format!("{id} {}", metric.namespace.as_str())).collect::<Vec<_>>()
        };
        assert_eq!(of_variant(ladder), Vec::<String>::new());
        assert_eq!(of_variant(spare), ["c /aws/sagemaker/Endpoints"]);
        assert_eq!(of_variant(idle), ["m AWS/SageMaker", "g /aws/sagemaker/Endpoints"]);
    }

    /// A gap in the metrics must neither start instances nor take any away.
    #[test]
    fn no_data_rings_no_alarm_that_starts_and_is_no_idleness() {
        let scaling = with(&Settings::default());
        let says = |kind| {
            let alarm = &scaling.alarms[&kind];
            (alarm.comparison, alarm.threshold, alarm.missing_data)
        };
        for kind in [AlarmKind::Wake, AlarmKind::Ladder] {
            assert_eq!(says(kind), (Comparison::GreaterThanThreshold, 0.0, MissingData::NotBreaching), "{kind:?}");
        }
        assert_eq!(says(AlarmKind::Spare), (Comparison::GreaterThanOrEqualToThreshold, 1.0, MissingData::Missing));
        assert_eq!(says(AlarmKind::Idle), (Comparison::LessThanThreshold, 1.0, MissingData::Missing));
    }

    #[test]
    fn the_ladder_follows_the_target() {
        for (target, says) in [
            ("5", "(b > 5)*(a <= 60)*(CEIL(0.4*b) - 1)"),
            ("2", "(b > 2)*(a <= 60)*(CEIL(1*b) - 1)"),
            ("0.5", "(b > 0.5)*(a <= 60)*(CEIL(1*b) - 1)"),
            ("8", "(b > 8)*(a <= 60)*(CEIL(0.25*b) - 1)"),
        ] {
            let scaling = tagged(&[(Key::BacklogPerInstance, target)]);
            let expression = &math(&scaling, AlarmKind::Ladder).expression;
            assert!(expression.ends_with(says), "{target}: {expression}");
        }
    }

    #[test]
    fn the_value_of_the_ladder_is_the_number_of_instances() {
        for (max, most) in [(2, 2), (5, 5), (20, 20), (100, 20)] {
            let scaling = with(&Settings { max_capacity: max, ..Settings::default() });
            let policy = step(&scaling, PolicyName::Wake);
            assert_eq!(policy.steps.len(), usize::try_from(most).unwrap(), "the most steps of a policy are 20");
            for value in 1..=most + 3 {
                let difference = f64::from(value) - scaling.alarms[&AlarmKind::Ladder].threshold;
                assert_eq!(policy.amount_at(difference), Some(value.min(most)), "{value} of {max}");
            }
            for pair in policy.steps.windows(2) {
                assert_eq!(pair[0].upper, pair[1].lower, "no gap");
            }
            assert_eq!((policy.steps[0].lower, policy.steps.last().unwrap().upper), (Some(0.0), None));
            assert_eq!(policy.amount_at(0.2), Some(1), "the plain alarm's average of a part of a minute");
        }
    }

    #[test]
    fn one_instance_at_the_most_needs_two_alarms() {
        let scaling = with(&Settings { max_capacity: 1, ..Settings::default() });
        assert_eq!(scaling.alarms.keys().copied().collect::<Vec<_>>(), [AlarmKind::Wake, AlarmKind::Idle]);
        assert_eq!(minutes(&scaling, AlarmKind::Wake), 1);
        assert_eq!(step(&scaling, PolicyName::Wake).steps, [from_zero_up(1)]);
        assert!(!scaling.policies.contains_key(&PolicyName::Spare));
    }

    #[test]
    fn a_number_to_wake_with_replaces_the_ladder() {
        let scaling = tagged(&[(Key::WakeInstances, "3")]);
        assert!(!scaling.alarms.contains_key(&AlarmKind::Ladder));
        assert_eq!((minutes(&scaling, AlarmKind::Wake), scaling.alarms[&AlarmKind::Wake].threshold), (1, 0.0));
        assert_eq!(step(&scaling, PolicyName::Wake).steps, [from_zero_up(3)]);
    }

    #[test]
    fn without_an_idle_timeout_target_tracking_scales_in_as_in_the_example_of_aws() {
        let scaling = tagged(&[(Key::IdleTimeout, "none")]);
        assert!(scales_in_by_target_tracking(&scaling));
        assert_eq!(scaling.alarms.keys().copied().collect::<Vec<_>>(), [AlarmKind::Wake, AlarmKind::Ladder]);
    }

    #[test]
    fn the_spare_alarm_waits_five_minutes_at_the_most_or_as_long_as_the_longest_request() {
        for (timeout, longest, want) in
            [("10m", None, 5), ("2m", None, 2), ("1h", Some("7m"), 7), ("1h", Some("301s"), 6), ("10m", Some("1s"), 5)]
        {
            let mut tags = vec![(Key::IdleTimeout, timeout)];
            tags.extend(longest.map(|longest| (Key::LongestRequest, longest)));
            assert_eq!(minutes(&tagged(&tags), AlarmKind::Spare), want, "{timeout} {longest:?}");
        }
    }

    #[test]
    fn only_a_gpu_is_asked_whether_it_is_at_work() {
        for (instance_type, has_gpu) in [
            ("ml.g4dn.xlarge", true),
            ("ml.g6e.2xlarge", true),
            ("ml.gr6.4xlarge", true),
            ("ml.p5.48xlarge", true),
            ("ml.c6g.large", false),
            ("ml.m5.xlarge", false),
            ("ml.inf2.xlarge", false),
            ("ml.trn1.2xlarge", false),
        ] {
            let scaling = desired(&demo(), &on(instance_type), &Settings::default(), NOON);
            let expression = if has_gpu { "b + m + g" } else { "b + m" };
            assert_eq!(math(&scaling, AlarmKind::Idle).expression, expression, "{instance_type}");
        }
        let unknown = Variant { instance_type: None, ..on("") };
        let scaling = desired(&demo(), &unknown, &Settings::default(), NOON);
        assert_eq!(math(&scaling, AlarmKind::Idle).metrics.len(), 3, "what isn't known may have one");
    }

    #[test]
    fn the_spare_alarm_counts_as_often_as_an_instance_reports() {
        for (frequency, of_one) in [
            (None, 1),
            (Some(10), 6),
            (Some(30), 2),
            (Some(60), 1),
            (Some(300), 1),
            // None that AWS documents: rather too many reports of one instance than a second one that isn't there.
            (Some(7), 9),
            (Some(0), 60),
            (Some(i32::MIN), 60),
        ] {
            let variant = Variant { publish_frequency: frequency, ..on("ml.g5.xlarge") };
            let scaling = desired(&demo(), &variant, &Settings::default(), NOON);
            let expression = &math(&scaling, AlarmKind::Spare).expression;
            assert_eq!(*expression, format!("(b < 1)*(c - {of_one})"), "every {frequency:?} s");
        }
    }

    #[test]
    fn nothing_wakes_where_an_instance_always_runs_or_the_user_said_no() {
        for settings in
            [Settings { min_capacity: 1, ..Settings::default() }, Settings { wake: false, ..Settings::default() }]
        {
            let scaling = with(&settings);
            assert!(!scaling.policies.contains_key(&PolicyName::Wake), "{settings:?}");
            assert_eq!(scaling.alarms.keys().copied().collect::<Vec<_>>(), [AlarmKind::Spare, AlarmKind::Idle]);
        }
        let two = with(&Settings { min_capacity: 2, ..Settings::default() });
        assert_eq!(step(&two, PolicyName::Spare).amount_at(0.0), Some(2));
        assert_eq!(step(&two, PolicyName::Idle).amount_at(-1.0), Some(2));
        assert!(!two.can_take_the_last());
    }

    fn office_hours() -> Settings {
        let mut settings = Settings { warm_capacity: 2, ..Settings::default() };
        settings.set(Key::WarmHours, "MON-FRI 08:00-18:00 UTC", 100).unwrap();
        settings
    }

    fn min_capacity(scaling: &Scaling) -> i32 {
        scaling.target.as_ref().unwrap().min_capacity
    }

    #[test]
    fn in_warm_hours_the_warm_minimum_is_right_and_the_way_to_wake_stays() {
        let variant = on("ml.g5.xlarge");
        let (warm, cold) = (
            desired(&demo(), &variant, &office_hours(), NOON),
            desired(&demo(), &variant, &office_hours(), NOON + 12.hours()),
        );
        assert_eq!((min_capacity(&warm), min_capacity(&cold)), (2, 0));
        assert_eq!((&warm.actions, &warm.policies, &warm.alarms), (&cold.actions, &cold.policies, &cold.alarms));
        assert!(warm.can_wake() && warm.can_scale_in());
        assert_eq!(warm.actions.keys().collect::<Vec<_>>(), ["scale-to-zero-warm-end", "scale-to-zero-warm-start"]);
    }

    #[test]
    fn a_pause_holds_the_minimum_that_it_found() {
        let beside = |settings: &Settings, observed: &Scaling| {
            min_capacity(&desired_beside(&demo(), &on("ml.g5.xlarge"), settings, observed, NOON))
        };
        let paused = Settings { pause: Pause::All, ..office_hours() };
        assert_eq!(beside(&paused, &Scaling::default()), 0, "not registered yet");
        for (present, want) in [(0, 0), (2, 2), (1, 0)] {
            let target = ScalableTarget { min_capacity: present, max_capacity: 5, suspended: Suspended::default() };
            let observed = Scaling { target: Some(target), ..Scaling::default() };
            assert_eq!(beside(&paused, &observed), want);
            assert_eq!(beside(&Settings { pause: Pause::ScaleIn, ..office_hours() }, &observed), 2);
        }
    }

    /// Only a start that was asked for and may fail is waited for. Asleep at `MinCapacity` 0, nobody has asked.
    #[test]
    fn the_way_to_wake_outlives_its_tags_only_while_a_start_is_asked_for() {
        let observed = with(&Settings::default());
        let keeps = |min_capacity, instances| {
            let variant = Variant { current_instances: instances, ..on("ml.g5.xlarge") };
            let settings = Settings { min_capacity, wake: false, ..Settings::default() };
            let wanted = desired_beside(&demo(), &variant, &settings, &observed, NOON);
            let kept = |kind| wanted.alarms.get(&kind) == observed.alarms.get(&kind);
            let alarms = [AlarmKind::Wake, AlarmKind::Ladder].map(kept);
            (wanted.policies.contains_key(&PolicyName::Wake), alarms)
        };
        assert_eq!(keeps(1, Some(0)), (true, [true, true]));
        assert_eq!(keeps(0, Some(0)), (false, [false, false]));
        assert_eq!(keeps(1, Some(1)), (false, [false, false]));
        assert_eq!(keeps(1, None), (false, [false, false]));
    }

    #[test]
    fn what_others_have_hung_on_an_alarm_stays_there() {
        let topic = OtherActions { alarm: vec!["arn:aws:sns:topic".to_owned()], ..OtherActions::default() };
        let mut observed = with(&Settings::default());
        observed.alarms.get_mut(&AlarmKind::Idle).unwrap().other_actions = topic.clone();
        observed.alarms.remove(&AlarmKind::Wake);
        observed.strays.alarms.insert(AlarmKind::Wake, topic.clone());
        let wanted = desired_beside(&demo(), &on("ml.g5.xlarge"), &Settings::default(), &observed, NOON);
        for (kind, others) in [(AlarmKind::Wake, &topic), (AlarmKind::Idle, &topic)] {
            assert_eq!(wanted.alarms[&kind].other_actions, *others, "{kind:?}");
        }
        assert_eq!(wanted.alarms[&AlarmKind::Spare].other_actions, OtherActions::default());
    }
}
