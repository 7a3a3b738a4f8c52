//! Which files do not count: dockerignore-style patterns, as data and as a decision (reference §3.13).
//!
//! The rules are those of Docker's own matcher (<https://github.com/moby/patternmatcher>), read as a language: what
//! a pattern, its order and its `!` mean. Nothing here touches a file.

mod ignore_file;
mod path_filter;
mod pattern;
mod pattern_set;
#[cfg(test)]
mod tests;

pub use ignore_file::parse_ignore_file;
pub use path_filter::{PathFilter, WatchedTree};
pub use pattern::{IgnorePattern, PatternError, PatternProblem};
pub use pattern_set::PatternSet;
