//! `samr.idl`, compiled by annulus-idl. Do not edit.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::enum_variant_names,
    clippy::large_enum_variant,
    clippy::should_implement_trait,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "names and shapes are those of the IDL, and a program may use a part of it"
)]

use ::annulus::{
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, Status, SyntaxId, Uuid,
};
use ::annulus::ndr::{ContextHandle, Ndr, NdrParams, Utf16Str, Gives, Params};

/// `RPC_SID_IDENTIFIER_AUTHORITY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcSidIdentifierAuthority {
    /// `Value`.
    pub value: [u8; 6],
}

/// A security identifier.
///
/// `RPC_SID` in the IDL.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcSid {
    /// `Revision`.
    pub revision: u8,
    /// `SubAuthorityCount`.
    pub sub_authority_count: u8,
    /// `IdentifierAuthority`.
    pub identifier_authority: RpcSidIdentifierAuthority,
    /// `SubAuthority`.
    #[ndr(size_is = "sub_authority_count")]
    pub sub_authority: Vec<u32>,
}

/// A string by its counts, in bytes.
///
/// `RPC_UNICODE_STRING` in the IDL.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcUnicodeString {
    /// `Length`.
    pub length: u16,
    /// `MaximumLength`.
    pub maximum_length: u16,
    /// `Buffer`.
    #[ndr(size_is = "maximum_length / 2", length_is = "length / 2")]
    pub buffer: Option<Vec<u16>>,
}

/// `SAMPR_HANDLE`.
pub type SamprHandle = ContextHandle;

/// `SAMPR_RID_ENUMERATION`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamprRidEnumeration {
    /// `RelativeId`.
    pub relative_id: u32,
    /// `Name`.
    pub name: RpcUnicodeString,
}

/// `SAMPR_ENUMERATION_BUFFER`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamprEnumerationBuffer {
    /// `EntriesRead`.
    pub entries_read: u32,
    /// `Buffer`.
    #[ndr(size_is = "entries_read")]
    pub buffer: Option<Vec<SamprRidEnumeration>>,
}

/// `DOMAIN_INFORMATION_CLASS`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(enum16, crate = ::annulus::ndr)]
pub struct DomainInformationClass(pub u16);

impl DomainInformationClass {
    /// `DomainPasswordInformation`.
    pub const DOMAIN_PASSWORD_INFORMATION: Self = Self(1);

    /// `DomainNameInformation`.
    pub const DOMAIN_NAME_INFORMATION: Self = Self(5);

    /// `DomainStateInformation`.
    pub const DOMAIN_STATE_INFORMATION: Self = Self(9);
}

/// `DOMAIN_PASSWORD_INFORMATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct DomainPasswordInformation {
    /// `MinPasswordLength`.
    pub min_password_length: u16,
    /// `MaxPasswordAge`.
    pub max_password_age: i64,
}

/// `SAMPR_DOMAIN_INFO_BUFFER`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = enum16, crate = ::annulus::ndr)]
pub enum SamprDomainInfoBuffer {
    /// `Password`, of case `DomainPasswordInformation`.
    #[ndr(case = 1)]
    Password(DomainPasswordInformation),
    /// `DomainName`, of case `DomainNameInformation`.
    #[ndr(case = 5)]
    DomainName(RpcUnicodeString),
    /// Nothing, of case `DomainStateInformation`.
    #[ndr(case = 9)]
    DomainStateInformation,
}

/// `SAMPR_REVISION_INFO_V1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamprRevisionInfoV1 {
    /// `Revision`.
    pub revision: u32,
    /// `SupportedFeatures`.
    pub supported_features: u32,
}

/// `SAMPR_REVISION_INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = u32, crate = ::annulus::ndr)]
pub enum SamprRevisionInfo {
    /// `V1`, of case `1`.
    #[ndr(case = 1)]
    V1(SamprRevisionInfoV1),
    /// Nothing, of every other discriminant, which it keeps.
    #[ndr(default)]
    Default(u32),
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x1234_5778_1234_abcd_ef00_0123_4567_89ac),
    1,
    0,
);

