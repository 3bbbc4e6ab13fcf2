//! SQS: the work that a sweep hands over.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::{ApiError, ApiErrorKind, Aws};

/// The most messages that one call of `SendMessageBatch` takes.
const LARGEST_BATCH: usize = 10;

impl Aws {
    /// Puts messages into the work queue.
    ///
    /// # Errors
    /// When a call fails, or SQS refuses some of its messages.
    pub async fn enqueue(&self, queue_url: &str, bodies: &[String]) -> Result<(), ApiError> {
        const OPERATION: &str = "SendMessageBatch";
        const RESOURCE: &str = "the work queue";
        for batch in bodies.chunks(LARGEST_BATCH) {
            let entries = batch
                .iter()
                .enumerate()
                .map(|(id, body)| SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(body).build())
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
