//! The border to CloudFormation: the event of a custom resource in, [`StackEvent`] out, and the answer that CloudFormation
//! waits for. What it asks and takes:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::fmt;

use serde_json::{Map, Value, json};

/// What CloudFormation sends when it creates, updates or deletes the custom resource of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEvent {
    pub request: StackRequest,
    pub response_url: ResponseUrl,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    /// The ARN of the topic that the stack's alarms notify, where it is not the stack's own.
    alarm_topic_arn: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackRequest {
    Create,
    Update,
    Delete,
}

impl StackRequest {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
        }
    }
}

/// Where the answer goes. Anybody who knows the address may answer in our place. It is therefore never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl {
    origin: String,
    path_and_query: String,
}

impl ResponseUrl {
    /// Over HTTPS, or to this machine itself: that is how a local runtime plays CloudFormation.
    fn new(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(end);
        let is_here = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|here| authority.strip_prefix(here).is_some_and(|port| port.is_empty() || port.starts_with(':')));
        let is_allowed = scheme.eq_ignore_ascii_case("https") || (scheme.eq_ignore_ascii_case("http") && is_here);
        let is_whole = !authority.is_empty() && !authority.contains('@') && !url.contains(char::is_whitespace);
        let path_and_query =
            if path_and_query.starts_with('/') { path_and_query.to_owned() } else { format!("/{path_and_query}") };
        (is_allowed && is_whole).then(|| Self { origin: format!("{scheme}://{authority}"), path_and_query })
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin)
    }
}

/// How the request went, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Success(String),
    Failed(String),
}

impl Verdict {
    /// In CloudFormation's word.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self {
            Self::Success(_) => "SUCCESS",
            Self::Failed(_) => "FAILED",
        }
    }

    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Success(reason) | Self::Failed(reason) => reason,
        }
    }
}

/// The custom resource stands for the function's part of the stack, which stays the same over all updates. Another name
/// would be a replacement to CloudFormation, and it would send a `Delete` for the old one.
const PHYSICAL_ID: &str = "sagemaker-scale-to-zero";

/// The name where the creation failed. CloudFormation deletes what it could not create, and then nothing is to be
/// removed: whatever there is of ours in the Region is another stack's.
const PHYSICAL_ID_OF_A_FAILURE: &str = "sagemaker-scale-to-zero-not-created";

/// The most bytes that CloudFormation takes.
const LONGEST_ANSWER: usize = 4096;

impl StackEvent {
    /// `None` where the payload is none of CloudFormation's.
    ///
    /// # Errors
    /// What is missing or wrong, where that leaves nobody to answer.
    #[must_use]
    pub fn parse(object: &Map<String, Value>) -> Option<Result<Self, String>> {
        let has = |key| object.contains_key(key);
        let is_of_cloudformation = has("RequestType") && (has("ResponseURL") || has("StackId"));
        is_of_cloudformation.then(|| Self::read(object))
    }