/// Operation number of `SamrConnect`.
pub const SAMR_CONNECT: u16 = 0;

/// Operation number of `SamrCloseHandle`.
pub const SAMR_CLOSE_HANDLE: u16 = 1;

/// Operation number of `SamrLookupDomainInSamServer`.
pub const SAMR_LOOKUP_DOMAIN_IN_SAM_SERVER: u16 = 2;

/// Operation number of `SamrEnumerateDomainsInSamServer`.
pub const SAMR_ENUMERATE_DOMAINS_IN_SAM_SERVER: u16 = 3;

/// Operation number of `SamrOpenDomain`.
pub const SAMR_OPEN_DOMAIN: u16 = 4;

/// Operation number of `SamrQueryInformationDomain`.
pub const SAMR_QUERY_INFORMATION_DOMAIN: u16 = 5;

/// Operation number of `SamrLookupNamesInDomain`.
pub const SAMR_LOOKUP_NAMES_IN_DOMAIN: u16 = 6;

/// Operation number of `SamrConnect5`.
pub const SAMR_CONNECT5: u16 = 7;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 8;

/// `SamrConnect`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrConnectRequest<'a> {
    /// `ServerName`.
    #[ndr(string)]
    pub server_name: Option<Utf16Str<'a>>,
    /// `DesiredAccess`.
    pub desired_access: u32,
}

/// `SamrConnect`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrConnectResponse {
    /// `ServerHandle`.
    pub server_handle: SamprHandle,
    /// What the operation returns.
    pub result: u32,
}

/// `SamrCloseHandle`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrCloseHandleRequest {
    /// `SamHandle`.
    pub sam_handle: SamprHandle,
}

/// `SamrCloseHandle`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrCloseHandleResponse {
    /// `SamHandle`.
    pub sam_handle: SamprHandle,
    /// What the operation returns.
    pub result: u32,
}

/// `SamrLookupDomainInSamServer`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrLookupDomainInSamServerRequest {
    /// `ServerHandle`.
    pub server_handle: SamprHandle,
    /// `Name`.
    pub name: RpcUnicodeString,
}

/// `SamrLookupDomainInSamServer`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrLookupDomainInSamServerResponse {
    /// `DomainId`.
    pub domain_id: Option<RpcSid>,
    /// What the operation returns.
    pub result: u32,
}

/// `SamrEnumerateDomainsInSamServer`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrEnumerateDomainsInSamServerRequest {
    /// `ServerHandle`.
    pub server_handle: SamprHandle,
    /// `EnumerationContext`.
    pub enumeration_context: u32,
    /// `PreferedMaximumLength`.
    pub prefered_maximum_length: u32,
}

/// `SamrEnumerateDomainsInSamServer`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrEnumerateDomainsInSamServerResponse {
    /// `EnumerationContext`.
    pub enumeration_context: u32,
    /// `Buffer`.
    pub buffer: Option<SamprEnumerationBuffer>,
    /// `CountReturned`.
    pub count_returned: u32,
    /// What the operation returns.
    pub result: u32,
}

/// `SamrOpenDomain`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrOpenDomainRequest {
    /// `ServerHandle`.
    pub server_handle: SamprHandle,
    /// `DesiredAccess`.
    pub desired_access: u32,
    /// `DomainId`.
    pub domain_id: RpcSid,
}

/// `SamrOpenDomain`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrOpenDomainResponse {
    /// `DomainHandle`.
    pub domain_handle: SamprHandle,
    /// What the operation returns.
    pub result: u32,
}

/// `SamrQueryInformationDomain`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrQueryInformationDomainRequest {
    /// `DomainHandle`.
    pub domain_handle: SamprHandle,
    /// `DomainInformationClass`.
    pub domain_information_class: DomainInformationClass,
}

/// `SamrQueryInformationDomain`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = SamrQueryInformationDomainGiven)]
pub struct SamrQueryInformationDomainResponse {
    /// `Buffer`.
    #[ndr(switch_is = "given.domain_information_class")]
    pub buffer: Option<SamprDomainInfoBuffer>,
    /// What the operation returns.
    pub result: u32,
}

