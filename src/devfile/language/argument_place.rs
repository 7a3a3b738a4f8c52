//! Where an argument of a call is written. The evaluator knows only the place of the whole call, so the file is parsed
//! again; that happens only when there is an error to show.

use starlark_syntax::syntax::ast::{Argument, AstExpr, Expr};

use super::failure::span_of;
use super::rewrite;
use super::session::read_text;
use super::source;
use crate::diagnostic::Span;

/// The argument of a parameter in the call at `call`; `position` is the parameter's place among the positional ones.
pub(crate) fn find(call: &Span, parameter: &str, position: Option<usize>) -> Option<Span> {
    let ast = source::parse(&call.file, &read_text(&call.file).ok()?).ok()?;
    let mut found = None;
    ast.statement().visit_expr(|expression| {
        visit(expression, &mut |expression| {
            let Expr::Call(_, arguments) = &expression.node else { return };
            if span_of(&ast.file_span(expression.span)) != *call {
                return;
            }
            let place = arguments.args.iter().enumerate().find_map(|(index, argument)| match &argument.node {
                Argument::Named(name, _) => (rewrite::restore(&name.node) == parameter).then_some(argument.span),
                Argument::Positional(_) => (position == Some(index)).then_some(argument.span),
                Argument::Args(_) | Argument::KwArgs(_) => None,
            });
            found = place.map(|place| span_of(&ast.file_span(place)));
        });
    });
    found
}

/// An expression and all in it. The closure comes as a pointer: a generic function that calls itself with another
/// closure type would never end.
fn visit(expression: &AstExpr, action: &mut dyn FnMut(&AstExpr)) {
    action(expression);
    expression.visit_expr(|inner| visit(inner, action));
}
