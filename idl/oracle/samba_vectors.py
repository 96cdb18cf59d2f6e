#!/usr/bin/python3
"""Prints stub data as Samba's own NDR code makes it, from values drawn at random.

    samba_vectors.py --seed SEED [--rounds N] [--brief]

Needs Samba's Python bindings (Debian: python3-samba). One JSON object a line:

    {"id": 7, "name": "samr.LookupNames", "variant": "", "direction": "in" or "out",
     "ndr64": false, "bigendian": false, "hex": "…", "structures": ["lsa.String", …]}

Lines with one id are the same value in its four forms. The same seed gives the same lines, with
the same version of Samba. A value depends on its own name and round, so that adding an operation
changes nothing else.

tests/vectors.jsonl is what `--seed committed --rounds 1 --brief` printed with Samba 4.17.
"""

import argparse
import json
import random
import sys

from samba.dcerpc import epmapper, lsa, misc, samr, security, srvsvc, svcctl, winreg
from samba.ndr import ndr_pack_in, ndr_pack_out

FORMS = [(False, False), (False, True), (True, False), (True, True)]

# What draws: reseeded for every value.
R = random.Random()
# The structures of the value that is being drawn.
SEEN = set()


# Numbers, texts, arrays

def number(bits):
    """A number of so many bits; the small and the extreme come up often."""
    kind = R.randrange(4)
    if kind == 0:
        return R.randrange(4)
    if kind == 1:
        return (1 << bits) - 1 - R.randrange(4)
    return R.getrandbits(bits)


def u8():
    return number(8)


def u16():
    return number(16)


def u32():
    return number(32)


def u64():
    return number(64)


def status():
    """A status or error code; Samba's setters take non-negative ones."""
    return R.getrandbits(31)


def signed(bits):
    return number(bits) - (1 << (bits - 1))


ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz ABC-_.\\$0123456789", "äöüßéçñÅΩжש", "漢字かなカナ",
    "a\U0001f600é\U00010348",
]


def text(longest=20):
    """A text of any alphabet, one in six empty; some need surrogate pairs."""
    if R.randrange(6) == 0:
        return ""
    alphabet = R.choice(ALPHABETS)
    return "".join(R.choice(alphabet) for _ in range(R.randint(1, longest)))


def ascii_text():
    return "".join(R.choice(ALPHABETS[0]) for _ in range(R.randint(0, 20)))


def units(string):
    """How many 16-bit units a text has."""
    return len(string.encode("utf-16-le")) // 2


def maybe(draw):
    """None one time in four."""
    return None if R.randrange(4) == 0 else draw()


def some(draw, most=4):
    return [draw() for _ in range(R.randint(0, most))]


def octets(count):
    return [R.getrandbits(8) for _ in range(count)]


# Structures

def fields(cls):
    """The names and the types of what can be set."""
    for name in sorted(dir(cls)):
        attribute = getattr(cls, name)
        if type(attribute).__name__ == "getset_descriptor" and not name.startswith("_"):
            yield name, attribute.__doc__.split()[-1]


def put(target, name, value):
    try:
        setattr(target, name, value)
    except Exception as error:
        raise SystemExit(f"{type(target).__name__}.{name} = {value!r}: {error}")


def fill(target, texts="", **given):
    """Sets every field: those in `given` to that, those named in `texts` to a text or null, the
    others to something that their type allows."""
    known = dict(fields(type(target)))
    texts = texts.split()
    for name in list(given) + texts:
        if name not in known:
            raise SystemExit(f"{type(target).__name__} has no {name}: {sorted(known)}")
    for name, kind in known.items():
        if name in given:
            continue
        if name in texts:
            put(target, name, maybe(text))
        elif kind in KINDS:
            put(target, name, KINDS[kind]())
        else:
            raise SystemExit(f"{type(target).__name__}.{name}: what is a {kind}?")
    for name, value in given.items():
        put(target, name, value)
    return target


def make(cls, texts="", **given):
    """A structure, filled."""
    SEEN.add(f"{cls.__module__.removeprefix('samba.dcerpc.')}.{cls.__name__}")
    return fill(cls(), texts, **given)


def counted(cls, array, draw, count="count", most=4, **given):
    """A structure of a count and a pointer to as many elements; null one time in four."""
    elements = some(draw, most)
    if not elements and R.randrange(2):
        elements = None
    return make(cls, **{count: len(elements or []), array: elements}, **given)


def handle():
    return make(misc.policy_handle, uuid=guid())


