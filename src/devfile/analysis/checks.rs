//! Problems that show without running the file, in the words that the run would use.

use super::analysis::Analysis;
use super::walk::CallSyntax;
use crate::devfile::catalogue::{CatalogueEntry, CatalogueKind, catalogue, find_in_catalogue};
use crate::diagnostic::{Diagnostic, did_you_mean};

/// What is wrong, in the order of the text.
pub(super) fn problems(analysis: &Analysis) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for reference in &analysis.references {
        let [first, rest @ ..] = reference.path.as_slice() else { continue };
        if analysis.definition(first, reference.span.start).is_some() {
            continue;
        }
        if rest.is_empty() {
            problems.extend(unknown_name(analysis, first).map(|problem| problem.at(reference.last.clone())));
        } else {
            problems.extend(unknown_member(&reference.path).map(|problem| problem.at(reference.last.clone())));
        }
    }
    for call in &analysis.calls {
        let is_own = call.path.first().is_some_and(|name| analysis.definition(name, call.name.start).is_some());
        if !is_own && let Some(entry) = find_in_catalogue(&call.path.join(".")) {
            problems.extend(wrong_arguments(entry, call));
        }
    }
    problems.sort_by_key(|problem| problem.primary.as_ref().map(|span| (span.start, span.end)));
    problems
}

fn unknown_name(analysis: &Analysis, name: &str) -> Option<Diagnostic> {
    if find_in_catalogue(name).is_some() {
        return None;
    }
    let own = analysis.definitions.iter().map(|definition| definition.name.as_str());
    let known = catalogue().iter().map(|entry| entry.name.as_str()).filter(|name| !name.contains('.'));
    let problem = Diagnostic::error(format!("unknown name `{name}`"));
    Some(match did_you_mean(name, known.chain(own)) {
        Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
        None => problem,
    })
}

fn unknown_member(path: &[String]) -> Option<Diagnostic> {
    let (name, module) = path.split_last()?;
    let module = module.join(".");
    let is_module = find_in_catalogue(&module).is_some_and(|entry| entry.kind == CatalogueKind::Module);
    if !is_module || find_in_catalogue(&path.join(".")).is_some() {
        return None;
    }
    let prefix = format!("{module}.");
    let members = catalogue().iter().filter_map(|entry| entry.name.strip_prefix(&prefix));
    let problem = Diagnostic::error(format!("module `{module}` has no .{name} field or method"));
    Some(match did_you_mean(name, members) {
        Some(suggestion) => problem.help(format!("did you mean `{module}.{suggestion}`?")),
        None => problem,
    })
}

fn wrong_arguments(entry: &CatalogueEntry, call: &CallSyntax) -> Vec<Diagnostic> {
    let name = &entry.name;
    if entry.kind == CatalogueKind::Unavailable {
        return vec![
            Diagnostic::error(format!("`{name}`: this version of devloop does not have it yet")).at(call.name.clone()),
        ];
    }
    if entry.kind != CatalogueKind::Function {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let positional: Vec<&str> = entry
        .parameters
        .iter()
        .filter(|parameter| parameter.is_positional)
        .map(|parameter| parameter.name.as_str())
        .collect();
    if call.positional > positional.len() && !entry.is_variadic {
        let place = call.positions.get(positional.len()).unwrap_or(&call.name);
        let arguments = if call.positional == 1 { "argument" } else { "arguments" };
        problems.push(
            Diagnostic::error(format!(
                "`{name}`: got {} {arguments}, want at most {}",
                call.positional,
                positional.len()
            ))
            .at(place.clone()),
        );
    }
    let mut given: Vec<&str> = positional.iter().copied().take(call.positional).collect();
    for (keyword, place) in &call.keywords {
        if entry.parameters.iter().any(|parameter| parameter.name == *keyword) {
            if given.contains(&keyword.as_str()) {
                problems.push(
                    Diagnostic::error(format!("`{name}`: got multiple values for parameter `{keyword}`"))
                        .at(place.clone()),
                );
            }
            given.push(keyword);
        } else if !entry.any_keyword {
            let names = entry.parameters.iter().map(|parameter| parameter.name.as_str());
            let problem = Diagnostic::error(format!("`{name}`: unexpected keyword argument `{keyword}`"));
            problems.push(
                match did_you_mean(keyword, names) {
                    Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
                    None => problem,
                }
                .at(place.clone()),
            );
        }
    }
    if !call.is_open {
        let missing = entry.parameters.iter().filter(|parameter| parameter.required);
        for parameter in missing.filter(|parameter| !given.contains(&parameter.name.as_str())) {
            problems.push(
                Diagnostic::error(format!("`{name}`: missing argument for `{}`", parameter.name)).at(call.name.clone()),
            );
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::analyse;

    fn check(text: &str, expected: &[(u32, u32, &str)]) {
        let found: Vec<(u32, u32, String)> = analyse(Path::new("/p/Devfile"), text)
            .diagnostics
            .iter()
            .map(|problem| {
                let start = problem.primary.as_ref().expect("a place").start;
                let help = problem.help.first().map_or(String::new(), |help| format!(" ({help})"));
                (start.line, start.column, format!("{}{help}", problem.message))
            })
            .collect();
        let found: Vec<(u32, u32, &str)> =
            found.iter().map(|(line, column, text)| (*line, *column, text.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn problems_are_told_in_the_words_of_the_run() {
        check("local_resorce('a')\n", &[(1, 1, "unknown name `local_resorce` (did you mean `local_resource`?)")]);
        check("x = os.pth\n", &[(1, 8, "module `os` has no .pth field or method (did you mean `os.path`?)")]);
        check(
            "k8s_resource('web', port_forward=8080)\n",
            &[(1, 21, "`k8s_resource`: unexpected keyword argument `port_forward` (did you mean `port_forwards`?)")],
        );
        check("sync('a')\n", &[(1, 1, "`sync`: missing argument for `remote_path`")]);
        check("blob('a', 'b')\n", &[(1, 11, "`blob`: got 2 arguments, want at most 1")]);
        check("blob('a', input='b')\n", &[(1, 11, "`blob`: got multiple values for parameter `input`")]);
        check("def f(:\n", &[(1, 7, "unexpected symbol ':', expected identifier")]);
    }

    #[test]
    fn what_is_right_is_left_alone() {
        check(
            "args = ['a']\nblob(*args)\ndef docker_build(x):\n    return x\ndocker_build(1)\n\
             [y for y in args if y]\nfor z in args:\n    print(z, sep='')\nprint((lambda q: q)(1), len(args), struct(a=1).a)\n\
             def f(n):\n    return f(n - 1) if n else later\nlater = 1\nlater += 1\nprint(__file__, config.main_dir, os.environ.get('A'))\n",
            &[],
        );
    }
}
