//! Executes files: each at most once per run, `load` and `include` included.

use std::path::Path;

use starlark::environment::{FrozenModule, Module};
use starlark::eval::{Evaluator, FileLoader};

use super::failure::{Failure, Outcome};
use super::globals;
use super::paths;
use super::session::{ModuleState, Session, read_text};
use super::universe;
use crate::devfile::extensions::{self, built_in};
use crate::diagnostic::did_you_mean;

/// How deep calls may be nested.
const MAX_CALL_DEPTH: usize = 300;

/// How deep files may load files.
const MAX_LOAD_DEPTH: usize = 64;

/// How much memory the values of one file may take.
const MAX_HEAP_BYTES: usize = 1 << 30;

/// How many calls and turns of loops one file may take: seconds of computation, a thousand times what projects need.
const MAX_TICKS: u64 = if cfg!(test) { 100_000 } else { 100_000_000 };

/// Executes a file unless that has happened, and returns its globals.
pub(crate) fn execute(session: &Session, path: &Path) -> Outcome<FrozenModule> {
    match session.module(path) {
        Some(ModuleState::Done(module)) => return Ok(module),
        Some(ModuleState::Failed(failure)) => return Err(failure),
        Some(ModuleState::Executing) => {
            return Err(Failure::new(format!("circular load: `{}` is already being executed", path.display())));
        }
        None => {}
    }
    let text = read_text(path).map_err(|failure| {
        failure.maybe_help(nearby(path).map(|suggestion| format!("did you mean `{suggestion}`?")))
    })?;
    if session.load_depth() >= MAX_LOAD_DEPTH {
        return Err(Failure::new(format!(
            "cannot load `{}`: {MAX_LOAD_DEPTH} files are loading each other",
            path.display()
        )));
    }
    if built_in::source(path).is_none() {
        session.watch(path);
    }
    session.begin(path);
    // The evaluator does not know the place of every end that it makes to a loop; the file at least is known.
    let result = run(session, path, &text).map_err(|error| Failure::from(error).within(path));
    session.end(
        path,
        match &result {
            Ok(module) => ModuleState::Done(module.clone()),
            Err(failure) => ModuleState::Failed(failure.clone()),
        },
    );
    result
}

fn run(session: &Session, path: &Path, text: &str) -> starlark::Result<FrozenModule> {
    let mut ast = session.cache.module(path, text)?;
    universe::replace_operators(&mut ast);
    let loader = Loader { session };
    Module::with_temp_heap(|module| {
        globals::predeclare(&module, session, path);
        {
            let mut eval = Evaluator::new(&module);
            eval.set_loader(&loader);
            eval.extra = Some(session);
            limit(&mut eval, session)?;
            eval.eval_module(ast, globals::globals())?;
        }
        globals::keep_names(&module);
        module.freeze().map_err(|error| Failure::new(format!("cannot keep the globals: {error:?}")).into())
    })
}

/// Bounds an evaluation, and lets it be cancelled.
pub(crate) fn limit<'e>(eval: &mut Evaluator<'_, 'e, '_>, session: &'e Session) -> starlark::Result<()> {
    eval.set_max_callstack_size(MAX_CALL_DEPTH)?;
    eval.set_max_heap_size(MAX_HEAP_BYTES)?;
    eval.set_max_tick_count(MAX_TICKS)?;
    eval.set_check_cancelled(Box::new(|| session.cancel.is_cancelled() || session.memory.is_exceeded()));
    Ok(())
}

/// Follows `load` statements.
struct Loader<'s> {
    session: &'s Session,
}

impl FileLoader for Loader<'_> {
    fn load(&self, path: &str) -> starlark::Result<FrozenModule> {
        load(self.session, path).map_err(Into::into)
    }
}

/// Executes the file that `load`, `include` and the like name.
pub(crate) fn load(session: &Session, path: &str) -> Outcome<FrozenModule> {
    if let Some(extension) = path.strip_prefix("ext://") {
        return execute(session, &extensions::locate(session, extension)?);
    }
    execute(session, &paths::resolve(&session.dir(), path))
}

/// A file or folder of nearly the same name beside a missing one.
fn nearby(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let names: Vec<String> = std::fs::read_dir(path.parent()?)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    did_you_mean(name, names.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use crate::devfile::{LoadOptions, evaluate};
    use crate::diagnostic::Diagnostic;

    fn errors(script: &str) -> Vec<Diagnostic> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Devfile"), script).unwrap();
        evaluate(LoadOptions::without_commands(folder.path())).diagnostics
    }

    /// The message and the line of the only error.
    fn error(script: &str) -> (String, u32) {
        let errors = errors(script);
        assert_eq!(errors.len(), 1, "{errors:?}");
        let place = errors[0].primary.as_ref().unwrap();
        assert!(place.file.ends_with("Devfile"));
        (errors[0].message.clone(), place.start.line)
    }

    #[test]
    fn an_endless_loop_ends_with_its_place() {
        for script in [
            "def spin():\n    x = 0\n    while x < 3:\n        x = 0\n\nspin()\n",
            "x = 0\n\nwhile True:\n    x += 1\n",
            "def f(n):\n    return n\ny = [\n    f(a)\n    for a in range(1000) for b in range(1000)\n]\n",
        ] {
            let (message, line) = error(script);
            assert!(line < 7, "{line}");
            assert_eq!(message, "this has run for too long");
        }
    }

    #[test]
    fn what_would_take_all_memory_is_refused() {
        for script in [
            "\n\nx = 'a' * 10000000000\n",
            "\n\nx = 4000000000 * [0, 1]\n",
            "\n\nx = (1, 2) * 2000000000\n",
            "\n\nx = b'ab' * 2000000000\n",
            "\n\nx = list(range(2000000000))\n",
            "x = 1 << 90000\nfor i in range(100):\n    x = x * x\n",
            "x = 1\n\ny = x << 10000000000\n",
        ] {
            assert_eq!(error(script).1, 3, "{script}");
        }
    }
}
