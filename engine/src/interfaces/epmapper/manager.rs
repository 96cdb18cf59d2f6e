//! The endpoint mapper's server.

use std::net::{IpAddr, Ipv4Addr};

use annulus_ndr::{ContextHandle, Full};
use annulus_protocol::{SyntaxId, Uuid};

use super::endpoint_map::{
    Endpoint, EndpointMap, Inquiry, RegisterError, Registered, Search, Versions, Wanted,
};
use super::owner::Owner;
use super::tower::Tower;
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

/// What Samba's clients send as `vers_option` for all versions; MS-RPCE counts from one. They are
/// known by it, for a lookup ends in two ways.
const VERS_ALL_OF_SAMBA: u32 = 0;

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
        RegisterError::Full { .. } => Ok(EPT_S_NO_MEMORY),
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

impl Inquiry {
    /// What the in-parameters of an ept_lookup ask for; `None` if they make no sense.
    fn from_wire(
        inquiry_type: u32,
        object: Option<Uuid>,
        interface: Option<EptIfId>,
        vers_option: u32,
    ) -> Option<Self> {
        let (by_interface, by_object) = match inquiry_type {
            0 => (false, false),
            1 => (true, false),
            2 => (false, true),
            3 => (true, true),
            _ => return None,
        };
        let mut inquiry = Inquiry::ALL;
        if by_interface {
            let versions = Versions::from_wire(vers_option)?;
            inquiry = inquiry.of_interface(interface?.into(), versions);
        }
        if by_object {
            inquiry = inquiry.of_object(object?);
        }
        Some(inquiry)
    }

    /// The `inquiry_type`, and the `vers_option`.
    pub(super) fn to_wire(self) -> (u32, u32) {
        let by_interface = u32::from(self.interface.is_some());
        let by_object = u32::from(self.object.is_some()) * 2;
        let versions = self
            .interface
            .map_or(Versions::All, |(_, versions)| versions);
        (by_interface + by_object, versions.to_wire())
    }
}

impl Versions {
    const ALL: [Versions; 5] = [
        Versions::All,
        Versions::Compatible,
        Versions::Exact,
        Versions::MajorOnly,
        Versions::UpTo,
    ];

    /// The values of `vers_option` (MS-RPCE 2.2.1.2.4).
    fn to_wire(self) -> u32 {
        match self {
            Versions::All => 1,
            Versions::Compatible => 2,
            Versions::Exact => 3,
            Versions::MajorOnly => 4,
            Versions::UpTo => 5,
        }
    }

    fn from_wire(vers_option: u32) -> Option<Self> {
        if vers_option == VERS_ALL_OF_SAMBA {
            return Some(Versions::All);
        }
        let mut all = Versions::ALL.into_iter();
        all.find(|versions| versions.to_wire() == vers_option)
    }
}

impl From<EptIfId> for SyntaxId {
    fn from(id: EptIfId) -> Self {
        SyntaxId::new(id.uuid, id.major, id.minor)
    }
}

impl From<SyntaxId> for EptIfId {
    fn from(syntax: SyntaxId) -> Self {
        EptIfId {
            uuid: syntax.uuid,
            major: syntax.major,
            minor: syntax.minor,
        }
    }
}

impl From<&Tower> for Twr {
    fn from(tower: &Tower) -> Self {
        let tower_octets = tower.encode();
        Twr {
            tower_length: u32::try_from(tower_octets.len()).unwrap_or(u32::MAX),
            tower_octets,
        }
    }
}

impl Endpoint {
    /// `None` without a tower.
    pub(super) fn from_wire(entry: &EptEntry) -> Option<Self> {
        let tower = entry.tower.get()?;
        let tower = Tower::decode(&tower.tower_octets)
            .inspect_err(|error| tracing::debug!(%error, "an endpoint with a strange tower"))
            .ok()?;
        Some(Endpoint {
            object: entry.object,
            tower,
            annotation: String::from_utf8_lossy(&entry.annotation).into_owned(),
        })
    }

