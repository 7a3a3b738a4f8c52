//! Builtins whose names a file uses for something of its own.
//!
//! At the top level of a file a name means the builtin until the file gives it another meaning: Tilt's language resolves
//! it where it stands, so that `k8s_context = k8s_context()` calls the builtin and then names its result. The starlark
//! crate resolves it for the file as a whole, and would say that it has no value yet.

use std::collections::HashMap;
use std::sync::LazyLock;

use starlark::environment::Module;
use starlark::syntax::AstModule;
use starlark::values::{FrozenValue, Value};
use starlark_syntax::syntax::ast::{AssignTarget, AstStmt, Stmt};

use super::globals;

/// The builtins by name; looked up for a few names of every file.
static BUILTINS: LazyLock<HashMap<&str, FrozenValue>> = LazyLock::new(|| globals::globals().iter().collect());

/// Gives the names of builtins that the file assigns at its top level their builtins as first values. The names of `load`
/// are left alone: nothing else can be loaded under them in the same file.
pub(super) fn keep_until_assigned(module: &Module<'_>, ast: &AstModule) {
    assigned(ast.statement(), &mut |name| {
        if let Some(builtin) = BUILTINS.get(name) {
            module.set(name, builtin.to_value());
        }
    });
}

/// Whether a name of a module still means the builtin.
pub(super) fn is_builtin(name: &str, value: Value<'_>) -> bool {
    BUILTINS.get(name).is_some_and(|builtin| builtin.to_value().ptr_eq(value))
}

/// Tells the names that a statement assigns outside of functions.
fn assigned(statement: &AstStmt, tell: &mut impl FnMut(&str)) {
    let mut target = |target: &AssignTarget| target.visit_lvalue(|name| tell(&name.node.ident));
    match &statement.node {
        Stmt::Assign(assign) => target(&assign.lhs.node),
        Stmt::AssignModify(modified, ..) => target(&modified.node),
        Stmt::For(for_) => {
            target(&for_.var.node);
            assigned(&for_.body, tell);
        }
        Stmt::Def(def) => tell(&def.name.node.ident),
        _ => statement.node.visit_stmt(|inner| assigned(inner, tell)),
    }
}