/// `SamrQueryInformationDomain`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct SamrQueryInformationDomainGiven {
    /// As in [`SamrQueryInformationDomainRequest`].
    pub domain_information_class: DomainInformationClass,
}

impl Gives<SamrQueryInformationDomainGiven> for SamrQueryInformationDomainRequest {
    fn given(&self) -> SamrQueryInformationDomainGiven {
        SamrQueryInformationDomainGiven {
            domain_information_class: self.domain_information_class,
        }
    }
}

/// `SamrLookupNamesInDomain`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrLookupNamesInDomainRequest {
    /// `DomainHandle`.
    pub domain_handle: SamprHandle,
    /// `Count`.
    #[ndr(range(0, 1000))]
    pub count: u32,
    /// `Names`.
    #[ndr(size_is = "1000", length_is = "count")]
    pub names: Vec<RpcUnicodeString>,
}

/// `SamrLookupNamesInDomain`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrLookupNamesInDomainResponse {
    /// What the operation returns.
    pub result: u32,
}

/// `SamrConnect5`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrConnect5Request<'a> {
    /// `ServerName`.
    #[ndr(string)]
    pub server_name: Option<Utf16Str<'a>>,
    /// `DesiredAccess`.
    pub desired_access: u32,
    /// `InVersion`.
    pub in_version: u32,
    /// `InRevisionInfo`.
    #[ndr(switch_is = "in_version")]
    pub in_revision_info: SamprRevisionInfo,
}

/// `SamrConnect5`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SamrConnect5Response {
    /// `OutVersion`.
    pub out_version: u32,
    /// `OutRevisionInfo`.
    #[ndr(switch_is = "out_version")]
    pub out_revision_info: SamprRevisionInfo,
    /// `ServerHandle`.
    pub server_handle: SamprHandle,
    /// What the operation returns.
    pub result: u32,
}

/// Calls `samr`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct SamrClient {
    binding: Binding,
}

