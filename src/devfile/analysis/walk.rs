//! From the syntax tree to names and calls.

use starlark::codemap::Span as CodeSpan;
use starlark::syntax::AstModule;
use starlark_syntax::codemap::Spanned as CodeSpanned;
use starlark_syntax::syntax::ast::{
    Argument, AssignIdent, AssignTarget, AstAssignTarget, AstExpr, AstLiteral, AstParameter, AstStmt, Clause, Expr,
    ForClause, Parameter, Stmt,
};

use super::analysis::{Analysis, Definition, DefinitionKind, LoadStatement, LoadedName, Reference};
use crate::devfile::language::failure::span_of;
use crate::devfile::language::rewrite;
use crate::diagnostic::Span;

/// A call as written.
#[derive(Clone, Debug)]
pub(super) struct CallSyntax {
    /// What is called, as names: `os.path.join`.
    pub path: Vec<String>,
    /// The place of the name.
    pub name: Span,
    /// How many arguments are given by position.
    pub positional: usize,
    /// The place of each argument by position.
    pub positions: Vec<Span>,
    /// The keywords.
    pub keywords: Vec<(String, Span)>,
    /// Whether there are arguments that cannot be seen here (`*args`, `**kwargs`).
    pub is_open: bool,
}

/// Everything that the checks and the editor need to know.
pub(super) fn collect(ast: &AstModule) -> Analysis {
    let mut walk = Walk { ast, analysis: Analysis::default(), scope: None };
    walk.statement(ast.statement());
    walk.analysis
}

struct Walk<'a> {
    ast: &'a AstModule,
    analysis: Analysis,
    scope: Option<Span>,
}

