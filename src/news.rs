//! What is told to others about an endpoint, as events. An event that can't be put fails nothing.

use serde_json::{Value, json};

use crate::answer::{Answer, Outcome};
use crate::aws::{Aws, Observed};
use crate::error::Error;
use crate::handler::Function;
use crate::payload::Verb;
use crate::reconcile::{Attention, EndpointName, News, StatusTag, Wish, clock, ineligible, state_news, waking};
use crate::telemetry;

impl Function {
    /// Tells what has come of an endpoint that was looked at. `status_tag` is what was to become of that tag.
    pub(crate) async fn tell(
        &self,
        aws: &Aws,
        verb: Verb,
        observed: &Observed,
        status_tag: Option<&StatusTag>,
        answer: &mut Answer,
    ) {
        if !self.config.events {
            return;
        }
        // A sweep sees by the tag that others know already. Without the tag, only an event or action about the endpoint tells it.
        let is_new = match (self.config.status_tag, verb) {
            (true, _) => matches!(status_tag, Some(StatusTag::Set(_))),
            (false, Verb::Apply | Verb::Event) => true,
            (false, Verb::Work | Verb::Plan | Verb::Remove) => false,
        };
        let is_configured = matches!(answer.outcome, Outcome::Configured(_));
        let is_invalid = matches!(answer.outcome, Outcome::Invalid(_));
        let is_conflict = matches!(answer.outcome, Outcome::Conflict { .. });
        let is_managed = is_configured || is_invalid || is_conflict || matches!(answer.outcome, Outcome::Unchanged(_));
        let mut news = Vec::new();
        news.extend(is_configured.then_some(News::Configured));
        news.extend((is_invalid && is_new).then_some(News::NeedsAttention(Attention::Invalid)));
        news.extend((is_conflict && is_new).then_some(News::NeedsAttention(Attention::Conflict)));
        if let (Verb::Event, true, Some(endpoint)) = (verb, is_managed, &observed.endpoint) {
            match aws.activities_of(endpoint).await {
                Ok(activities) => news.extend(state_news(endpoint, &activities, self.time())),
                Err(error) => note_failure(&observed.name, &error.into(), answer),
            }
        }
        if let Err(error) = put(aws, observed, &news, answer).await {
            note_failure(&observed.name, &error, answer);
        }
    }

    /// Tells that an endpoint is waking, if it is one that is managed.
    pub(crate) async fn tell_waking(&self, aws: &Aws, observed: &Observed, answer: &Answer) {
        let Some(endpoint) = &observed.endpoint else { return };
        let is_managed = !matches!(self.config.rules.read(&endpoint.tags), Ok(Wish::None | Wish::OptOut));
        let Some(news) =
            waking(endpoint, observed.is_deploying).filter(|_| is_managed && ineligible(endpoint).is_none())
        else {
            return;
        };
        if let Err(error) = put(aws, observed, &[news], answer).await {
            telemetry::news_failed(&observed.name, &error);
        }
    }
}

fn note_failure(endpoint: &EndpointName, error: &Error, answer: &mut Answer) {
    telemetry::news_failed(endpoint, error);
    let failed = format!("an event could not be put: {error}");
    answer.note = Some(answer.note.take().map_or(failed.clone(), |note| format!("{note}; {failed}")));
}

async fn put(aws: &Aws, observed: &Observed, news: &[News], answer: &Answer) -> Result<(), Error> {
    if news.is_empty() {
        return Ok(());
    }
    let event = |news: &News| (news.detail_type(), detail(news, answer).to_string());
    Ok(aws.put_events(observed, news.iter().map(event).collect()).await?)
}

/// The answer's fields, and what was before and is now.
fn detail(news: &News, answer: &Answer) -> Value {
    let mut detail = answer.to_json();
    let (old, new) = news.old_and_new();
    detail["old"] = json!(old.map(crate::reconcile::State::as_str));
    detail["new"] = json!(new.map(crate::reconcile::State::as_str));
    if let News::NeedsAttention(attention) = news {
        detail["attention"] = json!(match attention {
            Attention::Invalid => "invalid",
            Attention::Conflict => "conflict",
            Attention::NoCapacity { is_quota: false, .. } => "no-capacity",
            Attention::NoCapacity { is_quota: true, .. } => "quota",
        });
        if let Attention::NoCapacity { since, message, .. } = attention {
            detail["since"] = json!(since.map(clock));
            detail["message"] = json!(message);
        }
    }
    detail
}
