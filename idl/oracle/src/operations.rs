//! Which operation of Samba's is which of the interface definitions'.

use crate::codec::{Codec, codec};
use crate::{epmapper, lsa, samr, srvsvc, svcctl, winreg};

/// An operation of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Samba's name: the protocol, a full stop, the operation.
    pub name: &'static str,
    /// The in-parameters.
    pub request: Codec,
    /// The out-parameters.
    pub reply: Codec,
}

impl Operation {
    /// The operation that Samba calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }
}

/// A table of operations: Samba's name, in-parameters, out-parameters.
macro_rules! operations {
    ($($name:literal: $request:ty => $reply:ty,)+) => {
        &[$(Operation {
            name: $name,
            request: codec!($request),
            reply: codec!($reply, answers $request),
        },)+]
    };
}

/// Every operation that is compared.
pub const OPERATIONS: &[Operation] = operations! {
    "samr.Connect2": samr::SamrConnect2Request<'_> => samr::SamrConnect2Response,
    "samr.Connect5": samr::SamrConnect5Request<'_> => samr::SamrConnect5Response,
    "samr.Close": samr::SamrCloseHandleRequest => samr::SamrCloseHandleResponse,
    "samr.QuerySecurity": samr::SamrQuerySecurityObjectRequest => samr::SamrQuerySecurityObjectResponse,
    "samr.LookupDomain": samr::SamrLookupDomainInSamServerRequest => samr::SamrLookupDomainInSamServerResponse,
    "samr.EnumDomains": samr::SamrEnumerateDomainsInSamServerRequest => samr::SamrEnumerateDomainsInSamServerResponse,
    "samr.OpenDomain": samr::SamrOpenDomainRequest => samr::SamrOpenDomainResponse,
    "samr.QueryDomainInfo": samr::SamrQueryInformationDomainRequest => samr::SamrQueryInformationDomainResponse,
    "samr.SetDomainInfo": samr::SamrSetInformationDomainRequest => samr::SamrSetInformationDomainResponse,
    "samr.GetAliasMembership": samr::SamrGetAliasMembershipRequest => samr::SamrGetAliasMembershipResponse,
    "samr.LookupNames": samr::SamrLookupNamesInDomainRequest => samr::SamrLookupNamesInDomainResponse,
    "samr.LookupRids": samr::SamrLookupIdsInDomainRequest => samr::SamrLookupIdsInDomainResponse,
    "samr.QueryGroupInfo": samr::SamrQueryInformationGroupRequest => samr::SamrQueryInformationGroupResponse,
    "samr.QueryGroupMember": samr::SamrGetMembersInGroupRequest => samr::SamrGetMembersInGroupResponse,
    "samr.QueryAliasInfo": samr::SamrQueryInformationAliasRequest => samr::SamrQueryInformationAliasResponse,
    "samr.GetMembersInAlias": samr::SamrGetMembersInAliasRequest => samr::SamrGetMembersInAliasResponse,
    "samr.QueryUserInfo": samr::SamrQueryInformationUserRequest => samr::SamrQueryInformationUserResponse,
    "samr.SetUserInfo": samr::SamrSetInformationUserRequest => samr::SamrSetInformationUserResponse,
    "samr.ChangePasswordUser": samr::SamrChangePasswordUserRequest => samr::SamrChangePasswordUserResponse,
    "samr.GetGroupsForUser": samr::SamrGetGroupsForUserRequest => samr::SamrGetGroupsForUserResponse,
    "samr.QueryDisplayInfo": samr::SamrQueryDisplayInformationRequest => samr::SamrQueryDisplayInformationResponse,
    "samr.CreateUser2": samr::SamrCreateUser2InDomainRequest => samr::SamrCreateUser2InDomainResponse,
    "samr.ValidatePassword": samr::SamrValidatePasswordRequest => samr::SamrValidatePasswordResponse,
    "lsa.OpenPolicy2": lsa::LsarOpenPolicy2Request<'_> => lsa::LsarOpenPolicy2Response,
    "lsa.EnumPrivs": lsa::LsarEnumeratePrivilegesRequest => lsa::LsarEnumeratePrivilegesResponse,
    "lsa.QueryInfoPolicy2": lsa::LsarQueryInformationPolicy2Request => lsa::LsarQueryInformationPolicy2Response,
    "lsa.SetInfoPolicy2": lsa::LsarSetInformationPolicy2Request => lsa::LsarSetInformationPolicy2Response,
    "lsa.CreateAccount": lsa::LsarCreateAccountRequest => lsa::LsarCreateAccountResponse,
    "lsa.EnumAccounts": lsa::LsarEnumerateAccountsRequest => lsa::LsarEnumerateAccountsResponse,
    "lsa.EnumTrustDom": lsa::LsarEnumerateTrustedDomainsRequest => lsa::LsarEnumerateTrustedDomainsResponse,
    "lsa.EnumTrustedDomainsEx": lsa::LsarEnumerateTrustedDomainsExRequest => lsa::LsarEnumerateTrustedDomainsExResponse,
    "lsa.LookupNames": lsa::LsarLookupNamesRequest => lsa::LsarLookupNamesResponse,
    "lsa.LookupNames3": lsa::LsarLookupNames3Request => lsa::LsarLookupNames3Response,
    "lsa.LookupSids": lsa::LsarLookupSidsRequest => lsa::LsarLookupSidsResponse,
    "lsa.LookupSids2": lsa::LsarLookupSids2Request => lsa::LsarLookupSids2Response,
    "lsa.AddPrivilegesToAccount": lsa::LsarAddPrivilegesToAccountRequest => lsa::LsarAddPrivilegesToAccountResponse,
    "lsa.RemovePrivilegesFromAccount": lsa::LsarRemovePrivilegesFromAccountRequest => lsa::LsarRemovePrivilegesFromAccountResponse,
    "lsa.EnumPrivsAccount": lsa::LsarEnumeratePrivilegesAccountRequest => lsa::LsarEnumeratePrivilegesAccountResponse,
    "lsa.LookupPrivValue": lsa::LsarLookupPrivilegeValueRequest => lsa::LsarLookupPrivilegeValueResponse,
    "lsa.LookupPrivName": lsa::LsarLookupPrivilegeNameRequest => lsa::LsarLookupPrivilegeNameResponse,
    "lsa.AddAccountRights": lsa::LsarAddAccountRightsRequest => lsa::LsarAddAccountRightsResponse,
    "lsa.EnumAccountRights": lsa::LsarEnumerateAccountRightsRequest => lsa::LsarEnumerateAccountRightsResponse,
    "lsa.QueryTrustedDomainInfoBySid": lsa::LsarQueryTrustedDomainInfoRequest => lsa::LsarQueryTrustedDomainInfoResponse,
    "lsa.SetSecret": lsa::LsarSetSecretRequest => lsa::LsarSetSecretResponse,
    "lsa.RetrievePrivateData": lsa::LsarRetrievePrivateDataRequest => lsa::LsarRetrievePrivateDataResponse,
    "winreg.OpenHKLM": winreg::OpenLocalMachineRequest => winreg::OpenLocalMachineResponse,
    "winreg.CloseKey": winreg::BaseRegCloseKeyRequest => winreg::BaseRegCloseKeyResponse,
    "winreg.CreateKey": winreg::BaseRegCreateKeyRequest => winreg::BaseRegCreateKeyResponse,
    "winreg.DeleteValue": winreg::BaseRegDeleteValueRequest => winreg::BaseRegDeleteValueResponse,
    "winreg.EnumKey": winreg::BaseRegEnumKeyRequest => winreg::BaseRegEnumKeyResponse,
    "winreg.EnumValue": winreg::BaseRegEnumValueRequest<'_> => winreg::BaseRegEnumValueResponse,
    "winreg.GetKeySecurity": winreg::BaseRegGetKeySecurityRequest => winreg::BaseRegGetKeySecurityResponse,
    "winreg.OpenKey": winreg::BaseRegOpenKeyRequest => winreg::BaseRegOpenKeyResponse,
    "winreg.QueryInfoKey": winreg::BaseRegQueryInfoKeyRequest => winreg::BaseRegQueryInfoKeyResponse,
    "winreg.QueryValue": winreg::BaseRegQueryValueRequest<'_> => winreg::BaseRegQueryValueResponse,
    "winreg.SetValue": winreg::BaseRegSetValueRequest<'_> => winreg::BaseRegSetValueResponse,
    "winreg.InitiateSystemShutdown": winreg::BaseInitiateSystemShutdownRequest => winreg::BaseInitiateSystemShutdownResponse,
    "winreg.GetVersion": winreg::BaseRegGetVersionRequest => winreg::BaseRegGetVersionResponse,
    "winreg.QueryMultipleValues": winreg::BaseRegQueryMultipleValuesRequest<'_> => winreg::BaseRegQueryMultipleValuesResponse,
    "winreg.SaveKeyEx": winreg::BaseRegSaveKeyExRequest => winreg::BaseRegSaveKeyExResponse,
    "svcctl.CloseServiceHandle": svcctl::RCloseServiceHandleRequest => svcctl::RCloseServiceHandleResponse,
    "svcctl.ControlService": svcctl::RControlServiceRequest => svcctl::RControlServiceResponse,
    "svcctl.QueryServiceObjectSecurity": svcctl::RQueryServiceObjectSecurityRequest => svcctl::RQueryServiceObjectSecurityResponse,
    "svcctl.SetServiceObjectSecurity": svcctl::RSetServiceObjectSecurityRequest<'_> => svcctl::RSetServiceObjectSecurityResponse,
    "svcctl.QueryServiceStatus": svcctl::RQueryServiceStatusRequest => svcctl::RQueryServiceStatusResponse,
    "svcctl.ChangeServiceConfigW": svcctl::RChangeServiceConfigWRequest<'_> => svcctl::RChangeServiceConfigWResponse,
    "svcctl.CreateServiceW": svcctl::RCreateServiceWRequest<'_> => svcctl::RCreateServiceWResponse,
    "svcctl.EnumServicesStatusW": svcctl::REnumServicesStatusWRequest => svcctl::REnumServicesStatusWResponse,
    "svcctl.OpenSCManagerW": svcctl::ROpenScManagerWRequest<'_> => svcctl::ROpenScManagerWResponse,
    "svcctl.OpenServiceW": svcctl::ROpenServiceWRequest<'_> => svcctl::ROpenServiceWResponse,
    "svcctl.QueryServiceConfigW": svcctl::RQueryServiceConfigWRequest => svcctl::RQueryServiceConfigWResponse,
    "svcctl.QueryServiceLockStatusW": svcctl::RQueryServiceLockStatusWRequest => svcctl::RQueryServiceLockStatusWResponse,
    "svcctl.StartServiceW": svcctl::RStartServiceWRequest => svcctl::RStartServiceWResponse,
    "svcctl.QueryServiceStatusEx": svcctl::RQueryServiceStatusExRequest => svcctl::RQueryServiceStatusExResponse,
    "srvsvc.NetConnEnum": srvsvc::NetrConnectionEnumRequest<'_> => srvsvc::NetrConnectionEnumResponse,
    "srvsvc.NetFileEnum": srvsvc::NetrFileEnumRequest<'_> => srvsvc::NetrFileEnumResponse,
    "srvsvc.NetSessEnum": srvsvc::NetrSessionEnumRequest<'_> => srvsvc::NetrSessionEnumResponse,
    "srvsvc.NetShareAdd": srvsvc::NetrShareAddRequest<'_> => srvsvc::NetrShareAddResponse,
    "srvsvc.NetShareEnumAll": srvsvc::NetrShareEnumRequest<'_> => srvsvc::NetrShareEnumResponse,
    "srvsvc.NetShareGetInfo": srvsvc::NetrShareGetInfoRequest<'_> => srvsvc::NetrShareGetInfoResponse,
    "srvsvc.NetShareSetInfo": srvsvc::NetrShareSetInfoRequest<'_> => srvsvc::NetrShareSetInfoResponse,
    "srvsvc.NetShareDel": srvsvc::NetrShareDelRequest<'_> => srvsvc::NetrShareDelResponse,
    "srvsvc.NetShareCheck": srvsvc::NetrShareCheckRequest<'_> => srvsvc::NetrShareCheckResponse,
    "srvsvc.NetSrvGetInfo": srvsvc::NetrServerGetInfoRequest<'_> => srvsvc::NetrServerGetInfoResponse,
    "srvsvc.NetDiskEnum": srvsvc::NetrServerDiskEnumRequest<'_> => srvsvc::NetrServerDiskEnumResponse,
    "srvsvc.NetServerStatisticsGet": srvsvc::NetrServerStatisticsGetRequest<'_> => srvsvc::NetrServerStatisticsGetResponse,
    "srvsvc.NetTransportEnum": srvsvc::NetrServerTransportEnumRequest<'_> => srvsvc::NetrServerTransportEnumResponse,
    "srvsvc.NetRemoteTOD": srvsvc::NetrRemoteTodRequest<'_> => srvsvc::NetrRemoteTodResponse,
    "srvsvc.NetPathType": srvsvc::NetprPathTypeRequest<'_> => srvsvc::NetprPathTypeResponse,
    "srvsvc.NetPathCanonicalize": srvsvc::NetprPathCanonicalizeRequest<'_> => srvsvc::NetprPathCanonicalizeResponse,
    "srvsvc.NetNameValidate": srvsvc::NetprNameValidateRequest<'_> => srvsvc::NetprNameValidateResponse,
    "srvsvc.NetPRNameCompare": srvsvc::NetprNameCompareRequest<'_> => srvsvc::NetprNameCompareResponse,
    "epmapper.epm_Insert": epmapper::EptInsertRequest => epmapper::EptInsertResponse,
    "epmapper.epm_Lookup": epmapper::EptLookupRequest => epmapper::EptLookupResponse,
    "epmapper.epm_Map": epmapper::EptMapRequest => epmapper::EptMapResponse,
    "epmapper.epm_LookupHandleFree": epmapper::EptLookupHandleFreeRequest => epmapper::EptLookupHandleFreeResponse,
};
