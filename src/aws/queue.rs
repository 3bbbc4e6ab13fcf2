//! SQS: the work that a sweep hands over, and work that is put off.

use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::{ApiError, ApiErrorKind, Aws};

/// The most messages that one call of `SendMessageBatch` takes.
const LARGEST_BATCH: usize = 10;

impl Aws {
    /// Puts messages into the work queue. They come out of it after `delay` at the earliest; SQS takes 15 minutes at most.
    ///
    /// # Errors
    /// When a call fails, or SQS refuses some of its messages.
    pub async fn enqueue(&self, queue_url: &str, bodies: &[String], delay: Duration) -> Result<(), ApiError> {
        const OPERATION: &str = "SendMessageBatch";
        const RESOURCE: &str = "the work queue";
        let delay = i32::try_from(delay.as_secs()).ok().filter(|seconds| *seconds > 0);
        for batch in bodies.chunks(LARGEST_BATCH) {
            let entries = batch
                .iter()
                .enumerate()
                .map(|(id, body)| {
                    SendMessageBatchRequestEntry::builder()
                        .id(id.to_string())
                        .message_body(body)
                        .set_delay_seconds(delay)
                        .build()
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| ApiError::incomplete(OPERATION, RESOURCE, &error.to_string()))?;
            let sent = self
                .sqs
                .send_message_batch()
                .queue_url(queue_url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| ApiError::new(OPERATION, RESOURCE, &error))?;
            if let Some(failed) = sent.failed.first() {
                return Err(ApiError {
                    operation: OPERATION,
                    resource: RESOURCE.to_owned(),
                    kind: if failed.sender_fault { ApiErrorKind::Rejected } else { ApiErrorKind::ServerError },
                    code: Some(failed.code.clone()),
                    message: failed.message.clone().unwrap_or_default(),
                    request_id: None,
                });
            }
        }
        Ok(())
    }
}
