//! `os.*` and `os.path.*`.

use std::path::{Path, PathBuf};

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::paths;
use crate::devfile::language::session::{Session, describe};
use crate::devfile::values::namespace::{Member, Namespace};

/// The module `os` of a run.
pub(crate) fn namespace(session: &Session) -> Namespace {
    let path = Namespace::new("os.path", PATH.iter().copied().map(Member::Function).collect());
    let mut members = vec![
        Member::Text("name", "posix".to_owned()),
        Member::Environ("environ", session.environment.clone()),
        Member::Module("path", path),
    ];
    members.extend(OS.iter().copied().map(Member::Function));
    Namespace::new("os", members)
}

fn text<'v>(call: &Call<'_, 'v, '_, '_>, path: &Path) -> Value<'v> {
    call.heap().alloc(path.to_string_lossy().as_ref())
}

fn getcwd<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(text(call, &call.session.dir()))
}

fn getenv<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(match call.session.environment.get(call.string("key")?) {
        Some(value) => call.heap().alloc(value),
        None => call.get("default").unwrap_or_else(Value::new_none),
    })
}

fn putenv<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let key = call.string("key")?;
    if key.is_empty() || key.contains(['=', '\0']) {
        return call.fail(format_args!("`{key}` is no valid name of an environment variable"));
    }
    call.session.environment.set(key, call.string("value")?);
    Ok(Value::new_none())
}

fn unsetenv<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    call.session.environment.remove(call.string("key")?);
    Ok(Value::new_none())
}

fn abspath<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(text(call, &call.dir("path")?))
}

fn basename<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let path = call.string("path")?;
    Ok(call.heap().alloc(split(path).1))
}

fn dirname<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let path = call.string("path")?;
    Ok(call.heap().alloc(split(path).0))
}

/// Folder and last segment, as Go's `filepath.Dir` and `filepath.Base` see them.
fn split(path: &str) -> (String, String) {
    let trimmed = path.trim_end_matches('/');
    let base = match trimmed.rsplit('/').next() {
        Some("") | None if path.is_empty() => ".".to_owned(),
        Some("") | None => "/".to_owned(),
        Some(base) => base.to_owned(),
    };
    let folder = path.rfind('/').map_or("", |slash| &path[..=slash]);
    (paths::clean(Path::new(folder)).to_string_lossy().into_owned(), base)
}

fn exists<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(Value::new_bool(call.dir("path")?.exists()))
}

fn join<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let mut parts = vec![call.string("path")?];
    for part in &call.rest {
        let Some(part) = part.unpack_str() else { return Err(call.mismatch("path", *part, "string")) };
        if part.starts_with('/') {
            parts.clear();
        }
        parts.push(part);
    }
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() {
        return Ok(call.heap().alloc(""));
    }
    Ok(text(call, &paths::clean(Path::new(&parts.join("/")))))
}

fn realpath<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let path = call.dir("path")?;
    match path.canonicalize() {
        Ok(path) => Ok(text(call, &path)),
        Err(error) => call.fail(format_args!("cannot resolve `{}`: {}", path.display(), describe(&error))),
    }
}

fn relpath<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    // A relative target is not looked up from the working directory: Tilt compares the two paths as they are.
    let target = PathBuf::from(call.string("targpath")?);
    let base =
        call.optional_string("basepath")?.map_or_else(|| call.dir("basepath"), |base| Ok(PathBuf::from(base)))?;
    if target.is_absolute() != base.is_absolute() {
        return Err(call
            .failure(format_args!("`{}` has no path relative to `{}`", target.display(), base.display()))
            .help("both must be absolute, or both relative: `os.path.abspath` makes a path absolute"));
    }
    Ok(text(call, &paths::relative(&target, &base)))
}

const OS: &[Definition] = &[
    Definition { signature: "os.getcwd()", body: getcwd },
    Definition { signature: "os.getenv(key: str, default = None)", body: getenv },
    Definition { signature: "os.putenv(key: str, value: str)", body: putenv },
    Definition { signature: "os.unsetenv(key: str)", body: unsetenv },
];

const PATH: &[Definition] = &[
    Definition { signature: "os.path.abspath(path: str)", body: abspath },
    Definition { signature: "os.path.basename(path: str)", body: basename },
    Definition { signature: "os.path.dirname(path: str)", body: dirname },
    Definition { signature: "os.path.exists(path: str)", body: exists },
    Definition { signature: "os.path.join(path: str, *paths: str)", body: join },
    Definition { signature: "os.path.realpath(path: str)", body: realpath },
    Definition { signature: "os.path.relpath(targpath: str, basepath: str = cwd)", body: relpath },
];

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn folder_and_last_segment() {
        for (path, folder, base) in [
            ("a/b", "a", "b"),
            ("a", ".", "a"),
            ("/a", "/", "a"),
            ("a/b/", "a/b", "b"),
            ("", ".", "."),
            ("/", "/", "/"),
        ] {
            assert_eq!(split(path), (folder.to_owned(), base.to_owned()), "{path}");
        }
    }
}
