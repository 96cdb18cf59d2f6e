//! What the kernel knows of the error of the machine's clock.
//!
//! This module holds unsafe code: one line, where the kernel fills a structure in.

use std::io;
use std::time::Duration;

/// How the clock of the machine (`CLOCK_REALTIME`) is kept, as whoever disciplines it told the kernel
/// (adjtimex(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WallClockState {
    /// Whether it follows a reference. Some disciplining programs tell the kernel only if they are
    /// asked to, such as chrony with `rtcsync`.
    pub is_synchronised: bool,
    /// How far it can be from the reference at most.
    pub error_max: Duration,
    /// How far it is from it, by estimate.
    pub error_estimate: Duration,
}

impl WallClockState {
    /// Asks the kernel. This changes nothing, and takes no privilege.
    ///
    /// # Errors
    ///
    /// The kernel does not tell, as under a seccomp filter that forbids `adjtimex`.
    pub fn read() -> io::Result<Self> {
        // SAFETY: `timex` is made of integers alone, for which zeroes are valid; the pointer is to a
        // variable of this function, which outlives the call; with `modes` 0 the kernel only writes to it.
        let (state, timex) = unsafe {
            let mut timex: libc::timex = std::mem::zeroed();
            (libc::adjtimex(&raw mut timex), timex)
        };
        if state < 0 {
            return Err(io::Error::last_os_error());
        }
        let micros = |error: libc::c_long| Duration::from_micros(u64::try_from(error).unwrap_or(0));
        Ok(WallClockState {
            is_synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
            error_max: micros(timex.maxerror),
            error_estimate: micros(timex.esterror),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_its_clock() {
        let state = WallClockState::read().unwrap();
        // The kernel lets the bound grow to 16 s, and takes the clock for unsynchronised there.
        assert!(state.error_max <= Duration::from_secs(16), "{state:?}");
        if state.is_synchronised {
            assert!(state.error_max < Duration::from_secs(16), "{state:?}");
        }
    }
}
