//! Lists as AWS answers them: in pages, and always as a list, which is empty if there is nothing. (That is recorded for
//! `ListTags`, `DescribeScalableTargets`, `DescribeScalingPolicies` and `DescribeAlarms`, and no recording of another
//! operation lacks the list.) An answer without the list says nothing. If it were taken for "there is none", it would opt an
//! endpoint out, or another owner's policies would be overlooked. If AWS's model says that a list is always there, as for
//! `ListEndpoints`, the SDK puts an empty one in the place of a missing one. Before anything follows from that,
//! `DescribeEndpoint` is asked.

use std::error::Error as StdError;

use aws_sdk_sagemaker::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sagemaker::operation::RequestId;
use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::ApiError;

/// The member that an answer, or an item in it, lacks.
pub(super) type Missing = &'static str;

/// A list that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) operation: &'static str,
    /// For error messages.
    pub(super) label: &'a str,
}

impl List<'_> {
    /// The items of all pages.
    pub(super) async fn every<O, T, E>(
        self,
        mut pages: PaginationStream<Result<O, SdkError<E, HttpResponse>>>,
        items: fn(O) -> Result<Vec<T>, Missing>,
    ) -> Result<Vec<T>, ApiError>
    where
        O: RequestId,
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.extend(self.of_page(page, items)?);
        }
        Ok(found)
    }

    /// The items of one page.
    pub(super) fn of_page<O, T, E>(
        self,
        page: Result<O, SdkError<E, HttpResponse>>,
        items: fn(O) -> Result<Vec<T>, Missing>,
    ) -> Result<Vec<T>, ApiError>
    where
        O: RequestId,
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let page = page.map_err(|error| ApiError::new(self.operation, self.label, &error))?;
        let request_id = page.request_id().map(str::to_owned);
        let lacks = |member| ApiError::incomplete(self.operation, self.label, member).of_request(request_id.as_deref());
        items(page).map_err(lacks)
    }
}
