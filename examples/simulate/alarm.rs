//! A CloudWatch alarm, evaluated once a minute.

use sagemaker_scale_to_zero::reconcile::{Alarm, Comparison, MissingData, Statistic, TargetTracking};

use crate::metrics::{Metric, PERIOD};

/// How many periods more than it needs an alarm looks at for datapoints that stand in for missing ones. AWS says that
/// there are some; its examples of a 3 out of 3 alarm show five
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>).
const EXTRA_PERIODS: usize = 2;

/// Minutes. Users report both numbers of target tracking's alarms (<https://github.com/aws/copilot-cli/issues/3376>);
/// AWS makes them and documents neither.
const TRACKING_MINUTES_HIGH: usize = 3;
const TRACKING_MINUTES_LOW: usize = 15;

/// Target tracking scales in when the metric is "usually more than 10% lower" than the target
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>).
const TRACKING_LOW_SHARE: f64 = 0.9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    InsufficientData,
    Ok,
    Alarm,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Threshold {
    Above(f64),
    AtLeast(f64),
    Below(f64),
}

impl Threshold {
    fn is_breached_by(self, value: f64) -> bool {
        match self {
            Self::Above(threshold) => value > threshold,
            Self::AtLeast(threshold) => value >= threshold,
            Self::Below(threshold) => value < threshold,
        }
    }
}

/// What an alarm looks at, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watch {
    pub(crate) metric: Metric,
    pub(crate) statistic: Statistic,
    threshold: Threshold,
    evaluation_periods: usize,
    datapoints_to_alarm: usize,
    missing_data: MissingData,
}

impl Watch {
    /// An alarm of a plan.
    ///
    /// # Errors
    /// What of the alarm the model doesn't know.
    pub(crate) fn of(alarm: &Alarm) -> Result<Self, String> {
        if u64::try_from(alarm.period) != Ok(PERIOD.as_secs()) {
            return Err(format!("an alarm with a period of {} s", alarm.period));
        }
        let count = |periods: i32| usize::try_from(periods).map_err(|_| format!("an alarm over {periods} periods"));
        Ok(Self {
            metric: known(&alarm.metric.name)?,
            statistic: alarm.metric.statistic,
            threshold: match alarm.comparison {
                Comparison::GreaterThanOrEqualToThreshold => Threshold::AtLeast(alarm.threshold),
                Comparison::LessThanThreshold => Threshold::Below(alarm.threshold),
            },
            evaluation_periods: count(alarm.evaluation_periods)?,
            datapoints_to_alarm: count(alarm.datapoints_to_alarm)?,
            missing_data: alarm.missing_data,
        })
    }

    /// The alarms that AWS makes for a target-tracking policy, `AlarmHigh` and `AlarmLow`; the latter has nothing to do
    /// where scaling in is disabled.
    ///
    /// # Errors
    /// The metric, if the model doesn't know it.
    pub(crate) fn of_tracking(tracking: &TargetTracking) -> Result<Vec<Self>, String> {
        let metric = known(&tracking.metric.name)?;
        let watch = |threshold, periods| Self {
            metric,
            statistic: tracking.metric.statistic,
            threshold,
            evaluation_periods: periods,
            datapoints_to_alarm: periods,
            missing_data: MissingData::Missing,
        };
        let high = watch(Threshold::Above(tracking.target_value), TRACKING_MINUTES_HIGH);
        let low = watch(Threshold::Below(tracking.target_value * TRACKING_LOW_SHARE), TRACKING_MINUTES_LOW);
        Ok(if tracking.disable_scale_in { vec![high] } else { vec![high, low] })
    }

