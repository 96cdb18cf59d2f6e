//! The guide page tells what there is.

use std::fs;
use std::path::Path;

use annulus::Status;

/// The functions of `rpcasync.h`, without the two forms of those that take strings.
const FUNCTIONS: [&str; 27] = [
    "I_RpcExceptionFilter",
    "RpcAsyncAbortCall",
    "RpcAsyncCancelCall",
    "RpcAsyncCleanupThread",
    "RpcAsyncCompleteCall",
    "RpcAsyncGetCallHandle",
    "RpcAsyncGetCallStatus",
    "RpcAsyncInitializeHandle",
    "RpcAsyncRegisterInfo",
    "RpcBindingBind",
    "RpcBindingUnbind",
    "RpcErrorAddRecord",
    "RpcErrorClearInformation",
    "RpcErrorEndEnumeration",
    "RpcErrorGetNextRecord",
    "RpcErrorGetNumberOfRecords",
    "RpcErrorLoadErrorInfo",
    "RpcErrorResetEnumeration",
    "RpcErrorSaveErrorInfo",
    "RpcErrorStartEnumeration",
    "RpcFreeAuthorizationContext",
    "RpcGetAuthorizationContextForClient",
    "RpcServerInqCallAttributes",
    "RpcServerSubscribeForNotification",
    "RpcServerUnsubscribeForNotification",
    "RpcSsContextLockExclusive",
    "RpcSsContextLockShared",
];

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/async.md");
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_guide_has_a_row_for_every_function() {
    let guide = guide();
    for function in FUNCTIONS {
        let has_row = guide
            .lines()
            .any(|line| line.starts_with('|') && line.contains(&format!("`{function}")));
        assert!(has_row, "{function} is in no table of the guide");
    }
}

#[test]
fn the_guide_lists_every_status() {
    let guide = guide();
    for &status in Status::NAMED {
        let name = status.name().unwrap();
        let row = format!(
            "| {} | `{name}` | `{status:?}` | {} |",
            status.code(),
            status.meaning()
        );
        assert!(guide.contains(&row), "missing in the guide:\n{row}");
    }
}

#[test]
fn the_guide_links_every_example_of_an_asynchronous_call() {
    let guide = guide();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut linked = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("async_") {
            let is_linked = guide.contains(&format!("engine/examples/{name})"))
                || guide.contains(&format!("`{}`", name.trim_end_matches(".rs")));
            assert!(is_linked, "{name} is not in the guide");
            linked += 1;
        }
    }
    assert!(linked >= 7, "only {linked} examples found");
}
