//! `local_resource` and its alias `test`.

use starlark::values::Value;

use super::probes::readiness_probe;
use crate::devfile::declarations::LocalResourceDeclaration;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::session::watched_path;
use crate::diagnostic::Diagnostic;

fn local_resource<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    declare(call, false)
}

fn test<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let message = "`test` is deprecated: use `local_resource(…, allow_parallel=True)`";
    call.session.report(Diagnostic::warning(message).at(call.span.clone()));
    declare(call, true)
}

/// Records a resource; `allow_parallel` is the default of that parameter.
fn declare<'v>(call: &Call<'_, 'v, '_, '_>, allow_parallel: bool) -> Outcome<Value<'v>> {
    let name = call.name("name")?;
    let cmd = call.command("cmd", "dir", "env")?;
    let serve_cmd = call.command("serve_cmd", "serve_dir", "serve_env")?;
    call.check_windows_command("cmd_bat")?;
    call.check_windows_command("serve_cmd_bat")?;
    if cmd.is_none() && serve_cmd.is_none() {
        return call.fail(format_args!("`{name}` needs a `cmd` or a `serve_cmd`"));
    }
    if call.get("dir").is_some() && cmd.is_none() {
        return Err(call.failure("`dir` is given without a `cmd`").help("the folder of `serve_cmd` is `serve_dir`"));
    }
    if call.get("serve_dir").is_some() && serve_cmd.is_none() {
        return Err(call.failure("`serve_dir` is given without a `serve_cmd`").help("the folder of `cmd` is `dir`"));
    }
    let mut probe = readiness_probe(call)?;
    if probe.is_some() && serve_cmd.is_none() {
        let message =
            format!("`{}`: `{name}` has no `serve_cmd`: its `readiness_probe` is ignored", call.signature.name);
        call.session.report(Diagnostic::warning(message).at(call.span.clone()));
        probe = None;
    }
    let site = call.session.call_site(call.span.clone());
    let resource = LocalResourceDeclaration {
        name,
        dir_is_repository_root: site.dir.join(".git").exists(),
        call: site,
        // A resource that only serves never holds others up.
        allow_parallel: call.boolean("allow_parallel")?.unwrap_or(allow_parallel) || cmd.is_none(),
        cmd,
        serve_cmd,
        deps: call.paths("deps")?.into_iter().map(watched_path).collect(),
        ignore: call.patterns("ignore")?,
        trigger_mode: call.trigger_mode("trigger_mode")?,
        resource_deps: call.resource_deps()?,
        auto_init: call.boolean("auto_init")?.unwrap_or(true),
        links: call.links()?,
        labels: call.labels()?,
        readiness_probe: probe,
    };
    call.session.state().declarations.local_resources.push(resource);
    Ok(Value::new_none())
}

macro_rules! parameters {
    ($name:literal, $allow_parallel:literal) => {
        concat!(
            $name,
            "(name: Name, cmd: cmd = unset, deps: path list = [], trigger_mode = unset, \
             resource_deps: sequence[str] = [], ignore = [], auto_init: bool = True, serve_cmd: cmd = unset, \
             cmd_bat: cmd = unset, serve_cmd_bat: cmd = unset, allow_parallel: bool = ",
            $allow_parallel,
            ", links = [], labels = [], env: dict = {}, serve_env: dict = {}, readiness_probe = None, \
             dir: path = exec dir, serve_dir: path = exec dir)"
        )
    };
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: parameters!("local_resource", "False"), body: local_resource },
    Definition { signature: parameters!("test", "True"), body: test },
];
