//! A CloudWatch alarm, evaluated once a minute.

use std::collections::VecDeque;

use crate::reconcile::{Alarm, AlarmInput, Comparison, Metric as MetricOfPlan, MissingData, Statistic, TargetTracking};

use super::expression::Expression;
use super::metrics::{Metric, Minute, PERIOD};
use super::number;
use super::world::LowAlarm;

/// How many more periods than it needs an alarm looks at. Their datapoints stand in for missing ones. AWS says that there are
/// some; its examples of a 3 out of 3 alarm show five
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>).
const EXTRA_PERIODS: usize = 2;

/// Minutes. Users report this number of target tracking's high alarm. AWS makes both of its alarms, and documents neither.
const TRACKING_MINUTES_HIGH: usize = 3;

/// Target tracking scales in when the metric is "usually more than 10% lower" than the target
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>).
const TRACKING_LOW_SHARE: f64 = 0.9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    InsufficientData,
    Ok,
    Alarm,
}

/// What an alarm looks at, and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watch {
    metrics: Vec<(Metric, Statistic)>,
    /// Over the metrics by their places; without one there is a single metric.
    expression: Option<Expression>,
    comparison: Comparison,
    threshold: f64,
    evaluation_periods: usize,
    datapoints_to_alarm: usize,
    missing_data: MissingData,
}

impl Watch {
    /// An alarm of a plan.
    ///
    /// # Errors
    /// What of the alarm the model doesn't know.
    pub(super) fn of(alarm: &Alarm) -> Result<Self, String> {
        let (metrics, expression) = match &alarm.input {
            AlarmInput::Metric(metric) => (vec![known(metric)?], None),
            AlarmInput::Expression(math) => {
                let ids: Vec<&str> = math.metrics.iter().map(|(id, _)| id.as_str()).collect();
                let expression = Expression::parse(&math.expression, &ids)
                    .map_err(|problem| format!("the expression {}: {problem}", math.expression))?;
                let metrics = math.metrics.iter().map(|(_, metric)| known(metric));
                (metrics.collect::<Result<_, _>>()?, Some(expression))
            }
        };
        let count = |periods: i32| usize::try_from(periods).map_err(|_| format!("an alarm over {periods} periods"));
        let (evaluation_periods, datapoints_to_alarm) =
            (count(alarm.evaluation_periods)?, count(alarm.datapoints_to_alarm)?);
        if !(1..=evaluation_periods).contains(&datapoints_to_alarm) {
            return Err(format!("an alarm of {datapoints_to_alarm} out of {evaluation_periods} datapoints"));
        }
        Ok(Self {
            metrics,
            expression,
            comparison: alarm.comparison,
            threshold: alarm.threshold,
            evaluation_periods,
            datapoints_to_alarm,
            missing_data: alarm.missing_data,
        })
    }

    /// The alarms that AWS makes for a target-tracking policy, `AlarmHigh` and `AlarmLow`; the latter has nothing to do
    /// where scaling in is disabled.
    ///
    /// # Errors
    /// The metric, if the model doesn't know it.
    pub(super) fn of_tracking(tracking: &TargetTracking, low: LowAlarm) -> Result<Vec<Self>, String> {
        let metric = known(&tracking.metric)?;
        let watch = |comparison, threshold, periods| Self {
            metrics: vec![metric],
            expression: None,
            comparison,
            threshold,
            evaluation_periods: periods,
            datapoints_to_alarm: periods,
            missing_data: MissingData::Missing,
        };
        let minutes_low = match low {
            LowAlarm::FifteenMinutes => 15,
            LowAlarm::ThreeMinutes => 3,
        };
        let high = watch(Comparison::GreaterThanThreshold, tracking.target_value, TRACKING_MINUTES_HIGH);
        let low = watch(Comparison::LessThanThreshold, tracking.target_value * TRACKING_LOW_SHARE, minutes_low);
        Ok(if tracking.disable_scale_in { vec![high] } else { vec![high, low] })
    }

    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// What the alarm sees of a minute.
    fn datapoint(&self, minute: &Minute) -> Option<f64> {
        let mut datapoints = self.metrics.iter().map(|(metric, statistic)| minute.datapoint(*metric, *statistic));
        match &self.expression {
            Some(expression) => expression.evaluate(&datapoints.collect::<Vec<_>>()),
            None => datapoints.next().flatten(),
        }
    }

