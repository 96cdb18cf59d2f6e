//! A service of a glommio program: one thread, whose tasks read a file through glommio while others
//! serve and call through Annulus.
//!
//!     cargo run --release --features glommio --example glommio_service -- [FILE ['ncacn_ip_tcp:HOST[PORT]']]
//!
//! Without a file it gives out its own program, to itself. With an endpoint it serves there until a
//! signal comes, rpcecho too, so that `loadgen` can measure it. `files.idl` is the interface, and
//! `cargo xtask generate` makes `stub.rs` of it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use annulus::rpcecho::{self, EchoServer};
use annulus::{
    Binding, CallContext, Config, EmbeddedRuntime, Error, GlommioReactor, Server, ServerCall,
    Status,
};
use glommio::io::BufferedFile;
use glommio::{LocalExecutor, Task};
use stub::{Files, FilesClient, ReadResponse};
use support::{EndSignals, Failure};

#[rustfmt::skip]
mod stub;
#[path = "../support/mod.rs"]
mod support;

/// How much one call asks for.
const PART_LEN: u32 = 64 << 10;

/// The file that could not be read, as an answer: ERROR_READ_FAULT.
const READ_FAULT: u32 = 30;

/// Gives out one file.
struct OneFile {
    path: PathBuf,
}

impl Files for OneFile {
    fn read(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<ReadResponse>,
        offset: i64,
        count: u32,
    ) -> Result<(), Status> {
        let path = self.path.clone();
        // The core is a task of the executor, so this is, too.
        glommio::spawn_local(async move {
            let response = match read_part(&path, offset, count).await {
                Ok(data) => ReadResponse {
                    length: data.len() as u32,
                    data,
                    result: 0,
                },
                Err(error) => {
                    eprintln!("{}: {error}", path.display());
                    ReadResponse {
                        length: 0,
                        data: Vec::new(),
                        result: READ_FAULT,
                    }
                }
            };
            if let Err(status) = call.complete(&response) {
                eprintln!("nobody learns of the end of Read: {status}");
            }
        })
        .detach();
        Ok(())
    }
}

async fn read_part(path: &Path, offset: i64, count: u32) -> Result<Vec<u8>, Failure> {
    let file = BufferedFile::open(path).await?;
    let part = file.read_at(u64::try_from(offset)?, count as usize).await?;
    let data = part.to_vec();
    file.close().await?;
    Ok(data)
}

/// Reads the whole file by calls, one after the other; how many there were, and what was read.
async fn fetch(client: &FilesClient) -> Result<(u64, Vec<u8>), Failure> {
    let (mut calls, mut content) = (0, Vec::new());
    loop {
        let offset = i64::try_from(content.len())?;
        let part = client.read_future(offset, PART_LEN).await?;
        if part.result != 0 {
            return Err(format!("the service cannot read at {offset}: {}", part.result).into());
        }
        calls += 1;
        if part.data.is_empty() {
            return Ok((calls, content));
        }
        content.extend_from_slice(&part.data);
    }
}

/// A core that runs as a task of this executor.
struct Core {
    runtime: EmbeddedRuntime,
    running: Task<Result<(), Error>>,
}

impl Core {
    fn start() -> Result<Self, Error> {
        let runtime = EmbeddedRuntime::new(&Config::default())?;
        let core = runtime.clone();
        let running = glommio::spawn_local(async move { core.run(&GlommioReactor::new()).await });
        Ok(Core { runtime, running })
    }

    /// Offers the file; where.
    fn serve(&self, path: PathBuf, endpoint: &str) -> Result<String, Error> {
        let server = Server::new()
            .endpoint(endpoint)?
            .interface(stub::interface(OneFile { path }))
            .interface(rpcecho::interface(EchoServer::default()));
        Ok(self.runtime.serve(server)?.bindings()[0].to_string())
    }

    async fn end(self) -> Result<(), Error> {
        self.runtime.begin_shutdown();
        self.running.await
    }
}

/// Serves until a signal comes.
async fn serve(path: PathBuf, endpoint: String, signals: EndSignals) -> Result<(), Failure> {
    let core = Core::start()?;
    println!("listening on {}", core.serve(path, &endpoint)?);
    glommio::executor()
        .spawn_blocking(move || signals.wait())
        .await;
    Ok(core.end().await?)
}

/// Serves, calls, and ends: all on this executor.
async fn serve_and_fetch(path: PathBuf) -> Result<(), Failure> {
    let expected = std::fs::read(&path)?;
    let core = Core::start()?;
    let target = core.serve(path, "ncacn_ip_tcp:127.0.0.1[0]")?;
    let runtime = &core.runtime;
    println!("calling {target} over {}", runtime.ring_name());
    let client = FilesClient::new(Binding::new(runtime, &target, stub::INTERFACE)?);
    let start = Instant::now();
    let (calls, content) = fetch(&client).await?;
    let took = start.elapsed();
    if content != expected {
        return Err("what was read is not what the file contains".into());
    }
    core.end().await?;
    println!(
        "glommio: {} bytes in {calls} calls, {:.1} ms",
        content.len(),
        took.as_secs_f64() * 1e3
    );
    Ok(())
}

fn main() -> std::process::ExitCode {
    support::run(|arguments, signals| {
        let mut arguments = arguments.into_iter();
        let path = match arguments.next() {
            Some(path) => PathBuf::from(path),
            None => std::env::current_exe()?,
        };
        let executor = LocalExecutor::default();
        match arguments.next() {
            Some(endpoint) => executor.run(serve(path, endpoint, signals)),
            None => executor.run(serve_and_fetch(path)),
        }
    })
}
