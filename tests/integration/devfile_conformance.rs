//! What the cases in `tests/devfiles` cover: each builtin, each parameter, each line of the lists of the reference.
//! `docs/conformance.md` shows it, and the pages in `docs/conformance` list rule by rule; `DEVLOOP_UPDATE_EXPECTED=1` writes its generated part.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use devloop::devfile::{CatalogueEntry, CatalogueKind, KubeInfo, LoadOptions, Usage, catalogue, evaluate};
use devloop::diagnostic::Diagnostic;
use tokio_util::sync::CancellationToken;

use crate::devfile::{cases, evaluate_case, options};
use crate::support::folders::copy_folder;

const BEGIN: &str = "<!-- generated: begin -->";

/// Parameters that no case gives, with the reason. The aim is none.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// How many cases the table names.
const SHOWN: usize = 3;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn functions() -> impl Iterator<Item = &'static CatalogueEntry> {
    catalogue().iter().filter(|entry| entry.kind == CatalogueKind::Function)
}

/// What each case of a kind has called; those in `assembled` belong to one kind or the other by their names.
fn usage(kind: &str) -> BTreeMap<String, Usage> {
    let name = |folder: &Path| folder.file_name().expect("a name").to_string_lossy().into_owned();
    let mut found: BTreeMap<String, Usage> =
        cases(kind).into_iter().map(|folder| (name(&folder), evaluate_case(&folder).0.usage)).collect();
    for folder in cases("assembled") {
        let name = name(&folder);
        if name.starts_with("error_") == (kind == "invalid") {
            found.insert(format!("assembled/{name}"), evaluate_case(&folder).0.usage);
        }
    }
    found
}

fn naming(cases: &[&str]) -> String {
    let mut text = cases.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if cases.len() > SHOWN {
        // No number, so that a further case changes few lines.
        text.push_str(" …");
    }
    text
}

/// Whether `tests/devfiles/arguments.txt` shows how a parameter refuses `None` or another type.
fn refused_by_type(arguments: &str, builtin: &str, parameter: &str) -> bool {
    arguments
        .lines()
        .skip_while(|line| *line != builtin)
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .any(|line| line.trim_start().starts_with(&format!("{parameter} = ")) && !line.ends_with(": accepted"))
}

#[test]
fn every_builtin_and_every_parameter_has_a_case() {
    let (valid, invalid) = (usage("valid"), usage("invalid"));
    let arguments =
        std::fs::read_to_string(root().join("tests/devfiles/arguments.txt")).expect("the file of arguments");
    let mut table = String::from(
        "| builtin | parameter | given in `valid/` | refused in `invalid/` or `arguments.txt` |\n|---|---|---|---|\n",
    );
    let mut holes = Vec::new();
    for entry in functions() {
        let name = &entry.name;
        if entry.parameters.is_empty() {
            let calling: Vec<&str> =
                valid.iter().filter(|(_, usage)| usage.called(name)).map(|(case, _)| case.as_str()).collect();
            if calling.is_empty() {
                holes.push(name.clone());
            }
            let _ = writeln!(table, "| `{name}` | – | {} | |", naming(&calling));
        }
        for (place, parameter) in entry.parameters.iter().enumerate() {
            let parameter = &parameter.name;
            let giving: Vec<&str> =
                valid.iter().filter(|(_, usage)| usage.given(name, place)).map(|(case, _)| case.as_str()).collect();
            let refusing: Vec<&str> = invalid
                .iter()
                .filter(|(_, usage)| usage.refused(name, parameter))
                .map(|(case, _)| case.as_str())
                .collect();
            let refusing = if refusing.is_empty() && refused_by_type(&arguments, name, parameter) {
                vec!["arguments.txt"]
            } else {
                refusing
            };
            // What always fails has no valid case.
            if giving.is_empty() && name != "fail" {
                holes.push(format!("{name}.{parameter}"));
            }
            let _ = writeln!(table, "| `{name}` | `{parameter}` | {} | {} |", naming(&giving), naming(&refusing));
        }
    }
    let page = root().join("docs/conformance.md");
    let text = std::fs::read_to_string(&page).expect("the page");
    let (head, _) = text.split_once(BEGIN).expect("the page says where the generated part begins");
    let generated = format!("{head}{BEGIN}\n\n{table}");
    if std::env::var_os("DEVLOOP_UPDATE_EXPECTED").is_some() {
        std::fs::write(&page, &generated).expect("the page can be written");
    } else {
        let diff = similar::TextDiff::from_lines(&text, &generated);
        assert!(
            text == generated,
            "docs/conformance.md is not what the cases call; DEVLOOP_UPDATE_EXPECTED=1 writes it\n{}",
            diff.unified_diff()
        );
    }
    for (name, _) in EXCEPTIONS {
        assert!(holes.iter().any(|hole| hole == name), "`{name}` has a case now: it is no exception any more");
    }
    holes.retain(|hole| !EXCEPTIONS.iter().any(|(name, _)| name == hole));
    assert!(holes.is_empty(), "no case in tests/devfiles/valid gives: {}", holes.join(", "));
}

