//! `default_registry`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::project::{ImageReference, Registry};

fn default_registry<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let host = call.string("host")?.to_owned();
    let host_from_cluster = call.string("host_from_cluster")?.to_owned();
    let single_name = call.string("single_name")?.to_owned();
    if host.is_empty() {
        return call.refuse_argument("host", "it must not be empty");
    }
    for (parameter, host) in [("host", &host), ("host_from_cluster", &host_from_cluster)] {
        if !host.is_empty() && !is_registry(host) {
            return Err(call.bad_argument(parameter, format_args!("`{host}` is no registry")).help(
                "a registry has a dot or a port in its first part, for example `localhost:5000` or `gcr.io/project`",
            ));
        }
    }
    let mut state = call.session.state();
    if let Some(first) = state.declarations.default_registry_call.clone() {
        return Err(call.failure("it can be called only once").related(first, "first called here"));
    }
    state.declarations.default_registry_call = Some(call.span.clone());
    state.declarations.settings.default_registry = Some(Registry { host, host_from_cluster, single_name });
    Ok(Value::new_none())
}

/// Whether a text is a canonical registry prefix.
fn is_registry(host: &str) -> bool {
    let domain = host.split('/').next().unwrap_or(host);
    let named = domain.contains(['.', ':']) || domain == "localhost";
    named
        && !host.ends_with('/')
        && ImageReference::parse(&format!("{host}/image")).is_ok_and(|image| image.domain == domain)
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "default_registry(host: str, host_from_cluster: str = \"\", single_name: str = \"\")",
    body: default_registry,
}];
