//! The program as a user runs it.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::Value;

fn loadgen(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(arguments)
        .output()
        .expect("loadgen can be started")
}

fn json(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("standard output is JSON and nothing else")
}

#[test]
fn a_closed_loop_completes_all_that_it_sends() {
    let report = json(&loadgen(&[
        "-c", "3", "-o", "5", "-p", "100", "-d", "0.3", "-w", "0.1", "--json",
    ]));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["sent"], report["completed"]);
    assert_eq!(report["offered"], report["sent"]);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["rate"], Value::Null);
    let latency = &report["response_us"];
    let at = |name: &str| latency[name].as_f64().unwrap();
    assert!(0.0 < at("min") && at("min") <= at("p50") && at("p50") <= at("max"));
    assert!(report["server_cpu"]["percent"].as_f64().unwrap() > 0.0);
}

#[test]
fn calls_go_over_unix_sockets_too() {
    let name = format!("annulus-loadgen-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args([
            "--listen",
            "ncalrpc:[echo]",
            "-d",
            "0.2",
            "-w",
            "0",
            "--json",
        ])
        .env("ANNULUS_NCALRPC_DIR", &directory)
        .output()
        .expect("loadgen can be started");
    let report = json(&output);
    assert_eq!(report["target"], "ncalrpc:[echo]");
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    std::fs::remove_dir(&directory).expect("the directory was made, and is empty again");
}

#[test]
fn an_open_loop_offers_what_was_asked_whatever_the_server_does() {
    let report = json(&loadgen(&[
        "--rate",
        "2000",
        "-d",
        "0.5",
        "-w",
        "0.1",
        "--json",
        "--accept-invalid",
    ]));
    let offered = report["offered"].as_u64().unwrap();
    let intended = report["seconds"].as_f64().unwrap() * 2_000.0;
    assert!(
        (offered as f64 - intended).abs() < 5.0,
        "{offered} offered instead of {intended}"
    );
    assert_eq!(report["completed"], report["sent"]);
    assert_eq!(report["rate"], 2000.0);
    assert!(report["pacing_error_us"]["count"].as_u64().unwrap() > 0);
}

#[test]
fn an_overloaded_open_loop_counts_what_it_could_not_send() {
    let report = json(&loadgen(&[
        "--rate",
        "1e9",
        "-c",
        "1",
        "-o",
        "1",
        "-d",
        "0.2",
        "-w",
        "0",
        "--json",
        "--accept-invalid",
    ]));
    assert_eq!(report["verdict"]["valid"], false);
    assert!(report["offered"].as_u64() > report["sent"].as_u64());
    let offered = report["offered"].as_f64().unwrap();
    let intended = report["seconds"].as_f64().unwrap() * 1e9;
    assert!(
        (offered / intended - 1.0).abs() < 0.01,
        "{offered} offered instead of {intended}"
    );
    assert!(
        report["response_us"]["max"].as_f64().unwrap() > 1e5,
        "waiting for a free place counts as latency: {report}"
    );
}

#[test]
fn a_warm_up_that_could_not_send_all_leaves_the_measurement_alone() {
    let report = json(&loadgen(&[
        "--rate",
        "1e7",
        "-c",
        "1",
        "-o",
        "1",
        "-d",
        "0.3",
        "-w",
        "0.3",
        "--json",
        "--accept-invalid",
    ]));
    let intended = report["seconds"].as_f64().unwrap() * 1e7;
    let offered = report["offered"].as_f64().unwrap();
    assert!(
        (offered / intended - 1.0).abs() < 0.01,
        "{offered} offered instead of {intended}"
    );
    assert!(report["completed"].as_u64().unwrap() > 0);
}

#[test]
fn the_table_has_all_rows() {
    let output = loadgen(&["-d", "0.2", "-w", "0"]);
    let table = String::from_utf8(output.stdout).unwrap();
    for row in [
        "target",
        "load",
        "ring",
        "offered",
        "sent",
        "completed",
        "errors",
        "calls/s",
        "MB/s",
        "response",
        "service",
        "CPU",
    ] {
        assert!(table.contains(row), "{row} is missing in:\n{table}");
    }
}

/// The exit status and what was said on standard error.
fn failure(arguments: &[&str]) -> (Option<i32>, String) {
    let output = loadgen(arguments);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), message)
}

