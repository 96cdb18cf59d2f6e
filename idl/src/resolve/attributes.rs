//! Which attributes are known where: those that have an effect, those that need none, and those
//! that are refused.

use crate::ast::{Attribute, AttributeValue, Attributes};
use crate::diagnostic::{Report, Reports};

/// What attributes stand before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Interface,
    Operation,
    Parameter,
    Member,
    Type,
    AcfInterface,
    AcfOperation,
    AcfType,
}

/// Attributes of pointers and arrays.
const SHAPE: &[&str] = &[
    "ref",
    "unique",
    "ptr",
    "size_is",
    "max_is",
    "length_is",
    "first_is",
    "last_is",
    "string",
    "switch_is",
    "range",
    "charset",
];
/// Attributes of a definition that stands inside of a declaration.
const INLINE: &[&str] = &["switch_type", "ms_union", "v1_enum", "enum8bit"];
/// About how C programs hold values, or about pidl's own code; nothing on the wire.
const HARMLESS: &[&str] = &[
    "public",
    "noprint",
    "nopush",
    "nopull",
    "nosize",
    "gensize",
    "nopython",
    "value",
    "helpstring",
    "helper",
    "annotation",
    "force_allocate",
    "allocate",
    "todo",
    "retval",
    "disable_consistency_check",
    "represent_as_default",
    "hidden",
    "unaligned",
];
/// How a C client finds its binding; here the client's constructor takes it.
const HANDLES: &[&str] = &[
    "explicit_handle",
    "implicit_handle",
    "auto_handle",
    "strict_context_handle",
    "type_strict_context_handle",
    "strict_type_context_handle",
    "context_handle_serialize",
    "context_handle_noserialize",
];
/// What the ACF says about operations, or about all of them.
const ACF_OPERATION: &[&str] = &[
    "async",
    "code",
    "nocode",
    "comm_status",
    "fault_status",
    "notify",
    "notify_flag",
    "enable_allocate",
    "optimize",
    "extern_exceptions",
    "ignore",
    "heap",
    "byte_count",
];

/// Attributes that change the wire or the program and are not done, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("object", "an object interface belongs to COM"),
    ("odl", "an object interface belongs to COM"),
    ("oleautomation", "an object interface belongs to COM"),
    ("dual", "an object interface belongs to COM"),
    ("async_uuid", "an object interface belongs to COM"),
    ("iid_is", "interface pointers belong to COM"),
    ("propget", "properties belong to COM"),
    ("propput", "properties belong to COM"),
    ("id", "dispatch identifiers belong to COM"),
    ("broadcast", "a connection has no broadcast"),
    (
        "callback",
        "a server cannot call its client on a connection",
    ),
    ("min_is", "NDR's arrays begin at element zero"),
    (
        "ignore",
        "public documents do not say what is sent in its place; leave the member out, or declare \
         a [unique] pointer that is null",
    ),
    (
        "partial_ignore",
        "public documents do not say what is sent in its place; declare what the peer sends",
    ),
    (
        "transmit_as",
        "the type on the wire would be another one; declare that one",
    ),
    (
        "represent_as",
        "convert in the program; the generated types are those of the wire",
    ),
    (
        "wire_marshal",
        "the type on the wire would be another one; declare that one",
    ),
    (
        "user_marshal",
        "convert in the program; the generated types are those of the wire",
    ),
    (
        "call_as",
        "remove the local form; the remote one is what is on the wire",
    ),
    (
        "encode",
        "serialisation without a call is not supported yet",
    ),
    (
        "decode",
        "serialisation without a call is not supported yet",
    ),
    ("cs_stag", "international characters are not supported yet"),
    ("cs_drtag", "international characters are not supported yet"),
    ("cs_rtag", "international characters are not supported yet"),
    ("nodiscriminant", "it is not NDR: nothing tells the arm"),
    ("relative", "it is not NDR: a pointer as an offset"),
    ("relative_short", "it is not NDR: a pointer as an offset"),
    ("relative_base", "it is not NDR: a pointer as an offset"),
    ("subcontext", "it is not NDR: declare an array of bytes"),
    (
        "subcontext_size",
        "it is not NDR: declare an array of bytes",
    ),
    ("compression", "it is not NDR: declare an array of bytes"),
    ("obfuscation", "it is not NDR: declare an array of bytes"),
    ("skip", "it is not NDR: a member that is not on the wire"),
    (
        "skip_noinit",
        "it is not NDR: a member that is not on the wire",
    ),
    ("absolute", "it is not NDR"),
    ("to_null", "it is not NDR: a string without counts"),
];

/// pidl's flags that only concern how values are printed.
const HARMLESS_FLAGS: &[&str] = &["LIBNDR_PRINT_ARRAY_HEX", "LIBNDR_PRINT_SET_VALUES"];

/// Reports the attributes that `owner` cannot have.
pub(super) fn check(attributes: &Attributes, owner: Owner, reports: &mut Reports) {
    for attribute in &attributes.items {
        let name = attribute.name.text.as_str();
        let span = attribute.name.span;
        if name == "flag" {
            check_flag(attribute, reports);
        } else if HARMLESS.contains(&name) || is_known(name, owner) {
            continue;
        } else if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            reports.add(Report::error(
                span,
                format!("[{name}] is refused: {reason}"),
                "refused",
            ));
        } else {
            reports.add(
                Report::error(span, format!("[{name}] is not known here"), "unknown")
                    .help("docs/IDL.md lists the attributes"),
            );
        }
    }
}

fn is_known(name: &str, owner: Owner) -> bool {
    let groups: &[&[&str]] = match owner {
        Owner::Interface => &[
            HANDLES,
            &[
                "uuid",
                "version",
                "pointer_default",
                "endpoint",
                "local",
                "unique",
                "authservice",
            ],
            &["code", "nocode", "depends", "ref", "ptr", "ms_union"],
        ],
        Owner::Operation => &[
            &[
                "idempotent",
                "maybe",
                "message",
                "local",
                "async",
                "string",
                "noopnum",
            ],
            &[
                "ref",
                "unique",
                "ptr",
                "charset",
                "public",
                "context_handle",
            ],
            &["comm_status", "fault_status"],
        ],
        Owner::Parameter => &[
            SHAPE,
            INLINE,
            HANDLES,
            &[
                "in",
                "out",
                "context_handle",
                "comm_status",
                "fault_status",
                "heap",
            ],
        ],
        Owner::Member => &[SHAPE, INLINE, &["comm_status", "fault_status"]],
        Owner::Type => &[
            SHAPE,
            HANDLES,
            &[
                "v1_enum",
                "enum8bit",
                "enum16bit",
                "bitmap8bit",
                "bitmap16bit",
                "bitmap32bit",
            ],
            &[
                "bitmap64bit",
                "switch_type",
                "ms_union",
                "context_handle",
                "handle",
                "uuid",
                "version",
            ],
        ],
        Owner::AcfInterface => &[HANDLES, ACF_OPERATION],
        Owner::AcfOperation => &[HANDLES, ACF_OPERATION],
        Owner::AcfType => &[HANDLES, &["allocate", "heap"]],
    };
    groups.iter().any(|group| group.contains(&name))
}

fn check_flag(attribute: &Attribute, reports: &mut Reports) {
    let AttributeValue::Raw(flags, span) = &attribute.value else {
        return;
    };
    let foreign = flags
        .split('|')
        .map(str::trim)
        .find(|flag| !HARMLESS_FLAGS.contains(flag));
    if let Some(flag) = foreign {
        reports.add(Report::error(
            *span,
            format!("the flag {flag} is refused: what it describes is not NDR"),
            "refused",
        ));
    }
}