impl SamrClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        binding.keep_connected();
        Self { binding }
    }

    /// `SamrConnect`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_connect(
        &self,
        server_name: Option<&str>,
        desired_access: u32,
    ) -> Result<SamrConnectResponse, Status> {
        let request = SamrConnectRequest {
            server_name: server_name.map(Into::into),
            desired_access,
        };
        self.binding.call_blocking(SAMR_CONNECT, &request)
    }

    /// `SamrConnect`.
    ///
    /// `.await` it.
    pub fn samr_connect_future(
        &self,
        server_name: Option<&str>,
        desired_access: u32,
    ) -> Call<SamrConnectResponse> {
        let request = SamrConnectRequest {
            server_name: server_name.map(Into::into),
            desired_access,
        };
        self.binding.call(SAMR_CONNECT, &request)
    }

    /// `SamrConnect`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_connect_async(
        &self,
        handle: &mut AsyncHandle<SamrConnectResponse>,
        server_name: Option<&str>,
        desired_access: u32,
    ) -> Result<(), Status> {
        let request = SamrConnectRequest {
            server_name: server_name.map(Into::into),
            desired_access,
        };
        self.binding.call_async(handle, SAMR_CONNECT, &request)
    }

    /// `SamrCloseHandle`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_close_handle(
        &self,
        sam_handle: SamprHandle,
    ) -> Result<SamrCloseHandleResponse, Status> {
        let request = SamrCloseHandleRequest {
            sam_handle,
        };
        self.binding.call_blocking(SAMR_CLOSE_HANDLE, &request)
    }

    /// `SamrCloseHandle`.
    ///
    /// `.await` it.
    pub fn samr_close_handle_future(
        &self,
        sam_handle: SamprHandle,
    ) -> Call<SamrCloseHandleResponse> {
        let request = SamrCloseHandleRequest {
            sam_handle,
        };
        self.binding.call(SAMR_CLOSE_HANDLE, &request)
    }

    /// `SamrCloseHandle`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_close_handle_async(
        &self,
        handle: &mut AsyncHandle<SamrCloseHandleResponse>,
        sam_handle: SamprHandle,
    ) -> Result<(), Status> {
        let request = SamrCloseHandleRequest {
            sam_handle,
        };
        self.binding.call_async(handle, SAMR_CLOSE_HANDLE, &request)
    }

    /// `SamrLookupDomainInSamServer`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_lookup_domain_in_sam_server(
        &self,
        server_handle: SamprHandle,
        name: RpcUnicodeString,
    ) -> Result<SamrLookupDomainInSamServerResponse, Status> {
        let request = SamrLookupDomainInSamServerRequest {
            server_handle,
            name,
        };
        self.binding.call_blocking(SAMR_LOOKUP_DOMAIN_IN_SAM_SERVER, &request)
    }

    /// `SamrLookupDomainInSamServer`.
    ///
    /// `.await` it.
    pub fn samr_lookup_domain_in_sam_server_future(
        &self,
        server_handle: SamprHandle,
        name: RpcUnicodeString,
    ) -> Call<SamrLookupDomainInSamServerResponse> {
        let request = SamrLookupDomainInSamServerRequest {
            server_handle,
            name,
        };
        self.binding.call(SAMR_LOOKUP_DOMAIN_IN_SAM_SERVER, &request)
    }

    /// `SamrLookupDomainInSamServer`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_lookup_domain_in_sam_server_async(
        &self,
        handle: &mut AsyncHandle<SamrLookupDomainInSamServerResponse>,
        server_handle: SamprHandle,
        name: RpcUnicodeString,
    ) -> Result<(), Status> {
        let request = SamrLookupDomainInSamServerRequest {
            server_handle,
            name,
        };
        self.binding.call_async(handle, SAMR_LOOKUP_DOMAIN_IN_SAM_SERVER, &request)
    }

    /// `SamrEnumerateDomainsInSamServer`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_enumerate_domains_in_sam_server(
        &self,
        server_handle: SamprHandle,
        enumeration_context: u32,
        prefered_maximum_length: u32,
    ) -> Result<SamrEnumerateDomainsInSamServerResponse, Status> {
        let request = SamrEnumerateDomainsInSamServerRequest {
            server_handle,
            enumeration_context,
            prefered_maximum_length,
        };
        self.binding.call_blocking(SAMR_ENUMERATE_DOMAINS_IN_SAM_SERVER, &request)
    }

    /// `SamrEnumerateDomainsInSamServer`.
    ///
    /// `.await` it.
    pub fn samr_enumerate_domains_in_sam_server_future(
        &self,
        server_handle: SamprHandle,
        enumeration_context: u32,
        prefered_maximum_length: u32,
    ) -> Call<SamrEnumerateDomainsInSamServerResponse> {
        let request = SamrEnumerateDomainsInSamServerRequest {
            server_handle,
            enumeration_context,
            prefered_maximum_length,
        };
        self.binding.call(SAMR_ENUMERATE_DOMAINS_IN_SAM_SERVER, &request)
    }

    /// `SamrEnumerateDomainsInSamServer`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_enumerate_domains_in_sam_server_async(
        &self,
        handle: &mut AsyncHandle<SamrEnumerateDomainsInSamServerResponse>,
        server_handle: SamprHandle,
        enumeration_context: u32,
        prefered_maximum_length: u32,
    ) -> Result<(), Status> {
        let request = SamrEnumerateDomainsInSamServerRequest {
            server_handle,
            enumeration_context,
            prefered_maximum_length,
        };
        self.binding.call_async(handle, SAMR_ENUMERATE_DOMAINS_IN_SAM_SERVER, &request)
    }

    /// `SamrOpenDomain`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_open_domain(
        &self,
        server_handle: SamprHandle,
        desired_access: u32,
        domain_id: RpcSid,
    ) -> Result<SamrOpenDomainResponse, Status> {
        let request = SamrOpenDomainRequest {
            server_handle,
            desired_access,
            domain_id,
        };
        self.binding.call_blocking(SAMR_OPEN_DOMAIN, &request)
    }

    /// `SamrOpenDomain`.
    ///
    /// `.await` it.
    pub fn samr_open_domain_future(
        &self,
        server_handle: SamprHandle,
        desired_access: u32,
        domain_id: RpcSid,
    ) -> Call<SamrOpenDomainResponse> {
        let request = SamrOpenDomainRequest {
            server_handle,
            desired_access,
            domain_id,
        };
        self.binding.call(SAMR_OPEN_DOMAIN, &request)
    }

    /// `SamrOpenDomain`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_open_domain_async(
        &self,
        handle: &mut AsyncHandle<SamrOpenDomainResponse>,
        server_handle: SamprHandle,
        desired_access: u32,
        domain_id: RpcSid,
    ) -> Result<(), Status> {
        let request = SamrOpenDomainRequest {
            server_handle,
            desired_access,
            domain_id,
        };
        self.binding.call_async(handle, SAMR_OPEN_DOMAIN, &request)
    }

    /// `SamrQueryInformationDomain`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_query_information_domain(
        &self,
        domain_handle: SamprHandle,
        domain_information_class: DomainInformationClass,
    ) -> Result<SamrQueryInformationDomainResponse, Status> {
        let request = SamrQueryInformationDomainRequest {
            domain_handle,
            domain_information_class,
        };
        self.binding.call_blocking(SAMR_QUERY_INFORMATION_DOMAIN, &request)
    }

    /// `SamrQueryInformationDomain`.
    ///
    /// `.await` it.
    pub fn samr_query_information_domain_future(
        &self,
        domain_handle: SamprHandle,
        domain_information_class: DomainInformationClass,
    ) -> Call<SamrQueryInformationDomainResponse> {
        let request = SamrQueryInformationDomainRequest {
            domain_handle,
            domain_information_class,
        };
        self.binding.call(SAMR_QUERY_INFORMATION_DOMAIN, &request)
    }

    /// `SamrQueryInformationDomain`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_query_information_domain_async(
        &self,
        handle: &mut AsyncHandle<SamrQueryInformationDomainResponse>,
        domain_handle: SamprHandle,
        domain_information_class: DomainInformationClass,
    ) -> Result<(), Status> {
        let request = SamrQueryInformationDomainRequest {
            domain_handle,
            domain_information_class,
        };
        self.binding.call_async(handle, SAMR_QUERY_INFORMATION_DOMAIN, &request)
    }

    /// `SamrLookupNamesInDomain`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_lookup_names_in_domain(
        &self,
        domain_handle: SamprHandle,
        count: u32,
        names: Vec<RpcUnicodeString>,
    ) -> Result<u32, Status> {
        let request = SamrLookupNamesInDomainRequest {
            domain_handle,
            count,
            names,
        };
        let SamrLookupNamesInDomainResponse { result } = self
            .binding
            .call_blocking(SAMR_LOOKUP_NAMES_IN_DOMAIN, &request)?;
        Ok(result)
    }

    /// `SamrLookupNamesInDomain`.
    ///
    /// `.await` it.
    pub fn samr_lookup_names_in_domain_future(
        &self,
        domain_handle: SamprHandle,
        count: u32,
        names: Vec<RpcUnicodeString>,
    ) -> Call<SamrLookupNamesInDomainResponse> {
        let request = SamrLookupNamesInDomainRequest {
            domain_handle,
            count,
            names,
        };
        self.binding.call(SAMR_LOOKUP_NAMES_IN_DOMAIN, &request)
    }

    /// `SamrLookupNamesInDomain`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_lookup_names_in_domain_async(
        &self,
        handle: &mut AsyncHandle<SamrLookupNamesInDomainResponse>,
        domain_handle: SamprHandle,
        count: u32,
        names: Vec<RpcUnicodeString>,
    ) -> Result<(), Status> {
        let request = SamrLookupNamesInDomainRequest {
            domain_handle,
            count,
            names,
        };
        self.binding.call_async(handle, SAMR_LOOKUP_NAMES_IN_DOMAIN, &request)
    }

    /// `SamrConnect5`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn samr_connect5(
        &self,
        server_name: Option<&str>,
        desired_access: u32,
        in_version: u32,
        in_revision_info: SamprRevisionInfo,
    ) -> Result<SamrConnect5Response, Status> {
        let request = SamrConnect5Request {
            server_name: server_name.map(Into::into),
            desired_access,
            in_version,
            in_revision_info,
        };
        self.binding.call_blocking(SAMR_CONNECT5, &request)
    }

    /// `SamrConnect5`.
    ///
    /// `.await` it.
    pub fn samr_connect5_future(
        &self,
        server_name: Option<&str>,
        desired_access: u32,
        in_version: u32,
        in_revision_info: SamprRevisionInfo,
    ) -> Call<SamrConnect5Response> {
        let request = SamrConnect5Request {
            server_name: server_name.map(Into::into),
            desired_access,
            in_version,
            in_revision_info,
        };
        self.binding.call(SAMR_CONNECT5, &request)
    }

    /// `SamrConnect5`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn samr_connect5_async(
        &self,
        handle: &mut AsyncHandle<SamrConnect5Response>,
        server_name: Option<&str>,
        desired_access: u32,
        in_version: u32,
        in_revision_info: SamprRevisionInfo,
    ) -> Result<(), Status> {
        let request = SamrConnect5Request {
            server_name: server_name.map(Into::into),
            desired_access,
            in_version,
            in_revision_info,
        };
        self.binding.call_async(handle, SAMR_CONNECT5, &request)
    }
}