def guid():
    return misc.GUID("%08x-%04x-%04x-%04x-%012x" % tuple(R.getrandbits(n) for n in (32, 16, 16, 16, 48)))


def sid(most=15):
    count = R.randint(0, most)
    subs = [u32() for _ in range(count)] + [0] * (15 - count)
    return make(security.dom_sid, sid_rev_num=1, num_auths=count, id_auth=octets(6), sub_auths=subs)


def descriptor():
    domain = security.dom_sid("S-1-5-21-%d-%d-%d" % (u32(), u32(), u32()))
    sddl = R.choice(["D:", "O:BAG:BAD:(A;;FA;;;WD)",
                     "O:DAG:DAD:P(A;;0x1;;;BA)(D;;0x2;;;AN)S:(AU;SA;FA;;;WD)"])
    return security.descriptor.from_sddl(sddl, domain)


def sd_buf():
    """A security descriptor in a counted buffer."""
    return make(security.sec_desc_buf, sd_size=0, sd=maybe(descriptor))


def string(cls=lsa.String):
    """A counted UTF-16 string whose lengths Samba works out."""
    return make(cls, length=0, size=0, string=maybe(text))


def oem_string():
    return make(lsa.AsciiStringLarge, length=0, size=0, string=maybe(ascii_text))


def binary_string():
    array = maybe(lambda: some(u16, 9))
    count = 2 * len(array or [])
    return make(lsa.BinaryString, length=count, size=count, array=array)


def reg_string():
    return make(winreg.String, name_len=0, name_size=0, name=maybe(text))


def string_buf(cls):
    """A string in a buffer that may be longer."""
    name = maybe(text)
    size = 0 if name is None else 2 * (units(name) + 1 + R.randrange(8))
    return make(cls, length=0, name=name, size=size)


def logon_hours():
    week = 8 * R.randint(0, 21)
    return make(samr.LogonHours, units_per_week=week, bits=maybe(lambda: octets(1260)))


# How a field is drawn from Samba's name of its type. Pointers and arrays are always given.
KINDS = {
    "uint8": u8, "int8": lambda: signed(8), "uint16": u16, "uint32": u32, "int32": lambda: signed(32),
    "hyper": u64, "udlong": u64, "dlong": lambda: signed(64), "NTTIME": u64, "NTTIME_hyper": u64,
    "NTSTATUS": status, "WERROR": status,
    "GUID": guid, "policy_handle": handle, "dom_sid": sid, "dom_sid2": sid,
    "lsa_String": string, "lsa_StringLarge": lambda: string(lsa.StringLarge),
    "lsa_BinaryString": binary_string, "winreg_String": reg_string,
    "winreg_StringBuf": lambda: string_buf(winreg.StringBuf),
    "winreg_ValNameBuf": lambda: string_buf(winreg.ValNameBuf),
    "samr_LogonHours": logon_hours, "sec_desc_buf": sd_buf,
    "samr_Password": lambda: make(samr.Password, hash=octets(16)),
    "samr_CryptPassword": lambda: make(samr.CryptPassword, data=octets(516)),
}
for bits in ("samr_AcctFlags samr_FieldsPresent samr_PasswordProperties samr_ConnectAccessMask "
             "samr_DomainAccessMask samr_UserAccessMask samr_SupportedFeatures samr_ConnectVersion "
             "samr_ValidateFieldsPresent security_GroupAttrs security_secinfo lsa_PolicyAccessMask "
             "lsa_AccountAccessMask lsa_LookupOptions lsa_ClientRevision lsa_TrustAttributes "
             "lsa_TrustDirection lsa_TrustType winreg_AccessMask winreg_KeyOptions winreg_Type "
             "winreg_CreateAction svcctl_MgrAccessMask svcctl_ServiceAccessMask svcctl_ServerType "
             "svcctl_ControlsAccepted svcctl_ServiceStatus svcctl_StartType svcctl_ErrorControl "
             "svcctl_ServiceState SERVICE_CONTROL "
             "srvsvc_ShareType srvsvc_PlatformId NetShareInfo1005Flags "
             "lsa_PolicyAuditPolicy").split():
    KINDS[bits] = u32
for enumeration in ("lsa_SidType lsa_LookupNamesLevel lsa_Role samr_ValidationStatus "
                    "samr_DomainServerState samr_Role epm_InquiryType epm_VersionOption").split():
    KINDS[enumeration] = lambda: R.randint(1, 6)


