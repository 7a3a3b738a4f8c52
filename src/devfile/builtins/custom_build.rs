//! `custom_build`.

use starlark::values::Value;

use super::images;
use crate::devfile::declarations::{CustomBuildDeclaration, ImageBuildDeclaration};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::image_handle::ImageHandle;
use crate::project::Push;

fn custom_build<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let (name, reference) = images::reference(call)?;
    let Some(command) = call.command("command", "dir", "env")? else {
        return call.refuse_argument("command", "the command must not be empty");
    };
    call.check_windows_command("command_bat")?;
    call.check_windows_command("command_bat_val")?;
    let tag = call.string("tag")?.to_owned();
    let outputs_image_ref_to = call.path("outputs_image_ref_to")?;
    if !tag.is_empty() && outputs_image_ref_to.is_some() {
        return call.fail("`tag` and `outputs_image_ref_to` exclude each other");
    }
    let remote = call.boolean("skips_local_docker")?.unwrap_or(false);
    let pushed = call.boolean("disable_push")?.unwrap_or(false);
    let push = match (remote, pushed) {
        (true, _) => Push::Remote,
        (false, true) => Push::Never,
        (false, false) => Push::Devloop,
    };
    let deps = call.paths("deps")?.into_iter().map(|path| call.session.image_path(path, None)).collect();
    let build = CustomBuildDeclaration {
        command,
        deps,
        tag,
        push,
        outputs_image_ref_to,
        image_deps: call.image_list("image_deps")?,
    };
    images::record(call, name.clone(), reference, ImageBuildDeclaration::Custom(Box::new(build)))?;
    Ok(call.heap().alloc(ImageHandle(name)))
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "custom_build(ref: str, command: cmd, deps: path list, tag: str = \"\", disable_push: bool = False, \
                skips_local_docker: bool = False, live_update = [], match_in_env_vars: bool = False, ignore = [], \
                entrypoint: cmd = unset, container_args = unset, command_bat_val: cmd = unset, \
                outputs_image_ref_to: path = unset, command_bat: cmd = unset, image_deps: list[str] = [], \
                env: dict = {}, dir: path = exec dir)",
    body: custom_build,
}];
