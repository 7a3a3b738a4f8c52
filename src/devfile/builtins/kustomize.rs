//! `kustomize`.

use starlark::values::Value;

use super::kustomization;
use super::local::{Echo, run};
use crate::devfile::language::arguments::relative_text;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::blob::Blob;
use crate::project::CommandLine;

fn kustomize<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let folder = call.dir("paths")?;
    let flags = call.sequence("flags")?.unwrap_or_default();
    let files = kustomization::files(&folder).map_err(|failure| failure.context("`kustomize`"))?;
    for file in files {
        call.session.watch(file);
    }
    let dir = call.session.dir();
    let search = call.session.environment.get("PATH");
    let mut argv = match call.optional_string("kustomize_bin")? {
        Some(binary) => {
            // A path like any other; a bare name that is no file here is looked up on the PATH.
            let path = call.session.resolve(binary);
            let binary = if binary.contains('/') || path.is_file() { path } else { binary.into() };
            let Ok(binary) = which::which_in(&binary, search, &dir) else {
                return call.refuse_argument("kustomize_bin", format_args!("`{}` not found", binary.display()));
            };
            vec![binary.to_string_lossy().into_owned(), "build".to_owned()]
        }
        None if which::which_in("kustomize", search, &dir).is_ok() => vec!["kustomize".to_owned(), "build".to_owned()],
        None => {
            call.session.log.info("`kustomize` is not on the PATH: using `kubectl kustomize`");
            vec!["kubectl".to_owned(), "kustomize".to_owned()]
        }
    };
    argv.extend(flags);
    argv.push(relative_text(&folder, &dir));
    let command = CommandLine { argv, dir, env: Vec::new() };
    let finished = run(call, &command, None, Echo { command: true, output: false })?;
    Ok(call.heap().alloc(Blob::new(finished.stdout, format!("kustomize: {}", folder.display()))))
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "kustomize(paths: path, kustomize_bin: path = unset, flags: list[str] = [])",
    body: kustomize,
}];