/// The text of all source files that hold tests.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![root().join("src"), root().join("tests/integration")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    text
}

/// What is wrong in the tables of a page: the last cell of a row names cases by their folders and tests by their
/// functions, or links to the decision why there is none.
fn problems_in(page: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    let lines: Vec<&str> = page.lines().collect();
    for (place, row) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("| ")) {
        if lines.get(place + 1).is_some_and(|next| next.starts_with("|---")) {
            continue;
        }
        let cell = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !cell.contains("](") {
            problems.push(format!("no case in the row {row}"));
        }
        problems.extend(names.into_iter().filter(|name| !exists(name)).map(|name| format!("no case or test `{name}`")));
    }
    problems
}

#[test]
fn the_cases_and_tests_that_the_pages_name_exist() {
    let page = std::fs::read_to_string(root().join("docs/conformance.md")).expect("the page");
    let (head, _) = page.split_once(BEGIN).expect("the page says where the generated part begins");
    let mut pages = vec![("docs/conformance.md".to_owned(), head.to_owned())];
    for entry in std::fs::read_dir(root().join("docs/conformance")).expect("the folder of pages") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(head.contains(&format!("(conformance/{name})")), "docs/conformance.md does not link {name}");
        pages.push((format!("docs/conformance/{name}"), std::fs::read_to_string(&path).expect("a page")));
    }
    let sources = sources();
    let exists =
        |name: &str| root().join("tests/devfiles").join(name).exists() || sources.contains(&format!("fn {name}("));
    let problems: Vec<String> = pages
        .iter()
        .flat_map(|(name, text)| problems_in(text, exists).into_iter().map(move |problem| format!("{name}: {problem}")))
        .collect();
    assert!(problems.is_empty(), "the pages are wrong:\n{}", problems.join("\n"));
}

/// What a call needs beside the parameter that is looked at.
fn other_arguments(builtin: &str) -> &'static [(&'static str, &'static str)] {
    match builtin {
        "docker_build" => &[("dockerfile_contents", "'FROM scratch'")],
        "k8s_resource" => &[("workload", "'x'"), ("objects", "['x']")],
        "k8s_image_json_path" => &[("kind", "'x'"), ("paths", "'{.spec.image}'")],
        "local_resource" | "test" => &[("cmd", "'true'"), ("serve_cmd", "'true'")],
        "probe" => &[("tcp_socket", "tcp_socket_action(1)")],
        "local" => &[("command", "'true'")],
        "dc_resource" => &[("name", "'web'")],
        "default_registry" => &[("host", "'localhost:5000'")],
        "docker_compose" => &[("configPaths", "'docker-compose.yml'")],
        "decode_json" => &[("json", "'1'")],
        "helm" => &[("paths", "'chart'")],
        "kustomize" => &[("paths", "'overlays/dev'")],
        "load_dynamic" | "include" => &[("path", "'lib/Devfile'")],
        "local_git_repo" => &[("paths", "'repository'")],
        "read_json" | "read_yaml" | "read_yaml_stream" | "read_file" => &[("paths", "'package.json'")],
        _ => &[],
    }
}

