//! The endpoint mapper's server.

use std::net::{IpAddr, Ipv4Addr};

use annulus_ndr::{ContextHandle, Full};
use annulus_protocol::Uuid;

use super::endpoint_map::{Endpoint, EndpointMap, RegisterError, Registered};
use super::owner::Owner;
use super::search::{Inquiry, Search, Wanted};
use super::tower::Tower;
use super::wire::VERS_ALL_OF_SAMBA;
use super::*;
use crate::{CallContext, Status};

/// Tells what is in an [`EndpointMap`], and lets the servers of this machine register in it: the
/// manager routines of an endpoint mapper.
///
/// ```
/// use annulus::Server;
/// use annulus::epmapper::{self, EndpointMap, EndpointMapper};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let map = EndpointMap::default();
/// let mapper = Server::new()
///     .endpoint("ncacn_ip_tcp:0.0.0.0[135]")?
///     .interface(epmapper::interface(EndpointMapper::new(map.clone())));
/// # drop(mapper);
/// # Ok(()) }
/// ```
///
/// Everybody may ask. Only clients of this machine may register endpoints, until they take them
/// away again or their last connection ends; others get [`Status::AccessDenied`]. Each client may
/// only take away its own, and only replace those of its user: over `ncalrpc` the kernel says who
/// that is, and root may replace all. Over a loopback address nobody knows, so what is registered
/// there may be replaced by any client of this machine. A [`Registration`](crate::Registration) with
/// a security callback can be stricter.
///
/// An endpoint of all addresses of the machine (`0.0.0.0`) is told with the one at which the client
/// has reached the mapper, if that is an IPv4 address. Towers have no room for IPv6 ones: a client
/// knows the host already, and needs the port alone.
///
/// `ept_inq_object`, `ept_mgmt_delete` and what comes behind them are no operations of this mapper,
/// nor of Samba's.
#[derive(Clone, Debug)]
pub struct EndpointMapper {
    map: EndpointMap,
}

impl EndpointMapper {
    /// The mapper that tells this map.
    #[must_use]
    pub fn new(map: EndpointMap) -> Self {
        EndpointMapper { map }
    }

    /// Goes on with a search that `handle` names, or begins with `new`; gives what it finds next,
    /// and the handle for the rest.
    fn search(
        &self,
        context: &CallContext<'_>,
        handle: ContextHandle,
        new: impl FnOnce() -> Result<Search, u32>,
        len_max: u32,
        end: SearchEnd,
    ) -> Result<Found, Status> {
        let local = local_ip(context);
        let len_max = len_max as usize;
        if handle.is_null() {
            let mut search = match new() {
                Ok(search) => search,
                Err(status) => return Ok(Found::nothing(status)),
            };
            let (endpoints, has_more) = search.take(&self.map, len_max, local);
            let goes_on = len_max > 0 && (has_more || end.is_yet_to_be_told(&endpoints, len_max));
            let handle = match goes_on {
                true => context.open_context(search)?,
                false => ContextHandle::NULL,
            };
            return Ok(Found::new(handle, endpoints));
        }
        // Nobody else finds anything under this handle meanwhile: a second call on it is refused.
        let mut search = context.exclusive_context::<Search>(&handle)?;
        let (endpoints, has_more) = search.take(&self.map, len_max, local);
        drop(search);
        if has_more || end.is_yet_to_be_told(&endpoints, len_max) {
            return Ok(Found::new(handle, endpoints));
        }
        context.close_context::<Search>(&handle)?;
        Ok(Found::new(ContextHandle::NULL, endpoints))
    }
}

/// How a search tells that there is no more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SearchEnd {
    /// With the last endpoints, by a null handle.
    NullHandle,
    /// With fewer endpoints than were asked for, or none, by `ept_s_not_registered`. Samba's rpcclient
    /// goes on for ever without it, and smbtorture wants none while the answers are full; others
    /// take it for a failure, as impacket does.
    NotRegistered,
}

impl SearchEnd {
    /// Whether another answer is to follow an answer that was the last.
    fn is_yet_to_be_told(self, endpoints: &[Endpoint], len_max: usize) -> bool {
        self == SearchEnd::NotRegistered && endpoints.len() == len_max
    }
}

/// What a call of a search gives.
struct Found {
    handle: ContextHandle,
    endpoints: Vec<Endpoint>,
    status: u32,
}

impl Found {
    fn new(handle: ContextHandle, endpoints: Vec<Endpoint>) -> Self {
        let status = match endpoints.is_empty() {
            true => EPT_S_NOT_REGISTERED,
            false => Status::Ok.code(),
        };
        Found {
            handle,
            endpoints,
            status,
        }
    }

    fn nothing(status: u32) -> Self {
        Found {
            handle: ContextHandle::NULL,
            endpoints: Vec::new(),
            status,
        }
    }

    fn len(&self) -> u32 {
        u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX)
    }
}

impl Ept for EndpointMapper {
    fn ept_insert(
        &self,
        context: &mut CallContext<'_>,
        entries: Vec<EptEntry>,
        replace: u32,
    ) -> Result<u32, Status> {
        let owner = Owner::of(context.peer()).ok_or(Status::AccessDenied)?;
        let endpoints: Option<Vec<_>> = entries.iter().map(Endpoint::from_wire).collect();
        let Some(endpoints) = endpoints else {
            return Ok(EPT_S_INVALID_ENTRY);
        };
        if endpoints.is_empty() {
            return Ok(Status::Ok.code());
        }
        // The client's rundown takes them out of the map. It is not told the handle; the map is.
        let holder = context.open_context(Registered::none(&self.map))?;
        let mut held = context.exclusive_context::<Registered>(&holder)?;
        let registered = held.register(endpoints, replace != 0, owner, holder);
        drop(held);
        let displaced = match registered {
            Ok(displaced) => displaced,
            Err(error) => {
                drop(context.close_context::<Registered>(&holder)?);
                return refusal(error);
            }
        };
        for old in displaced {
            close_if_empty(context, &old)?;
        }
        Ok(Status::Ok.code())
    }

