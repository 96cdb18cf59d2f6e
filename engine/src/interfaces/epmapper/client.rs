//! What clients ask an endpoint mapper, in the words of this crate.

use annulus_ndr::{ContextHandle, Full};
use annulus_protocol::Uuid;

use super::endpoint_map::Endpoint;
use super::keeper::{self, KeptEndpoints};
use super::search::Inquiry;
use super::tower::Tower;
use super::{EPT_S_NOT_REGISTERED, EptClient, INTERFACE, Twr, mapper_of, to_status};
use crate::binding::Binding;
use crate::binding_options::BindingOptions;
use crate::call::block_on;
use crate::error::Error;
use crate::runtime::Host;
use crate::status::Status;

/// Asks an endpoint mapper what is on its machine. It has a connection of its own, which ends with
/// the client and its clones.
///
/// ```
/// use annulus::epmapper::{self, EndpointMap, EndpointMapper, EndpointMapperClient, Inquiry};
/// use annulus::{Config, Cores, Runtime, Server};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let runtime = Runtime::start(Config::default().cores(Cores::Count(1)))?;
/// let map = EndpointMap::default();
/// let server = Server::new()
///     .endpoint("ncacn_ip_tcp:127.0.0.1[0]")?
///     .interface(epmapper::interface(EndpointMapper::new(map.clone())))
///     .register_endpoints(&map);
/// let mapper = runtime.serve(server)?.bindings()[0].to_string();
///
/// let client = EndpointMapperClient::new(&runtime, &mapper)?;
/// let endpoints = client.endpoints_blocking(Inquiry::ALL)?;
/// assert_eq!(endpoints[0].tower.interface(), Some(epmapper::INTERFACE));
/// assert_eq!(endpoints[0].tower.to_string(), mapper);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct EndpointMapperClient {
    client: EptClient,
    binding: Binding,
}

/// How many endpoints or towers a call asks for: what the wire allows (MS-RPCE 2.2.1.2.4).
const BATCH_LEN: u32 = 500;

/// Endpoints that are taken before a mapper that does not come to an end is given up.
const ENDPOINTS_MAX: usize = 100_000;

impl EndpointMapperClient {
    /// A client of the mapper at `string_binding`. Without an endpoint, that is the well-known one:
    /// port 135, or `ncalrpc:[EPMAPPER]`.
    ///
    /// # Errors
    ///
    /// As for [`Binding::new`].
    pub fn new(host: &impl Host, string_binding: &str) -> Result<Self, Error> {
        let mapper = mapper_of(&string_binding.parse()?)?;
        // What it has registered is to go with it, whoever else asks the same mapper.
        let options = BindingOptions::new().unique_binding().dont_linger();
        let binding = Binding::with_options(host, &mapper.to_string(), INTERFACE, options)?;
        Ok(EndpointMapperClient {
            client: EptClient::new(binding.clone()),
            binding,
        })
    }

    /// The generated client, for single calls and handles.
    #[must_use]
    pub fn generated(&self) -> &EptClient {
        &self.client
    }

    /// A client of the same mapper with a connection of its own.
    pub(super) fn apart(&self) -> Self {
        let binding = self.binding.apart();
        EndpointMapperClient {
            client: EptClient::new(binding.clone()),
            binding,
        }
    }

    pub(super) fn binding(&self) -> &Binding {
        &self.binding
    }

    /// All endpoints that an inquiry finds, in as many calls as it takes; none is no failure.
    ///
    /// # Errors
    ///
    /// The status with which a call ended; [`Status::ProtocolError`] if the mapper does not come to
    /// an end, or sends what is no tower.
    pub async fn endpoints(&self, inquiry: Inquiry) -> Result<Vec<Endpoint>, Status> {
        let mut endpoints = Vec::new();
        let mut handle = ContextHandle::NULL;
        loop {
            let interface = inquiry.interface.map(|(interface, _)| interface.into());
            let (kind, vers_option) = inquiry.to_wire();
            let response = self
                .client
                .ept_lookup_future(
                    kind,
                    full(inquiry.object),
                    full(interface),
                    vers_option,
                    handle,
                    BATCH_LEN,
                )
                .await?;
            for entry in &response.entries {
                endpoints.push(Endpoint::from_wire(entry).ok_or(Status::ProtocolError)?);
            }
            handle = response.entry_handle;
            match response.result {
                // With the last endpoints, or after them.
                EPT_S_NOT_REGISTERED => return Ok(endpoints),
                0 if handle.is_null() => return Ok(endpoints),
                0 if endpoints.len() > ENDPOINTS_MAX || response.entries.is_empty() => {
                    self.free(handle).await;
                    return Err(Status::ProtocolError);
                }
                0 => {}
                failure => return Err(to_status(failure)),
            }
        }
    }

    /// The same as [`endpoints`](Self::endpoints); blocks until they are there.
    ///
    /// # Errors
    ///
    /// As for [`endpoints`](Self::endpoints). On the thread that runs the client's own core this
    /// would wait for itself for ever: `.await` there.
    pub fn endpoints_blocking(&self, inquiry: Inquiry) -> Result<Vec<Endpoint>, Status> {
        block_on(self.endpoints(inquiry))
    }

