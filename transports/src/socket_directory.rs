//! The directory of a listening Unix socket: there, and safe.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::error::TransportError;

/// The mode of a directory that is made: all may find the sockets, its owner alone adds some.
const MODE: u32 = 0o755;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Makes a directory if it is missing, and checks that nobody but root and this user can replace
/// what is in it. The directories above it are its administrator's to protect.
///
/// # Errors
///
/// It cannot be made or looked at, or it is not safe; the error says what to do.
pub(crate) fn prepare(directory: &Path) -> Result<(), TransportError> {
    let forbidden = |source| TransportError::NcalrpcDirectory {
        directory: directory.to_owned(),
        source,
    };
    make(directory).map_err(forbidden)?;
    let named = fs::symlink_metadata(directory).map_err(forbidden)?;
    let found = fs::metadata(directory).map_err(forbidden)?;
    let user = rustix::process::geteuid().as_raw();
    match danger_of_link(&named, user).or_else(|| danger(&found, user)) {
        None => Ok(()),
        Some(reason) => Err(TransportError::NcalrpcDirectoryUnsafe {
            directory: directory.to_owned(),
            reason,
        }),
    }
}

fn make(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(MODE).create(directory) {
        // The process's mask may have taken away what the clients need.
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(MODE)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Where nothing may be made, there may still be one.
        Err(_) if directory.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Why a name may lead elsewhere tomorrow, if it may: it is a link of somebody else's.
fn danger_of_link(named: &Metadata, user: u32) -> Option<&'static str> {
    let is_foreign = named.uid() != user && named.uid() != 0;
    (named.is_symlink() && is_foreign)
        .then_some("its name is a link of another user's (name the directory itself)")
}

/// Why the sockets of `user` are not safe in a directory, if they are not.
fn danger(found: &Metadata, user: u32) -> Option<&'static str> {
    if !found.is_dir() {
        return Some("it is not a directory");
    }
    if found.uid() != user && found.uid() != 0 {
        return Some("it belongs to another user (chown it to root or to the server's user)");
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 && found.mode() & STICKY == 0 {
        return Some("others may replace what is in it (chmod go-w, or chmod +t)");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(test: &str) -> Self {
            let name = format!("annulus-{test}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_missing_directory_is_made_for_all_to_find() {
        let scratch = Scratch::new("made");
        let directory = scratch.0.join("sockets");
        prepare(&directory).unwrap();
        assert_eq!(mode(&directory), MODE);
        prepare(&directory).unwrap();
    }

    #[test]
    fn what_others_may_write_to_is_refused_unless_it_is_sticky() {
        let scratch = Scratch::new("modes");
        for (bits, is_safe) in [
            (0o700, true),
            (0o755, true),
            (0o775, false),
            (0o757, false),
            (0o777, false),
            (0o1777, true),
        ] {
            fs::set_permissions(&scratch.0, Permissions::from_mode(bits)).unwrap();
            let result = prepare(&scratch.0);
            assert_eq!(result.is_ok(), is_safe, "{bits:o}: {result:?}");
            assert_eq!(mode(&scratch.0), bits, "the mode is the administrator's");
        }
    }

    #[test]
    fn the_directory_of_another_user_is_refused() {
        let scratch = Scratch::new("owners");
        let found = fs::metadata(&scratch.0).unwrap();
        assert_eq!(danger(&found, found.uid()), None);
        if found.uid() != 0 {
            assert!(danger(&found, found.uid() + 1).is_some());
        }
        // Root's are safe for everybody.
        let root = fs::metadata("/").unwrap();
        assert_eq!(danger(&root, 1000), None);
    }

    #[test]
    fn a_link_of_another_user_is_refused() {
        let scratch = Scratch::new("links");
        let link = scratch.0.join("link");
        std::os::unix::fs::symlink("/run", &link).unwrap();
        let named = fs::symlink_metadata(&link).unwrap();
        assert_eq!(danger_of_link(&named, named.uid()), None);
        prepare(&link).unwrap();
        if named.uid() == 0 {
            std::os::unix::fs::lchown(&link, Some(1000), None).unwrap();
            let error = prepare(&link).unwrap_err();
            let reason = error.to_string();
            assert!(reason.contains("a link of another user"), "{reason}");
        } else {
            assert!(danger_of_link(&named, named.uid() + 1).is_some());
        }
    }

    #[test]
    fn what_is_no_directory_or_cannot_be_made_is_told() {
        let scratch = Scratch::new("kinds");
        let file = scratch.0.join("file");
        fs::write(&file, "").unwrap();
        let error = prepare(&file).unwrap_err();
        assert!(
            matches!(error, TransportError::NcalrpcDirectoryUnsafe { .. }),
            "{error}"
        );
        let error = prepare(&scratch.0.join("missing/sockets")).unwrap_err();
        assert!(
            matches!(error, TransportError::NcalrpcDirectory { .. }),
            "{error}"
        );
    }
}
