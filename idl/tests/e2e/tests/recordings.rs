//! Arrays that share their content: a server gives out what it keeps, and gets all of it back.

use annulus::ndr::{Bytes, SharedNumbers};
use annulus::{Binding, CallContext, Config, Cores, Runtime, Server, Status};
use annulus_idl_e2e::recordings::*;

const LEN: u32 = 100_000;

#[derive(Clone)]
struct Archive {
    recording: Recording,
    pixels: Bytes,
    palette: SharedNumbers<u16>,
}

impl Archive {
    fn new() -> Self {
        Archive {
            recording: Recording {
                rate: 48_000,
                count: LEN,
                samples: Some((0..LEN).map(f64::from).collect::<Vec<_>>().into()),
                marks: Some((0..LEN as i32).rev().collect::<Vec<_>>().into()),
            },
            pixels: (0..LEN).map(|at| at as u8).collect(),
            palette: (0..7).collect::<Vec<_>>().into(),
        }
    }
}

impl Recordings for Archive {
    fn picture(&self, _: &mut CallContext<'_>, number: i32) -> Result<PictureResponse, Status> {
        Ok(PictureResponse {
            len: self.pixels.len() as u32,
            pixels: Some(self.pixels.clone()),
            taken: 9,
            palette: self.palette.clone(),
            result: number,
        })
    }

    fn get(&self, _: &mut CallContext<'_>, number: i32) -> Result<GetResponse, Status> {
        Ok(GetResponse {
            found: self.recording.clone(),
            result: number,
        })
    }

    fn keep(
        &self,
        _: &mut CallContext<'_>,
        what: Recording,
        pixels: &[u8],
    ) -> Result<KeepResponse, Status> {
        let is_same = what == self.recording && pixels == self.pixels;
        Ok(KeepResponse {
            count: i32::from(is_same),
            result: 0,
        })
    }

    fn echo(&self, _: &mut CallContext<'_>, bytes: &[u8]) -> Result<Bytes, Status> {
        Ok(Bytes::copy_from_slice(bytes))
    }
}

#[test]
fn shared_arrays_cross_and_come_back() {
    let archive = Archive::new();
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let serving = runtime
        .serve(server.interface(interface(archive.clone())))
        .unwrap();
    let target = serving.bindings()[0].to_string();
    let client = RecordingsClient::new(Binding::new(&runtime, &target, INTERFACE).unwrap());

    let picture = client.picture(7).unwrap();
    assert_eq!(picture.pixels.as_ref(), Some(&archive.pixels));
    assert_eq!((picture.palette, picture.taken), (archive.palette, 9));
    let GetResponse { found, result } = client.get(3).unwrap();
    assert!(found == archive.recording && result == 3);
    let kept = client.keep(found, &archive.pixels).unwrap();
    assert_eq!(kept.count, 1, "the request arrives as it was");
    assert_eq!(client.echo(&archive.pixels).unwrap(), archive.pixels);

    drop((client, serving));
    runtime.shutdown();
    assert!(archive.pixels.is_unique(), "the server keeps what it sent");
}
