//! The actions that look back: what endpoints ran, and what other settings would have done. They only read.

use std::time::{Duration, UNIX_EPOCH};

use crate::advise::{Advice, Question, advise};
use crate::answer::{Advised, Answer, Outcome, ReadingCost, SavingsReport};
use crate::aws::{Aws, Observed};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::handler::Function;
use crate::payload::AdviceAsked;
use crate::prices::Price;
use crate::reconcile::{
    Conflict, Endpoint, EndpointName, EndpointStatus, Foreign, Hints, Key, Pause, SkipReason, Tags, Variant, ineligible,
};
use crate::savings::{Window, row};
use crate::walk::settled;

/// How many endpoints are read between two looks at the clock: with one variant each, as many metrics as a call of
/// `GetMetricData` takes.
const SLICE: usize = 166;

/// CloudWatch has the metrics of a minute a while after it.
const METRICS_LAG: Duration = Duration::from_mins(5);

const MINUTES_A_DAY: usize = 24 * 60;

impl Function {
    /// What all asynchronous endpoints behind `after` ran in the last month, managed or not.
    pub(crate) async fn savings(
        &self,
        after: Option<&EndpointName>,
        deadline: Option<Deadline>,
    ) -> Result<SavingsReport, Error> {
        let calls = self.aws.calls();
        let aws = &self.aws.for_fleet();
        let rules = &self.config.rules;
        let window = Window::until(self.time());
        let mut report = SavingsReport::new(window, aws.region().map(str::to_owned), rules);
        let listed = aws.endpoints().await?;
        let endpoints: Vec<(&EndpointName, &Tags)> = listed
            .iter()
            .filter(|(name, _)| after.is_none_or(|after| *name > after))
            .map(|(name, listed)| (name, &listed.tags))
            .collect();
        for slice in endpoints.chunks(SLICE) {
            let remembered = aws.remembered(slice, rules, window).await?;
            report.endpoints += slice.len();
            report.cost.metrics += remembered.metrics;
            report.rows.extend(remembered.endpoints.into_iter().map(|(subject, hours)| {
                let price = known_price(aws, subject.instance_type.as_deref());
                row(window, subject, &hours, price)
            }));
            let last = slice.last().map(|(name, _)| *name);
            if endpoints.last().map(|(name, _)| *name) != last && deadline.is_some_and(Deadline::is_near) {
                report.after = last.cloned();
                break;
            }
        }
        report.cost.calls = self.aws.calls() - calls;
        Ok(report)
    }

    /// What other settings would have done with the requests of the last days.
    pub(crate) async fn advise(&self, name: &EndpointName, asked: AdviceAsked) -> Result<Answer, Error> {
        let calls = self.aws.calls();
        let rules = &self.config.rules;
        let hints = Hints { is_likely_ours: true, in_any_status: true, ..Hints::default() };
        let observed = self.aws.observe(name, rules, &hints).await?;
        let endpoint = match self.advisable(&observed) {
            Ok(endpoint) => endpoint,
            Err(outcome) => return Ok(answer(&observed, outcome)),
        };
        let minutes = usize::from(asked.days) * MINUTES_A_DAY;
        let span = Duration::from_mins(u64::from(asked.days) * 24 * 60);
        let start = (self.now)().checked_sub(METRICS_LAG + span).unwrap_or(UNIX_EPOCH);
        let history = self.aws.history(&observed, &endpoint, start, minutes).await?;
        let instance_type = endpoint.variants.iter().find_map(|variant| variant.instance_type.as_deref());
        let price = asked.price.map(Price::of_payload).or_else(|| known_price(&self.aws, instance_type));
        let instances: i32 = endpoint.variants.iter().map(Variant::most_instances).sum();
        let concurrency = observed.particulars.concurrency.and_then(|it| usize::try_from(it).ok());
        let advice = advise(
            &history,
            &Question {
                rules,
                tags: &endpoint.tags,
                fixed_instances: usize::try_from(instances).unwrap_or(0),
                concurrency: concurrency.filter(|concurrency| *concurrency > 0),
                price: price.as_ref().map(|price| price.usd),
            },
        );
        let end = history.start + span;
        let outcome = match advice {
            Advice::Skipped(refusal, why) => Outcome::NotAdvised(refusal, why),
            Advice::Advised(report) => Outcome::Advised(Box::new(Advised {
                report,
                price,
                from: format!("{:.0}", history.start),
                to: format!("{end:.0}"),
                cost: ReadingCost { metrics: 2 + 4 * endpoint.variants.len(), calls: self.aws.calls() - calls },
                with_course: asked.course,
            })),
        };
        Ok(answer(&observed, outcome))
    }

    /// The endpoint, unless there is a reason not to advise on its settings. That it is just being scaled is no such reason.
    fn advisable(&self, observed: &Observed) -> Result<Endpoint, Outcome> {
        let endpoint = observed.endpoint.clone().ok_or(Outcome::Skipped(SkipReason::NotFound))?;
        let endpoint = settled(endpoint);
        if endpoint.status == EndpointStatus::Deleting {
            return Err(Outcome::Skipped(SkipReason::NotInService));
        }
        if let Some(reason) = ineligible(&endpoint) {
            return Err(Outcome::Skipped(reason));
        }
        self.config.rules.read(&endpoint.tags).map_err(Outcome::Invalid)?;
        let conflicts: Vec<Conflict> = observed
            .scaling
            .iter()
            .flat_map(|(variant, scaling)| {
                let conflict = |foreign: &Foreign| Conflict { variant: variant.clone(), foreign: foreign.clone() };
                scaling.foreign.iter().map(conflict)
            })
            .collect();
        if conflicts.is_empty() {
            Ok(endpoint)
        } else {
            Err(Outcome::Conflict { conflicts, takeover_tag: self.config.rules.tag(Key::Takeover) })
        }
    }
}

fn answer(observed: &Observed, outcome: Outcome) -> Answer {
    Answer { endpoint: Some(observed.name.clone()), outcome, pause: Pause::No, status_tag: None, note: None }
}

fn known_price(aws: &Aws, instance_type: Option<&str>) -> Option<Price> {
    Price::known(aws.region()?, instance_type?)
}
