//! What a run leaves: tables, files, reports, and what is made of several.

use serde_json::Value;

use crate::{command, failure, json, loadgen, loadgen_with};

#[test]
fn the_table_has_all_rows() {
    let output = loadgen("-d 0.2 -w 0");
    let table = String::from_utf8(output.stdout).unwrap();
    for row in [
        "target",
        "load",
        "connections    16 up throughout\n",
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
        let report = json(&loadgen_with(
            "-d 0.3 -w 0 --quiet --json --agent",
            &[agent, "--out", &out, "--hlog", &hlog],
        ));
        completed += report["completed"].as_u64().unwrap();
    }
    let runs = loadgen_with("merge --json", &[&path("0.json"), &path("1.json")]);
    // Two agents that did not run at the same time: the whole is not what it seems.
    assert_eq!(runs.status.code(), Some(4));
    let runs: Value = serde_json::from_slice(&runs.stdout).unwrap();
    assert_eq!(runs["completed"], completed);
    assert_eq!(runs["response_us"]["count"], completed);
    let logs = loadgen_with("merge --json", &[&path("0.hlog"), &path("1.hlog")]);
    assert_eq!(logs.status.code(), Some(4), "a log names its agent, too");
    let logs: Value = serde_json::from_slice(&logs.stdout).unwrap();
    let agents = logs["sources"].as_array().unwrap().iter();
    assert!(agents.map(|it| &it["agent"]).eq(&["0", "1"]), "{logs}");
    assert_eq!(logs["response_us"]["p50"], runs["response_us"]["p50"]);
    assert_eq!(logs["service_us"]["count"], completed);
    let both = json(&loadgen_with(
        "merge --json",
        &[&path("0.hlog"), &path("0.json")],
    ));
    assert_eq!(both["response_us"]["count"], both["completed"]);
    let note = both["notes"][0].as_str().unwrap();
    assert!(note.contains("0.hlog is of the same run as"), "{note}");
}

#[test]
fn a_run_is_the_same_as_itself() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run.json");
    let out = out.to_str().unwrap();
    json(&loadgen_with("-d 0.4 -w 0 --quiet --json --out", &[out]));
    let comparison = json(&loadgen_with("compare --json", &[out, out]));
    for change in comparison["changes"].as_array().unwrap() {
        assert_eq!(change["before"], change["after"]);
        assert_ne!(change["finding"], "slower");
    }
    let (code, message) = failure(&loadgen_with("compare", &[out, "/nonexistent"]));
    assert_eq!(code, Some(1), "{message}");
}

#[test]
fn invalid_runs_are_compared_only_if_they_are_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run.json");
    let out = out.to_str().unwrap();
    let run = loadgen_with("--rate 1e8 -d 0.4 -w 0 --quiet --json --out", &[out]);
    assert_eq!(run.status.code(), Some(4));
    let (code, message) = failure(&loadgen_with("compare", &[out, out]));
    assert_eq!(code, Some(4), "{message}");
    assert!(message.contains("run.json is invalid: "), "{message}");
    let accepted = json(&loadgen_with(
        "compare --accept-invalid --json",
        &[out, out],
    ));
    assert_eq!(accepted["invalid_because"].as_array().unwrap().len(), 2);
}

#[test]
fn the_highest_rate_is_searched_for() {
    let me = std::process::id();
    let bounds = "--from 100 --to 400 --confirm 1 --repeat 2";
    let quick = format!("-d 0.1 -w 0 --quiet --json --accept-invalid --server-metrics {me}");
    let search = |slo| loadgen_with(&format!("max {bounds} {quick} --slo"), &[slo]);
    let found = search("p50<1ns");
    assert_eq!(found.status.code(), Some(3));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["rate"], Value::Null);
    assert_eq!(found["steps"].as_array().unwrap().len(), 1);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (out, html) = (path("max.json"), path("max.html"));
    let hlog = path("max.hlog");
    let files = ["rate>1", "--out", &out, "--html", &html, "--hlog", &hlog];
    let found = loadgen_with(&format!("max {bounds} {quick} --slo"), &files);
    assert_eq!(std::fs::read(out).unwrap(), found.stdout);
    let html = std::fs::read_to_string(html).unwrap();
    assert!(html.contains("Response time against load"), "{html}");
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["interrupted"], false);
    let steps = found["steps"].as_array().unwrap();
    let merged = json(&loadgen_with("merge --json", &[&hlog]));
    assert_eq!(merged["sources"].as_array().unwrap().len(), steps.len());
    assert_eq!(merged["sources"][0]["run"], "rate=100:run=1");
    assert_eq!(steps[0]["rate"], 100.0);
    for step in steps {
        assert_eq!(step["server_metrics"][0]["source"], format!("process {me}"));
    }
    assert!(
        steps[0]["calls_per_second"].as_f64().unwrap() > 50.0,
        "{found}"
    );
}

