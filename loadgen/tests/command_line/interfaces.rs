//! Interfaces of others: raw stub data, definitions, single calls.

use annulus::epmapper::{self, EndpointMap, EndpointMapper};
use annulus::rpcecho::{self, EchoServer};
use annulus::{Config, Cores, Runtime, Server};
use serde_json::Value;

use crate::{echo_server, failure, json, loadgen, loadgen_with};

const IDL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/idl/rpcecho.idl");

/// rpcecho in this process, and a mapper that knows its port.
#[test]
fn a_server_of_someone_else_is_found_by_its_mapper_and_called_with_raw_stub_data() {
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let server = || Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let map = EndpointMap::default();
    let mapper = epmapper::interface(EndpointMapper::new(map.clone()));
    let mapping = runtime.serve(server().interface(mapper)).unwrap();
    let echo = server().interface(rpcecho::interface(EchoServer::default()));
    let _serving = runtime.serve(echo.register_endpoints(&map)).unwrap();

    let port = mapping.bindings()[0].port().unwrap();
    let target = format!("127.0.0.1[,mapper={port}]");
    let run = format!("{target} -c 2 -d 0.3 -w 0 --json --accept-invalid");
    let report = json(&loadgen(&run));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));

    // AddOne(41), and an operation that is not there.
    let interface = "60a15ec5-4de8-11d7-a637-005056a20182:1.0";
    let raw = format!("{run} --uuid {interface} --stub 29000000 --opnum");
    let report = json(&loadgen_with(&raw, &["0"]));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    let report = json(&loadgen_with(&raw, &["99"]));
    assert_eq!(report["completed"], 0);
    let faults = report["errors"]["fault RPC_S_PROCNUM_OUT_OF_RANGE"].as_u64();
    assert_eq!(faults, report["sent"].as_u64());
    assert_eq!(report["verdict"]["valid"], false);
}

/// rpcecho by its definition, in both transfer syntaxes, and what is wrong with a command line said.
#[test]
fn an_interface_is_called_by_its_definition() {
    let run = |more: &[&str]| {
        let common = "-c 2 -d 0.3 -w 0 --json --accept-invalid --idl";
        loadgen_with(common, &[&[IDL], more].concat())
    };
    let report = json(&run(&[
        "--call",
        "RpcEcho.AddOne",
        "--args",
        r#"{"in_data": 41}"#,
    ]));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["operations"][0]["name"], "RpcEcho.AddOne");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data.json");
    std::fs::write(&file, r#"{"len": 3, "in_data": [1, 2, 3]}"#).unwrap();
    let report = json(&run(&[
        "--mix",
        "EchoData=75,AddOne=25",
        "--args",
        &format!("EchoData={}", file.display()),
        "--args",
        r#"AddOne={"in_data": "0x29"}"#,
    ]));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["operations"][0]["share"], 0.75);

    for (more, expected) in [
        (&[][..], "--call"),
        (&["--call", "AddTwo"], "did you mean `RpcEcho.AddOne`?"),
        (&["--call", "AddOne"], "in_data: is missing"),
        (
            &["--call", "AddOne", "--args", r#"{"in_dat": 1}"#],
            "did you mean `in_data`?",
        ),
        (
            &["--mix", "AddOne,EchoData", "--args", "{}"],
            "say of which operation",
        ),
    ] {
        let (code, said) = failure(&run(more));
        assert_eq!(code, Some(1), "{more:?}: {said}");
        assert!(said.contains(expected), "{more:?}: {said}");
        let speaks_of_parameters = said.contains(".in or .out");
        assert!(!speaks_of_parameters, "not what --call takes: {said}");
    }
}

/// rpcecho and the management interface that every server has, over the same connections.
#[test]
fn a_mix_can_have_operations_of_several_interfaces() {
    let echo = std::fs::read_to_string(IDL).unwrap();
    let mgmt = std::fs::read_to_string(IDL.replace("rpcecho", "mgmt")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let defined = |name: &str, second: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, format!("{echo}\n{second}")).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let run = |target: &[&str], idl: &str| {
        let common = "-c 2 -o 1 --think-time 1us -d 0.3 -w 0 --json --accept-invalid";
        let mix = "RpcEcho.AddOne=80,mgmt.is_server_listening=20";
        let args = r#"RpcEcho.AddOne={"in_data": 41}"#;
        let more = ["--idl", idl, "--mix", mix, "--args", args];
        loadgen_with(common, &[target, &more].concat())
    };
    let report = json(&run(&[], &defined("both.idl", &mgmt)));
    assert!(report["completed"].as_u64().unwrap() > 10, "{report}");
    assert_eq!(report["errors"], serde_json::json!({}));
    let all = serde_json::json!({"at_start": 2, "at_end": 2, "throughout": 2});
    assert_eq!(report["connections_up"], all);
    let expected = serde_json::json!([
        {"name": "RpcEcho.AddOne", "share": 0.8},
        {"name": "mgmt.is_server_listening", "share": 0.2},
    ]);
    assert_eq!(report["operations"], expected);

    // A server without one of them.
    let (_runtime, target) = echo_server();
    let idl = defined("other.idl", &mgmt.replace("afa8bd80", "afa8bd81"));
    let (code, said) = failure(&run(&[&target], &idl));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("RPC_S_UNKNOWN_IF"), "{said}");
    let (code, said) = failure(&run(&[], &idl));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("needs a target"), "{said}");
}

#[test]
fn one_call_shows_its_result_as_json() {
    let (runtime, target) = echo_server();
    let call = |target: &str, operation: &str, arguments: &str| {
        let line = format!("call {target} --idl {IDL} --call {operation} --args");
        loadgen_with(&line, &[arguments])
    };
    for target in [target.clone(), target.replace(']', ",ndr64]")] {
        let call = |operation, arguments| call(&target, operation, arguments);
        let outcome = json(&call("EchoData", r#"{"len": 3, "in_data": "0a0b0c"}"#));
        assert_eq!(outcome["status"], "RPC_S_OK");
        assert_eq!(outcome["out"], serde_json::json!({"out_data": "0a0b0c"}));
        assert_eq!(outcome["error"], Value::Null);
        let outcome = json(&call("RpcEcho.TestCall", r#"{"s1": "hello"}"#));
        assert_eq!(outcome["out"], serde_json::json!({"s2": "hello"}));
    }
    drop(runtime);

    let gone = call(&target, "AddOne", r#"{"in_data": 1}"#);
    assert_eq!(gone.status.code(), Some(2));
    let outcome: Value = serde_json::from_slice(&gone.stdout).unwrap();
    assert_eq!(outcome["out"], Value::Null);
    assert_eq!(outcome["status"], "RPC_S_SERVER_UNAVAILABLE");
}