#[test]
fn a_server_that_is_not_there_is_named_and_exits_with_2() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = format!("ncacn_ip_tcp:127.0.0.1[{free}]");
    let no_mapper = format!("ncacn_ip_tcp:127.0.0.1[,mapper={free}]");
    for target in [nobody, no_mapper] {
        let (code, message) = failure(&[&target]);
        assert_eq!(code, Some(2), "{target}: {message}");
        assert!(message.contains("RPC_S_SERVER_UNAVAILABLE"), "{message}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_1() {
    for (arguments, expected) in [
        (&["host[http]"][..], "expected a port"),
        (&["--cores", "4095"][..], "core 4095"),
        (&["--rate", "0"][..], "--rate"),
        (&["--mix", "Ping"][..], "no operation of rpcecho"),
        (&["--replay", "/nonexistent"][..], "/nonexistent"),
    ] {
        let (code, message) = failure(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn what_nobody_reads_ends_quietly() {
    for arguments in [&["-d", "0.1", "-w", "0"][..], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        let (errors, error_writer) = std::io::pipe().unwrap();
        drop((reader, errors));
        let status = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(arguments)
            .stdout(writer)
            .stderr(error_writer)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(141), "{arguments:?}");
    }
}

#[test]
fn a_missed_objective_exits_with_3_and_says_what_was_seen() {
    let run = ["-d", "0.3", "-w", "0", "--quiet", "--slo"];
    let (code, message) = failure(&[&run[..], &["p50<1ns"]].concat());
    assert_eq!(code, Some(3), "{message}");
    assert!(
        message.contains("p50 <") && message.contains("was missed"),
        "{message}"
    );
    let (code, message) = failure(&[&run[..], &["p50<1h,errors<1%,rate>1"]].concat());
    assert_eq!(code, Some(0), "{message}");
}

#[test]
fn a_run_that_the_client_could_not_keep_up_with_exits_with_4() {
    let (code, message) = failure(&["--rate", "1e8", "-d", "0.3", "-w", "0", "--quiet"]);
    assert_eq!(code, Some(4), "{message}");
    assert!(message.contains("invalid"), "{message}");
}

/// The trace is an account of each call that owes nothing to the histograms.
#[test]
fn percentiles_are_those_of_the_full_trace() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("calls.csv");
    let report = json(&loadgen(&[
        "--rate",
        "5000",
        "-d",
        "1",
        "-w",
        "0.1",
        "--json",
        "--accept-invalid",
        "--trace-file",
        trace.to_str().unwrap(),
    ]));
    let mut response = Vec::new();
    let mut service = Vec::new();
    for line in std::fs::read_to_string(&trace).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let at = |index: usize| fields[index].parse::<u64>().unwrap();
        assert_eq!(fields[3..], ["EchoData", "ok"]);
        response.push(at(2) - at(0));
        service.push(at(2) - at(1));
    }
    assert_eq!(response.len() as u64, report["completed"].as_u64().unwrap());
    for (name, mut times) in [("response_us", response), ("service_us", service)] {
        times.sort_unstable();
        for (key, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let rank = (share * times.len() as f64).ceil() as usize;
            let exact = times[rank - 1] as f64 / 1e3;
            let seen = report[name][key].as_f64().unwrap();
            // Three digits.
            let is_near = (exact..=exact * 1.002).contains(&seen);
            assert!(
                is_near,
                "{name} {key}: {seen} µs, and the trace says {exact} µs"
            );
        }
        assert_eq!(
            report[name]["p99_99"],
            Value::Null,
            "5000 calls cannot tell it"
        );
    }
}

#[test]
fn mixed_operations_and_payloads_are_all_answered() {
    let report = json(&loadgen(&[
        "--mix",
        "Echo=40,Add=20,Sink=20,Source=20",
        "-p",
        "lognormal:1KiB,1",
        "-d",
        "0.4",
        "-w",
        "0.1",
        "--json",
        "--seed",
        "9",
    ]));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["operations"].as_array().unwrap().len(), 4);
}

#[test]
fn a_trace_is_replayed_call_by_call() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("arrivals");
    let lines: Vec<String> = (0..100)
        .map(|call| (call * 2_000_000).to_string())
        .collect();
    std::fs::write(&trace, lines.join("\n")).unwrap();
    let report = json(&loadgen(&[
        "--replay",
        trace.to_str().unwrap(),
        "-w",
        "0",
        "--json",
        "--accept-invalid",
    ]));
    assert_eq!(report["offered"], 100);
    assert_eq!(report["completed"], 100);
}

