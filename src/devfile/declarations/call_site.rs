//! Where a builtin was called.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::Span;

/// Where a builtin was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// The call.
    pub span: Span,
    /// The file whose top level was executing (reference §1.3), absolute.
    pub devfile: Arc<Path>,
    /// Its folder: what relative paths of the call were resolved against.
    pub dir: PathBuf,
}
