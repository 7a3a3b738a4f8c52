//! Everything that configurations may call or read, taken from the registry of the builtins: for the language server
//! and for the tests of the documentation.

use std::path::Path;
use std::sync::LazyLock;

use starlark::docs::{DocItem, DocMember};
use starlark::environment::Module;
use starlark::values::{Value, ValueLike as _};

use super::entry::LoadOptions;
use super::language::builtin::Builtin;
use super::language::globals;
use super::language::session::Session;
use super::language::signature::{Parameter, Signature};
use super::values::namespace::Namespace;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogueKind {
    /// A function of devloop.
    Function,
    /// A function of the language itself: its documentation is the crate's.
    Universal,
    /// A module such as `os`.
    Module,
    /// A constant.
    Value,
    /// It is known by name and refused by this version.
    Unavailable,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueParameter {
    /// The keyword.
    pub name: String,
    /// As in the signature: `name: type = default`.
    pub declaration: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it may be given by position.
    pub is_positional: bool,
}

/// A name that every configuration sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// With its module: `os.path.join`.
    pub name: String,
    /// What it is.
    pub kind: CatalogueKind,
    /// The line that says how to call it; empty for what cannot be called.
    pub signature: String,
    /// The parameters in positional order, without `*args` and `**kwargs`.
    pub parameters: Vec<CatalogueParameter>,
    /// Whether any keyword is taken.
    pub any_keyword: bool,
    /// Whether any number of arguments is taken by position.
    pub is_variadic: bool,
    /// Documentation that comes with the language itself; that of devloop's names is `docs/devfile.md`.
    pub own_documentation: String,
}

static CATALOGUE: LazyLock<Vec<CatalogueEntry>> = LazyLock::new(build);

/// Every name, sorted.
pub fn catalogue() -> &'static [CatalogueEntry] {
    &CATALOGUE
}

/// The entry of a name, its module included.
pub fn find_in_catalogue(name: &str) -> Option<&'static CatalogueEntry> {
    let place = CATALOGUE.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
    CATALOGUE.get(place)
}

fn build() -> Vec<CatalogueEntry> {
    let mut entries = Vec::new();
    let universe = globals::globals().documentation();
    let known = globals::names();
    for (name, value) in globals::globals().iter().filter(|(name, _)| known.iter().any(|known| known == name)) {
        match value.to_value().downcast_ref::<Builtin>() {
            Some(builtin) => entries.push(function(builtin)),
            None => entries.push(universal(name, universe.members.get(name))),
        }
    }
    // Which names a file sees beyond these is decided at run time; a run of nothing shows them.
    let path = Path::new("/Devfile");
    let session = Session::new(path.to_path_buf(), LoadOptions::without_commands("/"));
    Module::with_temp_heap(|module| {
        globals::predeclare(&module, &session, path);
        for name in module.names() {
            if let Some(value) = module.get(name.as_str()) {
                add(&mut entries, name.as_str(), value, &module);
            }
        }
    });
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries.dedup_by(|a, b| a.name == b.name);
    entries
}

fn add<'v>(entries: &mut Vec<CatalogueEntry>, name: &str, value: Value<'v>, module: &Module<'v>) {
    if let Some(builtin) = value.downcast_ref::<Builtin>() {
        entries.push(function(builtin));
        return;
    }
    if value.downcast_ref::<Namespace>().is_none() {
        entries.push(plain(name, CatalogueKind::Value));
        return;
    }
    entries.push(plain(name, CatalogueKind::Module));
    for member in value.dir_attr() {
        if let Ok(Some(member_value)) = value.get_attr(&member, module.heap()) {
            add(entries, &format!("{name}.{member}"), member_value, module);
        }
    }
}

fn function(builtin: &Builtin) -> CatalogueEntry {
    let Signature { name, text, parameters, keywords, variadic } = builtin.signature();
    CatalogueEntry {
        name: name.clone(),
        kind: if builtin.is_available() { CatalogueKind::Function } else { CatalogueKind::Unavailable },
        signature: text.clone(),
        parameters: parameters.iter().map(parameter).collect(),
        any_keyword: *keywords,
        is_variadic: *variadic,
        own_documentation: String::new(),
    }
}

fn parameter(parameter: &Parameter) -> CatalogueParameter {
    CatalogueParameter {
        name: parameter.name.clone(),
        declaration: parameter.declaration.clone(),
        required: parameter.required,
        is_positional: parameter.positional,
    }
}

fn universal(name: &str, item: Option<&DocItem>) -> CatalogueEntry {
    let Some(DocItem::Member(DocMember::Function(function))) = item else {
        return plain(
            name,
            if name.starts_with("TRIGGER_MODE") { CatalogueKind::Value } else { CatalogueKind::Universal },
        );
    };
    let documentation = function.docs.as_ref().map_or(String::new(), |docs| match &docs.details {
        Some(details) => format!("{}\n\n{details}", docs.summary),
        None => docs.summary.clone(),
    });
    let parameters = function.params.regular_params().map(|parameter| CatalogueParameter {
        name: parameter.name.clone(),
        declaration: match &parameter.default_value {
            Some(default) => format!("{} = {default}", parameter.name),
            None => parameter.name.clone(),
        },
        required: parameter.default_value.is_none(),
        is_positional: true,
    });
    let parameters: Vec<CatalogueParameter> = parameters.collect();
    let mut shown: Vec<String> = parameters.iter().map(|parameter| parameter.declaration.clone()).collect();
    shown.extend(function.params.args.iter().map(|rest| format!("*{}", rest.name.trim_start_matches('*'))));
    shown.extend(function.params.kwargs.iter().map(|rest| format!("**{}", rest.name.trim_start_matches('*'))));
    CatalogueEntry {
        name: name.to_owned(),
        kind: CatalogueKind::Universal,
        signature: format!("{name}({})", shown.join(", ")),
        parameters,
        // The parameters of the language's own functions are checked by the language.
        any_keyword: true,
        is_variadic: true,
        own_documentation: documentation,
    }
}

fn plain(name: &str, kind: CatalogueKind) -> CatalogueEntry {
    CatalogueEntry {
        name: name.to_owned(),
        kind,
        signature: String::new(),
        parameters: Vec::new(),
        any_keyword: true,
        is_variadic: true,
        own_documentation: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_members_modules_and_constants_are_found_by_name() {
        for (name, kind) in [
            ("docker_build", CatalogueKind::Function),
            ("os.path.join", CatalogueKind::Function),
            ("config.parse", CatalogueKind::Function),
            ("os.path", CatalogueKind::Module),
            ("os.environ", CatalogueKind::Value),
            ("config.main_dir", CatalogueKind::Value),
            ("TRIGGER_MODE_AUTO", CatalogueKind::Value),
            ("__file__", CatalogueKind::Value),
            ("sorted", CatalogueKind::Universal),
            ("struct", CatalogueKind::Function),
        ] {
            assert_eq!(find_in_catalogue(name).map(|entry| entry.kind), Some(kind), "{name}");
        }
        let build = find_in_catalogue("docker_build").expect("it is there");
        assert_eq!(build.parameters[0].declaration, "ref: str");
        assert!(build.signature.starts_with("docker_build(ref: str, "));
    }
}
