//! How long the function waits before it asks AWS the same once more. The tests of what happens after many attempts don't sit
//! these waits out: they have all of them divided.

use std::num::NonZeroU16;
use std::time::Duration;

/// The most that the waits are divided by. What is left must still be a wait.
const QUICKEST: u16 = 100;

/// What every wait is divided by: 1, except in tests. How often something is tried, in which order, and by how much each
/// wait is longer than the one before is the same at any pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(NonZeroU16);

impl Default for Pace {
    fn default() -> Self {
        Self(NonZeroU16::MIN)
    }
}

impl Pace {
    /// The environment variable, which the template doesn't set.
    pub const VARIABLE: &str = "DIVIDE_WAITS_BY";

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|divisor: &NonZeroU16| divisor.get() <= QUICKEST).map(Self)
    }

    /// How long the wait is at this pace.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Duration {
        wait / u32::from(self.0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_as_long_as_they_are_unless_they_are_divided() {
        let wait = Duration::from_secs(4);
        assert_eq!(Pace::default().wait(wait), wait);
        assert_eq!(Pace::parse("1"), Some(Pace::default()));
        assert_eq!(Pace::parse("20").map(|pace| pace.wait(wait)), Some(Duration::from_millis(200)));
    }

    #[test]
    fn no_wait_gets_longer_and_none_is_left_out() {
        for text in ["0", "-1", "0.5", "101", "", "quick"] {
            assert_eq!(Pace::parse(text), None, "{text:?}");
        }
    }
}
