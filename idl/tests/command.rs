//! The program `idlc`: what it writes, and how it ends.

use std::process::{Command, Output};

fn idlc(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idlc"))
        .current_dir("tests/idl")
        .args(arguments)
        .output()
        .expect("the program starts")
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = idlc(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn compiles_without_a_command() {
    assert!(succeeds(&["rpcecho.idl"]).contains("pub struct AddOneRequest"));
    assert_eq!(succeeds(&["rpcecho.idl", "--check"]), "");
}

#[test]
fn dumps_the_layouts_that_are_named() {
    let text = succeeds(&["rpcecho.idl", "--dump-layout", "Info5", "AddOne"]);
    let titles: Vec<_> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        titles,
        [
            "struct Info5",
            "",
            "RpcEcho.AddOne.in",
            "",
            "RpcEcho.AddOne.out",
            ""
        ]
    );
}

#[test]
fn decodes_hexadecimal_and_files() {
    let decode = [
        "decode",
        "rpcecho.idl",
        "--type",
        "AddOne.in",
        "--big-endian",
    ];
    let of_hex = succeeds(&[&decode[..], &["00 00 00 29"]].concat());
    assert!(of_hex.contains("in_data = 41 (0x29)"), "{of_hex}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stub.bin");
    std::fs::write(&path, [0, 0, 0, 0x29]).expect("the file can be written");
    let path = path.to_str().expect("text");
    assert_eq!(succeeds(&[&decode[..], &[path]].concat()), of_hex);
}

#[test]
fn bad_stub_data_is_exit_code_1() {
    let output = idlc(&["decode", "rpcecho.idl", "--type", "AddOne.in", "290000"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = "error: at offset 0, in in_data: 4 bytes are needed and 3 are left\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn an_unknown_target_is_exit_code_1() {
    let output = idlc(&["decode", "rpcecho.idl", "--type", "AddTwo.in", "29"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("defines no `AddTwo.in`"), "{text}");
}
