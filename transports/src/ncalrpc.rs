//! Names of local endpoints, and where their sockets are.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::address::Address;
use crate::error::TransportError;

/// Most bytes of a Unix socket's path (unix(7): `sun_path` has 108, the last of them zero).
const PATH_LEN_MAX: usize = 107;

/// The directory in which the sockets of local endpoints are: `ncalrpc:[NAME]` is the socket
/// `NAME` in it. Servers and clients that are to meet must use the same one.
///
/// By default that is what the environment variable `ANNULUS_NCALRPC_DIR` says, or else
/// `/run/annulus`, for every user: a server that does not run as root needs a directory there
/// that its administrator made for it (`RuntimeDirectory=annulus` in a systemd unit), or another
/// one, such as `$XDG_RUNTIME_DIR/annulus`, that its clients are told too. The directory of
/// Samba's `ncalrpc dir` may be named as well: the same clients then reach both.
///
/// A server makes the directory if it is missing, with mode 0755, but not the one above it. It
/// refuses one in which others could replace its socket: the owner must be root or the server's
/// user, and if others may write to it, it must be sticky.
///
/// ```
/// use annulus_transports::NcalrpcDirectory;
///
/// let directory = NcalrpcDirectory::new("/run/example");
/// let address = directory.address("echo")?;
/// assert_eq!(address.to_string(), "/run/example/echo");
/// assert!(directory.address("../echo").is_err());
/// # Ok::<(), annulus_transports::TransportError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NcalrpcDirectory(Arc<Path>);

impl NcalrpcDirectory {
    /// Where the sockets are, unless something else is said.
    pub const DEFAULT_PATH: &'static str = "/run/annulus";

    /// The environment variable that says something else.
    pub const VARIABLE: &'static str = "ANNULUS_NCALRPC_DIR";

    /// The directory of this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        NcalrpcDirectory(path.into().into())
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The address of the endpoint `name`.
    ///
    /// # Errors
    ///
    /// The name is empty, begins with a dot, contains a slash or a zero byte, or is too long: with
    /// its directory, a socket's path has 107 bytes at most.
    pub fn address(&self, name: &str) -> Result<Address, TransportError> {
        let refused = |expected| {
            let name = name.to_owned();
            Err(TransportError::NcalrpcName { name, expected })
        };
        if name.is_empty() || name.contains(['/', '\0']) {
            return refused("a name without '/' and zero bytes");
        }
        // Such names are those of the locks beside the sockets.
        if name.starts_with('.') {
            return refused("a name that does not begin with '.'");
        }
        let path = self.0.join(name);
        if path.as_os_str().len() > PATH_LEN_MAX {
            return refused("a shorter one: with its directory it may have 107 bytes");
        }
        Ok(Address::Unix(path))
    }

    /// The address of an endpoint that has no name yet: it gets one that nobody else uses.
    ///
    /// # Errors
    ///
    /// The path of the directory is too long.
    pub fn unused_address(&self) -> Result<Address, TransportError> {
        // Each `RandomState` has keys of its own, from the system's source of randomness.
        let number = RandomState::new().hash_one(std::process::id());
        self.address(&format!("LRPC-{number:016x}"))
    }
}

impl Default for NcalrpcDirectory {
    /// What the environment says, or [`DEFAULT_PATH`](NcalrpcDirectory::DEFAULT_PATH).
    fn default() -> Self {
        let set = std::env::var_os(Self::VARIABLE).filter(|path| !path.is_empty());
        NcalrpcDirectory::new(set.map_or_else(|| Self::DEFAULT_PATH.into(), PathBuf::from))
    }
}

impl fmt::Display for NcalrpcDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_its_directory() {
        let directory = NcalrpcDirectory::new("/run/annulus");
        for name in [
            "",
            ".",
            "..",
            "../echo",
            "/echo",
            "a/b",
            "a\0b",
            ".echo.lock",
        ] {
            let error = directory.address(name).unwrap_err();
            assert!(
                matches!(&error, TransportError::NcalrpcName { name: named, .. } if named == name),
                "{error}"
            );
        }
        let address = directory.address("Echo v1.0").unwrap();
        assert_eq!(address.as_unix(), Some(Path::new("/run/annulus/Echo v1.0")));
    }

    #[test]
    fn a_name_is_as_long_as_the_kernel_can_take() {
        let directory = NcalrpcDirectory::new("/tmp");
        let longest = "n".repeat(PATH_LEN_MAX - "/tmp/".len());
        let address = directory.address(&longest).unwrap();
        socket2::SockAddr::unix(address.as_unix().unwrap()).unwrap();
        directory.address(&format!("{longest}n")).unwrap_err();
    }

    #[test]
    fn a_chosen_name_is_another_one_each_time() {
        let directory = NcalrpcDirectory::new("/tmp");
        let first = directory.unused_address().unwrap();
        assert_ne!(first, directory.unused_address().unwrap());
        assert!(first.to_string().starts_with("/tmp/LRPC-"), "{first}");
    }
}
