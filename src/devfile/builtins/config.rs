//! `config.*`.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value as Json;
use starlark::values::Value;
use starlark::values::dict::AllocDict;

use super::config_flags::{self, Setting, SettingKind, Settings};
use super::decode;
use crate::devfile::declarations::{SelectedResource, Selection};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::session::{Session, read_text};
use crate::devfile::values::namespace::{Member, Namespace};
use crate::diagnostic::{Diagnostic, did_you_mean};

/// The files with the user's own settings; the first that is there counts.
const FILE_NAMES: [&str; 2] = ["devloop_config.json", "tilt_config.json"];

/// What `config.*` has been told.
#[derive(Debug, Default)]
pub(crate) struct UserConfig {
    /// The defined settings.
    pub settings: Settings,
    /// Where `config.parse()` was called.
    pub parsed_in: Option<PathBuf>,
    /// What `set_enabled_resources` and `clear_enabled_resources` have chosen.
    pub selection: Option<Selection>,
}

impl UserConfig {
    /// The resources to enable, given the command line (reference §2.9).
    pub fn selection(&self, args: &[String]) -> Selection {
        match &self.selection {
            Some(selection) => selection.clone(),
            None if self.parsed_in.is_some() || args.is_empty() => Selection::All,
            None => {
                Selection::Only(args.iter().map(|name| SelectedResource { name: name.clone(), span: None }).collect())
            }
        }
    }
}

/// The module `config` of a run.
pub(crate) fn namespace(session: &Session) -> Namespace {
    let folder = session.entry_file.parent().unwrap_or(Path::new("/"));
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut members = vec![
        Member::Text("devloop_subcommand", session.subcommand.clone()),
        Member::Text("tilt_subcommand", session.subcommand.clone()),
        Member::Text("main_path", text(&session.entry_file)),
        Member::Text("main_dir", text(folder)),
    ];
    members.extend(CONFIG.iter().copied().map(Member::Function));
    Namespace::new("config", members)
}

fn define<'v>(call: &Call<'_, 'v, '_, '_>, kind: SettingKind) -> Outcome<Value<'v>> {
    let name = call.string("name")?.to_owned();
    let positional = call.boolean("args")?.unwrap_or(false);
    let setting = Setting { kind, positional, usage: call.string("usage")?.to_owned() };
    let mut state = call.session.state();
    let config = &mut state.config;
    if name.is_empty() {
        return call.refuse_argument("name", "it must not be empty");
    }
    if config.parsed_in.is_some() {
        return call.fail(format_args!("`{name}` is defined after `config.parse()` has been called"));
    }
    if config.settings.contains_key(&name) {
        return call.fail(format_args!("`{name}` is already defined"));
    }
    if positional && let Some((other, _)) = config.settings.iter().find(|(_, setting)| setting.positional) {
        return call.fail(format_args!("`{name}` cannot have `args = True`: `{other}` has it already"));
    }
    config.settings.insert(name, setting);
    Ok(Value::new_none())
}

fn define_string<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    define(call, SettingKind::Text)
}

fn define_string_list<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    define(call, SettingKind::List)
}

fn define_bool<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    define(call, SettingKind::Bool)
}

fn define_object<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    define(call, SettingKind::Object)
}

fn parse<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let dir = call.session.dir();
    let settings = {
        let mut state = call.session.state();
        if let Some(other) = state.config.parsed_in.as_ref().filter(|other| **other != dir) {
            return call.fail(format_args!(
                "it can be called from one folder only: called from `{}` and from `{}`",
                other.display(),
                dir.display()
            ));
        }
        state.config.parsed_in = Some(dir.clone());
        state.config.settings.clone()
    };
    let mut values = from_file(call, &settings, &dir)?;
    let given = config_flags::parse(&settings, &call.session.args).map_err(|problem| {
        let failure = Failure::new(format!("`config.parse`: invalid config args: {problem}"));
        config_flags::usage(&settings).into_iter().fold(failure, Failure::help)
    })?;
    values.extend(given);
    let mut entries = Vec::with_capacity(values.len());
    for (name, json) in &values {
        let value = decode::value(call.heap(), json)
            .ok_or_else(|| call.failure(format_args!("a number in `{name}` is out of the range of 64 bits")))?;
        entries.push((name.as_str(), value));
    }
    Ok(call.heap().alloc(AllocDict(entries)))
}

fn from_file(call: &Call<'_, '_, '_, '_>, settings: &Settings, dir: &Path) -> Outcome<IndexMap<String, Json>> {
    let files = FILE_NAMES.map(|name| dir.join(name));
    for file in &files {
        call.session.watch(file);
    }
    let mut values = IndexMap::new();
    let Some(file) = files.iter().find(|file| file.is_file()) else { return Ok(values) };
    let problem = |text: String| {
        let message = format!("`config.parse`: in `{}`: {text}", file.display());
        Failure::from(Diagnostic::error(message).at(call.span.clone()))
    };
    let json: Json =
        serde_json::from_str(&read_text(file)?).map_err(|error| problem(format!("invalid JSON: {error}")))?;
    let Json::Object(map) = json else { return Err(problem("expected a JSON object".to_owned())) };
    for (name, value) in map {
        let Some(setting) = settings.get(&name) else {
            let suggestion = did_you_mean(&name, settings.keys().map(String::as_str));
            return Err(problem(format!("unknown setting `{name}`"))
                .maybe_help(suggestion.map(|name| format!("did you mean `{name}`?")))
                .help(format!("`config.define_string({name:?})` or the like makes it known")));
        };
        let value = if value.is_null() { setting.kind.empty() } else { value };
        if !setting.kind.accepts(&value) {
            return Err(problem(format!("`{name}`: got {value}, want a {}", setting.kind.describe())));
        }
        values.insert(name, value);
    }
    Ok(values)
}

fn set_enabled_resources<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let names = call.sequence("resources")?.unwrap_or_default();
    // An empty list means no restriction.
    let selection = if names.is_empty() {
        Selection::All
    } else {
        Selection::Only(
            names.into_iter().map(|name| SelectedResource { name, span: Some(call.span.clone()) }).collect(),
        )
    };
    call.session.state().config.selection = Some(selection);
    Ok(Value::new_none())
}

fn clear_enabled_resources<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    call.session.state().config.selection = Some(Selection::Nothing);
    Ok(Value::new_none())
}

const CONFIG: &[Definition] = &[
    Definition {
        signature: "config.define_string(name: str, args: bool = False, usage: str = \"\")",
        body: define_string,
    },
    Definition {
        signature: "config.define_string_list(name: str, args: bool = False, usage: str = \"\")",
        body: define_string_list,
    },
    Definition { signature: "config.define_bool(name: str, args: bool = False, usage: str = \"\")", body: define_bool },
    Definition {
        signature: "config.define_object(name: str, args: bool = False, usage: str = \"\")",
        body: define_object,
    },
    Definition { signature: "config.parse()", body: parse },
    Definition { signature: "config.set_enabled_resources(resources: sequence[str])", body: set_enabled_resources },
    Definition { signature: "config.clear_enabled_resources()", body: clear_enabled_resources },
];