# Operations: name, variants, and what draws one. The in side is set before the out side, as a
# union's arm is taken for the level that stands there.

OPERATIONS = []


def operation(cls, *variants):
    """Registers what draws `cls`: it gets an operation, which has handles, numbers and strings
    of its own already, and a variant."""
    def register(draw):
        name = f"{cls.__module__.removeprefix('samba.dcerpc.')}.{cls.__name__}"
        OPERATIONS.append((name, cls, variants or ("",), draw))
        return draw
    return register


def simple(cls, texts="", **draws):
    """Registers an operation whose parameters need no thought."""
    def draw(op, _variant):
        fill(op, texts, **{name: value() for name, value in draws.items()})
    operation(cls)(draw)


# samr

def sid_array():
    return counted(lsa.SidArray, "sids", lambda: make(lsa.SidPtr, sid=maybe(sid)), "num_sids")


def ids():
    return counted(samr.Ids, "ids", u32)


def sam_array():
    return counted(samr.SamArray, "entries", lambda: make(samr.SamEntry), most=3)


def rid_attr_array():
    count = R.randint(0, 4)
    array = lambda: maybe(lambda: [u32() for _ in range(count)])
    return make(samr.RidAttrArray, count=count, rids=array(), attributes=array())


simple(samr.Connect2, "in_system_name")
simple(samr.Close)
simple(samr.QuerySecurity, out_sdbuf=lambda: maybe(sd_buf))
simple(samr.LookupDomain, out_sid=lambda: maybe(sid))
simple(samr.EnumDomains, out_sam=lambda: maybe(sam_array))
simple(samr.OpenDomain)
simple(samr.GetAliasMembership, in_sids=sid_array, out_rids=ids)
simple(samr.QueryGroupMember, out_rids=lambda: maybe(rid_attr_array))
simple(samr.GetMembersInAlias, out_sids=sid_array)
simple(samr.CreateUser2)
simple(samr.GetGroupsForUser, out_rids=lambda: maybe(lambda: counted(
    samr.RidWithAttributeArray, "rids", lambda: make(samr.RidWithAttribute))))


@operation(samr.Connect5)
def connect5(op, _variant):
    info = lambda: make(samr.ConnectInfo1)
    fill(op, "in_system_name", in_level_in=1, in_info_in=info(), out_level_out=1, out_info_out=info())


@operation(samr.LookupNames)
def samr_lookup_names(op, _variant):
    names = some(string)
    fill(op, in_num_names=len(names), in_names=names, out_rids=ids(), out_types=ids())


@operation(samr.LookupRids)
def samr_lookup_rids(op, _variant):
    rids = some(u32)
    fill(op, in_num_rids=len(rids), in_rids=rids, out_types=ids(),
         out_names=counted(lsa.Strings, "names", string))


@operation(samr.ChangePasswordUser)
def change_password_user(op, _variant):
    hashed = lambda: maybe(KINDS["samr_Password"])
    names = "old_lm_crypted new_lm_crypted old_nt_crypted new_nt_crypted nt_cross lm_cross".split()
    fill(op, **{f"in_{name}": hashed() for name in names})


DOMAIN_INFO = {
    1: samr.DomInfo1, 2: samr.DomGeneralInformation, 3: samr.DomInfo3, 4: samr.DomOEMInformation,
    5: samr.DomInfo5, 6: samr.DomInfo6, 7: samr.DomInfo7, 8: samr.DomInfo8, 9: samr.DomInfo9,
    11: samr.DomGeneralInformation2, 12: samr.DomInfo12, 13: samr.DomInfo13,
}


def domain_info(level):
    if level == 2:
        # 32 bits to Samba, one byte to the specification.
        return make(samr.DomGeneralInformation, unknown3=0)
    if level == 11:
        return make(samr.DomGeneralInformation2, general=domain_info(2))
    return make(DOMAIN_INFO[level])


@operation(samr.QueryDomainInfo, *DOMAIN_INFO)
def query_domain_info(op, level):
    fill(op, in_level=level, out_info=maybe(lambda: domain_info(level)))


@operation(samr.SetDomainInfo, *DOMAIN_INFO)
def set_domain_info(op, level):
    fill(op, in_level=level, in_info=domain_info(level))


@operation(samr.QueryGroupInfo, 1, 2, 3, 4, 5)
def query_group_info(op, level):
    draw = {2: string, 4: string, 3: lambda: make(samr.GroupInfoAttributes)}
    draw = draw.get(level, lambda: make(samr.GroupInfoAll))
    fill(op, in_level=level, out_info=maybe(draw))


