//! `helm`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use starlark::values::Value;

use super::helm_error;
use super::k8s_yaml::serialize;
use super::local_process::{self, Finished};
use crate::devfile::language::arguments::relative_text;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::paths;
use crate::devfile::values::blob::Blob;
use crate::k8s::parse_objects;
use crate::project::CommandLine;
use crate::yaml;

/// The flag that versions before 3.1 do not have.
const INCLUDE_CRDS: &str = "--include-crds";

fn helm<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let chart = call.dir("paths")?;
    let name = match call.string("name")? {
        "" => "chart",
        name => name,
    };
    let namespace = call.string("namespace")?;
    let values = call.strings("values")?;
    let set = call.strings("set")?;
    let kube_version = call.string("kube_version")?;
    let skip_crds = call.boolean("skip_crds")?.unwrap_or(false);
    if !chart.is_dir() {
        // Its appearance mends the run.
        call.session.watch(&chart);
        let problem = if chart.exists() { "is no folder" } else { "does not exist" };
        return Err(call
            .bad_argument("paths", format_args!("`{}` {problem}", chart.display()))
            .help("name the folder of a chart: it has a `Chart.yaml`"));
    }
    watch(call, &chart, &values);
    let dir = call.session.dir();
    let mut argv: Vec<String> = ["helm", "template", name].map(str::to_owned).to_vec();
    argv.push(relative_text(&chart, &dir));
    let mut add = |flag: &str, value: &str| argv.extend([flag.to_owned(), value.to_owned()]);
    if !namespace.is_empty() {
        add("--namespace", namespace);
    }
    if !kube_version.is_empty() {
        add("--kube-version", kube_version);
    }
    for file in &values {
        add("--values", file);
    }
    for assignment in &set {
        add("--set", assignment);
    }
    if !skip_crds {
        argv.push(INCLUDE_CRDS.to_owned());
    }
    let text = render(call, &chart, CommandLine { argv, dir, env: Vec::new() })?;
    let text = without_tests(&text);
    let text = if namespace.is_empty() { text } else { with_namespace(call, &chart, &text, namespace)? };
    Ok(call.heap().alloc(Blob::new(text, format!("helm: {}", chart.display()))))
}

/// Notes what a change of re-renders the chart: its folder, its `file://` sub-charts, the files of values.
fn watch(call: &Call<'_, '_, '_, '_>, chart: &Path, values: &[String]) {
    let session = call.session;
    session.watch(chart);
    for folder in local_sub_charts(chart) {
        session.watch(folder);
    }
    for file in values {
        session.watch(session.resolve(file));
    }
}

/// The folders of the `file://` dependencies in `requirements.yaml`.
fn local_sub_charts(chart: &Path) -> Vec<PathBuf> {
    let file = chart.join("requirements.yaml");
    // What is wrong with the file is for helm to say.
    let Ok(text) = std::fs::read_to_string(&file) else { return Vec::new() };
    let parsed = yaml::parse_documents(&text, &Arc::from(file));
    let dependencies = parsed.documents.iter().filter_map(|document| document.value.get("dependencies")?.as_array());
    dependencies
        .flatten()
        .filter_map(|dependency| dependency.get("repository").and_then(Json::as_str)?.strip_prefix("file://"))
        .map(|path| paths::resolve(chart, path))
        .collect()
}

/// What helm makes of the chart.
fn render(call: &Call<'_, '_, '_, '_>, chart: &Path, mut command: CommandLine) -> Outcome<String> {
    let search = call.session.environment.get("PATH");
    if which::which_in("helm", search, &command.dir).is_err() {
        return Err(call
            .failure("`helm` is not on the $PATH")
            .help("install Helm 3 or later: https://helm.sh/docs/intro/install"));
    }
    let mut finished = run(call, &command)?;
    if !finished.status.success() {
        // Asked only now: it is the same answer nearly always.
        let version = version(call, &command)?;
        if version.contains("v2.") {
            return Err(call
                .failure(format_args!("Helm 2 is not supported, and `helm` is {}", version.trim()))
                .help("install Helm 3 or later: https://helm.sh/docs/intro/install"));
        }
        if version.starts_with("v3.0.") && finished.stderr.contains(INCLUDE_CRDS) {
            command.argv.retain(|argument| argument != INCLUDE_CRDS);
            finished = run(call, &command)?;
            finished.stdout.push_str(&custom_resource_definitions(chart)?);
        }
    }
    if !finished.status.success() {
        return Err(helm_error::failure(call, chart, &finished));
    }
    for line in finished.stderr.lines() {
        call.session.log.info(format!(" → {line}"));
    }
    Ok(finished.stdout)
}

