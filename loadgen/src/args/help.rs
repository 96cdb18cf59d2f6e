//! What `--help` and the manual pages have at the end of each command: examples, and what the exit status says.

/// Of the program.
pub(super) const PROGRAM: &str = "\
Examples:
  loadgen                                          an embedded server, closed loop
  loadgen run HOST                                 rpcecho at HOST, port by its endpoint mapper
  loadgen run 'ncacn_ip_tcp:HOST[49152]' -c 64 -o 1 -d 30s
  loadgen run HOST --rate 50k --slo 'p99<1ms'      open loop; exits with 3 if the objective is missed
  loadgen max HOST --slo 'p99<1ms,errors<0.01%'    the highest rate that keeps it
  loadgen curve HOST --rates 10k..200k/10k --shuffle --html curve.html
  loadgen run HOST --server-metrics http://HOST:9100/metrics --html report.html
  loadgen call HOST --idl echo.idl --call Echo.Ping --args ping.json
  loadgen run HOST --idl echo.idl --call Echo.Ping --args ping.json -d 30s
  loadgen run --pipe inout --pipe-bytes 1GiB -c 4  throughput of pipes
  loadgen run HOST --rate 50k --arrivals poisson --mix Echo=80,Add=20 -p lognormal:1KiB,0.8

Without a command, `run` is meant.

Exit status:
    0  ok
    1  usage: the command line, or a file that it names, cannot be used
    2  connect, bind or authentication failed; of `call`: or the call did
    3  an objective was missed
    4  invalid: the client was the bottleneck, connections were missing, the clock is not fit for --start-at, or
       it was interrupted; of `merge`: the results do not belong together; of `doctor`: something is BAD
    5  regression (`compare`)
  141  nobody reads the output
The help of each command says which of them it has.";

pub(super) const RUN: &str = "\
Examples:
  loadgen run HOST                                 rpcecho at HOST, port by its endpoint mapper
  loadgen run HOST --rate 50k --slo 'p99<1ms'      open loop; exits with 3 if the objective is missed
  loadgen run HOST --rate 10k..50k -d 60s --html report.html
  loadgen run HOST --uuid 60a15ec5-4de8-11d7-a637-005056a20182 --opnum 0 --stub 29000000
  loadgen run HOST -d 60s --out run.json --hlog run.hlog

Exit status:
    0  ok
    1  the command line, or a file that it names, cannot be used
    2  connect, bind or authentication failed: at the start, or of all calls
    3  an objective (--slo) was missed
    4  invalid: the client was the bottleneck, too little was answered, or connections were missing
       (--accept-invalid makes it 0 or 3); or the clock is not fit for --start-at; or it was interrupted: what
       was measured until then is shown
  141  nobody reads the output";

pub(super) const MAX: &str = "\
Examples:
  loadgen max HOST --slo 'p99<1ms,errors<0.01%'
  loadgen max HOST --slo 'p99<1ms' --from 10k --to 200k -d 10s --precision 2%

Exit status:
    0  a rate was found
    1  the command line, or a file that it names, cannot be used
    2  connect, bind or authentication failed
    3  not even the lowest rate keeps the objectives
    4  the client was the limit, or it was interrupted; the runs that were made are shown
  141  nobody reads the output";

pub(super) const CURVE: &str = "\
Examples:
  loadgen curve HOST --rates 10k..200k/10k --shuffle --html curve.html
  loadgen curve HOST --rates 10k,20k,50k --repeat 3 -d 10s --out curve.json --hlog curve.hlog

Exit status:
    0  ok
    1  the command line, or a file that it names, cannot be used
    2  connect, bind or authentication failed
    4  a run is invalid (--accept-invalid makes it 0), or it was interrupted; what was measured is shown
  141  nobody reads the output";

pub(super) const CALL: &str = "\
Examples:
  loadgen call HOST --idl echo.idl --call Echo.Ping --args ping.json
  loadgen call HOST --idl srvsvc.idl --call srvsvc.NetrRemoteTOD --args '{\"server_name\": null}'

Exit status:
    0  there was a response
    1  the command line, or a file that it names, cannot be used
    2  connect, bind or authentication failed, or the call did; the result says how
  141  nobody reads the output";

pub(super) const MERGE: &str = "\
Examples:
  loadgen merge client-*.json
  loadgen merge --json --out all.json 0.hlog 1.hlog

Exit status:
    0  ok
    1  the command line, or a file that it names, cannot be used
    4  a result is invalid, or they do not belong together
  141  nobody reads the output";

pub(super) const COMPARE: &str = "\
Examples:
  loadgen compare before.json after.json
  loadgen compare before/ after/ --margin 3%       several runs of each, paired by file name

Exit status:
    0  no regression
    1  the command line, or a file that it names, cannot be used
    4  a run is invalid (--accept-invalid makes it 0 or 5)
    5  a percentile is slower, by more than noise and the margin
  141  nobody reads the output";

pub(super) const DOCTOR: &str = "\
Exit status:
    0  nothing is BAD
    4  something is
  141  nobody reads the output";

pub(super) const SELFTEST: &str = "\
Examples:
  loadgen selftest
  loadgen selftest -d 5s --raw-limit target/release/raw

Exit status:
    0  ok
    1  the command line, or the program of --raw-limit, cannot be used
    2  the peer could not be reached
    4  it was interrupted
  141  nobody reads the output";

pub(super) const COMPLETIONS: &str = "\
Examples:
  loadgen completions bash > ~/.local/share/bash-completion/completions/loadgen

Exit status:
    0  ok
    1  the command line cannot be used
  141  nobody reads the output";

pub(super) const MAN: &str = "\
Examples:
  loadgen man ~/.local/share/man/man1

Exit status:
    0  ok
    1  the command line, or the directory, cannot be used";