#[test]
fn merged_results_have_all_calls() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let mut completed = 0;
    for agent in ["0", "1"] {
        let (out, hlog) = (
            path(&format!("{agent}.json")),
            path(&format!("{agent}.hlog")),
        );
        let report = json(&loadgen(&[
            "-d", "0.3", "-w", "0", "--quiet", "--json", "--agent", agent, "--out", &out, "--hlog",
            &hlog,
        ]));
        completed += report["completed"].as_u64().unwrap();
    }
    let runs = loadgen(&["merge", "--json", &path("0.json"), &path("1.json")]);
    // Two agents that did not run at the same time: the whole is not what it seems.
    assert_eq!(runs.status.code(), Some(4));
    let runs: Value = serde_json::from_slice(&runs.stdout).unwrap();
    assert_eq!(runs["completed"], completed);
    assert_eq!(runs["response_us"]["count"], completed);
    let logs = json(&loadgen(&[
        "merge",
        "--json",
        &path("0.hlog"),
        &path("1.hlog"),
    ]));
    assert_eq!(logs["response_us"]["p50"], runs["response_us"]["p50"]);
    assert_eq!(logs["service_us"]["count"], completed);
}

#[test]
fn a_run_is_the_same_as_itself() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run.json");
    let out = out.to_str().unwrap();
    json(&loadgen(&[
        "-d", "0.4", "-w", "0", "--quiet", "--json", "--out", out,
    ]));
    let comparison = json(&loadgen(&["compare", "--json", out, out]));
    for change in comparison["changes"].as_array().unwrap() {
        assert_eq!(change["before"], change["after"]);
        assert_ne!(change["finding"], "slower");
    }
    let (code, message) = failure(&["compare", out, "/nonexistent"]);
    assert_eq!(code, Some(1), "{message}");
}