    /// Where an interface can be called over the protocols of `like`, the best first. Ports,
    /// addresses and names of `like` do not matter:
    /// `Tower::new(interface, SyntaxId::NDR20, &"ncacn_ip_tcp:".parse()?)`.
    ///
    /// # Errors
    ///
    /// The status with which the call ended; [`Status::EptNotRegistered`] if there is nothing.
    pub async fn map(&self, like: &Tower, object: Option<Uuid>) -> Result<Vec<Tower>, Status> {
        let tower = Full::new(Twr::from(like));
        let null = ContextHandle::NULL;
        let response = self
            .client
            .ept_map_future(full(object), tower, null, BATCH_LEN)
            .await?;
        self.free(response.entry_handle).await;
        if response.result != 0 {
            return Err(to_status(response.result));
        }
        let towers = response.towers.iter().filter_map(Full::get);
        towers
            .map(|tower| Tower::decode(&tower.tower_octets).map_err(|_| Status::ProtocolError))
            .collect()
    }

    /// The same as [`map`](Self::map); blocks until the answer is there.
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map). On the thread that runs the client's own core this would wait for
    /// itself for ever: `.await` there.
    pub fn map_blocking(&self, like: &Tower, object: Option<Uuid>) -> Result<Vec<Tower>, Status> {
        block_on(self.map(like, object))
    }

    /// Registers endpoints of this process with the mapper of this machine, such as
    /// [`Serving::endpoints`](crate::Serving::endpoints): until they are
    /// [unregistered](Self::unregister), or this client and its clones are dropped, or the
    /// connection breaks: a mapper that was started again knows nothing of them.
    /// [`keep_registered`](Self::keep_registered) registers them again. If they `replace`, others with the same object, interface, protocols and
    /// address go, as far as they are of the same user. The counterpart of `RpcEpRegister`.
    ///
    /// ```no_run
    /// # use annulus::epmapper::EndpointMapperClient;
    /// # fn example(runtime: &annulus::Runtime, serving: &annulus::Serving) -> Result<(), Box<dyn std::error::Error>> {
    /// let mapper = EndpointMapperClient::new(runtime, "ncalrpc:")?;
    /// mapper.register_blocking(&serving.endpoints(), true)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The status with which the call ended: [`Status::AccessDenied`] from another machine, or if
    /// another user has registered one of them.
    pub async fn register(&self, endpoints: &[Endpoint], replace: bool) -> Result<(), Status> {
        let entries = endpoints.iter().map(Endpoint::to_wire).collect();
        let call = self.client.ept_insert_future(entries, replace.into());
        check(call.await?.result)
    }

    /// The same as [`register`](Self::register); blocks until it is done.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register). On the thread that runs the client's own core this would
    /// wait for itself for ever: `.await` there.
    pub fn register_blocking(&self, endpoints: &[Endpoint], replace: bool) -> Result<(), Status> {
        block_on(self.register(endpoints, replace))
    }

    /// The same as [`register`](Self::register), and again whenever the connection to the mapper
    /// breaks, or as long as it refuses: what a service wants that may outlive its mapper, or start
    /// before it. The mapper is asked on a connection apart, from this client's core: the first time at once, then after a
    /// tenth of a second, and more and more rarely, down to once in half a minute, while that does
    /// not last.
    ///
    /// ```no_run
    /// # use annulus::epmapper::EndpointMapperClient;
    /// # fn example(runtime: &annulus::Runtime, serving: &annulus::Serving) -> Result<(), Box<dyn std::error::Error>> {
    /// let mapper = EndpointMapperClient::new(runtime, "ncalrpc:")?;
    /// let kept = mapper.keep_registered(serving.endpoints(), true);
    /// # drop(kept);
    /// # Ok(()) }
    /// ```
    pub fn keep_registered(&self, endpoints: Vec<Endpoint>, replace: bool) -> KeptEndpoints {
        keeper::keep(self.apart(), endpoints, replace)
    }

    /// Takes endpoints away that this client has registered. The counterpart of `RpcEpUnregister`.
    ///
    /// # Errors
    ///
    /// The status with which the call ended: [`Status::EptNotRegistered`] if it has not registered
    /// one of them; the others are gone then.
    pub async fn unregister(&self, endpoints: &[Endpoint]) -> Result<(), Status> {
        let entries = endpoints.iter().map(Endpoint::to_wire).collect();
        check(self.client.ept_delete_future(entries).await?.result)
    }

    /// The same as [`unregister`](Self::unregister); blocks until it is done.
    ///
    /// # Errors
    ///
    /// As for [`unregister`](Self::unregister). On the thread that runs the client's own core this
    /// would wait for itself for ever: `.await` there.
    pub fn unregister_blocking(&self, endpoints: &[Endpoint]) -> Result<(), Status> {
        block_on(self.unregister(endpoints))
    }

    /// Gives a search up that has not come to its end.
    async fn free(&self, handle: ContextHandle) {
        if !handle.is_null() {
            // If that fails, the handle runs down with the connection.
            let _ = self.client.ept_lookup_handle_free_future(handle).await;
        }
    }
}

fn check(result: u32) -> Result<(), Status> {
    match to_status(result) {
        Status::Ok => Ok(()),
        failure => Err(failure),
    }
}

fn full<T>(value: Option<T>) -> Full<T> {
    value.map_or_else(Full::null, Full::new)
}