@operation(samr.QueryAliasInfo, 1, 2, 3)
def query_alias_info(op, level):
    draw = string if level > 1 else lambda: make(samr.AliasInfoAll)
    fill(op, in_level=level, out_info=maybe(draw))


USER_LEVELS = [*range(1, 15), 16, 17, 18, 20, 21, 23, 24]


def user_info(level):
    if level == 21:
        buffer = some(u8, 9)
        return make(samr.UserInfo21, buf_count=len(buffer), buffer=buffer)
    if level == 23:
        return make(samr.UserInfo23, info=user_info(21))
    return make(getattr(samr, f"UserInfo{level}"))


@operation(samr.QueryUserInfo, *USER_LEVELS)
def query_user_info(op, level):
    fill(op, in_level=level, out_info=maybe(lambda: user_info(level)))


@operation(samr.SetUserInfo, *USER_LEVELS)
def set_user_info(op, level):
    fill(op, in_level=level, in_info=user_info(level))


@operation(samr.QueryDisplayInfo, 1, 2, 3, 4, 5)
def query_display_info(op, level):
    arm, entry = {
        1: (samr.DispInfoGeneral, samr.DispEntryGeneral), 2: (samr.DispInfoFull, samr.DispEntryFull),
        3: (samr.DispInfoFullGroups, samr.DispEntryFullGroup),
    }.get(level, (samr.DispInfoAscii, samr.DispEntryAscii))
    more = {"account_name": oem_string()} if level > 3 else {}
    fill(op, in_level=level, out_info=counted(arm, "entries", lambda: make(entry, **more)))


def blob():
    data = some(u8, 9)
    return make(samr.ValidationBlob, length=len(data), data=data)


def persisted_fields():
    return counted(samr.ValidatePasswordInfo, "pwd_history", blob, "pwd_history_len")


@operation(samr.ValidatePassword, 1, 2, 3)
def validate_password(op, level):
    request = getattr(samr, f"ValidatePasswordReq{level}")
    more = {"hash": blob()} if level > 1 else {}
    reply = lambda: make(samr.ValidatePasswordRepCtr, info=persisted_fields())
    fill(op, in_level=level, in_req=make(request, info=persisted_fields(), **more),
         out_rep=maybe(reply))


# lsa

def domain_info_of_lsa():
    return make(lsa.DomainInfo, sid=maybe(sid))


def referenced_domains():
    return counted(lsa.RefDomainList, "domains", domain_info_of_lsa)


def data_buf():
    data = some(u8, 9)
    return make(lsa.DATA_BUF, data=data, length=len(data), size=len(data))


def privilege_set():
    attribute = lambda: make(lsa.LUIDAttribute, luid=make(lsa.LUID))
    entries = some(attribute)
    return make(lsa.PrivilegeSet, count=len(entries), set=entries)


KINDS["lsa_LUID"] = lambda: make(lsa.LUID)


def right_set():
    return counted(lsa.RightSet, "names", lambda: string(lsa.StringLarge))


def trust_info_ex():
    return make(lsa.TrustDomainInfoInfoEx, sid=maybe(sid))


@operation(lsa.OpenPolicy2, "", "quality")
def open_policy2(op, variant):
    quality = make(lsa.QosInfo, len=0, impersonation_level=R.randrange(4)) if variant else None
    # The length is 64 bits in NDR64 to Samba, 32 to the specification. It means nothing.
    attributes = make(lsa.ObjectAttribute, len=0, root_dir=maybe(u8), object_name=None,
                      sec_desc=None, sec_qos=quality)
    fill(op, "in_system_name", in_attr=attributes)


simple(lsa.EnumPrivs, out_privs=lambda: counted(lsa.PrivArray, "privs", lambda: make(lsa.PrivEntry)))
simple(lsa.CreateAccount)
simple(lsa.EnumAccounts, out_sids=sid_array)
simple(lsa.EnumTrustDom, out_domains=lambda: counted(lsa.DomainList, "domains", domain_info_of_lsa))
simple(lsa.EnumTrustedDomainsEx, out_domains=lambda: counted(lsa.DomainListEx, "domains", trust_info_ex))
simple(lsa.AddPrivilegesToAccount, in_privs=privilege_set)
simple(lsa.RemovePrivilegesFromAccount, in_privs=lambda: maybe(privilege_set))
simple(lsa.EnumPrivsAccount, out_privs=lambda: maybe(privilege_set))
simple(lsa.LookupPrivValue)
simple(lsa.LookupPrivName, out_name=lambda: maybe(lambda: string(lsa.StringLarge)))
simple(lsa.AddAccountRights, in_rights=right_set)
simple(lsa.EnumAccountRights, out_rights=right_set)
simple(lsa.SetSecret, in_new_val=lambda: maybe(data_buf), in_old_val=lambda: maybe(data_buf))
simple(lsa.RetrievePrivateData, in_val=lambda: maybe(data_buf), out_val=lambda: maybe(data_buf))