    fn is_breached_by(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterThanThreshold => value > self.threshold,
            Comparison::GreaterThanOrEqualToThreshold => value >= self.threshold,
            Comparison::LessThanThreshold => value < self.threshold,
        }
    }

    /// How many periods it looks at.
    fn range(&self) -> usize {
        self.evaluation_periods + EXTRA_PERIODS
    }

    /// The state after a look at the datapoints. The newest is the last, and `None` is missing. Time before the first one counts
    /// as missing.
    ///
    /// Datapoints win over missing ones. The setting for missing data counts only if there are too few of them. If there are too
    /// few and all of them breach, the state stays as it was until the oldest is old enough
    /// for an alarm (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>).
    fn evaluate(&self, datapoints: &VecDeque<Option<f64>>, before: State) -> State {
        let tolerated = self.evaluation_periods - self.datapoints_to_alarm;
        let (mut breaching, mut within) = (0, 0);
        let mut is_old_enough = false;
        for (age, datapoint) in datapoints.iter().rev().take(self.range()).enumerate() {
            let Some(value) = datapoint else { continue };
            if self.is_breached_by(*value) {
                breaching += 1;
                is_old_enough |= age < self.evaluation_periods && age + 1 >= self.datapoints_to_alarm;
            } else {
                within += 1;
                if within > tolerated {
                    return State::Ok;
                }
            }
            if breaching + within == self.evaluation_periods {
                break;
            }
        }
        if breaching >= self.datapoints_to_alarm {
            return State::Alarm;
        }
        match self.missing_data {
            MissingData::NotBreaching => State::Ok,
            MissingData::Missing if within > 0 => State::Ok,
            MissingData::Missing if breaching == 0 => State::InsufficientData,
            MissingData::Missing if is_old_enough => State::Alarm,
            MissingData::Missing => before,
        }
    }
}

fn known(metric: &MetricOfPlan) -> Result<(Metric, Statistic), String> {
    if u64::try_from(metric.period) != Ok(PERIOD.as_secs()) {
        return Err(format!("the metric {} with a period of {} s", metric.name, metric.period));
    }
    let known = Metric::named(&metric.name).ok_or_else(|| format!("the metric {}", metric.name))?;
    Ok((known, metric.statistic))
}

/// An alarm with its memory.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) watch: Watch,
    state: State,
    /// As many as it looks at, the newest last.
    datapoints: VecDeque<Option<f64>>,
    of_the_transition: Option<Seen>,
}

/// The datapoints that an alarm rests on, one for each evaluation period that has one. Application Auto Scaling gets these:
/// its errors list them ("No step adjustment found for metric value [0.1428, 0.1436]").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    pub(super) newest: f64,
    pub(super) average: f64,
    pub(super) maximum: f64,
}

/// What an alarm in ALARM hands to its policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Breach {
    pub(super) now: Seen,
    /// When it went into ALARM.
    pub(super) at_first: Seen,
}

impl Watching {
    pub(super) fn new(watch: Watch) -> Self {
        let datapoints = VecDeque::with_capacity(watch.range());
        Self { watch, state: State::InsufficientData, datapoints, of_the_transition: None }
    }

    /// Looks at one more minute. In ALARM the action is performed each minute: "For Auto Scaling actions, the alarm
    /// continues to invoke the action once per minute that the alarm remains in the new state"
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>).
    pub(super) fn look(&mut self, minute: &Minute) -> Option<Breach> {
        if self.datapoints.len() == self.watch.range() {
            self.datapoints.pop_front();
        }
        self.datapoints.push_back(self.watch.datapoint(minute));
        self.state = self.watch.evaluate(&self.datapoints, self.state);
        if self.state != State::Alarm {
            self.of_the_transition = None;
            return None;
        }
        let now = self.seen()?;
        Some(Breach { now, at_first: *self.of_the_transition.get_or_insert(now) })
    }

    fn seen(&self) -> Option<Seen> {
        let there = self.datapoints.iter().rev().copied().flatten().take(self.watch.evaluation_periods);
        let mut count = 0;
        let (mut newest, mut sum, mut maximum) = (None, 0.0, f64::NEG_INFINITY);
        for value in there {
            newest.get_or_insert(value);
            (sum, maximum, count) = (sum + value, value.max(maximum), count + 1);
        }
        Some(Seen { newest: newest?, average: sum / number(count), maximum })
    }
}