    /// The state after a look at the datapoints, of which the newest is the last and `None` is missing. Time before the
    /// first one counts as missing.
    ///
    /// Datapoints that are there win over missing ones; only where there are too few of them, the setting for missing
    /// data counts. Where all of too few datapoints breach, the state stays as it was until the oldest is old enough
    /// for an alarm (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>).
    pub(crate) fn evaluate(&self, datapoints: &[Option<f64>], before: State) -> State {
        let tolerated = self.evaluation_periods - self.datapoints_to_alarm;
        let (mut breaching, mut within) = (0, 0);
        let mut is_old_enough = false;
        for (age, datapoint) in datapoints.iter().rev().take(self.evaluation_periods + EXTRA_PERIODS).enumerate() {
            let Some(value) = datapoint else { continue };
            if self.threshold.is_breached_by(*value) {
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

    /// The value that the alarm's action goes by: that of the newest datapoint (assumption).
    pub(crate) fn newest(&self, datapoints: &[Option<f64>]) -> Option<f64> {
        datapoints.iter().rev().take(self.evaluation_periods + EXTRA_PERIODS).copied().flatten().next()
    }
}

fn known(metric: &str) -> Result<Metric, String> {
    Metric::named(metric).ok_or_else(|| format!("the metric {metric}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_least_one(evaluation_periods: usize, datapoints_to_alarm: usize, missing_data: MissingData) -> Watch {
        Watch {
            metric: Metric::HasBacklogWithoutCapacity,
            statistic: Statistic::Average,
            threshold: Threshold::AtLeast(1.0),
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
        watch.evaluate(&values.collect::<Vec<_>>(), before)
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
            let watch = at_least_one(3, to_alarm, treatment);
            assert_eq!(state(&watch, datapoints, State::Ok), want, "{datapoints} {to_alarm} of 3 {treatment:?}");
        }
    }

    #[test]
    fn one_young_datapoint_is_no_reason_to_change_the_state() {
        let watch = at_least_one(3, 3, MissingData::Missing);
        for before in [State::InsufficientData, State::Ok, State::Alarm] {
            assert_eq!(state(&watch, "----X", before), before);
            assert_eq!(state(&watch, "---X-", before), before);
        }
    }

    #[test]
    fn the_wake_alarm_fires_on_its_first_datapoint_and_awss_example_on_its_second() {
        let ours = at_least_one(1, 1, MissingData::NotBreaching);
        let example = at_least_one(2, 2, MissingData::Missing);
        for (datapoints, of_ours, of_example) in [
            ("0000", State::Ok, State::Ok),
            ("000X", State::Alarm, State::Ok),
            ("00XX", State::Alarm, State::Alarm),
            ("0XX0", State::Ok, State::Ok),
        ] {
            assert_eq!(state(&ours, datapoints, State::Ok), of_ours, "{datapoints}");
            assert_eq!(state(&example, datapoints, State::Ok), of_example, "{datapoints}");
        }
    }

    #[test]
    fn the_low_alarm_of_target_tracking_wants_fifteen_minutes_below_nine_tenths() {
        let tracking = TargetTracking {
            target_value: 5.0,
            metric: sagemaker_scale_to_zero::reconcile::Metric {
                name: "ApproximateBacklogSizePerInstance".to_owned(),
                endpoint: "demo".to_owned(),
                statistic: Statistic::Average,
            },
            scale_in_cooldown: 300,
            scale_out_cooldown: 300,
            disable_scale_in: false,
        };
        let [high, low] = &Watch::of_tracking(&tracking).unwrap()[..] else { panic!("two alarms") };
        let after = |watch: &Watch, minutes: usize, value: f64| {
            watch.evaluate(&[vec![Some(4.7); 20], vec![Some(value); minutes]].concat(), State::Ok)
        };
        assert_eq!(
            [after(low, 14, 4.4), after(low, 15, 4.4), after(low, 15, 4.5)],
            [State::Ok, State::Alarm, State::Ok]
        );
        assert_eq!(
            [after(high, 2, 5.1), after(high, 3, 5.1), after(high, 3, 5.0)],
            [State::Ok, State::Alarm, State::Ok]
        );
        let only_out = Watch::of_tracking(&TargetTracking { disable_scale_in: true, ..tracking }).unwrap();
        assert_eq!(&only_out, std::slice::from_ref(high));
    }
}