def audit_events():
    # The mode is 32 bits to Samba, one byte to the specification.
    settings = some(u32)
    return make(lsa.AuditEventsInfo, auditing_mode=0, settings=settings, count=len(settings))


POLICY_INFO = {
    1: lambda: make(lsa.AuditLogInfo), 2: audit_events, 3: domain_info_of_lsa,
    4: lambda: make(lsa.PDAccountInfo), 5: domain_info_of_lsa, 6: lambda: make(lsa.ServerRole),
    7: lambda: make(lsa.ReplicaSourceInfo), 9: lambda: make(lsa.ModificationInfo),
    10: lambda: make(lsa.AuditFullSetInfo), 11: lambda: make(lsa.AuditFullQueryInfo),
    12: lambda: make(lsa.DnsDomainInfo, sid=maybe(sid)),
}


@operation(lsa.QueryInfoPolicy2, *POLICY_INFO)
def query_info_policy2(op, level):
    fill(op, in_level=level, out_info=maybe(POLICY_INFO[level]))


@operation(lsa.SetInfoPolicy2, *POLICY_INFO)
def set_info_policy2(op, level):
    fill(op, in_level=level, in_info=POLICY_INFO[level]())


TRUST_INFO = {
    1: lambda: make(lsa.TrustDomainInfoName), 3: lambda: make(lsa.TrustDomainInfoPosixOffset),
    4: lambda: make(lsa.TrustDomainInfoPassword, password=maybe(data_buf), old_password=maybe(data_buf)),
    5: lambda: make(lsa.TrustDomainInfoBasic, sid=maybe(sid)), 6: trust_info_ex,
}


@operation(lsa.QueryTrustedDomainInfoBySid, *TRUST_INFO)
def query_trusted_domain_info(op, level):
    fill(op, in_level=level, out_info=maybe(TRUST_INFO[level]))


def lookup_names(array, element, **more):
    def draw(op, _variant):
        names = some(string)
        translated = lambda: counted(array, "sids", lambda: make(
            element, **{name: value() for name, value in more.items()}))
        fill(op, in_num_names=len(names), in_names=names, in_sids=translated(),
             out_domains=maybe(referenced_domains), out_sids=translated())
    return draw


def lookup_sids(array, element):
    def draw(op, _variant):
        translated = lambda: counted(array, "names", lambda: make(element))
        fill(op, in_sids=sid_array(), in_names=translated(),
             out_domains=maybe(referenced_domains), out_names=translated())
    return draw


operation(lsa.LookupNames)(lookup_names(lsa.TransSidArray, lsa.TranslatedSid))
operation(lsa.LookupNames3)(lookup_names(lsa.TransSidArray3, lsa.TranslatedSid3, sid=lambda: maybe(sid)))
operation(lsa.LookupSids)(lookup_sids(lsa.TransNameArray, lsa.TranslatedName))
operation(lsa.LookupSids2)(lookup_sids(lsa.TransNameArray2, lsa.TranslatedName2))


# winreg

def security_data():
    size = R.randint(0, 9)
    return make(winreg.KeySecurityData, data=maybe(lambda: octets(size)), size=size,
                len=R.randint(0, size))


def key_security():
    return make(winreg.SecBuf, sd=security_data())


simple(winreg.OpenHKLM, in_system_name=lambda: maybe(u16))
simple(winreg.CloseKey)
simple(winreg.CreateKey, in_secdesc=lambda: maybe(key_security),
       in_action_taken=lambda: maybe(u32), out_action_taken=lambda: maybe(u32))
simple(winreg.DeleteValue)
simple(winreg.EnumKey, in_keyclass=lambda: maybe(KINDS["winreg_StringBuf"]),
       out_keyclass=lambda: maybe(KINDS["winreg_StringBuf"]),
       in_last_changed_time=lambda: maybe(u64), out_last_changed_time=lambda: maybe(u64))
