//! What the compiler makes of the tests' interface definitions, under this workspace's lints.

mod misuse;

annulus::include_interface!("rpcecho");
annulus::include_interface!("mgmt");
annulus::include_interface!("async_rpc");
annulus::include_interface!("epmapper");
annulus::include_interface!("samr");
annulus::include_interface!("everything");
annulus::include_interface!("collisions");
annulus::include_interface!("two");
annulus::include_interface!("recordings");
annulus::include_interface!("rules");
annulus::include_interface!("shapes");
annulus::include_interface!("pipes");
annulus::include_interface!("sessions");
annulus::include_interface!("counts");
annulus::include_interface!("dimensions");
