//! All endpoints: finds those with something to do, and has it done.
//!
//! A sweep only finds. What it knows comes from lists that lag behind. Every endpoint that seems to need something is therefore
//! reconciled by itself, from reads of its own. With a work queue that happens in later invocations: a message outlives an
//! invocation that dies, and the queue's concurrency is the brake that AWS's rate limits ask for. Without a queue it happens
//! here, a few endpoints at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use crate::answer::{Answer, FleetAnswer, Outcome};
use crate::aws::{ApiError, Aws, Gone, Listed, Survey};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::handler::Function;
use crate::metrics::Census;
use crate::payload::{self, FleetVerb, Verb};
use crate::reconcile::{
    Decision, EndpointName, EndpointStatus, Hints, Pause, Request, STATUS_TAG, Scaling, SkipReason, Tags, VariantName,
    Wish, decide, plan_tags, tags_along,
};
use crate::telemetry;
use crate::walk::{OutcomeOf, to_do};

/// How many endpoints are looked at between two looks at the clock.
const SLICE: usize = 100;

/// How many reads run at the same time. AWS limits calls a second; more at once would only wait in the retries.
const LOOKS_AT_ONCE: usize = 16;

/// Endpoints that are changed at the same time where there is no queue. `PutMetricAlarm` allows 3 calls a second.
const CHANGES_AT_ONCE: usize = 4;

/// What a look at an endpoint of the survey found.
enum Finding {
    /// Nothing to do, or nothing that could be done.
    Settled(Answer),
    /// Something to do, and the plan of it as far as the survey shows.
    Work(Work),
    /// The endpoint is gone and left something behind.
    Gone(Gone),
}

struct Work {
    endpoint: EndpointName,
    planned: Answer,
    /// Variants that the endpoint no longer has: a reconcile by itself would find them by their alarms alone.
    variants: Vec<VariantName>,
}

/// An endpoint that couldn't be looked at, or cleaned up after.
struct Failed {
    endpoint: EndpointName,
    /// Those that the endpoint no longer has.
    variants: Vec<VariantName>,
    error: Error,
}

impl Function {
    /// The names of all endpoints for which something of ours is still there.
    pub(crate) async fn endpoints_with_ours(&self) -> Result<Vec<String>, Error> {
        let survey = self.aws.for_fleet().survey(false).await?;
        let with_ours = survey.scaling.iter().filter(|(_, variants)| variants.values().any(Scaling::has_ours));
        Ok(with_ours.map(|(name, _)| name.to_string()).collect())
    }

    /// Looks at all endpoints behind `after`. The work goes into the queue, or is done here if there is none.
    pub(crate) async fn sweep(
        &self,
        verb: FleetVerb,
        after: Option<&EndpointName>,
        queue_url: Option<&str>,
        deadline: Option<Deadline>,
    ) -> Result<FleetAnswer, Error> {
        let aws = &self.aws.for_fleet();
        let survey = aws.survey(!self.config.copy_tags.is_empty()).await?;
        let with_ours = survey.scaling.iter().filter(|(_, variants)| variants.values().any(Scaling::has_ours));
        let names: BTreeSet<&EndpointName> = survey.endpoints.keys().chain(with_ours.map(|(name, _)| name)).collect();
        let names: Vec<&EndpointName> =
            names.into_iter().filter(|name| after.is_none_or(|after| *name > after)).collect();
        let mut answer = FleetAnswer::default();
        let mut census = Census::default();
        let mut failures = Vec::new();
        for slice in names.chunks(SLICE) {
            let findings: Vec<_> = stream::iter(slice.iter().copied())
                .map(|name| self.find(aws, verb, name, &survey))
                .buffered(LOOKS_AT_ONCE)
                .collect()
                .await;
            let mut work = Vec::new();
            let mut gone = Vec::new();
            let mut failed = Vec::new();
            for (name, finding) in slice.iter().zip(findings) {
                let (finding, counted) = match finding {
                    Ok(found) => found,
                    Err(error) => {
                        failed.push(Failed { endpoint: (*name).clone(), variants: Vec::new(), error });
                        continue;
                    }
                };
                census.add(counted);
                match finding {
                    Finding::Settled(found) => answer.add(&found),
                    Finding::Work(found) => work.push(found),
                    Finding::Gone(found) => gone.push(found),
                }
            }
            failed.extend(self.clean_up(aws, verb, gone, &mut answer).await);
            failures.extend(self.hand_on(aws, verb, queue_url, failed, &mut answer).await?);
            failures.extend(self.hand_out(aws, verb, queue_url, work, &mut answer).await?);
            let is_last = slice.last() == names.last();
            if let (false, Some(last), true) = (is_last, slice.last(), deadline.is_some_and(Deadline::is_near)) {
                self.hand_over(aws, verb, queue_url, last).await?;
                answer.after = Some((*last).clone());
                break;
            }
        }
        match verb {
            FleetVerb::Sweep | FleetVerb::Plan => self.tally(|tally| tally.took(census)),
            FleetVerb::Remove => {}
        }
        let failed = failures.len();
        match failures.into_iter().next() {
            None => Ok(answer),
            Some(first) => Err(Error::Fleet { failed, endpoints: answer.endpoints + failed, first: Box::new(first) }),
        }
    }

