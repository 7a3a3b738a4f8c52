//! `docker_build`.

use std::path::PathBuf;

use starlark::values::Value;

use super::images;
use crate::devfile::declarations::{DockerBuildDeclaration, ImageBuildDeclaration};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::diagnostic::Diagnostic;
use crate::project::Dockerfile;

fn docker_build<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let (name, reference) = images::reference(call)?;
    let context = call.dir("context")?;
    let file = match call.get("dockerfile") {
        Some(value) if !value.is_none() => Some(call.path_of("dockerfile", value)?),
        _ => None,
    };
    let contents = call.text("dockerfile_contents")?;
    if file.is_some() && contents.is_some() {
        return Err(call
            .failure("both `dockerfile` and `dockerfile_contents` are given")
            .help("`dockerfile` names a file, `dockerfile_contents` is the text itself: give one of them"));
    }
    let dockerfile = if let Some(contents) = contents {
        Dockerfile { path: None, contents }
    } else {
        let path = file.unwrap_or_else(|| context.join("Dockerfile"));
        let contents = call.session.read(&path).map_err(|failure| failure.context("`docker_build`"))?;
        Dockerfile { path: Some(path), contents }
    };
    let only = call.patterns("only")?;
    if let Some(pattern) = only.iter().find(|pattern| pattern.contains('*')) {
        return Err(call
            .bad_argument("only", format_args!("`{pattern}` is a pattern"))
            .help("`only` takes paths of files and folders; `ignore` takes patterns"));
    }
    if call.get("cache").is_some() {
        let message = "`docker_build`: the parameter `cache` is obsolete and has no effect";
        call.session.report(Diagnostic::warning(message).at(call.span.clone()));
    }
    let mut extra_tags = Vec::new();
    for tag in call.strings("extra_tag")? {
        extra_tags.push(call.image_reference("extra_tag", &tag)?);
    }
    let platform = match call.text("platform")? {
        Some(platform) if !platform.is_empty() => platform,
        _ => call.session.environment.get("DOCKER_DEFAULT_PLATFORM").unwrap_or_default(),
    };
    let special_ignore_file = dockerfile.path.as_ref().map(|path| {
        let mut name = path.clone().into_os_string();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    let build = DockerBuildDeclaration {
        context: call.session.image_path(context, special_ignore_file),
        dockerfile,
        only,
        build_args: call.dictionary("build_args")?,
        target: call.string("target")?.to_owned(),
        ssh: call.strings("ssh")?,
        secrets: call.strings("secret")?,
        network: call.text("network")?.unwrap_or_default(),
        extra_tags,
        cache_from: call.strings("cache_from")?,
        pull: call.boolean("pull")?.unwrap_or(false),
        platform,
        extra_hosts: call.strings("extra_hosts")?,
    };
    images::record(call, name, reference, ImageBuildDeclaration::Docker(Box::new(build)))?;
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "docker_build(ref: str, context: path, build_args: dict = {}, dockerfile: path | None = unset, \
                dockerfile_contents: str | Blob = unset, cache = unset, live_update: list = [], \
                match_in_env_vars: bool = False, ignore = [], only = [], entrypoint: cmd = unset, \
                container_args: sequence[str] = unset, target: str = \"\", ssh: strs = [], secret: strs = [], \
                network: str | Blob = \"\", extra_tag: strs = [], cache_from: strs = [], pull: bool = False, \
                platform: str | Blob = \"\", extra_hosts: strs = [])",
    body: docker_build,
}];
