//! How much time an invocation has.

use std::time::{Duration, SystemTime};

/// When an invocation has to be over so that its failure can still be reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) end: tokio::time::Instant,
    pub(crate) total: Duration,
}

impl Deadline {
    /// The deadline that Lambda sets, less the time that it takes to report a failure. One that is over already is none:
    /// some local tools don't set it.
    pub(crate) fn of(deadline: SystemTime, now: SystemTime) -> Option<Self> {
        let left = deadline.duration_since(now).ok().filter(|left| !left.is_zero())?;
        let to_report = (left / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
        Some(Self::after(left.saturating_sub(to_report)))
    }

    fn after(total: Duration) -> Self {
        Self { end: tokio::time::Instant::now() + total, total }
    }

    /// For the first of so many things that are left to do.
    pub(crate) fn share(self, left: usize) -> Self {
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        Self::after(self.end.saturating_duration_since(tokio::time::Instant::now()) / left)
    }

    /// Half of the time that is left.
    pub(crate) fn half_left(self) -> Duration {
        self.end.saturating_duration_since(tokio::time::Instant::now()) / 2
    }

    /// Less than a quarter of the time is left.
    pub(crate) fn is_near(self) -> bool {
        self.end.saturating_duration_since(tokio::time::Instant::now()) < self.total / 4
    }
}