fn run(call: &Call<'_, '_, '_, '_>, command: &CommandLine) -> Outcome<Finished> {
    call.session.log.info(format!("local: {command}"));
    local_process::run(call.session, command, None, |_| {}).map_err(|failure| failure.context("`helm`"))
}

fn version(call: &Call<'_, '_, '_, '_>, like: &CommandLine) -> Outcome<String> {
    let command = CommandLine { argv: ["helm", "version", "--short"].map(str::to_owned).to_vec(), ..like.clone() };
    Ok(local_process::run(call.session, &command, None, |_| {})?.stdout)
}

/// The files in the `crds` folder of a chart, as documents; Helm 3.0 leaves them out.
fn custom_resource_definitions(chart: &Path) -> Outcome<String> {
    let folder = chart.join("crds");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(String::new()) };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let mut text = String::new();
    for file in files {
        text.push_str("\n---\n");
        text.push_str(&crate::devfile::language::session::read_text(&file)?);
    }
    Ok(text)
}

/// Leaves out the documents that come from the `tests` folders of charts.
fn without_tests(text: &str) -> String {
    let is_test = |document: &str| {
        document.lines().filter_map(|line| line.strip_prefix("# Source: ")?.split_once("/templates/")).any(
            |(_, file)| {
                // In whatever depth: `templates/tests/x.yaml`, `templates/web/tests/x.yaml`.
                file.split('/').rev().skip(1).any(|folder| folder == "tests")
            },
        )
    };
    let mut kept = String::new();
    let mut document = String::new();
    let mut finish = |document: &mut String| {
        if !is_test(document) {
            kept.push_str(document);
        }
        document.clear();
    };
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            finish(&mut document);
        }
        document.push_str(line);
    }
    finish(&mut document);
    kept
}

/// Gives every object without a namespace this one.
fn with_namespace(call: &Call<'_, '_, '_, '_>, chart: &Path, text: &str, namespace: &str) -> Outcome<String> {
    let label: Arc<Path> = Arc::from(PathBuf::from(format!("<helm: {}>", chart.display())));
    let parsed = parse_objects(text, &label);
    if let Some(problem) = parsed.diagnostics.into_iter().find(crate::diagnostic::Diagnostic::is_error) {
        return call.fail(format_args!("the rendered chart is no valid YAML: {}", problem.message));
    }
    let mut objects = parsed.objects;
    for object in &mut objects {
        if let Some(metadata) = object.value.get_mut("metadata").and_then(Json::as_object_mut)
            && metadata.get("namespace").and_then(Json::as_str).is_none_or(str::is_empty)
        {
            metadata.insert("namespace".to_owned(), Json::String(namespace.to_owned()));
        }
    }
    Ok(serialize(objects))
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "helm(paths: path, name: str = \"\", namespace: str = \"\", values: strs = [], set: strs = [], \
                kube_version: str = \"\", skip_crds: bool = False)",
    body: helm,
}];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_tests_are_left_out() {
        let text = "---\n# Source: c/templates/a.yaml\na: 1\n---\n# Source: c/templates/tests/t.yaml\nt: 1\n\
                    ---\n# Source: c/charts/s/templates/tests/t.yaml\nt: 2\n---\n# Source: c/templates/b.yaml\nb: tests\n\
                    ---\n# Source: c/templates/web/tests/t.yaml\nt: 3\n---\n# Source: c/templates/tests\nc: 1\n";
        assert_eq!(
            without_tests(text),
            "---\n# Source: c/templates/a.yaml\na: 1\n---\n# Source: c/templates/b.yaml\nb: tests\n---\n# Source: c/templates/tests\nc: 1\n"
        );
    }

    #[test]
    fn sub_charts_on_this_machine_are_found_in_the_requirements() {
        let folder = tempfile::tempdir().unwrap();
        let text = "dependencies:\n- {name: a, repository: \"file://../a\"}\n- {name: b, repository: \"https://x\"}\n\
                    - {name: c, repository: file:///abs/c}\n- {name: d}\n";
        std::fs::write(folder.path().join("requirements.yaml"), text).unwrap();
        let parent = folder.path().parent().unwrap();
        assert_eq!(local_sub_charts(folder.path()), [parent.join("a"), PathBuf::from("/abs/c")]);
        assert!(local_sub_charts(parent).is_empty());
    }
}
