//! YAML that means what kubectl makes of it (YAML 1.1 as sigs.k8s.io/yaml reads it), with places for errors.
//!
//! The rules are those of go-yaml 2, because that is what kubectl, Helm and kustomize read manifests with:
//! `0644` is 420, `yes` is true, `1:30` is a string, `<<` merges, of duplicate keys the last wins.

mod block;
#[cfg(test)]
mod block_tests;
mod compose;
mod emit;
#[cfg(test)]
mod emit_tests;
mod json_stream;
mod key_order;
mod parse;
mod positions;
mod scalar;
mod style;
mod timestamp;

pub use emit::{KeyOrder, to_yaml, to_yaml_with};
pub use parse::{Document, Parsed, parse_documents};
pub use positions::Positions;
