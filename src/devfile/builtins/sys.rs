//! `sys.*` and `shlex.*`.

use starlark::values::Value;
use starlark::values::list::AllocList;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::frozen::frozen;
use crate::devfile::values::namespace::{Member, Namespace};

/// The module `sys`: the process as it was started.
pub(crate) fn sys() -> Namespace {
    let arguments = || std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let executable = std::env::current_exe().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let mut members = vec![Member::Text("executable", executable)];
    members.extend(frozen(|heap| heap.alloc(AllocList(arguments()))).map(|list| Member::Frozen("argv", list)));
    Namespace::new("sys", members)
}

/// The module `shlex`.
pub(crate) fn shlex() -> Namespace {
    Namespace::new("shlex", SHLEX.iter().copied().map(Member::Function).collect())
}

fn quote<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let quoted = quoted(call.string("name")?);
    Ok(call.heap().alloc(quoted))
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let safe = |character: char| character.is_ascii_alphanumeric() || "@%_-+=:,./".contains(character);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

const SHLEX: &[Definition] = &[Definition { signature: "shlex.quote(name: str)", body: quote }];

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quoted_text_is_one_word_of_a_shell() {
        for text in ["", "plain-1.0_x=y:z,@%+/", "two words", "it's", "$HOME `ls` \\ \"q\" *", "line\nbreak", "é"] {
            let script = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
        assert_eq!(quoted("a/b.c"), "a/b.c");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), "'it'\"'\"'s'");
    }
}