simple(winreg.GetKeySecurity, in_sd=security_data, out_sd=security_data)
simple(winreg.OpenKey)
simple(winreg.QueryInfoKey)
simple(winreg.GetVersion)
simple(winreg.InitiateSystemShutdown, in_hostname=lambda: maybe(u16),
       in_message=lambda: maybe(lambda: string(lsa.StringLarge)))
simple(winreg.SaveKeyEx, in_sec_attrib=lambda: maybe(lambda: make(
    winreg.KeySecurityAttribute, sec_data=security_data())))


@operation(winreg.EnumValue)
def enum_value(op, _variant):
    given = {}
    for side in ("in", "out"):
        size = R.randint(0, 9)
        given |= {f"{side}_type": maybe(u32), f"{side}_size": size,
                  f"{side}_length": R.randint(0, size), f"{side}_value": maybe(lambda: octets(size))}
    fill(op, **given)


@operation(winreg.QueryValue)
def query_value(op, _variant):
    given = {}
    for side in ("in", "out"):
        size = R.randint(0, 9)
        given |= {f"{side}_type": maybe(u32), f"{side}_data_size": size,
                  f"{side}_data_length": R.randint(0, size), f"{side}_data": maybe(lambda: octets(size))}
    fill(op, **given)


@operation(winreg.SetValue)
def set_value(op, _variant):
    data = some(u8, 20)
    fill(op, in_data=data, in_size=len(data))


@operation(winreg.QueryMultipleValues)
def query_multiple_values(op, _variant):
    count = R.randint(0, 3)
    name = lambda: maybe(KINDS["winreg_ValNameBuf"])
    values = lambda: [make(winreg.QueryMultipleValue, ve_valuename=name()) for _ in range(count)]
    given = {"in_num_values": count, "in_values_in": values(), "out_values_out": values()}
    for side in ("in", "out"):
        size = R.randint(0, 9)
        given |= {f"{side}_buffer_size": size, f"{side}_buffer": maybe(lambda: octets(size))}
    fill(op, **given)


# svcctl

KINDS["SERVICE_STATUS"] = lambda: make(svcctl.SERVICE_STATUS)
CONFIG_TEXTS = "executablepath loadordergroup dependencies startname displayname"

simple(svcctl.CloseServiceHandle)
simple(svcctl.ControlService)
simple(svcctl.QueryServiceStatus)
simple(svcctl.OpenSCManagerW, "in_MachineName in_DatabaseName")
simple(svcctl.OpenServiceW, in_ServiceName=text)
simple(svcctl.QueryServiceConfigW, in_offered=lambda: R.randint(0, 8192),
       out_query=lambda: make(svcctl.QUERY_SERVICE_CONFIG, CONFIG_TEXTS))
simple(svcctl.QueryServiceLockStatusW, in_offered=lambda: R.randint(0, 4096),
       out_lock_status=lambda: make(svcctl.SERVICE_LOCK_STATUS, "lock_owner"))


# Samba takes dependencies and password of a changed service for strings: see docs/NDR.md.
simple(svcctl.ChangeServiceConfigW,
       "in_binary_path in_load_order_group in_service_start_name in_display_name",
       in_dependencies=lambda: None, in_dwDependSize=lambda: 0,
       in_password=lambda: None, in_dwPwSize=lambda: 0,
       in_tag_id=lambda: maybe(u32), out_tag_id=lambda: maybe(u32))


@operation(svcctl.CreateServiceW)
def create_service(op, _variant):
    dependencies, password = maybe(lambda: some(u8, 9)), maybe(lambda: some(u8, 9))
    fill(op, "in_DisplayName in_LoadOrderGroupKey in_service_start_name",
         in_ServiceName=text(), in_binary_path=text(),
         in_dependencies=dependencies, in_dependencies_size=len(dependencies or []),
         in_password=password, in_password_size=len(password or []),
         in_TagId=maybe(u32), out_TagId=maybe(u32))


@operation(svcctl.SetServiceObjectSecurity)
def set_service_object_security(op, _variant):
    buffer = some(u8, 20)
    fill(op, in_buffer=buffer, in_offered=len(buffer))


def buffer_reply(cls, name, **more):
    def draw(op, _variant):
        size = R.randint(0, 40)
        given = {key: value() for key, value in more.items()}
        fill(op, in_offered=size, **given, **{name: octets(size)})
    operation(cls)(draw)