    fn ept_delete(
        &self,
        context: &mut CallContext<'_>,
        entries: Vec<EptEntry>,
    ) -> Result<u32, Status> {
        let owner = Owner::of(context.peer()).ok_or(Status::AccessDenied)?;
        let endpoints: Option<Vec<_>> = entries.iter().map(Endpoint::from_wire).collect();
        let Some(endpoints) = endpoints else {
            return Ok(EPT_S_INVALID_ENTRY);
        };
        let mut status = Status::Ok.code();
        for endpoint in endpoints {
            // A handle of another client names nothing here.
            let holder = self.map.holder(&endpoint, owner);
            let held = holder.and_then(|holder| {
                let held = context.exclusive_context::<Registered>(&holder);
                Some((holder, held.ok()?))
            });
            let Some((holder, mut held)) = held else {
                status = EPT_S_NOT_REGISTERED;
                continue;
            };
            held.remove(&endpoint);
            drop(held);
            close_if_empty(context, &holder)?;
        }
        Ok(status)
    }

    fn ept_lookup(
        &self,
        context: &mut CallContext<'_>,
        inquiry_type: u32,
        object: Full<Uuid>,
        interface_id: Full<EptIfId>,
        vers_option: u32,
        entry_handle: EptLookupHandle,
        max_ents: u32,
    ) -> Result<EptLookupResponse, Status> {
        let object = object.get().map(|object| *object);
        let interface = interface_id.get().map(|id| *id);
        let new = || {
            Inquiry::from_wire(inquiry_type, object, interface, vers_option)
                .map(|inquiry| Search::new(Wanted::Endpoints(inquiry)))
                .ok_or(EPT_S_CANT_PERFORM_OP)
        };
        let end = match vers_option {
            VERS_ALL_OF_SAMBA => SearchEnd::NotRegistered,
            _ => SearchEnd::NullHandle,
        };
        let mut found = self.search(context, entry_handle, new, max_ents, end)?;
        if end == SearchEnd::NotRegistered && found.handle.is_null() {
            found.status = EPT_S_NOT_REGISTERED;
        }
        Ok(EptLookupResponse {
            entry_handle: found.handle,
            num_ents: found.len(),
            entries: found.endpoints.iter().map(Endpoint::to_wire).collect(),
            result: found.status,
        })
    }

    fn ept_map(
        &self,
        context: &mut CallContext<'_>,
        object: Full<Uuid>,
        map_tower: Full<Twr>,
        entry_handle: EptLookupHandle,
        max_towers: u32,
    ) -> Result<EptMapResponse, Status> {
        let object = object.get().map_or(Uuid::nil(), |object| *object);
        // A tower that nothing can match finds nothing.
        let new = || {
            let tower = map_tower.get().ok_or(EPT_S_NOT_REGISTERED)?;
            wanted_by_tower(object, &tower.tower_octets)
                .map(Search::new)
                .ok_or(EPT_S_NOT_REGISTERED)
        };
        let end = SearchEnd::NullHandle;
        let found = self.search(context, entry_handle, new, max_towers, end)?;
        let towers = found.endpoints.iter();
        Ok(EptMapResponse {
            entry_handle: found.handle,
            num_towers: found.len(),
            towers: towers
                .map(|endpoint| Full::new(Twr::from(&endpoint.tower)))
                .collect(),
            result: found.status,
        })
    }

    fn ept_lookup_handle_free(
        &self,
        context: &mut CallContext<'_>,
        entry_handle: EptLookupHandle,
    ) -> Result<EptLookupHandleFreeResponse, Status> {
        if !entry_handle.is_null() {
            context.close_context::<Search>(&entry_handle)?;
        }
        Ok(EptLookupHandleFreeResponse {
            entry_handle: ContextHandle::NULL,
            result: Status::Ok.code(),
        })
    }
}

/// How a client is told that its endpoints are not registered.
fn refusal(error: RegisterError) -> Result<u32, Status> {
    match error {
        RegisterError::InvalidTower | RegisterError::TowerTooLong { .. } => Ok(EPT_S_INVALID_ENTRY),
        RegisterError::Full { .. } | RegisterError::TooManyOfUser { .. } => Ok(EPT_S_NO_MEMORY),
        RegisterError::OfAnother => Err(Status::AccessDenied),
    }
}

/// Closes a context of registered endpoints of this client that has none left.
fn close_if_empty(context: &CallContext<'_>, holder: &ContextHandle) -> Result<(), Status> {
    let held = context.exclusive_context::<Registered>(holder);
    if held.is_ok_and(|held| held.is_empty()) {
        drop(context.close_context::<Registered>(holder)?);
    }
    Ok(())
}

/// Where the client has reached this machine, if by IPv4.
fn local_ip(context: &CallContext<'_>) -> Option<Ipv4Addr> {
    let local = context.local_address().as_tcp()?.ip().to_canonical();
    match local {
        IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
        _ => None,
    }
}

/// What an ept_map asks for.
fn wanted_by_tower(object: Uuid, tower: &[u8]) -> Option<Wanted> {
    let tower = Tower::decode(tower)
        .inspect_err(|error| tracing::debug!(%error, "ept_map with a strange tower"))
        .ok()?;
    let protocols: Vec<_> = tower.protocols().collect();
    if protocols.is_empty() {
        return None;
    }
    Some(Wanted::Call {
        interface: tower.interface()?,
        transfer: tower.transfer_syntax()?,
        protocols,
        object,
    })
}
