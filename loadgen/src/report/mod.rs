//! The result of a run, for people and for programs.

pub(crate) mod hlog;
pub(crate) mod live;
pub(crate) mod run_file;
pub(crate) mod table;
