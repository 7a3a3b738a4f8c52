//! What must hold for an object beyond the types of its fields (reference §2.15).

use serde_json::{Map, Value as Json};

use crate::devfile::language::binding::Call;
use crate::devfile::language::failure::Outcome;
use crate::diagnostic::Diagnostic;
use crate::project::ApiKind;

/// Checks an object of this kind; `fields` are those of the call.
pub(super) fn validate(call: &Call<'_, '_, '_, '_>, kind: ApiKind, fields: &Map<String, Json>) -> Outcome<()> {
    match kind {
        ApiKind::Cmd | ApiKind::ConfigMap | ApiKind::KubernetesDiscovery => Ok(()),
        ApiKind::Extension => extension(call, fields),
        ApiKind::ExtensionRepo => extension_repo(call, fields),
        ApiKind::FileWatch => {
            if list(fields, "watched_paths").is_empty() {
                return call.refuse_argument("watched_paths", "at least one path is required");
            }
            Ok(())
        }
        ApiKind::KubernetesApply => kubernetes_apply(call, fields),
        ApiKind::UiButton => ui_button(call, fields),
    }
}

fn text<'f>(fields: &'f Map<String, Json>, name: &str) -> &'f str {
    fields.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn list<'f>(fields: &'f Map<String, Json>, name: &str) -> &'f [Json] {
    fields.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn object<'f>(fields: &'f Map<String, Json>, name: &str) -> Option<&'f Map<String, Json>> {
    fields.get(name).and_then(Json::as_object)
}

fn extension(call: &Call<'_, '_, '_, '_>, fields: &Map<String, Json>) -> Outcome<()> {
    let repository = text(fields, "repo_name");
    if repository.is_empty() {
        return call.refuse_argument("repo_name", "the name of an extension repository is required");
    }
    let state = call.session.state();
    let mut known = state
        .declarations
        .api_objects
        .iter()
        .filter(|object| object.kind == ApiKind::ExtensionRepo)
        .map(|object| object.name.as_str());
    if repository == "default" || known.any(|name| name == repository) {
        return Ok(());
    }
    Err(call
        .bad_argument("repo_name", format_args!("there is no extension repository `{repository}`"))
        .help(format!("declare it before: `v1alpha1.extension_repo(name='{repository}', url='https://…')`")))
}

fn extension_repo(call: &Call<'_, '_, '_, '_>, fields: &Map<String, Json>) -> Outcome<()> {
    let url = text(fields, "url");
    let path = url.strip_prefix("file://");
    if !(url.starts_with("http://") || url.starts_with("https://") || path.is_some()) {
        return Err(call
            .bad_argument("url", format_args!("`{url}` must start with `http://`, `https://` or `file://`"))
            .help("a checkout on this machine: `url='file://' + os.path.abspath('extensions')`"));
    }
    if path.is_some_and(|path| !path.starts_with('/')) {
        return Err(call
            .bad_argument("url", format_args!("`{url}` must name an absolute path"))
            .help("`url='file://' + os.path.abspath('extensions')` makes one"));
    }
    if path.is_some() && !text(fields, "git_subpath").is_empty() {
        return call.refuse_argument("git_subpath", "it is not allowed with a `file://` repository");
    }
    if path.is_some() && !text(fields, "ref").is_empty() {
        let text = format!("`{}`: `ref` has no effect: a `file://` repository is used as it is", call.signature.name);
        call.session.report(Diagnostic::warning(text).at(call.argument_place("ref").unwrap_or(call.span.clone())));
    }
    Ok(())
}

fn kubernetes_apply(call: &Call<'_, '_, '_, '_>, fields: &Map<String, Json>) -> Outcome<()> {
    let yaml = text(fields, "yaml");
    let apply_cmd = object(fields, "apply_cmd");
    match (yaml.is_empty(), apply_cmd) {
        (false, Some(_)) => return call.fail("only one of `yaml` and `apply_cmd` may be given"),
        (true, None) => return call.fail("one of `yaml` and `apply_cmd` is required"),
        _ => {}
    }
    for (parameter, command) in [("apply_cmd", apply_cmd), ("delete_cmd", object(fields, "delete_cmd"))] {
        if command.is_some_and(|command| list(command, "args").is_empty()) {
            return call.refuse_argument(parameter, "its `args` must not be empty");
        }
    }
    if !yaml.is_empty() && object(fields, "delete_cmd").is_some() {
        return call.refuse_argument("delete_cmd", "it is allowed only with `apply_cmd`");
    }
    let strategy = text(fields, "discovery_strategy");
    if !matches!(strategy, "" | "default" | "selectors-only") {
        return call.refuse_argument(
            "discovery_strategy",
            format_args!("got `{strategy}`, want `default` or `selectors-only`"),
        );
    }
    let server_side = text(fields, "server_side_apply");
    if !matches!(server_side, "" | "auto" | "true" | "false") {
        return call
            .refuse_argument("server_side_apply", format_args!("got `{server_side}`, want `auto`, `true` or `false`"));
    }
    Ok(())
}

fn ui_button(call: &Call<'_, '_, '_, '_>, fields: &Map<String, Json>) -> Outcome<()> {
    if text(fields, "text").is_empty() {
        return call.refuse_argument("text", "a button must have a text");
    }
    let Some(location) = object(fields, "location") else {
        return Err(call
            .bad_argument("location", "the place of the button is required")
            .help("`v1alpha1.ui_component_location(component_type='Resource', component_id='web')`")
            .help("`v1alpha1.ui_component_location(component_type='Global', component_id='nav')`"));
    };
    for field in ["component_id", "component_type"] {
        if text(location, field).is_empty() {
            return call.refuse_argument("location", format_args!("its `{field}` is required"));
        }
    }
    let icon = text(fields, "icon_svg");
    if !icon.is_empty() && !icon.contains("<svg") {
        return call.refuse_argument("icon_svg", "it must contain an `<svg` element");
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, input) in list(fields, "inputs").iter().filter_map(Json::as_object).enumerate() {
        let name = text(input, "name");
        if name.is_empty() {
            return call.refuse_argument("inputs", format_args!("input {index} has no `name`"));
        }
        if names.contains(&name) {
            return call.refuse_argument("inputs", format_args!("the name `{name}` is given twice"));
        }
        names.push(name);
        let kinds: Vec<&str> =
            ["text", "bool", "hidden", "choice"].into_iter().filter(|kind| input.contains_key(*kind)).collect();
        if kinds.len() != 1 {
            let given = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
            return call.refuse_argument(
                "inputs",
                format_args!("input `{name}` must be exactly one of text, bool, hidden, choice; given: {given}"),
            );
        }
        if object(input, "choice").is_some_and(|choice| list(choice, "choices").is_empty()) {
            return call.refuse_argument("inputs", format_args!("the `choices` of input `{name}` must not be empty"));
        }
    }
    Ok(())
}