    /// Looks at one endpoint of the survey.
    async fn find(
        &self,
        aws: &Aws,
        verb: FleetVerb,
        name: &EndpointName,
        survey: &Survey,
    ) -> Result<(Finding, Census), Error> {
        let nothing = BTreeMap::new();
        let scaling = survey.scaling.get(name).unwrap_or(&nothing);
        let has_ours = scaling.values().any(Scaling::has_ours);
        let skipped = |reason: SkipReason, census: Census| {
            Ok((Finding::Settled(Answer::skipped(Some(name.clone()), reason)), census))
        };
        let Some(Listed { status, tags }) = survey.endpoints.get(name) else {
            return Ok((self.find_unlisted(aws, verb, name, scaling).await?, Census::default()));
        };
        let wish = self.config.rules.read(tags);
        match status {
            EndpointStatus::InService => {}
            EndpointStatus::Deleting if has_ours => {}
            EndpointStatus::Failed | EndpointStatus::Other if has_ours => {
                return skipped(SkipReason::NotInService, Census::of_updating(&wish));
            }
            EndpointStatus::Deleting | EndpointStatus::Failed | EndpointStatus::Other => {
                return skipped(SkipReason::NotInService, Census::default());
            }
        }
        let is_wanted = !matches!(wish, Ok(Wish::None | Wish::OptOut)) && verb != FleetVerb::Remove;
        let has_status_tag = self.config.status_tag && tags.contains_key(STATUS_TAG);
        if !is_wanted && !has_ours && !has_status_tag {
            return skipped(SkipReason::NotManaged, Census::default());
        }
        let endpoint = aws.look(name, tags).await?;
        let mut decision = decide(request(verb), &self.config.rules, endpoint.as_ref(), scaling, self.time());
        if let (Decision::Configure(plans, _), Some(endpoint), Some(present)) =
            (&mut decision, &endpoint, survey.tags_present.get(name))
        {
            plan_tags(plans, &tags_along(&self.config.copy_tags, endpoint), present);
        }
        let planned = self.planned(name, endpoint.as_ref(), scaling, &decision);
        let census = Census::of(endpoint.as_ref(), &decision, &planned);
        if to_do(&decision).is_none() && planned.status_tag.is_none() {
            return Ok((Finding::Settled(planned), census));
        }
        let with_ours = scaling.iter().filter(|(_, scaling)| scaling.has_ours());
        let is_gone = |name: &VariantName| !endpoint.iter().flat_map(|it| &it.variants).any(|it| it.name == *name);
        let variants = with_ours.map(|(name, _)| name).filter(|name| is_gone(name)).cloned().collect();
        Ok((Finding::Work(Work { endpoint: name.clone(), planned, variants }), census))
    }

    /// Something of ours whose endpoint isn't in the list. The endpoint is gone, unless the list lags behind.
    async fn find_unlisted(
        &self,
        aws: &Aws,
        verb: FleetVerb,
        name: &EndpointName,
        scaling: &BTreeMap<VariantName, Scaling>,
    ) -> Result<Finding, Error> {
        let endpoint = aws.look(name, &Tags::new()).await?;
        let decision = decide(request(verb), &self.config.rules, endpoint.as_ref(), scaling, self.time());
        match (endpoint, to_do(&decision)) {
            (None, Some((plans, _))) => Ok(Finding::Gone((name.clone(), plans.to_vec()))),
            // It will be in the list of the next sweep, with its tags.
            _ => Ok(Finding::Settled(Answer::skipped(Some(name.clone()), SkipReason::NotFound))),
        }
    }

