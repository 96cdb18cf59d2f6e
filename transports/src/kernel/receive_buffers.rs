//! What the settings of receive buffers must be like.

use annulus_protocol::Limits;

use crate::error::TransportError;

const COUNT_MAX: u16 = 1 << 15;

/// Refuses numbers and lengths of receive buffers that no ring takes. What io_uring can do is
/// the bound for all rings, so that a configuration fits wherever it is taken to.
pub(crate) fn check_receive_buffers(limits: &Limits) -> Result<(), TransportError> {
    let (count, buffer_len) = (limits.receive_buffers, limits.receive_buffer_len);
    if !count.is_power_of_two() || count > COUNT_MAX {
        return Err(TransportError::Setting {
            name: "Limits::receive_buffers",
            value: count.into(),
            expected: "a power of two from 1 to 32,768",
        });
    }
    if buffer_len == 0 || buffer_len > 1 << 30 {
        return Err(TransportError::Setting {
            name: "Limits::receive_buffer_len",
            value: buffer_len.into(),
            expected: "1 byte to 1 GiB",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_no_power_of_two_is_refused() {
        for count in [0, 3, 40_000] {
            let limits = Limits {
                receive_buffers: count,
                ..Limits::DEFAULT
            };
            let error = check_receive_buffers(&limits).unwrap_err();
            assert!(
                matches!(error, TransportError::Setting { name, .. } if name.ends_with("_buffers")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_buffer_without_or_with_far_too_much_room_is_refused() {
        for receive_buffer_len in [0, (1 << 30) + 1] {
            let limits = Limits {
                receive_buffer_len,
                ..Limits::DEFAULT
            };
            let error = check_receive_buffers(&limits).unwrap_err();
            assert!(
                matches!(error, TransportError::Setting { name, .. } if name.ends_with("_len")),
                "{error}"
            );
        }
    }
}
