//! Holds ours against Samba's.

use std::collections::BTreeMap;
use annulus_ndr_oracle::{Form, Operation};

#[derive(serde::Deserialize)]
struct Line { id: u64, name: String, variant: String, direction: String, ndr64: bool, bigendian: bool, hex: String }

fn unhex(s: &str) -> Vec<u8> { (0..s.len()/2).map(|i| u8::from_str_radix(&s[2*i..2*i+2],16).unwrap()).collect() }

#[test]
fn scratch() {
    let text = std::fs::read_to_string("/tmp/v.jsonl").unwrap();
    let mut groups: BTreeMap<u64, Vec<(Line, Vec<u8>)>> = BTreeMap::new();
    for l in text.lines() { let l: Line = serde_json::from_str(l).unwrap(); let b = unhex(&l.hex); groups.entry(l.id).or_default().push((l,b)); }
    let mut seen: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut total=0;
    for g in groups.values() {
        let l = &g[0].0;
        let Some(op) = Operation::named(&l.name) else { seen.entry(format!("{} MISSING", l.name)).or_default().0+=1; continue };
        let codec = if l.direction=="in" { op.request } else { op.reply };
        let twin = [&g[0].1, &g[2].1];
        for (l, b) in g {
            let f = Form::new(l.ndr64, l.bigendian);
            for n in [false,true] {
                total+=1;
                let w = (codec.recode)(b, f, n);
                let want = twin[n as usize];
                let problem = match w { Err(e) => format!("{e}\n      {}", l.hex), Ok(w) if &w != want => format!("bytes\n   want {}\n   have {}\n  value {}", hex(want), hex(&w), (codec.show)(b,f).unwrap()), _ => continue };
                let e = seen.entry(format!("{} {} {} n64={} be={} -> n64={}", l.name, l.variant, l.direction, l.ndr64, l.bigendian, n)).or_insert((0,problem.clone()));
                e.0+=1; if problem.len() < e.1.len() { e.1 = problem; }
            }
        }
    }
    for (k,(n,p)) in &seen { println!("{n} {k}: {p}"); }
    println!("{total} checks {} kinds bad", seen.len());
}
fn hex(b:&[u8])->String { b.iter().map(|x| format!("{x:02x}")).collect() }