#[cfg(test)]
mod tests {
    use crate::reconcile::{MetricMath, Namespace, OtherActions};

    use super::*;

    fn above_zero(evaluation_periods: usize, datapoints_to_alarm: usize, missing_data: MissingData) -> Watch {
        Watch {
            metrics: vec![(Metric::HasBacklogWithoutCapacity, Statistic::Average)],
            expression: None,
            comparison: Comparison::GreaterThanThreshold,
            threshold: 0.0,
            evaluation_periods,
            datapoints_to_alarm,
            missing_data,
        }
    }

    /// Datapoints from the oldest to the newest, as in AWS's examples: `X` breaches, `0` doesn't, `-` is missing.
    fn state(watch: &Watch, datapoints: &str, before: State) -> State {
        let values = datapoints.bytes().map(|byte| match byte {
            b'X' => Some(1.0),
            b'0' => Some(0.0),
            _ => None,
        });
        watch.evaluate(&values.collect(), before)
    }

    /// The two tables of AWS's page, for alarms of 3 out of 3 and 2 out of 3 datapoints.
    #[test]
    fn missing_data_are_treated_as_in_the_examples_of_aws() {
        let (missing, not_breaching) = (MissingData::Missing, MissingData::NotBreaching);
        for (datapoints, to_alarm, treatment, want) in [
            ("0-X-X", 3, missing, State::Ok),
            ("0-X-X", 3, not_breaching, State::Ok),
            ("0----", 3, missing, State::Ok),
            ("0----", 3, not_breaching, State::Ok),
            ("-----", 3, missing, State::InsufficientData),
            ("-----", 3, not_breaching, State::Ok),
            ("0XX-X", 3, missing, State::Alarm),
            ("0XX-X", 3, not_breaching, State::Alarm),
            ("--X--", 3, missing, State::Alarm),
            ("--X--", 3, not_breaching, State::Ok),
            ("0-X-X", 2, missing, State::Alarm),
            ("0-X-X", 2, not_breaching, State::Alarm),
            ("00X0X", 2, missing, State::Alarm),
            ("0-X--", 2, missing, State::Ok),
            ("0-X--", 2, not_breaching, State::Ok),
            ("----0", 2, missing, State::Ok),
            ("---X-", 2, missing, State::Alarm),
            ("---X-", 2, not_breaching, State::Ok),
        ] {
            let watch = above_zero(3, to_alarm, treatment);
            assert_eq!(state(&watch, datapoints, State::Ok), want, "{datapoints} {to_alarm} of 3 {treatment:?}");
        }
    }

    #[test]
    fn one_young_datapoint_is_no_reason_to_change_the_state() {
        let watch = above_zero(3, 3, MissingData::Missing);
        for before in [State::InsufficientData, State::Ok, State::Alarm] {
            assert_eq!(state(&watch, "----X", before), before);
            assert_eq!(state(&watch, "---X-", before), before);
        }
    }

    #[test]
    fn an_alarm_of_one_datapoint_fires_on_the_first_and_one_of_two_on_the_second() {
        let of_one = above_zero(1, 1, MissingData::NotBreaching);
        let of_two = above_zero(2, 2, MissingData::Missing);
        for (datapoints, first, second) in [
            ("0000", State::Ok, State::Ok),
            ("000X", State::Alarm, State::Ok),
            ("00XX", State::Alarm, State::Alarm),
            ("0XX0", State::Ok, State::Ok),
        ] {
            assert_eq!(state(&of_one, datapoints, State::Ok), first, "{datapoints}");
            assert_eq!(state(&of_two, datapoints, State::Ok), second, "{datapoints}");
        }
    }