/// The manager routines of `samr`.
pub trait Samr: Send + Sync + 'static {
    /// `SamrConnect`.
    ///
    /// `server_handle` is what `context.open_context(value)` makes.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_connect(
        &self,
        context: &mut CallContext<'_>,
        server_name: Option<Utf16Str<'_>>,
        desired_access: u32,
    ) -> Result<SamrConnectResponse, Status>;

    /// `SamrCloseHandle`.
    ///
    /// `sam_handle` names a context of the client, or is null: return it as it came, or
    /// what `context.open_context(value)` made, or, after
    /// `context.close_context::<T>(&sam_handle)`, `ContextHandle::NULL`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_close_handle(
        &self,
        context: &mut CallContext<'_>,
        sam_handle: SamprHandle,
    ) -> Result<SamrCloseHandleResponse, Status>;

    /// `SamrLookupDomainInSamServer`.
    ///
    /// `server_handle` names a context of the client:
    /// `context.exclusive_context::<T>(&server_handle)`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_lookup_domain_in_sam_server(
        &self,
        context: &mut CallContext<'_>,
        server_handle: SamprHandle,
        name: RpcUnicodeString,
    ) -> Result<SamrLookupDomainInSamServerResponse, Status>;

    /// `SamrEnumerateDomainsInSamServer`.
    ///
    /// `server_handle` names a context of the client:
    /// `context.exclusive_context::<T>(&server_handle)`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_enumerate_domains_in_sam_server(
        &self,
        context: &mut CallContext<'_>,
        server_handle: SamprHandle,
        enumeration_context: u32,
        prefered_maximum_length: u32,
    ) -> Result<SamrEnumerateDomainsInSamServerResponse, Status>;

    /// `SamrOpenDomain`.
    ///
    /// `server_handle` names a context of the client:
    /// `context.exclusive_context::<T>(&server_handle)`, or `shared_context`.
    ///
    /// `domain_handle` is what `context.open_context(value)` makes.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_open_domain(
        &self,
        context: &mut CallContext<'_>,
        server_handle: SamprHandle,
        desired_access: u32,
        domain_id: RpcSid,
    ) -> Result<SamrOpenDomainResponse, Status>;

    /// `SamrQueryInformationDomain`.
    ///
    /// `domain_handle` names a context of the client:
    /// `context.exclusive_context::<T>(&domain_handle)`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_query_information_domain(
        &self,
        context: &mut CallContext<'_>,
        domain_handle: SamprHandle,
        domain_information_class: DomainInformationClass,
    ) -> Result<SamrQueryInformationDomainResponse, Status>;

    /// `SamrLookupNamesInDomain`.
    ///
    /// `domain_handle` names a context of the client:
    /// `context.exclusive_context::<T>(&domain_handle)`, or `shared_context`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_lookup_names_in_domain(
        &self,
        context: &mut CallContext<'_>,
        domain_handle: SamprHandle,
        count: u32,
        names: Vec<RpcUnicodeString>,
    ) -> Result<u32, Status>;

    /// `SamrConnect5`.
    ///
    /// `server_handle` is what `context.open_context(value)` makes.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn samr_connect5(
        &self,
        context: &mut CallContext<'_>,
        server_name: Option<Utf16Str<'_>>,
        desired_access: u32,
        in_version: u32,
        in_revision_info: SamprRevisionInfo,
    ) -> Result<SamrConnect5Response, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Samr) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Samr> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            SAMR_CONNECT => {
                let SamrConnectRequest { server_name, desired_access } = call.decode()?;
                let response = manager
                    .samr_connect(call.context(), server_name, desired_access)?;
                call.reply(&response)
            }
            SAMR_CLOSE_HANDLE => {
                let SamrCloseHandleRequest { sam_handle } = call.decode()?;
                let response = manager.samr_close_handle(call.context(), sam_handle)?;
                call.reply(&response)
            }
            SAMR_LOOKUP_DOMAIN_IN_SAM_SERVER => {
                let SamrLookupDomainInSamServerRequest { server_handle, name } = call
                    .decode()?;
                let response = manager
                    .samr_lookup_domain_in_sam_server(
                        call.context(),
                        server_handle,
                        name,
                    )?;
                call.reply(&response)
            }
            SAMR_ENUMERATE_DOMAINS_IN_SAM_SERVER => {
                let SamrEnumerateDomainsInSamServerRequest {
                    server_handle,
                    enumeration_context,
                    prefered_maximum_length,
                } = call.decode()?;
                let response = manager
                    .samr_enumerate_domains_in_sam_server(
                        call.context(),
                        server_handle,
                        enumeration_context,
                        prefered_maximum_length,
                    )?;
                call.reply(&response)
            }
            SAMR_OPEN_DOMAIN => {
                let SamrOpenDomainRequest { server_handle, desired_access, domain_id } = call
                    .decode()?;
                let response = manager
                    .samr_open_domain(
                        call.context(),
                        server_handle,
                        desired_access,
                        domain_id,
                    )?;
                call.reply(&response)
            }
            SAMR_QUERY_INFORMATION_DOMAIN => {
                let SamrQueryInformationDomainRequest {
                    domain_handle,
                    domain_information_class,
                } = call.decode()?;
                let given = SamrQueryInformationDomainGiven {
                    domain_information_class,
                };
                let response = manager
                    .samr_query_information_domain(
                        call.context(),
                        domain_handle,
                        domain_information_class,
                    )?;
                call.reply(&Params::with_given(response, given))
            }
            SAMR_LOOKUP_NAMES_IN_DOMAIN => {
                let SamrLookupNamesInDomainRequest { domain_handle, count, names } = call
                    .decode()?;
                let result = manager
                    .samr_lookup_names_in_domain(
                        call.context(),
                        domain_handle,
                        count,
                        names,
                    )?;
                call.reply(
                    &SamrLookupNamesInDomainResponse {
                        result,
                    },
                )
            }
            SAMR_CONNECT5 => {
                let SamrConnect5Request {
                    server_name,
                    desired_access,
                    in_version,
                    in_revision_info,
                } = call.decode()?;
                let response = manager
                    .samr_connect5(
                        call.context(),
                        server_name,
                        desired_access,
                        in_version,
                        in_revision_info,
                    )?;
                call.reply(&response)
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
