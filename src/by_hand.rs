//! What a person asks for by hand: how endpoints stand, and to wake them or put them to sleep now.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use crate::answer::{Answer, FleetStatus, Outcome};
use crate::aws::{Aws, Observed, Standing};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::handler::Function;
use crate::payload::Verb;
use crate::reconcile::{
    ByHand, Change, Endpoint, EndpointName, EndpointStatus, Hints, Key, Pause, SkipReason, State, Tags, Unreadable,
    VariantPlan, Wanted, Wish, at_work, by_hand, cannot_wake, ineligible, variant_state,
};

/// How many endpoints are looked at between two looks at the clock, and how many at the same time.
const SLICE: usize = 100;
const LOOKS_AT_ONCE: usize = 16;

/// Between two attempts to wake an endpoint that is just falling asleep.
const WAIT_FOR_IN_SERVICE: Duration = Duration::from_secs(5);

/// Where what is asked for has to wait for AWS.
const WITHIN_THE_BOUNDS_FIRST: &str = "its number of instances was outside the bounds that its tags give: AWS changes it to the \
                                       nearest bound first; ask again when the endpoint is InService";

impl Function {
    /// Says how one endpoint stands.
    pub(crate) async fn status(&self, name: &EndpointName) -> Result<Answer, Error> {
        let names = [name.clone()];
        let (standing, (waiting, unread)) =
            tokio::join!(self.aws.standing(name), self.aws.waiting(&names, (self.now)()));
        let Some(mut standing) = standing? else {
            return Ok(Answer::skipped(Some(name.clone()), SkipReason::NotFound));
        };
        standing.unreadable.extend(unread);
        Ok(self.stands(&standing, waiting.get(name).copied()))
    }

    /// Says how all managed endpoints behind `after` stand.
    pub(crate) async fn fleet_status(
        &self,
        after: Option<&EndpointName>,
        deadline: Option<Deadline>,
    ) -> Result<FleetStatus, Error> {
        let aws = &self.aws.for_fleet();
        let is_managed = |tags: &Tags| !matches!(self.config.rules.read(tags), Ok(Wish::None | Wish::OptOut));
        let names: Vec<EndpointName> = aws
            .endpoints()
            .await?
            .into_iter()
            .filter(|(name, listed)| after.is_none_or(|after| name > after) && is_managed(&listed.tags))
            .map(|(name, _)| name)
            .collect();
        let (waiting, unread) = aws.waiting(&names, (self.now)()).await;
        let mut status = FleetStatus::default();
        for slice in names.chunks(SLICE) {
            let found: Vec<_> = stream::iter(slice)
                .map(|name| async move { (name, aws.standing(name).await) })
                .buffered(LOOKS_AT_ONCE)
                .collect()
                .await;
            for (name, standing) in found {
                let Some(mut standing) = standing? else { continue };
                standing.unreadable.extend(unread.iter().cloned());
                status.add(&self.stands(&standing, waiting.get(name).copied()));
            }
            let is_last = slice.last() == names.last();
            if let (false, Some(last), true) = (is_last, slice.last(), deadline.is_some_and(Deadline::is_near)) {
                status.after = Some(last.clone());
                break;
            }
        }
        Ok(status)
    }

