//! `k8s_custom_deploy`.

use starlark::values::Value;

use crate::devfile::declarations::{
    CustomBuildDeclaration, CustomDeployDeclaration, ImageBuildDeclaration, ImageDeclaration,
};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::session::watched_path;
use crate::project::{CommandLine, ImageReference, LiveUpdate, Push};

fn k8s_custom_deploy<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let name = call.name("name")?;
    let apply = command(call, "apply_cmd", "apply_dir", "apply_env")?;
    let delete = command(call, "delete_cmd", "delete_dir", "delete_env")?;
    call.check_windows_command("apply_cmd_bat")?;
    call.check_windows_command("delete_cmd_bat")?;
    let live_update = super::live_update::steps(call)?;
    let selectors = (call.string("image_selector")?, call.string("container_selector")?);
    let image_deps = call.image_list("image_deps")?;
    let live_update_image = match &live_update {
        Some(steps) => Some(record_live_update_image(call, &name, selectors, steps.clone())?),
        None => None,
    };
    let declaration = CustomDeployDeclaration {
        name,
        call: call.session.call_site(call.span.clone()),
        apply,
        delete,
        deps: call.paths("deps")?.into_iter().map(watched_path).collect(),
        image_deps,
        live_update,
        live_update_image,
    };
    call.session.state().declarations.custom_deploys.push(declaration);
    Ok(Value::new_none())
}

fn command(call: &Call<'_, '_, '_, '_>, parameter: &str, dir: &str, env: &str) -> Outcome<CommandLine> {
    match call.command(parameter, dir, env)? {
        Some(command) => Ok(command),
        None => call.refuse_argument(parameter, "the command must not be empty"),
    }
}

/// Records the image that the steps belong to, and returns its name. It is never built: it stands for the files of
/// `deps` and for the containers that `selectors` mean: `image_selector` or `container_selector`.
fn record_live_update_image(
    call: &Call<'_, '_, '_, '_>,
    resource: &str,
    selectors: (&str, &str),
    mut live_update: LiveUpdate,
) -> Outcome<String> {
    let (name, reference) = match selectors {
        ("", "") => {
            return Err(call.failure("`live_update` needs a selector that says which containers it updates").help(
                "give `image_selector`, the image that they run, or `container_selector`, their name in the pod",
            ));
        }
        (image, "") => (image.to_owned(), call.image_reference("image_selector", image)?),
        ("", container) => {
            live_update.container_name = Some(container.to_owned());
            // No image of the user's can have this name.
            let reference = ImageReference {
                domain: "docker.io".to_owned(),
                path: "library/k8s_custom_deploy".to_owned(),
                tag: Some(resource.to_owned()),
                digest: None,
            };
            (format!("k8s_custom_deploy:{resource}"), reference)
        }
        (_, _) => {
            return Err(call
                .failure("`image_selector` and `container_selector` exclude each other")
                .help("one of them says which containers are updated"));
        }
    };
    let build = CustomBuildDeclaration {
        command: CommandLine {
            argv: ["sh", "-c", ":"].map(str::to_owned).to_vec(),
            dir: call.session.dir(),
            env: Vec::new(),
        },
        deps: call.paths("deps")?.into_iter().map(|path| call.session.image_path(path, None)).collect(),
        tag: String::new(),
        push: Push::Remote,
        outputs_image_ref_to: None,
        image_deps: Vec::new(),
    };
    let image = ImageDeclaration {
        name: name.clone(),
        reference,
        call: call.session.call_site(call.span.clone()),
        build: ImageBuildDeclaration::Custom(Box::new(build)),
        live_update: Some(live_update),
        match_in_env_vars: false,
        entrypoint: None,
        container_args: None,
        ignore: Vec::new(),
    };
    call.session.state().declarations.images.push(image);
    Ok(name)
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "k8s_custom_deploy(name: str, apply_cmd: cmd, delete_cmd: cmd, deps: path list, \
                image_selector: str = \"\", live_update = [], apply_dir: path = exec dir, apply_env: dict = {}, \
                apply_cmd_bat: cmd = unset, delete_dir: path = exec dir, delete_env: dict = {}, \
                delete_cmd_bat: cmd = unset, container_selector: str = \"\", image_deps: list[str] = [])",
    body: k8s_custom_deploy,
}];
