//! The file of a listening Unix socket: made by one server at a time, and gone with it.
//!
//! A socket's file outlives a server that was killed. Whether there is still somebody behind it,
//! a connection tells; but two servers that start at once could each find the other's file
//! before the other listens. So a server holds a lock (flock(2)) on a file beside the socket,
//! `.NAME.lock`, from before it looks until it has removed the socket again.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The file of a socket that this process listens on; removed when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Identity,
    /// Let go of last, when the socket is no longer there.
    _lock: LockFile,
}

impl SocketFile {
    /// Binds a socket to a path, in place of a file that a former server left, and lets those
    /// connect whom `mode` permits to write.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] if a server is there, or another one is about to be. Also if
    /// the path names something else than a socket, or the directory is missing or forbidden.
    pub(crate) fn bind(socket: &Socket, path: &Path, mode: u32) -> io::Result<Self> {
        let lock = LockFile::acquire(path)?;
        remove_stale(path)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile {
            path: path.to_owned(),
            identity: Identity::of(&fs::symlink_metadata(path)?),
            _lock: lock,
        };
        // Nobody can connect yet: that takes a listener.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever has put another file there, by hand for example, keeps it.
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| Identity::of(&found) == self.identity) {
            remove(&self.path);
        }
    }
}

/// Removes the socket of a server that has ended.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            let what = "there is a file of this name that is no socket; remove it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        Ok(_) => {}
    }
    if is_dead(path)? {
        tracing::info!(path = %path.display(), "replaces the socket of a server that has ended");
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Whether nobody is behind a socket.
fn is_dead(path: &Path) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server whose queue is full is alive, and not to be waited for.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Ok(()) | Err(_) => Ok(false),
    }
}

/// A lock on the name of a socket. Its file is there only while somebody holds it, or was killed
/// while he did.
#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    _file: File,
}

impl LockFile {
    fn acquire(socket: &Path) -> io::Result<Self> {
        let path = lock_path(socket)?;
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                // Nor is a pipe waited for that somebody has put there.
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::AddrInUse.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // If its former holder has removed it meanwhile, it is no lock any more.
            if leads_to(&path, &file)? {
                return Ok(LockFile { path, _file: file });
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // While it is locked: whoever opened it before looks whether it is still in place.
        remove(&self.path);
    }
}

/// Whether the path still names the open file.
fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Identity::of(&found) == Identity::of(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where the lock of a socket is: `.NAME.lock` beside it.
fn lock_path(socket: &Path) -> io::Result<PathBuf> {
    let name = socket.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut lock = OsString::from(".");
    lock.push(name);
    lock.push(".lock");
    Ok(socket.with_file_name(lock))
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "a file of a local endpoint stays behind");
    }
}

/// What tells one file from another.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &fs::Metadata) -> Self {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// A directory of a test's own.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Self {
            let name = format!("annulus-{test}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Directory(path)
        }

        fn files(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }

        fn socket(&self) -> PathBuf {
            self.0.join("echo")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn listen(path: &Path) -> io::Result<(SocketFile, Socket)> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let file = SocketFile::bind(&socket, path, 0o600)?;
        socket.listen(16)?;
        Ok((file, socket))
    }

    #[test]
    fn a_server_leaves_nothing_behind() {
        let directory = Directory::new("leaves");
        let path = directory.socket();
        let (file, socket) = listen(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        assert_eq!(directory.files(), 2, "the socket and its lock");
        drop((file, socket));
        assert_eq!(directory.files(), 0);
    }

    #[test]
    fn the_mode_is_that_which_was_asked_for() {
        let directory = Directory::new("mode");
        let (_file, _socket) = listen(&directory.socket()).unwrap();
        let mode = fs::metadata(directory.socket()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_socket_of_a_server_that_was_killed_is_replaced() {
        let directory = Directory::new("stale");
        let path = directory.socket();
        // A standard listener leaves its file; so does a killed server its lock's.
        drop(UnixListener::bind(&path).unwrap());
        fs::write(lock_path(&path).unwrap(), "").unwrap();
        UnixStream::connect(&path).unwrap_err();
        let (_file, _socket) = listen(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_server_that_lives_is_never_replaced() {
        let directory = Directory::new("live");
        let path = directory.socket();
        let foreign = UnixListener::bind(&path).unwrap();
        let error = listen(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
        drop(foreign);
        let (_file, _socket) = listen(&path).unwrap();
        let error = listen(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
    }

    /// Between its bind and its listen, a server looks like a dead one.
    #[test]
    fn a_server_that_does_not_listen_yet_is_not_replaced() {
        let directory = Directory::new("early");
        let path = directory.socket();
        let early = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let _file = SocketFile::bind(&early, &path, 0o600).unwrap();
        let error = listen(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        early.listen(1).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn of_servers_that_start_at_once_one_wins() {
        const SERVERS: usize = 4;
        let directory = Directory::new("race");
        let path = directory.socket();
        for round in 0..50 {
            drop(UnixListener::bind(&path).unwrap());
            let start = Barrier::new(SERVERS);
            let results: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..SERVERS)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            listen(&path)
                        })
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            let winners = results.iter().filter(|result| result.is_ok()).count();
            assert_eq!(winners, 1, "round {round}: {results:?}");
            UnixStream::connect(&path).expect("the winner's socket is in place");
            drop(results);
            assert_eq!(directory.files(), 0, "round {round}");
        }
    }

    #[test]
    fn what_is_no_socket_stays() {
        let directory = Directory::new("file");
        let path = directory.socket();
        fs::write(&path, "precious").unwrap();
        let error = listen(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert_eq!(directory.files(), 1);
    }

    #[test]
    fn a_lock_that_is_a_pipe_does_not_hold_a_server_up() {
        let directory = Directory::new("pipe");
        let path = directory.socket();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            lock_path(&path).unwrap(),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        let error = listen(&path).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
    }

    #[test]
    fn a_lock_that_is_a_link_is_not_followed() {
        let directory = Directory::new("link");
        let path = directory.socket();
        let victim = directory.0.join("victim");
        std::os::unix::fs::symlink(&victim, lock_path(&path).unwrap()).unwrap();
        listen(&path).unwrap_err();
        assert!(!victim.exists());
    }
}
