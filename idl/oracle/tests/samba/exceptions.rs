//! Where Samba's codec writes something else than the specifications say. `docs/NDR.md` has more.

use annulus_ndr_oracle::Form;

use crate::vectors::Value;

/// Stub data of Samba's that are not ours, and need not be.
#[derive(Debug)]
pub(crate) struct Exception {
    /// Operations, by Samba's names.
    operations: &'static [&'static str],
    /// Their variants; none stands for all.
    variants: &'static [&'static str],
    /// Which forms differ.
    applies: fn(Form) -> bool,
    /// What Samba does, and what the specification says.
    pub(crate) reason: &'static str,
}

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        operations: &[
            "samr.QueryDomainInfo",
            "samr.SetDomainInfo",
            "samr.QueryUserInfo",
            "samr.SetUserInfo",
            "samr.QueryDisplayInfo",
            "samr.ValidatePassword",
            "lsa.QueryInfoPolicy2",
            "lsa.SetInfoPolicy2",
        ],
        variants: &[],
        applies: |form| form.ndr64 && form.bigendian,
        reason: "the discriminant is an enum, 32 bits in NDR64; Samba writes 16 and a gap, which \
                 is the same in little-endian only",
    },
    Exception {
        operations: &["samr.QueryDomainInfo", "samr.SetDomainInfo"],
        variants: &["8", "13"],
        applies: |form| form.ndr64 || form.bigendian,
        reason: "DomainModifiedCount is an OLD_LARGE_INTEGER, two longs; to Samba it is a hyper",
    },
    Exception {
        operations: &["samr.QueryDomainInfo", "samr.SetDomainInfo"],
        variants: &["7", "9"],
        applies: |form| !form.ndr64,
        reason: "DOMAIN_SERVER_ROLE and _ENABLE_STATE are enums, 16 bits in NDR; Samba writes 32",
    },
    Exception {
        operations: &["lsa.QueryInfoPolicy2", "lsa.SetInfoPolicy2"],
        variants: &["6"],
        applies: |form| !form.ndr64,
        reason: "POLICY_LSA_SERVER_ROLE is an enum, 16 bits in NDR; Samba writes 32",
    },
    Exception {
        operations: &["lsa.OpenPolicy2"],
        variants: &["quality"],
        applies: |form| form.ndr64,
        reason: "SECURITY_QUALITY_OF_SERVICE is a long and an enum; in NDR64 Samba writes 64 bits \
                 and 16",
    },
    Exception {
        operations: &["lsa.SetSecret", "lsa.RetrievePrivateData"],
        variants: &[],
        applies: |form| form.ndr64,
        reason: "the lengths of LSAPR_CR_CIPHER_VALUE are longs; in NDR64 Samba writes 64 bits",
    },
    Exception {
        operations: &["lsa.QueryTrustedDomainInfoBySid"],
        variants: &["4"],
        applies: |form| form.ndr64,
        reason: "LSAPR_CR_CIPHER_VALUE, as above",
    },
    Exception {
        operations: &["srvsvc.NetDiskEnum"],
        variants: &[],
        applies: |form| form.ndr64,
        reason: "offset and actual count of DISK_INFO's string are 64 bits in NDR64; Samba has \
                 them as 32-bit members",
    },
    Exception {
        operations: &[
            "epmapper.epm_Insert",
            "epmapper.epm_Lookup",
            "epmapper.epm_Map",
        ],
        variants: &[],
        applies: |form| form.ndr64,
        reason: "a tower is a long and as many bytes, which follow at once; in NDR64 Samba leaves a \
                 gap; and the counts of ept_entry's annotation are as those of DISK_INFO",
    },
];

/// The exception that covers a value in a form.
pub(crate) fn covering(value: &Value, form: Form) -> Option<usize> {
    EXCEPTIONS.iter().position(|exception| {
        exception.operations.contains(&value.name.as_str())
            && (exception.variants.is_empty()
                || exception.variants.contains(&value.variant.as_str()))
            && (exception.applies)(form)
    })
}