buffer_reply(svcctl.QueryServiceObjectSecurity, "out_buffer")
buffer_reply(svcctl.QueryServiceStatusEx, "out_buffer", in_info_level=lambda: 0)
buffer_reply(svcctl.EnumServicesStatusW, "out_service",
             in_resume_handle=lambda: maybe(u32), out_resume_handle=lambda: maybe(u32))


@operation(svcctl.StartServiceW)
def start_service(op, _variant):
    arguments = some(lambda: make(svcctl.ArgumentString, "string"))
    fill(op, in_NumArgs=len(arguments), in_Arguments=arguments if arguments else None)


# srvsvc

RESUME = {"in_resume_handle": lambda: maybe(u32), "out_resume_handle": lambda: maybe(u32)}
SHARE = {
    0: "name", 1: "name comment", 2: "name comment path password", 501: "name comment",
    502: "name comment path password", 1004: "comment", 1005: "", 1006: "",
    1007: "alternate_directory_name",
}
SESSION = {
    0: "client", 1: "client user", 2: "client user client_type", 10: "client user",
    502: "client user client_type transport",
}


def level_list(kind, levels, ctr="ctr", **more):
    """What draws a list of structures by level: {level, union of pointers to {count, array}}."""
    def draw(level):
        element = lambda: make(getattr(srvsvc, f"Net{kind}Info{level}"), levels[level],
                               **{name: value() for name, value in more.items()})
        arm = maybe(lambda: counted(getattr(srvsvc, f"Net{kind}Ctr{level}"), "array", element))
        return make(getattr(srvsvc, f"Net{kind}InfoCtr"), level=level, **{ctr: arm})
    return draw


def list_operation(cls, draw, levels, texts="", name="info_ctr"):
    def draw_operation(op, level):
        fill(op, f"in_server_unc {texts}", **{f"in_{name}": draw(level), f"out_{name}": draw(level)},
             **{key: value() for key, value in RESUME.items()})
    operation(cls, *levels)(draw_operation)


list_operation(srvsvc.NetShareEnumAll, level_list("Share", SHARE), [0, 1, 2, 501, 502])
list_operation(srvsvc.NetSessEnum, level_list("Sess", SESSION), SESSION, "in_client in_user")
list_operation(srvsvc.NetConnEnum, level_list("Conn", {0: "", 1: "user share"}), [0, 1], "in_path")
list_operation(srvsvc.NetFileEnum, level_list("File", {2: "", 3: "path user"}), [2, 3], "in_path in_user")


def transports(level):
    texts = "name net_addr" if level == 0 else "name net_addr domain"

    def transport():
        address = maybe(lambda: some(u8, 9))
        more = {"unknown3": octets(256)} if level == 3 else {}
        return make(getattr(srvsvc, f"NetTransportInfo{level}"), texts, addr=address,
                    addr_len=len(address or []), **more)
    arm = maybe(lambda: counted(getattr(srvsvc, f"NetTransportCtr{level}"), "array", transport, most=2))
    return make(srvsvc.NetTransportInfoCtr, level=level, ctr=arm)


list_operation(srvsvc.NetTransportEnum, transports, [0, 1, 2, 3], name="transports")


def share(level):
    return maybe(lambda: make(getattr(srvsvc, f"NetShareInfo{level}"), SHARE[level]))


@operation(srvsvc.NetShareGetInfo, *SHARE)
def net_share_get_info(op, level):
    fill(op, "in_server_unc", in_share_name=text(), in_level=level, out_info=share(level))


@operation(srvsvc.NetShareAdd, *SHARE)
def net_share_add(op, level):
    fill(op, "in_server_unc", in_level=level, in_info=share(level),
         in_parm_error=maybe(u32), out_parm_error=maybe(u32))


@operation(srvsvc.NetShareSetInfo, *SHARE)
def net_share_set_info(op, level):
    fill(op, "in_server_unc", in_share_name=text(), in_level=level, in_info=share(level),
         in_parm_error=maybe(u32), out_parm_error=maybe(u32))


SERVER = {100: "server_name", 101: "server_name comment", 102: "server_name comment userpath",
          1005: "comment", 1010: ""}


@operation(srvsvc.NetSrvGetInfo, *SERVER)
def net_srv_get_info(op, level):
    info = maybe(lambda: make(getattr(srvsvc, f"NetSrvInfo{level}"), SERVER[level]))
    fill(op, "in_server_unc", in_level=level, out_info=info)


simple(srvsvc.NetShareDel, "in_server_unc", in_share_name=text)
simple(srvsvc.NetShareCheck, "in_server_unc", in_device_name=text)
simple(srvsvc.NetRemoteTOD, "in_server_unc",
       out_info=lambda: maybe(lambda: make(srvsvc.NetRemoteTODInfo)))
