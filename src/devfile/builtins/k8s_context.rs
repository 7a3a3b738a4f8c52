//! `k8s_context`, `k8s_namespace`, `allow_k8s_contexts`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;

fn k8s_context<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(call.heap().alloc(call.session.kube.context.as_deref().unwrap_or_default()))
}

fn k8s_namespace<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let kube = &call.session.kube;
    let namespace = match kube.namespace.as_str() {
        "" if kube.context.is_some() => "default",
        namespace => namespace,
    };
    Ok(call.heap().alloc(namespace))
}

fn allow_k8s_contexts<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    if call.get("contexts").is_some_and(|value| !value.is_none()) {
        let contexts = call.string_or_sequence("contexts")?.unwrap_or_default();
        call.session.state().declarations.allowed_contexts.extend(contexts);
    }
    Ok(Value::new_none())
}

/// Refuses what must not happen while the active context is not allowed (reference §2.5).
pub(crate) fn require_allowed(call: &Call<'_, '_, '_, '_>) -> Outcome<()> {
    let kube = &call.session.kube;
    let Some(context) = kube.context.as_deref().filter(|_| !kube.is_local_product) else { return Ok(()) };
    if call.session.state().declarations.allowed_contexts.contains(context) {
        return Ok(());
    }
    Err(call
        .failure(format_args!("refusing to run a command while the Kubernetes context is `{context}`"))
        .help(format!("if that is meant, call `allow_k8s_contexts('{context}')` before"))
        .help("or switch to another context: `kubectl config use-context NAME`"))
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "k8s_context(*args, **kwargs)", body: k8s_context },
    Definition { signature: "k8s_namespace(*args, **kwargs)", body: k8s_namespace },
    Definition { signature: "allow_k8s_contexts(contexts: str | sequence[str] | None)", body: allow_k8s_contexts },
];