/// A value for a required parameter.
fn usual_value(parameter: &str, declaration: &str) -> &'static str {
    match (parameter, declaration.split_once(':').map(|(_, rest)| rest.trim())) {
        ("yaml", None) => "blob('{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}')",
        (_, Some("int")) => "8080",
        (_, Some("bool")) => "True",
        (_, Some("path")) => "'.'",
        (_, Some("TriggerMode")) => "TRIGGER_MODE_AUTO",
        (_, Some("function")) => "lambda id: id.name",
        (_, Some("list" | "sequence[str]")) => "['x']",
        (_, Some("dict" | "dict[str, str]" | "dict[str,str]")) => "{}",
        ("remote_path", _) => "'/x'",
        _ => "'x'",
    }
}

/// What comes of a Devfile of one line: the first error, or nothing.
fn refusal(folder: &Path, devfile: &str) -> Option<Diagnostic> {
    std::fs::write(folder.join("Devfile"), devfile).expect("the Devfile can be written");
    let evaluation = evaluate(LoadOptions {
        kube: KubeInfo { context: Some("kind-test".to_owned()), is_local_product: true, ..KubeInfo::default() },
        // Whether helm is installed makes no difference.
        environment: [("PATH".to_owned(), Some("/usr/bin:/bin".to_owned()))].into(),
        ..options(folder, &CancellationToken::new())
    });
    evaluation.diagnostics.into_iter().find(Diagnostic::is_error)
}

/// Calls a builtin with one argument of interest.
fn call(entry: &CatalogueEntry, parameter: &str, value: &str) -> String {
    let mut arguments: Vec<(String, String)> = Vec::new();
    for other in &entry.parameters {
        let given = other_arguments(&entry.name).iter().find(|(name, _)| *name == other.name);
        if other.name == parameter {
            arguments.push((other.name.clone(), value.to_owned()));
        } else if let Some((name, value)) = given {
            // Two ways of saying one thing exclude each other.
            let excluded = match entry.name.as_str() {
                "docker_build" => parameter == "dockerfile",
                "probe" => ["exec", "http_get"].contains(&parameter),
                _ => false,
            };
            if !excluded {
                arguments.push(((*name).to_owned(), (*value).to_owned()));
            }
        } else if other.required {
            arguments.push((other.name.clone(), usual_value(&other.name, &other.declaration).to_owned()));
        }
    }
    let arguments: Vec<String> = arguments.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}({})\n", entry.name, arguments.join(", "))
}

#[test]
fn every_parameter_says_what_it_does_with_none_and_with_a_value_of_another_type() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_folder(&root().join("tests/documentation"), folder.path());
    std::fs::create_dir_all(folder.path().join("repository/.git")).expect("a folder");
    let base = folder.path().canonicalize().expect("a folder");
    let mut text = String::from(
        "# What each parameter does with `None` (reference §1.4) and with a value of no accepted type.\n\
         # DEVLOOP_UPDATE_EXPECTED=1 writes this file.\n",
    );
    for entry in functions().filter(|entry| !entry.parameters.is_empty()) {
        let _ = writeln!(text, "\n{}", entry.name);
        for parameter in &entry.parameters {
            for (shown, value) in [("None", "None"), ("a struct", "struct()")] {
                let answer = match refusal(folder.path(), &call(entry, &parameter.name, value)) {
                    // A step that no `live_update` takes is an error of its own.
                    Some(unused) if unused.message.starts_with("this `") => "accepted".to_owned(),
                    Some(diagnostic) => diagnostic.message.replace(&base.display().to_string(), "$ROOT"),
                    None => "accepted".to_owned(),
                };
                let _ = writeln!(text, "    {} = {shown}: {answer}", parameter.name);
            }
        }
    }
    let file = root().join("tests/devfiles/arguments.txt");
    if std::env::var_os("DEVLOOP_UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &text).expect("the expected output can be written");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(&expected, &text);
    assert!(expected == text, "DEVLOOP_UPDATE_EXPECTED=1 accepts what comes out\n{}", diff.unified_diff());
}
