//! The command line of a configuration: GNU-style flags and positional arguments to settings (reference §2.9).

use indexmap::IndexMap;
use serde_json::Value as Json;

/// The type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingKind {
    /// `str`.
    Text,
    /// `list[str]`.
    List,
    /// `bool`.
    Bool,
    /// Any JSON value.
    Object,
}

/// A defined setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its type.
    pub kind: SettingKind,
    /// Whether it takes the positional arguments.
    pub positional: bool,
    /// For the usage listing.
    pub usage: String,
}

/// Settings by name, in the order of their definition.
pub(crate) type Settings = IndexMap<String, Setting>;

impl SettingKind {
    /// What a setting of this type is in JSON, for messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::List => "list of strings",
            Self::Bool => "bool",
            Self::Object => "JSON value",
        }
    }

    /// The value for JSON `null`.
    pub fn empty(self) -> Json {
        match self {
            Self::Text => Json::String(String::new()),
            Self::List => Json::Array(Vec::new()),
            Self::Bool => Json::Bool(false),
            Self::Object => Json::Null,
        }
    }

    /// Whether a JSON value is of this type.
    pub fn accepts(self, value: &Json) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::List => value.as_array().is_some_and(|items| items.iter().all(Json::is_string)),
            Self::Bool => value.is_boolean(),
            Self::Object => true,
        }
    }

    fn parse(self, text: &str) -> Result<Json, String> {
        match self {
            Self::Text => Ok(Json::String(text.to_owned())),
            Self::List => Ok(Json::Array(vec![Json::String(text.to_owned())])),
            Self::Bool => match text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Json::Bool(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Json::Bool(false)),
                _ => Err(format!("`{text}` is no bool")),
            },
            Self::Object => serde_json::from_str(text).map_err(|error| format!("`{text}` is no JSON: {error}")),
        }
    }
}

/// The values that the arguments give to settings.
pub(crate) fn parse(settings: &Settings, args: &[String]) -> Result<IndexMap<String, Json>, String> {
    let mut values = IndexMap::new();
    let mut positional = Vec::new();
    let mut rest = args.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            positional.extend(rest.by_ref().cloned());
        } else if let Some(flag) = argument.strip_prefix("--") {
            let (name, text) = match flag.split_once('=') {
                Some((name, text)) => (name, Some(text.to_owned())),
                None => (flag, None),
            };
            let setting = settings
                .get(name)
                .filter(|setting| !setting.positional)
                .ok_or_else(|| format!("unknown flag `--{name}`"))?;
            let text = match (text, setting.kind) {
                (Some(text), _) => text,
                (None, SettingKind::Bool) => "true".to_owned(),
                (None, _) => rest.next().cloned().ok_or_else(|| format!("flag `--{name}` needs a value"))?,
            };
            add(&mut values, name, setting.kind, &text).map_err(|problem| format!("flag `--{name}`: {problem}"))?;
        } else if argument.len() > 1 && argument.starts_with('-') {
            return Err(format!("unknown flag `{argument}`: flags begin with two dashes"));
        } else {
            positional.push(argument.clone());
        }
    }
    take_positional(settings, &positional, &mut values)?;
    Ok(values)
}

fn add(values: &mut IndexMap<String, Json>, name: &str, kind: SettingKind, text: &str) -> Result<(), String> {
    let value = kind.parse(text)?;
    match (values.get_mut(name), value) {
        (None, value) => {
            values.insert(name.to_owned(), value);
            Ok(())
        }
        (Some(Json::Array(items)), Json::Array(more)) if kind == SettingKind::List => {
            items.extend(more);
            Ok(())
        }
        (Some(_), _) => Err("it can be given only once".to_owned()),
    }
}

fn take_positional(
    settings: &Settings,
    positional: &[String],
    values: &mut IndexMap<String, Json>,
) -> Result<(), String> {
    if positional.is_empty() {
        return Ok(());
    }
    let Some((name, setting)) = settings.iter().find(|(_, setting)| setting.positional) else {
        return Err(format!("positional arguments are not accepted here: `{}`", positional.join(" ")));
    };
    if setting.kind != SettingKind::List && positional.len() > 1 {
        return Err(format!("`{name}` takes one positional argument, got {}", positional.len()));
    }
    for text in positional {
        add(values, name, setting.kind, text).map_err(|problem| format!("`{name}`: {problem}"))?;
    }
    Ok(())
}

/// One line per setting.
pub(crate) fn usage(settings: &Settings) -> Vec<String> {
    settings
        .iter()
        .map(|(name, setting)| {
            let form = if setting.positional { format!("[{name}…]") } else { format!("--{name}") };
            format!("{form} ({}) {}", setting.kind.describe(), setting.usage).trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings() -> Settings {
        let setting = |kind, positional| Setting { kind, positional, usage: String::new() };
        [
            ("name", setting(SettingKind::Text, false)),
            ("flag", setting(SettingKind::Bool, false)),
            ("list", setting(SettingKind::List, false)),
            ("object", setting(SettingKind::Object, false)),
            ("run", setting(SettingKind::List, true)),
        ]
        .into_iter()
        .map(|(name, setting)| (name.to_owned(), setting))
        .collect()
    }

    fn check(args: &str, expected: &Json) {
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        let values: serde_json::Map<String, Json> = parse(&settings(), &args).unwrap().into_iter().collect();
        assert_eq!(Json::Object(values), *expected, "{args:?}");
    }

    #[test]
    fn flags_and_positional_arguments_mix() {
        check("a --name x b --flag c", &json!({"name": "x", "flag": true, "run": ["a", "b", "c"]}));
        check("--list=1 --list 2", &json!({"list": ["1", "2"]}));
        check("--flag=false -- --name", &json!({"flag": false, "run": ["--name"]}));
        check("--object {\"a\":1}", &json!({"object": {"a": 1}}));
        check("", &json!({}));
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let refused = |args: &[&str]| parse(&settings(), &args.iter().map(ToString::to_string).collect::<Vec<_>>());
        for args in [&["--nope"][..], &["--name"], &["--name=a", "--name=b"], &["--run=a"], &["-x"], &["--flag=maybe"]]
        {
            assert!(refused(args).is_err(), "{args:?}");
        }
    }
}