    /// Removes at once what deleted endpoints left behind: it is little, and doing it twice does no harm.
    async fn clean_up(&self, aws: &Aws, verb: FleetVerb, gone: Vec<Gone>, answer: &mut FleetAnswer) -> Vec<Failed> {
        let (outcome, (cleaned, failures)): (OutcomeOf, _) = match verb {
            FleetVerb::Plan => (Outcome::Planned, (gone, Vec::new())),
            FleetVerb::Sweep | FleetVerb::Remove => {
                (Outcome::Removed, aws.apply_to_gone(gone, |change| self.made(change)).await)
            }
        };
        for (name, plans) in cleaned {
            let outcome = outcome(plans);
            answer.add(&Answer { endpoint: Some(name), outcome, pause: Pause::No, status_tag: None, note: None });
        }
        let failed = |((endpoint, plans), error): (Gone, ApiError)| Failed {
            endpoint,
            variants: plans.into_iter().map(|plan| plan.variant).collect(),
            error: error.into(),
        };
        failures.into_iter().map(failed).collect()
    }

    /// Has failed endpoints tried once more, each by itself. They must not make the whole sweep fail, because Lambda would repeat
    /// all of it. Answers what can't be handed on.
    async fn hand_on(
        &self,
        aws: &Aws,
        verb: FleetVerb,
        queue_url: Option<&str>,
        failed: Vec<Failed>,
        answer: &mut FleetAnswer,
    ) -> Result<Vec<Error>, Error> {
        let (FleetVerb::Sweep | FleetVerb::Remove, Some(url)) = (verb, queue_url) else {
            return Ok(failed.into_iter().map(|failed| failed.error).collect());
        };
        let message = |failed: &Failed| payload::work_message(verb, &failed.endpoint, &failed.variants);
        aws.enqueue(url, &failed.iter().map(message).collect::<Vec<_>>(), Duration::ZERO).await?;
        answer.queued += failed.len();
        for Failed { endpoint, error, .. } in failed {
            telemetry::endpoint_failed(&endpoint, &error);
            answer.add(&Answer::queued(Some(endpoint), &error));
        }
        Ok(Vec::new())
    }

    /// Has the work done, by the queue or here. Answers what failed here.
    async fn hand_out(
        &self,
        aws: &Aws,
        verb: FleetVerb,
        queue_url: Option<&str>,
        work: Vec<Work>,
        answer: &mut FleetAnswer,
    ) -> Result<Vec<Error>, Error> {
        let verb_for_one = match verb {
            FleetVerb::Plan => {
                work.iter().map(|found| &found.planned).for_each(|planned| answer.add(planned));
                return Ok(Vec::new());
            }
            FleetVerb::Sweep => Verb::Work,
            FleetVerb::Remove => Verb::Remove,
        };
        if let Some(url) = queue_url {
            let message = |found: &Work| payload::work_message(verb, &found.endpoint, &found.variants);
            aws.enqueue(url, &work.iter().map(message).collect::<Vec<_>>(), Duration::ZERO).await?;
            work.iter().map(|found| &found.planned).for_each(|planned| answer.add(planned));
            answer.queued += work.len();
            return Ok(Vec::new());
        }
        let results: Vec<_> = stream::iter(work)
            .map(async |Work { endpoint, variants, .. }| {
                let hints = Hints { is_likely_ours: true, variants, ..Hints::default() };
                self.handle_endpoint(aws, verb_for_one, &endpoint, None, hints).await
            })
            .buffered(CHANGES_AT_ONCE)
            .collect()
            .await;
        let mut failures = Vec::new();
        for result in results {
            match result {
                Ok(done) => answer.add(&done),
                Err(error) => failures.push(error),
            }
        }
        Ok(failures)
    }

    /// Leaves the endpoints behind `last` to another invocation. If that isn't possible, the answer says from where to go on.
    async fn hand_over(
        &self,
        aws: &Aws,
        verb: FleetVerb,
        queue_url: Option<&str>,
        last: &EndpointName,
    ) -> Result<(), Error> {
        match (verb, queue_url) {
            (FleetVerb::Sweep | FleetVerb::Remove, Some(url)) => {
                Ok(aws.enqueue(url, &[payload::rest_message(verb, last)], Duration::ZERO).await?)
            }
            (FleetVerb::Plan, _) | (_, None) => Ok(()),
        }
    }
}

fn request(verb: FleetVerb) -> Request {
    match verb {
        FleetVerb::Sweep | FleetVerb::Plan => Request::Event,
        FleetVerb::Remove => Request::Remove,
    }
}