#[test]
fn a_curve_has_a_point_for_each_rate_and_a_report() {
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("curve.html");
    let hlog = directory.path().join("curve.hlog");
    let me = std::process::id().to_string();
    let curve = json(&loadgen_with(
        "curve --rates 200..600/200 --shuffle --repeat 2 -d 0.2 -w 0 --quiet --json --accept-invalid",
        &[
            "--html",
            html.to_str().unwrap(),
            "--server-metrics",
            &me,
            "--hlog",
            hlog.to_str().unwrap(),
        ],
    ));
    let points = curve["points"].as_array().unwrap();
    let rates: Vec<_> = points
        .iter()
        .map(|point| point["rate"].as_f64().unwrap())
        .collect();
    assert_eq!(rates, [200.0, 200.0, 400.0, 400.0, 600.0, 600.0]);
    for point in points {
        let [server] = point["server_metrics"].as_array().unwrap().as_slice() else {
            panic!("{point}");
        };
        let series = server["series"].as_array().unwrap();
        assert!(series.iter().any(|it| it["name"] == "CPU"), "{server}");
    }
    let html = std::fs::read_to_string(html).unwrap();
    assert!(
        html.contains("Response time against load") && html.ends_with("</html>\n"),
        "{html}"
    );
    assert!(html.contains(" of 6 runs are invalid, and shown all the same."));
    assert!(html.contains("<circle"), "{html}");
    let merged = json(&loadgen_with("merge --json", &[hlog.to_str().unwrap()]));
    let mut runs: Vec<_> = (merged["sources"].as_array().unwrap().iter())
        .map(|it| it["run"].as_str().unwrap())
        .collect();
    runs.sort_unstable();
    let expected = [200, 400, 600]
        .map(|rate| [1, 2].map(|run| format!("rate={rate}:run={run}")))
        .concat();
    assert_eq!(runs, expected);
    let counts = points.iter().map(|it| it["response_us"]["count"].as_u64());
    assert_eq!(
        merged["response_us"]["count"].as_u64(),
        counts.sum::<Option<u64>>()
    );
    // Response time, CPU, two of switches, RSS, files, threads.
    assert_eq!(html.matches("<svg").count(), 7, "{html}");
    assert!(html.contains(&format!("Server: process {me}<")), "{html}");
    assert!(html.contains(" samples of 6 runs, 0 failed. "), "{html}");
}

#[test]
fn a_report_needs_no_network() {
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("report.html");
    let html_path = html.to_str().unwrap();
    json(&loadgen_with(
        "-d 0.4 -w 0 --quiet --json --html",
        &[html_path],
    ));
    let html = std::fs::read_to_string(&html).unwrap();
    assert_eq!(html.matches("<svg").count(), 3, "{html}");
    for outside in ["src=", "href=", "@import", "url(", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

/// The first line of the program's standard error says where it can be scraped.
#[test]
fn a_curve_can_be_scraped_while_it_runs() {
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::process::Stdio;

    let rates = "--rates 500,700 -d 1 -w 0 --json --accept-invalid";
    let mut running = command(&format!("curve {rates} --quiet --prometheus 127.0.0.1:0"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(running.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    let address = said.trim().strip_prefix("loadgen: metrics at http://");
    let address = address.and_then(|it| it.strip_suffix("/metrics")).unwrap();
    // The process is the only one that listens there: the endpoint ends with it.
    let mut most = BTreeMap::new();
    while let Ok(mut stream) = TcpStream::connect(address) {
        let mut seen = String::new();
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        let _ = stream.read_to_string(&mut seen);
        for line in seen.lines().filter(|line| line.starts_with("loadgen_")) {
            let (series, count) = line.split_once(' ').unwrap();
            assert!(series.contains("{rate="), "{line}");
            if let Some(labels) = series.strip_prefix("loadgen_calls_completed_total") {
                let most = most.entry(labels.to_owned()).or_default();
                *most = u64::max(*most, count.parse().unwrap());
            }
        }
    }
    assert!(running.wait().unwrap().success());
    assert_eq!(most.len(), 2, "{most:?}");
    for rate in [500, 700] {
        let count = most[&format!("{{rate=\"{rate}\",run=\"1\"}}")];
        assert!(count > 0, "{most:?}");
    }
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
    let report = json(&loadgen_with(
        "-d 1 -w 0.3 --quiet --json --server-metrics",
        &[
            &std::process::id().to_string(),
            "--server-metrics",
            &exporter,
            "--server-metrics",
            &nobody,
            "--html",
            html.to_str().unwrap(),
        ],
    ));
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
