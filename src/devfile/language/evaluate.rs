//! Executes files: each at most once per run, `load` and `include` included.

use std::path::Path;

use starlark::environment::{FrozenModule, Module};
use starlark::eval::{Evaluator, FileLoader};

use super::failure::{Failure, Outcome};
use super::globals;
use super::paths;
use super::session::{ModuleState, Session, read_text};
use super::{shadowed, universe};
use crate::devfile::extensions::{self, built_in};

/// How deep calls may be nested.
const MAX_CALL_DEPTH: usize = 300;

/// How deep files may load files.
const MAX_LOAD_DEPTH: usize = 64;

/// Executes a file unless that has happened, and returns its globals.
pub(crate) fn execute(session: &Session, path: &Path) -> Outcome<FrozenModule> {
    match session.module(path) {
        Some(ModuleState::Done(module)) => return Ok(module),
        Some(ModuleState::Failed(failure)) => return Err(failure),
        Some(ModuleState::Executing) => {
            return Err(Failure::new(format!("Circular load: {} is already being executed", path.display())));
        }
        None => {}
    }
    let text = read_text(path)?;
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
    let result = run(session, path, &text);
    let (state, outcome) = match result {
        Ok((module, None)) => (ModuleState::Done(module.clone()), Ok(module)),
        // What the file has defined until it called `exit` may be needed by the assembly.
        Ok((module, Some(exit))) => (ModuleState::Done(module), Err(exit)),
        Err(error) => {
            // The evaluator does not know the place of every error; the file at least is known.
            let failure = session.bounds.explain(error.into()).within(path);
            (ModuleState::Failed(failure.clone()), Err(failure))
        }
    };
    session.end(path, state);
    outcome
}

/// Runs a file to its end or to a call of `exit`, whose failure comes beside what was defined.
fn run(session: &Session, path: &Path, text: &str) -> starlark::Result<(FrozenModule, Option<Failure>)> {
    let mut ast = session.cache.module(path, text)?;
    universe::replace_operators(&mut ast, text.contains("set("));
    let loader = Loader { session };
    Module::with_temp_heap(|module| {
        globals::predeclare(&module, session, path);
        shadowed::keep_until_assigned(&module, &ast);
        let exit = {
            let mut eval = Evaluator::new(&module);
            eval.set_loader(&loader);
            eval.extra = Some(session);
            limit(&mut eval, session)?;
            match eval.eval_module(ast, globals::globals()) {
                Ok(_) => None,
                Err(error) if session.state().exited => Some(Failure::from(error)),
                Err(error) => return Err(error),
            }
        };
        globals::keep_names(&module);
        let module = module.freeze().map_err(|error| Failure::new(format!("cannot keep the globals: {error:?}")))?;
        Ok((module, exit))
    })
}

/// Bounds an evaluation, and lets it be cancelled.
pub(crate) fn limit<'v: 'e, 'e>(eval: &mut Evaluator<'v, 'e, '_>, session: &'e Session) -> starlark::Result<()> {
    if session.bounds.is_reached() {
        return Err(Failure::new("the run has ended").into());
    }
    eval.set_max_callstack_size(MAX_CALL_DEPTH)?;
    let heap = eval.heap();
    eval.set_check_cancelled(Box::new(move || {
        session.bounds.must_end(session.cancel.is_cancelled(), heap.peak_allocated_bytes())
    }));
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
        for (script, expected) in [
            ("def spin():\n    x = 0\n    while x < 3:\n        x = 0\n\nspin()\n", 3),
            ("x = 0\n\nwhile True:\n    x += 1\n", 3),
            ("def f(n):\n    return n\ny = [\n    f(a)\n    for a in range(1000) for b in range(1000)\n]\n", 5),
            ("def f(n):\n  for a in range(9):\n    f(n - 1) if n else None\n\nf(100)\n", 2),
        ] {
            let (message, line) = error(script);
            assert_eq!(message, "this has run for too long");
            assert_eq!(line, expected, "{script}");
        }
    }

    #[test]
    fn a_loop_in_a_loaded_file_ends_with_its_place_and_the_call_chain() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Devfile"), "load('lib', 'f')\nf()\n").unwrap();
        std::fs::write(folder.path().join("lib"), "def f():\n  while True:\n    pass\n").unwrap();
        let errors = evaluate(LoadOptions::without_commands(folder.path())).diagnostics;
        let place = errors[0].primary.as_ref().unwrap();
        assert!(place.file.ends_with("lib") && place.start.line == 2, "{place}");
        let names: Vec<&str> = errors[0].trace.iter().map(|frame| frame.name.as_str()).collect();
        assert_eq!(names, ["<toplevel>", "f"]);
    }

    #[test]
    fn a_cancelled_loop_tells_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Devfile"), "x = 0\nwhile True:\n  x += 1\n").unwrap();
        let options = LoadOptions::without_commands(folder.path());
        options.cancel.cancel();
        let errors = evaluate(options).diagnostics;
        assert_eq!(errors[0].message, "the configuration run was cancelled");
        assert_eq!(errors[0].primary.as_ref().unwrap().start.line, 2);
    }

    #[test]
    fn a_run_that_makes_the_process_grow_too_much_ends_with_its_place() {
        let (message, line) = error("kept = []\nfor i in range(2000):\n    kept.append('x' * (100000 + i))\n");
        assert_eq!((message.as_str(), line), ("the configuration takes too much memory", 2));
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
