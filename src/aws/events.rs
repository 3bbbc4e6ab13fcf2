//! EventBridge: events about endpoints for others, on the default bus.

use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::{ApiError, Aws, Observed};

/// The source of every event that the function puts. The template's rules listen to none of it.
const SOURCE: &str = "sagemaker-scale-to-zero";

/// The time for all attempts. An event is worth no more of an invocation's time.
const LONGEST_PUT: Duration = Duration::from_secs(3);

impl Aws {
    /// Puts events about an endpoint, each with its detail type and its detail as JSON, in one call.
    ///
    /// # Errors
    /// When `PutEvents` fails, or refuses one of them.
    pub async fn put_events(&self, observed: &Observed, events: Vec<(&'static str, String)>) -> Result<(), ApiError> {
        const OPERATION: &str = "PutEvents";
        let resource = format!("endpoint {}", observed.name);
        let entry = |(detail_type, detail)| {
            PutEventsRequestEntry::builder()
                .source(SOURCE)
                .detail_type(detail_type)
                .detail(detail)
                .set_resources(observed.arn.clone().map(|arn| vec![arn]))
                .build()
        };
        let put = self.eventbridge.put_events().set_entries(Some(events.into_iter().map(entry).collect())).send();
        let Ok(output) = tokio::time::timeout(LONGEST_PUT, put).await else {
            return Err(ApiError::no_answer(OPERATION, &resource, LONGEST_PUT));
        };
        let output = output.map_err(|error| ApiError::new(OPERATION, &resource, &error))?;
        // Each of them is refused by itself, with HTTP 200.
        match output.entries().iter().find(|entry| entry.error_code().is_some()) {
            None => Ok(()),
            Some(refused) => Err(ApiError::refused(
                OPERATION,
                &resource,
                refused.error_code().unwrap_or_default(),
                refused.error_message().unwrap_or_default(),
            )),
        }
    }
}
