//! `devloop init`: a first Devfile for a folder, from what is in it. [`scan`] reads, [`write`] decides and writes down why.

mod dockerfile;
mod scan;
mod write;

pub use scan::{Chart, DockerfileFound, Findings, Kustomization, Manifest, Workload, scan};
pub use write::{Proposal, write};