    fn stands(&self, standing: &Standing, waiting: Option<f64>) -> Answer {
        let Standing { endpoint, is_deploying, modified, activities, unreadable } = standing;
        let is_changing = endpoint.status != EndpointStatus::InService;
        let reason = match endpoint.status {
            EndpointStatus::Deleting | EndpointStatus::Failed => Some(SkipReason::NotInService),
            EndpointStatus::InService | EndpointStatus::Other if endpoint.variants.is_empty() => {
                Some(SkipReason::NotInService)
            }
            EndpointStatus::InService | EndpointStatus::Other => ineligible(endpoint),
        };
        if let Some(reason) = reason {
            return Answer::skipped(Some(endpoint.name.clone()), reason);
        }
        let now = self.time();
        let states = endpoint.variants.iter().map(|variant| {
            let state = State::of(variant, is_changing, *is_deploying);
            let activities = activities.get(&variant.name).map(Vec::as_slice).unwrap_or_default();
            variant_state(variant, state, *modified, activities, waiting, now)
        });
        let notes: Vec<String> =
            unreadable.iter().map(|Unreadable { what, why }| format!("{what} could not be read: {why}")).collect();
        Answer {
            endpoint: Some(endpoint.name.clone()),
            outcome: Outcome::Status(states.collect()),
            pause: Pause::No,
            status_tag: None,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }

    /// Gives an endpoint instances, or takes them away, by a person's wish.
    pub(crate) async fn set_by_hand(
        &self,
        name: &EndpointName,
        wanted: Wanted,
        force: bool,
        deadline: Option<Deadline>,
    ) -> Result<Answer, Error> {
        let aws = &self.aws;
        let mut observed = self.observe_whole(name).await?;
        self.complete(&mut observed, Verb::Apply);
        let endpoint = observed.endpoint.as_ref();
        let rules = &self.config.rules;
        let decision = by_hand(wanted, rules, endpoint, observed.is_deploying, &observed.scaling, self.time());
        let answer = |outcome: Outcome, pause: Pause, note: Option<String>| Answer {
            endpoint: Some(observed.name.clone()),
            outcome,
            pause,
            status_tag: None,
            note,
        };
        let no = |reason: SkipReason, note: Option<String>| answer(Outcome::Skipped(reason), Pause::No, note);
        let (plans, pause) = match decision {
            ByHand::Skip(reason) => return Ok(no(reason, None)),
            ByHand::Paused(pause) => return Ok(answer(Outcome::Skipped(SkipReason::Paused), pause, None)),
            ByHand::Invalid(problems) => return Ok(answer(Outcome::Invalid(problems), Pause::No, None)),
            ByHand::Conflict(conflicts, pause) => {
                let takeover_tag = rules.tag(Key::Takeover);
                return Ok(answer(Outcome::Conflict { conflicts, takeover_tag }, pause, None));
            }
            ByHand::Unchanged(plans) => return Ok(answer(Outcome::Unchanged(plans), Pause::No, None)),
            ByHand::Wake(plans, pause) => (plans, pause),
            ByHand::Sleep(plans) => (plans, Pause::No),
        };
        let Some(endpoint) = endpoint else { return Ok(no(SkipReason::NotFound, None)) };
        let is_step = |change: &Change| matches!(change, Change::SetDesiredInstances(_));
        let has_step = plans.iter().flat_map(|plan| &plan.changes).any(is_step);
        if wanted == Wanted::Sleep && has_step && !force {
            let work = aws.work(endpoint, (self.now)()).await?;
            if let Some(why) = at_work(&work) {
                return Ok(no(SkipReason::Busy, Some(format!("{why}; \"force\": true puts it to sleep all the same"))));
            }
        }
        match aws.apply(&observed, &plans, |change| self.made(change)).await {
            Ok(_) => {}
            Err(error) if error.is_being_updated() => {
                let note = "somebody else has just begun to change it; ask again when it is InService";
                return Ok(no(SkipReason::NotInService, Some(note.to_owned())));
            }
            Err(error) => return Err(error.into()),
        }
        // Registering other bounds makes AWS change the number at once, and a second change would be refused.
        let is_left_to_aws = !has_step && plans.iter().any(|plan| !plan.changes.is_empty());
        let first = is_left_to_aws.then(|| WITHIN_THE_BOUNDS_FIRST.to_owned());
        Ok(match wanted {
            Wanted::Wake(_) => answer(Outcome::Waking(plans), pause, first.or_else(|| Some(stays_awake(pause)))),
            Wanted::Sleep if has_step && self.was_left_without_a_way_to_wake(name, deadline).await? => {
                let note = "somebody took away what wakes it in the meantime, and it got an instance again";
                answer(Outcome::Waking(plans), Pause::No, Some(note.to_owned()))
            }
            Wanted::Sleep => answer(Outcome::Sleeping(plans), Pause::No, first),
        })
    }

    pub(crate) async fn observe_whole(&self, name: &EndpointName) -> Result<Observed, Error> {
        let hints = Hints { is_likely_ours: true, in_any_status: true, ..Hints::default() };
        Ok(self.aws.observe(name, &self.config.rules, &hints).await?)
    }

    /// Looks once more at what wakes an endpoint that was just put to sleep. Somebody who took it away meanwhile saw a running
    /// instance, and nobody else would look again. The endpoint then gets an instance as soon as AWS allows it.
    async fn was_left_without_a_way_to_wake(
        &self,
        name: &EndpointName,
        deadline: Option<Deadline>,
    ) -> Result<bool, Error> {
        let observed = self.observe_whole(name).await?;
        let Some(endpoint) = observed.endpoint.as_ref().filter(|endpoint| cannot_wake(endpoint, &observed.scaling))
        else {
            return Ok(false);
        };
        let plans = one_instance_each(endpoint);
        loop {
            match self.aws.apply(&observed, &plans, |change| self.made(change)).await {
                Ok(_) => return Ok(true),
                Err(error) if error.is_being_updated() && !deadline.is_some_and(Deadline::is_near) => {
                    tokio::time::sleep(self.config.pace.wait(WAIT_FOR_IN_SERVICE)).await;
                }
                Err(error) => {
                    let endpoint = observed.name.to_string();
                    return Err(Error::LeftAsleep { endpoint, source: Box::new(error) });
                }
            }
        }
    }

    /// Looks at an endpoint of which an event says that it may be waking, and tells it if so.
    pub(crate) async fn may_wake(&self, aws: &Aws, name: &EndpointName, is_likely_ours: bool) -> Result<Answer, Error> {
        let ignored = Answer::skipped(Some(name.clone()), SkipReason::IgnoredEvent);
        if self.config.events
            && (is_likely_ours || self.was_managed(name))
            && let Some(observed) = aws.changing(name).await?
        {
            self.tell_waking(aws, &observed, &ignored).await;
        }
        Ok(ignored)
    }
}

fn one_instance_each(endpoint: &Endpoint) -> Vec<VariantPlan> {
    let is_at_zero = |variant: &&crate::reconcile::Variant| variant.desired_instances == Some(0);
    let raised = endpoint.variants.iter().filter(is_at_zero);
    raised.map(|it| VariantPlan { variant: it.name.clone(), changes: vec![Change::SetDesiredInstances(1)] }).collect()
}

/// What a person who wakes an endpoint should know.
fn stays_awake(pause: Pause) -> String {
    match pause {
        Pause::ScaleIn => "it stays awake while its tag pause is scale-in".to_owned(),
        Pause::No | Pause::All => {
            "send its first request while it starts: without work it falls asleep again, and the \
                                   time before it woke counts as idle"
                .to_owned()
        }
    }
}