    fn read(object: &Map<String, Value>) -> Result<Self, String> {
        let text = |key: &str| match object.get(key).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(format!("received a request from CloudFormation whose {key} is missing or not a string")),
        };
        let request = match text("RequestType")?.as_str() {
            "Create" => StackRequest::Create,
            "Update" => StackRequest::Update,
            "Delete" => StackRequest::Delete,
            other => return Err(format!("received a request from CloudFormation of the unknown type {other:?}")),
        };
        let response_url = ResponseUrl::new(&text("ResponseURL")?)
            .ok_or("received a request from CloudFormation whose ResponseURL is not an HTTPS address")?;
        let property = |key: &str| object.get("ResourceProperties")?.get(key)?.as_str().map(str::to_owned);
        Ok(Self {
            request,
            response_url,
            stack_id: text("StackId")?,
            request_id: text("RequestId")?,
            logical_resource_id: text("LogicalResourceId")?,
            physical_resource_id: text("PhysicalResourceId").ok(),
            alarm_topic_arn: property("AlarmTopicArn").filter(|arn| arn.starts_with("arn:")),
        })
    }

    /// Whether it asks to delete what could never be created, or whose creation CloudFormation gave up. If another resource of a
    /// new stack fails while this one is being created, CloudFormation deletes it at once, by a name that it makes up of
    /// the stack's and the resource's (<https://github.com/aws/aws-cdk/pull/36951>).
    #[must_use]
    pub fn is_about_a_failed_creation(&self) -> bool {
        let Some(id) = self.physical_resource_id.as_deref() else { return false };
        let is_made_up = self.stack_name().is_some_and(|stack| {
            id.strip_prefix(stack)
                .and_then(|rest| rest.strip_prefix('-')?.strip_prefix(self.logical_resource_id.as_str()))
                .is_some_and(|rest| rest.starts_with('-'))
        });
        id == PHYSICAL_ID_OF_A_FAILURE || is_made_up
    }

    /// `arn:aws:cloudformation:eu-west-1:123456789012:stack/<name>/<id>`
    fn stack_name(&self) -> Option<&str> {
        self.stack_id.split('/').nth(1)
    }

    /// What is wrong with the alarms' topic, as far as its ARN tells: CloudWatch notifies only topics of its own Region
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>). Whether the topic
    /// exists is not asked: that would be a permission more.
    #[must_use]
    pub fn problem_of_topic(&self) -> Option<String> {
        let topic = self.alarm_topic_arn.as_deref()?;
        let place = |arn: &str| {
            let mut parts = arn.split(':');
            Some((parts.nth(1)?.to_owned(), parts.nth(1)?.to_owned()))
        };
        let (stack, of_topic) = (place(&self.stack_id)?, place(topic)?);
        (stack != of_topic).then(|| {
            format!(
                "parameter AlarmTopicArn={topic:?} must be a topic of the stack's own Region, {}: alarms notify no other",
                stack.1
            )
        })
    }

    /// The answer that CloudFormation takes. `Delete` is always a success, because otherwise the stack could not be deleted.
    #[must_use]
    pub fn answer(&self, verdict: &Verdict) -> String {
        let physical_id = match (&self.physical_resource_id, verdict) {
            (Some(id), _) => id,
            (None, Verdict::Success(_)) => PHYSICAL_ID,
            (None, Verdict::Failed(_)) => PHYSICAL_ID_OF_A_FAILURE,
        };
        let mut reason = verdict.reason().to_owned();
        loop {
            let answer = json!({
                "Status": verdict.status(),
                "Reason": reason,
                "PhysicalResourceId": physical_id,
                "StackId": self.stack_id,
                "RequestId": self.request_id,
                "LogicalResourceId": self.logical_resource_id,
                "NoEcho": false,
                "Data": {},
            })
            .to_string();
            if answer.len() <= LONGEST_ANSWER || reason.len() <= ELLIPSIS.len() {
                return answer;
            }
            // In JSON, a character may take six bytes: a share of it all is cut off, until it fits.
            let most = (reason.len() * LONGEST_ANSWER / answer.len()).saturating_sub(ELLIPSIS.len());
            let end = (0..=most).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or_default();
            reason.truncate(end);
            reason.push_str(ELLIPSIS);
        }
    }
}

const ELLIPSIS: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_to_what_cloudformation_takes_and_still_says_something() {
        let event = json!({
            "RequestType": "Create", "ResponseURL": "https://example.com/", "StackId": "arn:stack/s/1",
            "RequestId": "1", "LogicalResourceId": "Check",
        });
        let Some(Ok(event)) = event.as_object().and_then(StackEvent::parse) else { panic!("it is a request") };
        for part in ["a", "\"", "\n", "\u{1}", "é", "🦀"] {
            for times in [1, 600, 4096, 100_000] {
                let answer = event.answer(&Verdict::Failed(part.repeat(times)));
                assert!(answer.len() <= LONGEST_ANSWER, "{part:?} {times}: {}", answer.len());
                let told: Value = serde_json::from_str(&answer).unwrap_or_default();
                let reason = told["Reason"].as_str().unwrap_or_default();
                assert!(reason.matches(part).count() >= times.min(500), "{part:?} {times}: {reason}");
            }
        }
    }
}
