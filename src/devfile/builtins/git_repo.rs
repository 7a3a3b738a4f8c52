//! `local_git_repo`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::git_repo::GitRepo;

fn local_git_repo<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let root = call.session.resolve(call.string("paths")?);
    if !root.is_dir() {
        return call.refuse_argument("paths", format_args!("there is no folder `{}`", root.display()));
    }
    if !root.join(".git").exists() {
        return Err(call
            .bad_argument("paths", format_args!("`{}` is no git repository", root.display()))
            .help("the root of a repository has a `.git` entry"));
    }
    Ok(call.heap().alloc(GitRepo(root)))
}

pub(crate) const DEFINITIONS: &[Definition] =
    &[Definition { signature: "local_git_repo(paths: str)", body: local_git_repo }];