simple(srvsvc.NetServerStatisticsGet, "in_server_unc in_service",
       out_stats=lambda: maybe(lambda: make(srvsvc.Statistics)))
simple(srvsvc.NetPathType, "in_server_unc", in_path=text)
simple(srvsvc.NetNameValidate, "in_server_unc", in_name=text)
simple(srvsvc.NetPRNameCompare, "in_server_unc", in_name1=text, in_name2=text)


@operation(srvsvc.NetPathCanonicalize)
def net_path_canonicalize(op, _variant):
    size = R.randint(0, 40)
    fill(op, "in_server_unc", in_path=text(), in_prefix=text(), in_maxbuf=size, out_can_path=octets(size))

@operation(srvsvc.NetDiskEnum)
def net_disk_enum(op, _variant):
    def disks():
        drives = some(lambda: make(srvsvc.NetDiskInfo0, disk=R.choice(["", "A", "C:", "Z:"])), 3)
        return make(srvsvc.NetDiskInfo, count=len(drives), disks=drives if drives else None)
    resume = {key: value() for key, value in RESUME.items()}
    fill(op, "in_server_unc", in_info=disks(), out_info=disks(), **resume)


# epmapper

def floor(protocol, right, lhs_data=b""):
    left = make(epmapper.epm_lhs, protocol=protocol, lhs_data=lhs_data)
    return make(epmapper.epm_floor, lhs=left, rhs=right)


def tower():
    """A protocol tower: to both sides opaque bytes, which Samba makes of its floors."""
    floors = [
        floor(epmapper.EPM_PROTOCOL_NCACN, make(epmapper.epm_rhs_ncacn)),
        floor(epmapper.EPM_PROTOCOL_TCP, make(epmapper.epm_rhs_tcp)),
    ][:R.randint(0, 2)]
    inner = make(epmapper.epm_tower, num_floors=len(floors), floors=floors)
    return make(epmapper.epm_twr_t, tower_length=0, tower=inner)


def entry():
    return make(epmapper.epm_entry_t, tower=maybe(tower), annotation=ascii_text())


@operation(epmapper.epm_Insert)
def ept_insert(op, _variant):
    entries = some(entry)
    fill(op, in_num_ents=len(entries), in_entries=entries)


@operation(epmapper.epm_Lookup)
def ept_lookup(op, _variant):
    # Samba's bindings have the interface's type without a way to make one.
    entries = some(entry)
    fill(op, in_object=maybe(guid), in_interface_id=None, out_num_ents=len(entries),
         out_entries=entries, in_max_ents=len(entries) + R.randrange(3))


@operation(epmapper.epm_Map)
def ept_map(op, _variant):
    towers = some(lambda: make(epmapper.epm_twr_p_t, twr=maybe(tower)))
    fill(op, in_object=maybe(guid), in_map_tower=maybe(tower), out_num_towers=len(towers),
         out_towers=towers, in_max_towers=len(towers) + R.randrange(3))


simple(epmapper.epm_LookupHandleFree)


def vectors(seed, rounds):
    identity = 0
    for name, cls, variants, draw in OPERATIONS:
        for variant in variants:
            for turn in range(rounds):
                R.seed(f"{seed}/{name}/{variant}/{turn}")
                SEEN.clear()
                op = cls()
                draw(op, variant)
                for direction, pack in (("in", ndr_pack_in), ("out", ndr_pack_out)):
                    identity += 1
                    for ndr64, bigendian in FORMS:
                        try:
                            stub = pack(op, bigendian=bigendian, ndr64=ndr64)
                        except Exception as error:
                            raise SystemExit(f"{name} {variant} {direction} ndr64={ndr64}: {error}")
                        yield {
                            "id": identity, "name": name, "variant": str(variant),
                            "direction": direction, "ndr64": ndr64, "bigendian": bigendian,
                            "hex": stub.hex(), "structures": sorted(SEEN),
                        }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", required=True)
    arguments.add_argument("--rounds", type=int, default=4, help="values of each kind")
    arguments.add_argument("--brief", action="store_true", help="leave the structures out")
    arguments = arguments.parse_args()
    for vector in vectors(arguments.seed, arguments.rounds):
        if arguments.brief:
            del vector["structures"]
        json.dump(vector, sys.stdout, separators=(",", ":"))
        print()


if __name__ == "__main__":
    main()
