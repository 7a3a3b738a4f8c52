//! Errors and warnings about the user's own files: a place, a message, and what to do about it.

mod count;
mod diagnostic;
mod embedded;
mod render;
mod span;
mod suggestion;

pub use count::count;
pub use diagnostic::{Diagnostic, Frame, Related, Severity};
pub use embedded::{Embedded, set_embedded};
pub use render::{RenderStyle, render, render_with};
pub use span::{Position, Span, Spanned};
pub use suggestion::did_you_mean;