#[test]
fn shells_and_manuals_know_all_commands() {
    let bash = loadgen(&["completions", "bash"]);
    let bash = String::from_utf8(bash.stdout).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man");
    assert!(loadgen(&["man", pages.to_str().unwrap()]).status.success());
    for command in ["run", "merge", "compare"] {
        assert!(bash.contains(command), "{command}");
        let page = pages.join(format!("loadgen-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
}

#[test]
fn the_highest_rate_is_searched_for() {
    let quick = [
        "-d",
        "0.1",
        "-w",
        "0",
        "--quiet",
        "--json",
        "--accept-invalid",
    ];
    let bounds = [
        "--from",
        "100",
        "--to",
        "400",
        "--confirm",
        "1",
        "--repeat",
        "2",
    ];
    let search = |slo| loadgen(&[&["max", "--slo", slo], &bounds[..], &quick].concat());
    let found = search("p50<1ns");
    assert_eq!(found.status.code(), Some(3));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["rate"], Value::Null);
    assert_eq!(found["steps"].as_array().unwrap().len(), 1);
    let found: Value = serde_json::from_slice(&search("rate>1").stdout).unwrap();
    let steps = found["steps"].as_array().unwrap();
    assert_eq!(steps[0]["rate"], 100.0);
    assert!(
        steps[0]["calls_per_second"].as_f64().unwrap() > 50.0,
        "{found}"
    );
}

#[test]
fn a_curve_has_a_point_for_each_rate_and_a_report() {
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("curve.html");
    let curve = json(&loadgen(&[
        "curve",
        "--rates",
        "200..600/200",
        "--shuffle",
        "--repeat",
        "2",
        "-d",
        "0.2",
        "-w",
        "0",
        "--quiet",
        "--json",
        "--accept-invalid",
        "--html",
        html.to_str().unwrap(),
    ]));
    let points = curve["points"].as_array().unwrap();
    let rates: Vec<_> = points
        .iter()
        .map(|point| point["rate"].as_f64().unwrap())
        .collect();
    assert_eq!(rates, [200.0, 200.0, 400.0, 400.0, 600.0, 600.0]);
    let html = std::fs::read_to_string(html).unwrap();
    assert!(
        html.contains("Response time against load") && html.ends_with("</html>\n"),
        "{html}"
    );
    assert!(html.contains(" of 6 runs are invalid, and shown all the same."));
    assert!(html.contains("<circle"), "{html}");
}

#[test]
fn a_report_needs_no_network() {
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("report.html");
    let html_path = html.to_str().unwrap();
    json(&loadgen(&[
        "-d", "0.4", "-w", "0", "--quiet", "--json", "--html", html_path,
    ]));
    let html = std::fs::read_to_string(&html).unwrap();
    assert_eq!(html.matches("<svg").count(), 3, "{html}");
    for outside in ["src=", "href=", "@import", "url(", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn the_client_knows_its_own_ceiling() {
    let directory = tempfile::tempdir().unwrap();
    let raw = directory.path().join("raw");
    let script =
        "#!/bin/sh\n[ \"$1 $2\" = '--connections 64' ] && echo '{\"calls_per_second\": 1e9}'\n";
    std::fs::write(&raw, script).unwrap();
    std::fs::set_permissions(&raw, PermissionsExt::from_mode(0o755)).unwrap();
    let raw = raw.to_str().unwrap();
    let selftest = json(&loadgen(&[
        "selftest",
        "-d",
        "0.2",
        "--json",
        "--raw-limit",
        raw,
    ]));
    let ceiling = selftest["ceiling"]["calls_per_second"].as_f64().unwrap();
    let reached = selftest["raw_limit"]["reached"].as_f64().unwrap();
    assert!((reached * 1e9 / ceiling - 1.0).abs() < 1e-6, "{reached}");
    for run in ["ceiling", "floor", "paced"] {
        let run = &selftest[run];
        assert!(run["completed"].as_u64().unwrap() > 0, "{run}");
        assert_eq!(run["errors"], serde_json::json!({}));
    }
}

#[test]
fn the_doctor_looks_at_everything_and_says_what_to_do() {
    let output = loadgen(&["doctor"]);
    let findings = String::from_utf8(output.stdout).unwrap();
    for name in [
        "kernel",
        "ring",
        "open files",
        "clock source",
        "wall clock",
        "loopback",
        "CPU steal",
        "scheduling",
    ] {
        assert!(findings.contains(name), "{name} is missing in:\n{findings}");
    }
    let is_bad = findings.contains("BAD");
    assert_eq!(
        output.status.code(),
        Some(if is_bad { 4 } else { 0 }),
        "{findings}"
    );
}

/// rpcecho in this process, and a mapper that knows its port.
#[test]
fn a_server_of_someone_else_is_found_by_its_mapper_and_called_with_raw_stub_data() {
    use annulus::epmapper::{self, EndpointMap, EndpointMapper};
    use annulus::rpcecho::{self, EchoServer};
    use annulus::{Config, Cores, Runtime, Server};

    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let server = || Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let map = EndpointMap::default();
    let mapper = epmapper::interface(EndpointMapper::new(map.clone()));
    let mapping = runtime.serve(server().interface(mapper)).unwrap();
    let echo = server().interface(rpcecho::interface(EchoServer::default()));
    let _serving = runtime.serve(echo.register_endpoints(&map)).unwrap();

    let port = mapping.bindings()[0].port().unwrap();
    let target = format!("127.0.0.1[,mapper={port}]");
    let run = [
        target.as_str(),
        "-c",
        "2",
        "-d",
        "0.3",
        "-w",
        "0",
        "--json",
        "--accept-invalid",
    ];
    let report = json(&loadgen(&run));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));

    // AddOne(41), and an operation that is not there.
    let raw = [
        "--uuid",
        "60a15ec5-4de8-11d7-a637-005056a20182:1.0",
        "--stub",
        "29000000",
        "--opnum",
    ];
    let report = json(&loadgen(&[&run[..], &raw, &["0"]].concat()));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    let report = json(&loadgen(&[&run[..], &raw, &["99"]].concat()));
    assert_eq!(report["completed"], 0);
    let faults = report["errors"]["fault RPC_S_PROCNUM_OUT_OF_RANGE"].as_u64();
    assert_eq!(faults, report["sent"].as_u64());
    assert_eq!(report["verdict"]["valid"], false);
}

/// A process and an exporter that answers and one that is not there: the run goes on in any case.
#[test]
fn a_server_is_sampled_while_it_is_measured() {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let exporter = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for scrape in 0.. {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            let _ = stream.read(&mut [0; 1024]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\n\r\n# TYPE scrapes counter\nscrapes{{by=\"us\"}} {scrape}\n"
            );
        }
    });
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/metrics", free.local_addr().unwrap());
    drop(free);
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("report.html");
    let report = json(&loadgen(&[
        "-d",
        "1",
        "-w",
        "0.3",
        "--quiet",
        "--json",
        "--server-metrics",
        &std::process::id().to_string(),
        "--server-metrics",
        &exporter,
        "--server-metrics",
        &nobody,
        "--html",
        html.to_str().unwrap(),
    ]));
    let [process, exported, missing] = report["server_metrics"].as_array().unwrap().as_slice()
    else {
        panic!("{}", report["server_metrics"]);
    };
    let names = |it: &Value| -> Vec<String> {
        let series = it["series"].as_array().unwrap().iter();
        series
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    };
    for name in ["CPU", "RSS", "involuntary context switches", "open files"] {
        assert!(names(process).iter().any(|it| it == name), "{process}");
    }
    let count = process["times"].as_array().unwrap().len();
    assert!((2..=25).contains(&count), "{count} samples in a second");
    assert_eq!(names(exported), ["scrapes"]);
    let scrapes = exported["series"][0]["mean"].as_f64().unwrap();
    assert!(
        0.0 < scrapes && scrapes < 4.5,
        "four times a second at most: {scrapes}"
    );
    assert_eq!(names(missing), [""; 0]);
    assert!(missing["failures"].as_u64() > Some(0), "{missing}");
    let why = missing["problems"][0].as_str().unwrap();
    assert!(why.contains("cannot be reached"), "{why}");
    let html = std::fs::read_to_string(html).unwrap();
    assert!(html.contains("Server: http://") && html.contains("by=&quot;us&quot;"));
}