impl Walk<'_> {
    fn place(&self, span: CodeSpan) -> Span {
        span_of(&self.ast.file_span(span))
    }

    fn text(&self, span: CodeSpan) -> String {
        self.ast.file_span(span).source_span().to_owned()
    }

    fn define(&mut self, name: &str, kind: DefinitionKind, span: CodeSpan) -> &mut Definition {
        let definition = Definition {
            name: name.to_owned(),
            kind,
            span: self.place(span),
            scope: self.scope.clone(),
            signature: String::new(),
            parameters: Vec::new(),
            documentation: String::new(),
        };
        self.analysis.definitions.push(definition);
        self.analysis.definitions.last_mut().expect("it has just been added")
    }

    fn statement(&mut self, statement: &AstStmt) {
        match &statement.node {
            Stmt::Break | Stmt::Continue | Stmt::Pass | Stmt::Return(None) => {}
            Stmt::Return(Some(value)) | Stmt::Expression(value) => self.expression(value),
            Stmt::Assign(assign) => {
                self.expression(&assign.rhs);
                self.target(&assign.lhs);
            }
            Stmt::AssignModify(target, _, value) => {
                self.expression(value);
                if let AssignTarget::Identifier(name) = &target.node {
                    self.reference(vec![name.node.ident.clone()], name.span, name.span);
                } else {
                    self.target(target);
                }
            }
            Stmt::Statements(statements) => {
                for statement in statements {
                    self.statement(statement);
                }
            }
            Stmt::If(condition, then) => {
                self.expression(condition);
                self.statement(then);
            }
            Stmt::IfElse(condition, branches) => {
                self.expression(condition);
                self.statement(&branches.0);
                self.statement(&branches.1);
            }
            Stmt::For(for_) => {
                self.expression(&for_.over);
                self.target(&for_.var);
                self.statement(&for_.body);
            }
            Stmt::Def(def) => {
                self.defaults(&def.params);
                let parameters: Vec<String> = def.params.iter().map(|parameter| self.text(parameter.span)).collect();
                let parameters: Vec<String> = parameters.iter().map(|text| spaced(text)).collect();
                let name = def.name.node.ident.clone();
                let named = def.params.iter().filter_map(|parameter| match &parameter.node {
                    Parameter::Normal(name, ..) => Some(name.node.ident.clone()),
                    _ => None,
                });
                let named = named.collect();
                let documentation = documentation(&def.body);
                let definition = self.define(&name, DefinitionKind::Function, def.name.span);
                definition.signature = format!("{name}({})", parameters.join(", "));
                definition.parameters = named;
                definition.documentation = documentation;
                let whole = self.place(statement.span);
                let outer = self.scope.replace(whole);
                self.parameters(&def.params);
                self.statement(&def.body);
                self.scope = outer;
            }
            Stmt::Load(load) => {
                let names = load.args.iter().map(|argument| LoadedName {
                    local: argument.local.node.ident.clone(),
                    theirs: argument.their.node.clone(),
                    span: self.place(argument.their.span),
                });
                let names: Vec<LoadedName> = names.collect();
                for argument in &load.args {
                    self.define(&argument.local.node.ident, DefinitionKind::Loaded, argument.local.span);
                }
                let span = self.place(load.module.span);
                self.analysis.loads.push(LoadStatement { path: load.module.node.clone(), span, names });
            }
        }
    }

    fn target(&mut self, target: &AstAssignTarget) {
        match &target.node {
            AssignTarget::Tuple(targets) => targets.iter().for_each(|target| self.target(target)),
            AssignTarget::Index(parts) => {
                self.expression(&parts.0);
                self.expression(&parts.1);
            }
            AssignTarget::Dot(object, _) => self.expression(object),
            AssignTarget::Identifier(name) => self.variable(name),
        }
    }

    fn variable(&mut self, name: &CodeSpanned<AssignIdent>) {
        if is_rewritten(&name.node.ident) {
            return;
        }
        self.define(&name.node.ident, DefinitionKind::Variable, name.span);
    }

    fn defaults(&mut self, parameters: &[AstParameter]) {
        for parameter in parameters {
            if let Parameter::Normal(_, _, Some(default)) = &parameter.node {
                self.expression(default);
            }
        }
    }

    fn parameters(&mut self, parameters: &[AstParameter]) {
        for parameter in parameters {
            if let Some(name) = parameter.node.ident() {
                self.define(&name.node.ident, DefinitionKind::Parameter, name.span);
            }
        }
    }

    fn expression(&mut self, expression: &AstExpr) {
        match &expression.node {
            Expr::Identifier(name) => self.reference(vec![name.node.ident.clone()], name.span, name.span),
            Expr::Dot(object, attribute) => {
                self.expression(object);
                if let Some(mut path) = path_of(object) {
                    path.push(attribute.node.clone());
                    self.reference(path, expression.span, attribute.span);
                }
            }
            Expr::Call(function, arguments) => {
                self.expression(function);
                for argument in &arguments.args {
                    self.expression(argument.node.expr());
                }
                if let Some(path) = path_of(function) {
                    self.call(path, function.span, &arguments.args);
                }
            }
            Expr::Lambda(lambda) => {
                self.defaults(&lambda.params);
                let whole = self.place(expression.span);
                let outer = self.scope.replace(whole);
                self.parameters(&lambda.params);
                self.expression(&lambda.body);
                self.scope = outer;
            }
            Expr::ListComprehension(element, first, clauses) => {
                self.comprehension(expression.span, &[element], first, clauses);
            }
            Expr::DictComprehension(pair, first, clauses) => {
                self.comprehension(expression.span, &[&pair.0, &pair.1], first, clauses);
            }
            _ => expression.visit_expr(|inner| self.expression(inner)),
        }
    }

    fn comprehension(&mut self, span: CodeSpan, elements: &[&AstExpr], first: &ForClause, clauses: &[Clause]) {
        // The first source is evaluated outside.
        self.expression(&first.over);
        let whole = self.place(span);
        let outer = self.scope.replace(whole);
        self.target(&first.var);
        for clause in clauses {
            match clause {
                Clause::For(for_) => {
                    self.expression(&for_.over);
                    self.target(&for_.var);
                }
                Clause::If(condition) => self.expression(condition),
            }
        }
        for element in elements {
            self.expression(element);
        }
        self.scope = outer;
    }

    fn reference(&mut self, path: Vec<String>, span: CodeSpan, last: CodeSpan) {
        if path.iter().any(|name| is_rewritten(name)) {
            return;
        }
        let (span, last) = (self.place(span), self.place(last));
        self.analysis.references.push(Reference { path, span, last });
    }

    fn call(&mut self, path: Vec<String>, name: CodeSpan, arguments: &[CodeSpanned<Argument>]) {
        let mut call = CallSyntax {
            name: self.place(name),
            path,
            positional: 0,
            positions: Vec::new(),
            keywords: Vec::new(),
            is_open: false,
        };
        for argument in arguments {
            match &argument.node {
                Argument::Positional(value) => {
                    call.positional += 1;
                    call.positions.push(self.place(value.span));
                }
                Argument::Named(keyword, _) => call.keywords.push((keyword.node.clone(), self.place(keyword.span))),
                Argument::Args(_) | Argument::KwArgs(_) => call.is_open = true,
            }
        }
        let loads = [["include"], ["load_dynamic"]].iter().any(|name| call.path == *name);
        if loads
            && let Some(value) = arguments.first().map(|argument| argument.node.expr())
            && let Expr::Literal(AstLiteral::String(text)) = &value.node
        {
            let span = self.place(text.span);
            self.analysis.loads.push(LoadStatement { path: text.node.clone(), span, names: Vec::new() });
        }
        for (keyword, span) in &call.keywords {
            self.analysis.keywords.push((call.path.clone(), keyword.clone(), span.clone()));
        }
        self.analysis.calls.push(call);
    }
}

/// Whether a name stands for what a `while` was rewritten to.
fn is_rewritten(name: &str) -> bool {
    name == rewrite::ENDLESS_NAME || name == rewrite::LOOP_VARIABLE
}

/// The names of a dotted expression.
fn path_of(expression: &AstExpr) -> Option<Vec<String>> {
    match &expression.node {
        Expr::Identifier(name) => Some(vec![name.node.ident.clone()]),
        Expr::Dot(object, attribute) => {
            let mut path = path_of(object)?;
            path.push(attribute.node.clone());
            Some(path)
        }
        _ => None,
    }
}

/// The text that a function begins with.
fn documentation(body: &AstStmt) -> String {
    let first = match &body.node {
        Stmt::Statements(statements) => statements.first(),
        _ => Some(body),
    };
    match first.map(|statement| &statement.node) {
        Some(Stmt::Expression(value)) => match &value.node {
            Expr::Literal(AstLiteral::String(text)) => unindented(&text.node),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// A text without the indentation of the code that it stands in.
fn unindented(text: &str) -> String {
    let indent = text.lines().skip(1).filter(|line| !line.trim().is_empty());
    let indent = indent.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().trim().to_owned();
    let rest = lines.map(|line| line.get(indent..).unwrap_or_default().trim_end().to_owned());
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// `a=1` as `a = 1`.
fn spaced(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, default)) => format!("{} = {}", name.trim(), default.trim()),
        None => parameter.to_owned(),
    }
}
