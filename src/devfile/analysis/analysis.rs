//! The names of a file: where they are defined, where they are used.

use std::path::Path;

use super::checks;
use super::walk::{self, CallSyntax};
use crate::devfile::language::failure::Failure;
use crate::devfile::language::source;
use crate::diagnostic::{Diagnostic, Position, Span};

/// How a name comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefinitionKind {
    /// `def`.
    Function,
    /// An assignment, or the variable of a loop.
    Variable,
    /// A parameter of a `def` or a `lambda`.
    Parameter,
    /// `load`.
    Loaded,
}

/// A place where a name gets a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name.
    pub name: String,
    /// How it comes to be.
    pub kind: DefinitionKind,
    /// The name in the text.
    pub span: Span,
    /// The function or comprehension that it is visible in; `None` for the whole file.
    pub scope: Option<Span>,
    /// Of a `def`: how it is called.
    pub signature: String,
    /// Of a `def`: the names of its parameters; those with a star are not among them.
    pub parameters: Vec<String>,
    /// Of a `def`: the text that it begins with.
    pub documentation: String,
}

/// A name in an expression, with its attributes: `os.path.join`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The names in their order.
    pub path: Vec<String>,
    /// From the first name to the last.
    pub span: Span,
    /// The place of the last name.
    pub last: Span,
}

/// A name that `load` brings into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedName {
    /// The name here.
    pub local: String,
    /// The name in the other file.
    pub theirs: String,
    /// The place of the name in the other file's words.
    pub span: Span,
}

/// A `load`, `include` or `load_dynamic` with a literal path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadStatement {
    /// The path as written.
    pub path: String,
    /// The place of the path.
    pub span: Span,
    /// What it brings; empty unless it is a `load`.
    pub names: Vec<LoadedName>,
}

/// What is known of a text.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// What is wrong with it, as far as it can be told without running it.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the text could be read at all; if not, everything below is empty.
    pub is_readable: bool,
    /// In the order of the text.
    pub definitions: Vec<Definition>,
    /// Every use of a name.
    pub references: Vec<Reference>,
    /// Every file that it loads.
    pub loads: Vec<LoadStatement>,
    /// Every call, for the checks.
    pub(super) calls: Vec<CallSyntax>,
    /// Names of keyword arguments with the name of the function that is called.
    pub keywords: Vec<(Vec<String>, String, Span)>,
}

/// Reads the text of `file`.
pub fn analyse(file: &Path, text: &str) -> Analysis {
    let ast = match source::parse(file, text) {
        Ok(ast) => ast,
        Err(error) => {
            let failure = Failure::from(error);
            return Analysis { diagnostics: vec![failure.into_diagnostic()], ..Analysis::default() };
        }
    };
    let mut analysis = walk::collect(&ast);
    analysis.is_readable = true;
    analysis.diagnostics = checks::problems(&analysis);
    analysis
}

impl Analysis {
    /// The definition that a name at this place refers to, if it is in this file.
    pub fn definition(&self, name: &str, at: Position) -> Option<&Definition> {
        let visible = self.definitions.iter().filter(|definition| definition.name == name && definition.is_visible(at));
        // The innermost scope wins; in it the last definition before the place, else the first behind it.
        visible.max_by_key(|definition| {
            let depth = definition.scope.as_ref().map(|scope| scope.start);
            let before = definition.span.start <= at;
            let distance = if before { definition.span.start } else { reverse(definition.span.start) };
            (depth, before, distance)
        })
    }

    /// The names that are visible at a place.
    pub fn visible(&self, at: Position) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().filter(move |definition| definition.is_visible(at))
    }

    /// The name at a place, with the names before it in a dotted expression.
    pub fn reference_at(&self, at: Position) -> Option<&Reference> {
        self.references
            .iter()
            .filter(|reference| covers(&reference.last, at))
            .min_by_key(|reference| reference.path.len())
    }
}

impl Definition {
    fn is_visible(&self, at: Position) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.start <= at && at < scope.end)
    }
}

/// Whether a place is in a span, its end included: there a cursor stands behind a word.
fn covers(span: &Span, at: Position) -> bool {
    span.start <= at && at <= span.end
}

/// Turns the order of places around.
fn reverse(position: Position) -> Position {
    Position { line: u32::MAX - position.line, column: u32::MAX - position.column }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
load('lib/Devfile', 'helper', other='theirs')
x = 1
def f(a, *rest, b=x):
    '''Does it.'''
    y = [a + n for n in rest]
    return y
f(1, b=2)
include('more')
os.path.join(x)
";

    fn position(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    #[test]
    fn names_are_found_where_they_are_defined() {
        let analysis = analyse(Path::new("/p/Devfile"), TEXT);
        assert_eq!(analysis.diagnostics, []);
        for (name, at, expected) in [
            ("x", position(3, 19), Some((2, 1))),
            ("a", position(5, 10), Some((3, 7))),
            ("n", position(5, 14), Some((5, 20))),
            ("y", position(6, 12), Some((5, 5))),
            ("y", position(7, 1), None),
            ("helper", position(7, 1), Some((1, 21))),
            ("other", position(7, 1), Some((1, 31))),
        ] {
            let found = analysis.definition(name, at).map(|found| (found.span.start.line, found.span.start.column));
            assert_eq!(found, expected, "{name}");
        }
        let f = analysis.definition("f", position(7, 1)).expect("it is there");
        assert_eq!((f.signature.as_str(), f.documentation.as_str()), ("f(a, *rest, b = x)", "Does it."));
    }

    #[test]
    fn references_and_loads_are_found() {
        let analysis = analyse(Path::new("/p/Devfile"), TEXT);
        let reference = analysis.reference_at(position(9, 10)).expect("it is there");
        assert_eq!(reference.path, ["os", "path", "join"]);
        assert_eq!(analysis.reference_at(position(9, 4)).expect("it is there").path, ["os", "path"]);
        let loads: Vec<(&str, usize)> =
            analysis.loads.iter().map(|load| (load.path.as_str(), load.names.len())).collect();
        assert_eq!(loads, [("lib/Devfile", 2), ("more", 0)]);
    }
}