/// rpcecho by its definition, in both transfer syntaxes, and what is wrong with a command line said.
#[test]
fn an_interface_is_called_by_its_definition() {
    let idl = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/idl/rpcecho.idl");
    let run = |more: &[&str]| {
        let common = [
            "--idl",
            idl,
            "-c",
            "2",
            "-d",
            "0.3",
            "-w",
            "0",
            "--json",
            "--accept-invalid",
        ];
        loadgen(&[&common[..], more].concat())
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
        let output = run(more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {said}");
        assert!(said.contains(expected), "{more:?}: {said}");
        let speaks_of_parameters = said.contains(".in or .out");
        assert!(!speaks_of_parameters, "not what --call takes: {said}");
    }
}

#[test]
fn one_call_shows_its_result_as_json() {
    use annulus::rpcecho::{self, EchoServer};
    use annulus::{Config, Cores, Runtime, Server};

    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
        .unwrap()
        .interface(rpcecho::interface(EchoServer::default()));
    let serving = runtime.serve(server).unwrap();
    let port = serving.bindings()[0].port().unwrap();
    let idl = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/idl/rpcecho.idl");
    for target in [
        format!("ncacn_ip_tcp:127.0.0.1[{port}]"),
        format!("ncacn_ip_tcp:127.0.0.1[{port},ndr64]"),
    ] {
        let call = |operation: &str, arguments: &str| {
            let arguments = [
                "call", &target, "--idl", idl, "--call", operation, "--args", arguments,
            ];
            loadgen(&arguments)
        };
        let outcome = json(&call("EchoData", r#"{"len": 3, "in_data": "0a0b0c"}"#));
        assert_eq!(outcome["status"], "RPC_S_OK");
        assert_eq!(outcome["out"], serde_json::json!({"out_data": "0a0b0c"}));
        assert_eq!(outcome["error"], Value::Null);
        let outcome = json(&call("RpcEcho.TestCall", r#"{"s1": "hello"}"#));
        assert_eq!(outcome["out"], serde_json::json!({"s2": "hello"}));
    }
    drop(runtime);

    let gone = loadgen(&[
        "call",
        &format!("ncacn_ip_tcp:127.0.0.1[{port}]"),
        "--idl",
        idl,
        "--call",
        "AddOne",
        "--args",
        r#"{"in_data": 1}"#,
    ]);
    assert_eq!(gone.status.code(), Some(2));
    let outcome: Value = serde_json::from_slice(&gone.stdout).unwrap();
    assert_eq!(outcome["out"], Value::Null);
    assert_eq!(outcome["status"], "RPC_S_SERVER_UNAVAILABLE");
}

#[test]
fn calls_are_cancelled_as_asked() {
    let report = json(&loadgen(&[
        "--cancel-rate",
        "50%",
        "--cancel-after",
        "0",
        "-c",
        "2",
        "-o",
        "4",
        "-d",
        "0.3",
        "-w",
        "0",
        "--json",
        "--accept-invalid",
    ]));
    let number = |value: &Value| value.as_u64().unwrap();
    let (sent, completed) = (number(&report["sent"]), number(&report["completed"]));
    let cancelled = number(&report["errors"]["cancelled"]);
    assert_eq!(completed + cancelled, sent);
    assert!(
        cancelled > sent / 4 && completed > 0,
        "{cancelled} of {sent}"
    );
    assert_eq!(report["response_us"]["count"], completed);
    assert_eq!(report["cancelling"], "50 % after 0ns, abortive");
    assert_eq!(loadgen(&["--cancel-after", "1ms"]).status.code(), Some(1));
}