    fn metric(name: &str, statistic: Statistic) -> MetricOfPlan {
        MetricOfPlan {
            namespace: Namespace::Invocations,
            name: name.to_owned(),
            endpoint: "demo".to_owned(),
            variant: None,
            statistic,
            period: 60,
        }
    }

    fn tracking(disable_scale_in: bool) -> TargetTracking {
        TargetTracking {
            target_value: 5.0,
            metric: metric("ApproximateBacklogSizePerInstance", Statistic::Average),
            scale_in_cooldown: 300,
            scale_out_cooldown: 300,
            disable_scale_in,
        }
    }

    #[test]
    fn the_low_alarm_of_target_tracking_wants_fifteen_minutes_below_nine_tenths_or_three() {
        let [high, low] = &Watch::of_tracking(&tracking(false), LowAlarm::FifteenMinutes).unwrap()[..] else {
            panic!("two alarms")
        };
        let after = |watch: &Watch, minutes: usize, value: f64| {
            watch.evaluate(&[vec![Some(4.7); 20], vec![Some(value); minutes]].concat().into(), State::Ok)
        };
        assert_eq!(
            [after(low, 14, 4.4), after(low, 15, 4.4), after(low, 15, 4.5)],
            [State::Ok, State::Alarm, State::Ok]
        );
        assert_eq!(
            [after(high, 2, 5.1), after(high, 3, 5.1), after(high, 3, 5.0)],
            [State::Ok, State::Alarm, State::Ok]
        );
        let [_, quick] = &Watch::of_tracking(&tracking(false), LowAlarm::ThreeMinutes).unwrap()[..] else {
            panic!("two alarms")
        };
        assert_eq!([after(quick, 2, 4.4), after(quick, 3, 4.4)], [State::Ok, State::Alarm]);
        let only_out = Watch::of_tracking(&tracking(true), LowAlarm::FifteenMinutes).unwrap();
        assert_eq!(&only_out, std::slice::from_ref(high));
    }

    fn of_expression(expression: &str, name: &str) -> Alarm {
        let metrics = vec![("b".to_owned(), metric(name, Statistic::Maximum))];
        Alarm {
            description: String::new(),
            input: AlarmInput::Expression(MetricMath { expression: expression.to_owned(), metrics }),
            comparison: Comparison::GreaterThanThreshold,
            threshold: 0.0,
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            missing_data: MissingData::NotBreaching,
            other_actions: OtherActions::default(),
        }
    }

    #[test]
    fn an_action_goes_by_the_datapoints_of_the_evaluation_periods() {
        let mut alarm = Watching::new(above_zero(2, 2, MissingData::Missing));
        let looked = [1.0, 4.0, 2.0, 0.0, 3.0, 5.0].map(|backlog| {
            let mut minute = Minute::default();
            minute.set(Metric::HasBacklogWithoutCapacity, backlog);
            alarm.look(&minute)
        });
        let seen = |newest, average, maximum| Seen { newest, average, maximum };
        let (first, second) = (seen(4.0, 2.5, 4.0), seen(2.0, 3.0, 4.0));
        let again = seen(5.0, 4.0, 5.0);
        assert_eq!(
            looked,
            [
                None,
                Some(Breach { now: first, at_first: first }),
                Some(Breach { now: second, at_first: first }),
                None,
                None,
                Some(Breach { now: again, at_first: again }),
            ]
        );
    }

    #[test]
    fn what_the_model_does_not_know_is_refused() {
        let fine = of_expression("b > 5", "ApproximateBacklogSize");
        assert!(Watch::of(&fine).is_ok());
        for (alarm, says) in [
            (of_expression("b > ", "ApproximateBacklogSize"), "the expression b > : it ends where"),
            (of_expression("b > 5", "Invocations"), "the metric Invocations"),
            (Alarm { datapoints_to_alarm: 2, ..fine.clone() }, "an alarm of 2 out of 1 datapoints"),
            (Alarm { evaluation_periods: -1, ..fine }, "an alarm over -1 periods"),
        ] {
            let problem = Watch::of(&alarm).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
