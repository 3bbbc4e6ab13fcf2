//! A model of what AWS does with the policies, alarms and schedules that tags make: how many instances run when, and how
//! long requests wait. Values in, values out, without an AWS type.
//!
//! ```text
//! trace ─► endpoint ─► metrics ─► alarm ─► auto_scaling ─► endpoint …      clock drives them, event by event
//! tags  ─► the core's Scaling ─┘    └─ expression                          summary says what came of it
//! ```
//!
//! The model is made of what AWS documents, each rule with its page, and of assumptions, each called one where it is
//! made. What AWS leaves open and matters is a [`World`].

mod alarm;
mod auto_scaling;
mod clock;
mod documented;
mod endpoint;
mod expression;
mod foreseen;
mod metrics;
mod schedule;
mod shapes;
mod summary;
mod trace;
mod world;

pub use clock::{Outcome, Run, Standing, Witness, run, simulate};
pub use documented::{example_of_aws, tracking_alone};
pub use endpoint::{Fate, Request};
pub use expression::Expression;
pub use foreseen::foreseen;
pub use metrics::{Datapoint, Metric, Minute, PERIOD};
pub use shapes::Shape;
pub use summary::{Summary, Tally, Wait, in_words};
pub use trace::{MONDAY, Trace};
pub use world::{AtZero, Contest, CpuSamples, Leaving, LowAlarm, Repeated, Sampling, World};

/// A count as the numbers of metrics and pictures are.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A count of instances as Application Auto Scaling has it.
fn count(instances: usize) -> i32 {
    i32::try_from(instances).unwrap_or(i32::MAX)
}

/// And the other way round; capacities are never negative.
fn index(capacity: i32) -> usize {
    usize::try_from(capacity).unwrap_or(0)
}
