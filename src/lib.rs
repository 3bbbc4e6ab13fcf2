//! An AWS Lambda function that makes SageMaker asynchronous inference endpoints scale to zero, and wake again, by their
//! tags.
//!
//! ```text
//! main ─► handler ─► walk, sweep ─► aws ─► reconcile ◄─ payload, config, simulate
//!                        └─► answer, metrics, telemetry, error
//! ```
//!
//! [`reconcile`] is the pure core: values in, a plan out. [`aws`] is the shell: it reads what AWS says and makes the
//! changes of a plan. Only the handler and what it calls see both. Deliberately absent are a trait over the AWS clients (the seam
//! is the plan, which is data) and a state of our own (AWS and the tags are the state). Nothing of an event is believed but the
//! endpoint's name.

pub mod advise;
pub mod answer;
#[cfg(feature = "lambda")]
pub mod aws;
#[cfg(feature = "lambda")]
mod batch;
#[cfg(feature = "lambda")]
mod by_hand;
pub mod check;
pub mod cloudformation;
pub mod config;
#[cfg(feature = "lambda")]
mod deadline;
#[cfg(feature = "lambda")]
pub mod error;
#[cfg(feature = "lambda")]
pub mod handler;
pub mod metrics;
#[cfg(feature = "lambda")]
mod news;
pub mod pace;
pub mod payload;
pub mod prices;
pub mod reconcile;
#[cfg(feature = "lambda")]
mod retrospect;
pub mod savings;
pub mod simulate;
#[cfg(feature = "lambda")]
pub mod stack;
#[cfg(feature = "lambda")]
mod sweep;
#[cfg(feature = "lambda")]
pub mod telemetry;
#[cfg(feature = "lambda")]
mod walk;
