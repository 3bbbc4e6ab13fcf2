//! Answers that don't come from AWS: the page of a proxy or firewall, or what a wrong endpoint URL answers. If an operation has
//! no output, the SDK takes every answer with HTTP 200 for success, whatever it says.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// AWS's services give every answer an id, and speak these types of content (awsJson and Smithy's rpc-v2-cbor).
const REQUEST_ID: &str = "x-amzn-requestid";
const CONTENT_TYPES: [&str; 2] = ["application/x-amz-json", "application/cbor"];

/// As much of an answer as tells what it looks like.
const SHOWN: usize = 80;

/// `None` where the answer is AWS's; otherwise what it looks like.
pub(super) fn description(response: &HttpResponse) -> Option<String> {
    let headers = response.headers();
    let content_type = headers.get("content-type").unwrap_or_default();
    if headers.contains_key(REQUEST_ID) || CONTENT_TYPES.iter().any(|known| content_type.starts_with(known)) {
        return None;
    }
    let content_type = if content_type.is_empty() { "no type of content" } else { content_type };
    let content = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
    let words: Vec<&str> = content.split_whitespace().collect();
    let text: String = words.join(" ").chars().filter(|letter| !letter.is_control()).take(SHOWN).collect();
    let text = if text.is_empty() { "and nothing in it".to_owned() } else { format!("beginning with {text:?}") };
    Some(format!("received HTTP {} with {content_type}, {text}", response.status().as_u16()))
}

/// Lets no such answer pass for success.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnlyAws;

#[dyn_dispatch_hint]
impl Intercept for OnlyAws {
    fn name(&self) -> &'static str {
        "OnlyAws"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match (context.output_or_error(), description(context.response())) {
            (Ok(_), Some(description)) => Err(description.into()),
            (Ok(_), None) | (Err(_), _) => Ok(()),
        }
    }
}
