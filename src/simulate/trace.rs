//! Traces: which requests come when, and how much work each is.

use std::time::Duration;

use jiff::Timestamp;

use super::endpoint::Request;

/// Monday, 5 January 2026, 00:00 UTC: the beginning of the shapes.
pub const MONDAY: Timestamp = Timestamp::constant(1_767_571_200, 0);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// When the simulation begins; schedules and time zones go by it.
    pub start: Timestamp,
    /// How long it goes on.
    pub until: Duration,
    /// In the order of their arrival.
    pub requests: Vec<Request>,
}
