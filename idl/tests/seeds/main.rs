//! The seeds of the fuzz target `idl`, once through its check.

#[allow(unreachable_pub, reason = "the fuzz target has it as its module too")]
mod check;

#[test]
fn seeds_of_idl_hold() {
    let mut count = 0;
    for seed in std::fs::read_dir("../fuzz/seeds/idl").expect("the seeds are a part of the source")
    {
        let path = seed.expect("the folder can be listed").path();
        println!("{}", path.display());
        check::idl(&std::fs::read(&path).expect("a seed can be read"));
        count += 1;
    }
    assert!(count > 20, "{count} seeds");
}