    pub(super) fn to_wire(&self) -> EptEntry {
        const LEN_MAX: usize = EPT_MAX_ANNOTATION_SIZE as usize - 1;
        let (annotation, _) = self
            .annotation
            .split_once('\0')
            .unwrap_or((&self.annotation, ""));
        let cut = annotation.floor_char_boundary(LEN_MAX);
        EptEntry {
            object: self.object,
            tower: Full::new(Twr::from(&self.tower)),
            annotation: annotation.as_bytes()[..cut].to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpcecho::{self, EchoServer};
    use crate::{
        Binding, BindingOptions, Config, Cores, Limits, Registration, Runtime, Server, Serving,
        mgmt,
    };

    /// A mapper and an rpcecho server that is registered with it.
    struct Scene {
        mapper: Serving,
        echo: Serving,
        map: EndpointMap,
        runtime: Runtime,
    }

    impl Scene {
        fn new() -> Self {
            Scene::with_limits(Limits::default())
        }

        fn with_limits(limits: Limits) -> Self {
            let map = EndpointMap::new(&limits);
            let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
            let runtime = Runtime::start(config).unwrap();
            let mapper = Server::new()
                .endpoint("ncacn_ip_tcp:0.0.0.0[0]")
                .unwrap()
                .interface(interface(EndpointMapper::new(map.clone())));
            let echo = Registration::new(rpcecho::interface(EchoServer::default()));
            let echo = Server::new()
                .endpoint("ncacn_ip_tcp:0.0.0.0[0]")
                .unwrap()
                .interface(echo.annotation("an echo"))
                .register_endpoints(&map);
            Scene {
                mapper: runtime.serve(mapper).unwrap(),
                echo: runtime.serve(echo).unwrap(),
                map,
                runtime,
            }
        }

        /// A client with connections of its own.
        fn client(&self) -> EptClient {
            let port = self.mapper.bindings()[0].port().unwrap();
            let target = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
            let options = BindingOptions::new().unique_binding().dont_linger();
            let binding = Binding::with_options(&self.runtime, &target, INTERFACE, options);
            EptClient::new(binding.unwrap())
        }

        /// Where a client at 127.0.0.1 finds rpcecho.
        fn echo(&self) -> Tower {
            let port = self.echo.bindings()[0].port().unwrap();
            tower(&format!("ncacn_ip_tcp:127.0.0.1[{port}]"))
        }
    }

    fn tower(binding: &str) -> Tower {
        Tower::new(
            rpcecho::INTERFACE,
            SyntaxId::NDR20,
            &binding.parse().unwrap(),
        )
    }

    fn entry(binding: &str) -> EptEntry {
        let endpoint = Endpoint {
            object: Uuid::nil(),
            tower: tower(binding),
            annotation: "another".to_owned(),
        };
        endpoint.to_wire()
    }

    fn map_echo(client: &EptClient, handle: ContextHandle, max_towers: u32) -> EptMapResponse {
        let like = Full::new(Twr::from(&tower("ncacn_ip_tcp:")));
        client
            .ept_map(Full::null(), like, handle, max_towers)
            .unwrap()
    }

    fn towers(response: &EptMapResponse) -> Vec<String> {
        let towers = response.towers.iter();
        let tower = |tower: &Full<Twr>| Tower::decode(&tower.get().unwrap().tower_octets);
        towers.map(|it| tower(it).unwrap().to_string()).collect()
    }

    fn lookup(client: &EptClient, handle: ContextHandle, max_ents: u32) -> EptLookupResponse {
        let (object, interface) = (Full::null(), Full::null());
        let response = client.ept_lookup(0, object, interface, 1, handle, max_ents);
        response.unwrap()
    }

    #[test]
    fn to_clients_of_samba_an_answer_that_is_not_full_tells_the_end() {
        let scene = Scene::new();
        let client = scene.client();
        assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
        let lookup = |handle, max_ents| {
            let (object, interface) = (Full::null(), Full::null());
            let response = client.ept_lookup(0, object, interface, 0, handle, max_ents);
            response.unwrap()
        };
        let all = lookup(ContextHandle::NULL, 3);
        assert_eq!((all.num_ents, all.result), (2, EPT_S_NOT_REGISTERED));
        assert!(all.entry_handle.is_null());
        // Full answers are whole ones, whatever is left: first of a new search, then of an old one.
        let full = lookup(ContextHandle::NULL, 2);
        assert_eq!((full.num_ents, full.result), (2, 0));
        let end = lookup(full.entry_handle, 2);
        assert_eq!((end.num_ents, end.result), (0, EPT_S_NOT_REGISTERED));
        assert!(end.entry_handle.is_null());
        let mut handle = ContextHandle::NULL;
        for _ in 0..2 {
            let one = lookup(handle, 1);
            assert_eq!((one.num_ents, one.result), (1, 0));
            handle = one.entry_handle;
        }
        assert_eq!(lookup(handle, 1).result, EPT_S_NOT_REGISTERED);
    }

    #[test]
    fn a_server_of_another_process_registers_and_is_told() {
        let scene = Scene::new();
        scene.echo.unregister_endpoints();
        let port = scene.mapper.bindings()[0].port().unwrap();
        let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
        let client = EndpointMapperClient::new(&scene.runtime, &mapper).unwrap();
        let endpoints = scene.echo.endpoints();
        client.register_blocking(&endpoints, true).unwrap();
        assert_eq!(scene.map.endpoints(), endpoints);
        let like = tower("ncacn_ip_tcp:");
        assert_eq!(client.map_blocking(&like, None), Ok(vec![scene.echo()]));
        assert_eq!(client.unregister_blocking(&endpoints), Ok(()));
        assert_eq!(scene.map.endpoints(), []);
        let again = client.unregister_blocking(&endpoints);
        assert_eq!(again, Err(Status::EptNotRegistered));
        let nothing = client.map_blocking(&like, None);
        assert_eq!(nothing, Err(Status::EptNotRegistered));
    }

    #[test]
    fn what_a_client_registers_goes_with_it_though_others_ask_the_same_mapper() {
        let scene = Scene::new();
        let port = scene.mapper.bindings()[0].port().unwrap();
        let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
        let client = || EndpointMapperClient::new(&scene.runtime, &mapper).unwrap();
        let (registering, other) = (client(), client());
        let endpoint = Endpoint::from_wire(&entry("ncalrpc:[x]")).unwrap();
        assert_eq!(other.endpoints_blocking(Inquiry::ALL).unwrap().len(), 1);
        registering.register_blocking(&[endpoint], false).unwrap();
        assert_eq!(other.endpoints_blocking(Inquiry::ALL).unwrap().len(), 2);
        drop(registering);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while other.endpoints_blocking(Inquiry::ALL).unwrap().len() > 1 {
            assert!(std::time::Instant::now() < deadline, "it stays");
        }
    }

    #[test]
    fn a_client_lists_more_endpoints_than_one_call_tells() {
        let scene = Scene::new();
        let port = scene.mapper.bindings()[0].port().unwrap();
        let mapper = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
        let client = EndpointMapperClient::new(&scene.runtime, &mapper).unwrap();
        let others: Vec<_> = (0..1200)
            .map(|n| Endpoint::from_wire(&entry(&format!("ncalrpc:[{n}]"))).unwrap())
            .collect();
        let _registered = scene.map.register(others, false).unwrap();
        let all = client.endpoints_blocking(Inquiry::ALL).unwrap();
        assert_eq!(all.len(), 1201);
        let of_nobody = Inquiry::ALL.of_object(Uuid::from_u128(1));
        assert_eq!(client.endpoints_blocking(of_nobody), Ok(Vec::new()));
        let echo = Inquiry::ALL.of_interface(rpcecho::INTERFACE, Versions::Exact);
        assert_eq!(client.endpoints_blocking(echo).map(|it| it.len()), Ok(1201));
        let mgmt = Inquiry::ALL.of_interface(mgmt::INTERFACE, Versions::All);
        assert_eq!(client.endpoints_blocking(mgmt), Ok(Vec::new()));
    }

    #[test]
    fn rule_29_ept_map_tells_port_and_the_address_at_which_it_was_asked() {
        let scene = Scene::new();
        let response = map_echo(&scene.client(), ContextHandle::NULL, 4);
        assert_eq!(response.result, 0);
        assert_eq!(towers(&response), [scene.echo().to_string()]);
        assert!(response.entry_handle.is_null(), "there is no more");
    }

    #[test]
    fn rule_29_what_nobody_offers_is_not_registered() {
        let scene = Scene::new();
        let client = scene.client();
        let is_not_registered = |tower: Full<Twr>| {
            let response = client.ept_map(Full::null(), tower, ContextHandle::NULL, 4);
            let response = response.unwrap();
            assert_eq!(response.result, EPT_S_NOT_REGISTERED);
            assert!(response.towers.is_empty() && response.entry_handle.is_null());
        };
        let unknown = Tower::new(mgmt::INTERFACE, SyntaxId::NDR20, &"x".parse().unwrap());
        is_not_registered(Full::new(Twr::from(&unknown)));
        is_not_registered(Full::new(Twr::from(&tower("ncalrpc:[x]"))));
        is_not_registered(Full::null());
        let tower_octets = vec![0xff; 9];
        is_not_registered(Full::new(Twr {
            tower_length: 9,
            tower_octets,
        }));
    }

    #[test]
    fn lookup_handles_go_through_the_map_and_end_with_it() {
        let scene = Scene::new();
        let others: Vec<_> = (1..5).map(|n| entry(&format!("ncalrpc:[{n}]"))).collect();
        let client = scene.client();
        assert_eq!(client.ept_insert(others, 0), Ok(0));
        let (mut handle, mut annotations) = (ContextHandle::NULL, Vec::new());
        let calls = loop {
            let response = lookup(&client, handle, 2);
            assert_eq!(response.result, 0);
            assert!(response.entries.len() <= 2);
            let entries = response.entries.into_iter();
            annotations.extend(entries.map(|it| String::from_utf8(it.annotation).unwrap()));
            handle = response.entry_handle;
            if handle.is_null() {
                break annotations.len().div_ceil(2);
            }
        };
        assert_eq!(
            annotations,
            ["an echo", "another", "another", "another", "another"]
        );
        assert_eq!(calls, 3);
    }

    #[test]
    fn a_lookup_can_be_given_up_and_its_handle_is_gone() {
        let scene = Scene::new();
        let client = scene.client();
        assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
        let handle = lookup(&client, ContextHandle::NULL, 1).entry_handle;
        assert!(!handle.is_null());
        let freed = client.ept_lookup_handle_free(handle).unwrap();
        assert!(freed.entry_handle.is_null() && freed.result == 0);
        let again = client.ept_lookup_handle_free(handle);
        assert_eq!(again.unwrap_err(), Status::ContextMismatch);
        assert!(client.ept_lookup_handle_free(ContextHandle::NULL).is_ok());
    }

    #[test]
    fn a_lookup_handle_of_another_client_names_nothing() {
        let scene = Scene::new();
        let (mine, other) = (scene.client(), scene.client());
        assert_eq!(mine.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
        let handle = lookup(&mine, ContextHandle::NULL, 1).entry_handle;
        let (object, interface) = (Full::null(), Full::null());
        let stolen = other.ept_lookup(0, object, interface, 0, handle, 1);
        assert_eq!(stolen.unwrap_err(), Status::ContextMismatch);
    }

    #[test]
    fn a_lookup_for_no_endpoints_leaves_no_handle() {
        let scene = Scene::new();
        let response = lookup(&scene.client(), ContextHandle::NULL, 0);
        assert!(response.entry_handle.is_null());
        assert_eq!(response.result, EPT_S_NOT_REGISTERED);
    }

    #[test]
    fn inquiries_that_make_no_sense_are_told_so() {
        let scene = Scene::new();
        let client = scene.client();
        let id = || Full::new(EptIfId::from(rpcecho::INTERFACE));
        let object = || Full::new(Uuid::from_u128(1));
        for (inquiry_type, object, interface, vers_option) in [
            (4, object(), id(), 1),
            (1, object(), Full::null(), 1),
            (2, Full::null(), id(), 1),
            (3, object(), id(), 6),
        ] {
            let null = ContextHandle::NULL;
            let response = client.ept_lookup(inquiry_type, object, interface, vers_option, null, 9);
            assert_eq!(response.unwrap().result, EPT_S_CANT_PERFORM_OP);
        }
        let by_interface = client.ept_lookup(1, Full::null(), id(), 2, ContextHandle::NULL, 9);
        assert_eq!(by_interface.unwrap().num_ents, 1);
        let by_object = client.ept_lookup(2, object(), Full::null(), 0, ContextHandle::NULL, 9);
        assert_eq!(by_object.unwrap().result, EPT_S_NOT_REGISTERED);
    }

    #[test]
    fn what_a_client_registers_is_told_until_it_deletes_it() {
        let scene = Scene::new();
        let client = scene.client();
        let new = "ncacn_ip_tcp:127.0.0.1[4711]";
        assert_eq!(client.ept_insert(vec![entry(new)], 0), Ok(0));
        assert_eq!(towers(&map_echo(&client, ContextHandle::NULL, 9)).len(), 2);
        assert_eq!(client.ept_delete(vec![entry(new)]), Ok(0));
        let again = client.ept_delete(vec![entry(new)]);
        assert_eq!(again, Ok(EPT_S_NOT_REGISTERED));
        assert_eq!(scene.map.endpoints().len(), 1);
    }

    #[test]
    fn a_client_deletes_its_own_endpoints_alone() {
        let scene = Scene::new();
        let (mine, other) = (scene.client(), scene.client());
        assert_eq!(mine.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
        let of_this_process = scene.map.endpoints()[0].to_wire();
        for foreign in [entry("ncalrpc:[x]"), of_this_process] {
            assert_eq!(other.ept_delete(vec![foreign]), Ok(EPT_S_NOT_REGISTERED));
        }
        assert_eq!(scene.map.endpoints().len(), 2);
    }

    #[test]
    fn what_a_client_registers_goes_with_its_last_connection() {
        let scene = Scene::new();
        let client = scene.client();
        assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
        assert_eq!(scene.map.endpoints().len(), 2);
        drop(client);
        // The mapper has one core, so when it answers a later client it has seen the first one go
        // or will very soon.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let other = scene.client();
        while lookup(&other, ContextHandle::NULL, 9).num_ents > 1 {
            assert!(std::time::Instant::now() < deadline, "it stays");
        }
    }

    #[test]
    fn registering_again_and_again_keeps_one_context() {
        let scene = Scene::with_limits(Limits {
            context_handles_per_group_max: 2,
            ..Limits::default()
        });
        let client = scene.client();
        for _ in 0..4 {
            assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 1), Ok(0));
        }
        for _ in 0..4 {
            assert_eq!(client.ept_delete(vec![entry("ncalrpc:[x]")]), Ok(0));
            assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
        }
    }

    #[test]
    fn a_client_over_tcp_does_not_displace_what_this_process_has_registered() {
        let scene = Scene::new();
        let client = scene.client();
        let own = scene.map.endpoints();
        let again = vec![own[0].to_wire()];
        assert_eq!(client.ept_insert(again, 0), Err(Status::AccessDenied));
        assert_eq!(scene.map.endpoints(), own);
        let new = vec![entry("ncacn_ip_tcp:0.0.0.0[4711]")];
        assert_eq!(client.ept_insert(new, 1), Ok(0));
        assert_eq!(scene.map.endpoints()[..1], own, "found before the other");
    }

    #[test]
    fn what_is_refused_changes_nothing_and_keeps_no_context() {
        let scene = Scene::with_limits(Limits {
            context_handles_per_group_max: 1,
            mapped_endpoints_max: 2,
            ..Limits::default()
        });
        let client = scene.client();
        for _ in 0..2 {
            assert_eq!(client.ept_insert(Vec::new(), 0), Ok(0));
            let too_many = vec![entry("ncalrpc:[x]"), entry("ncalrpc:[y]")];
            assert_eq!(client.ept_insert(too_many, 0), Ok(EPT_S_NO_MEMORY));
        }
        assert_eq!(client.ept_insert(vec![entry("ncalrpc:[x]")], 0), Ok(0));
        let before = scene.map.endpoints();
        let full = client.ept_insert(vec![entry("ncalrpc:[y]")], 1);
        assert_eq!(full, Err(Status::ServerOutOfMemory), "one context too many");
        assert_eq!(scene.map.endpoints(), before);
    }

    #[test]
    fn endpoints_without_a_tower_are_invalid() {
        let scene = Scene::new();
        let client = scene.client();
        let without = || {
            vec![EptEntry {
                tower: Full::null(),
                ..entry("ncalrpc:[x]")
            }]
        };
        assert_eq!(client.ept_insert(without(), 0), Ok(EPT_S_INVALID_ENTRY));
        assert_eq!(client.ept_delete(without()), Ok(EPT_S_INVALID_ENTRY));
    }

    #[test]
    fn a_server_can_take_its_endpoints_out_and_goes_on_serving() {
        let scene = Scene::new();
        scene.echo.unregister_endpoints();
        assert_eq!(scene.map.endpoints(), []);
        let target = scene.echo().to_string();
        let binding = Binding::new(&scene.runtime, &target, rpcecho::INTERFACE).unwrap();
        assert_eq!(rpcecho::RpcEchoClient::new(binding).add_one(1), Ok(2));
    }

    #[test]
    fn a_runtime_that_ends_takes_its_servers_out_of_the_map() {
        let Scene { map, runtime, .. } = Scene::new();
        assert_eq!(map.endpoints().len(), 1);
        runtime.shutdown();
        assert_eq!(map.endpoints(), []);
    }

    #[test]
    fn an_annotation_is_cut_between_characters() {
        let endpoint = Endpoint {
            object: Uuid::nil(),
            tower: tower("ncalrpc:[x]"),
            annotation: "ä".repeat(40),
        };
        let cut = endpoint.to_wire().annotation;
        assert_eq!(String::from_utf8(cut).unwrap(), "ä".repeat(31));
    }
}
