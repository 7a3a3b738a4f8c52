//! Arguments of Tilt to arguments of devloop.

use super::objects::{Output, Query};

/// What a command line of Tilt means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Translation {
    /// These arguments of devloop.
    Devloop(Vec<String>),
    /// The version.
    Version,
    /// Something that is to succeed without doing anything.
    Nothing,
    /// Objects of the API.
    Get(Query),
    /// Nothing that is known.
    Unknown(String),
}

/// Commands of Tilt that devloop has none of. Whatever else is not known is passed on: devloop has commands of its own.
const UNKNOWN: [&str; 17] = [
    "alpha",
    "api-resources",
    "create",
    "delete",
    "demo",
    "describe",
    "docker",
    "docker-prune",
    "doctor",
    "dump",
    "edit",
    "explain",
    "help",
    "patch",
    "snapshot",
    "test",
    "verify-install",
];

/// Flags of Tilt about the server, each with a value: there is none.
const SERVER: [&str; 3] = ["--host", "--port", "--klog"];

/// `entry_file` is the configuration of the session that has called.
pub(super) fn translate(arguments: &[String], entry_file: Option<&str>) -> Translation {
    let mut words = Words::new(arguments);
    let Some(command) = words.next_word() else { return Translation::Unknown(String::new()) };
    let unknown = || Translation::Unknown(arguments.join(" "));
    match command.as_str() {
        "version" => Translation::Version,
        "analytics" => Translation::Nothing,
        "get" => get(words).map_or_else(unknown, Translation::Get),
        "trigger" => {
            let names = words.rest();
            if names.iter().any(|name| name == "(Tiltfile)") {
                return to_session("reload", Vec::new(), entry_file);
            }
            to_session("trigger", names, entry_file)
        }
        "enable" | "disable" => {
            let names = words.rest();
            if names.iter().any(|name| name == "-l" || name.starts_with("--labels")) {
                return unknown();
            }
            to_session(&command, names, entry_file)
        }
        "args" => to_session("args", words.rest(), entry_file),
        "logs" => {
            let follow = |word: String| if word == "-f" { "--follow".to_owned() } else { word };
            to_session("logs", words.rest().into_iter().map(follow).collect(), entry_file)
        }
        "wait" => wait(words).map_or_else(unknown, |arguments| to_session("wait", arguments, entry_file)),
        command if UNKNOWN.contains(&command) => unknown(),
        _ => Translation::Devloop(arguments.to_vec()),
    }
}

fn to_session(command: &str, mut arguments: Vec<String>, entry_file: Option<&str>) -> Translation {
    if let Some(file) = entry_file {
        arguments.splice(0..0, ["--file".to_owned(), file.to_owned()]);
    }
    arguments.insert(0, command.to_owned());
    Translation::Devloop(arguments)
}

/// The words of a command line, without those about the server.
struct Words<'a> {
    words: std::slice::Iter<'a, String>,
}

impl<'a> Words<'a> {
    fn new(words: &'a [String]) -> Self {
        Self { words: words.iter() }
    }

    fn next_word(&mut self) -> Option<String> {
        loop {
            let word = self.words.next()?;
            if SERVER.contains(&word.as_str()) {
                self.words.next();
            } else if !SERVER.iter().any(|flag| word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')))
                && !matches!(word.as_str(), "-d" | "--debug" | "-v" | "--verbose")
            {
                return Some(word.clone());
            }
        }
    }

    fn rest(mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(word) = self.next_word() {
            let is_end = word == "--";
            rest.push(word);
            if is_end {
                // What follows belongs to the configuration.
                rest.extend(self.words.cloned());
                break;
            }
        }
        rest
    }

    /// The value, empty for none, of a flag that is written `--flag VALUE`, `--flag=VALUE`, `-f VALUE` or `-fVALUE`.
    fn value(&mut self, word: &str, long: &str, short: Option<&str>) -> Option<String> {
        if word == long || short == Some(word) {
            return Some(self.words.next().cloned().unwrap_or_default());
        }
        if let Some(value) = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value.to_owned());
        }
        let value = short.and_then(|short| word.strip_prefix(short))?;
        Some(value.strip_prefix('=').unwrap_or(value).to_owned())
    }
}

fn get(mut words: Words) -> Option<Query> {
    let mut query = Query::default();
    let mut targets = Vec::new();
    while let Some(word) = words.next_word() {
        if let Some(output) = words.value(&word, "--output", Some("-o")) {
            query.output = Output::parse(&output)?;
        } else if word == "--ignore-not-found" || word == "--ignore-not-found=true" {
            query.ignores_absence = true;
        } else if word == "--no-headers" {
            query.without_head = true;
        } else if word.starts_with('-') {
            return None;
        } else {
            targets.push(word);
        }
    }
    query.aim(targets).then_some(query)
}

/// `wait --for=condition=Ready uiresource/NAME` to what devloop takes.
fn wait(mut words: Words) -> Option<Vec<String>> {
    let (mut arguments, mut names) = (Vec::new(), Vec::new());
    let mut condition = None;
    while let Some(word) = words.next_word() {
        if let Some(given) = words.value(&word, "--for", None) {
            condition = match given.to_lowercase().trim_end_matches("=true") {
                "condition=ready" => Some("ready"),
                "condition=uptodate" => Some("updated"),
                _ => return None,
            };
        } else if let Some(limit) = words.value(&word, "--timeout", None) {
            arguments.extend(["--timeout".to_owned(), limit]);
        } else if word == "--all" {
            // All is what is meant where nothing is named.
        } else if word.starts_with('-') {
            return None;
        } else {
            names.push(word);
        }
    }
    arguments.extend(["--for".to_owned(), condition?.to_owned()]);
    let mut query = Query::default();
    if !query.aim(names) || !query.is_of_resources() {
        return None;
    }
    arguments.extend(query.names);
    Some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devloop(line: &str) -> Vec<String> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match translate(&arguments, None) {
            Translation::Devloop(arguments) => arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn commands_about_the_session_are_those_of_devloop() {
        for (line, expected) in [
            ("trigger web", "trigger web"),
            ("trigger --port 10350 web --host=h", "trigger web"),
            ("trigger (Tiltfile)", "reload"),
            ("enable --all", "enable --all"),
            ("disable a b", "disable a b"),
            ("args -- --port 3", "args -- --port 3"),
            ("logs -f web", "logs --follow web"),
            ("wait --for=condition=Ready uiresource/web --timeout=60s", "wait --timeout 60s --for ready web"),
            ("wait --timeout 5m --for=condition=UpToDate uiresources a b", "wait --timeout 5m --for updated a b"),
            ("up --headless", "up --headless"),
            ("status --json", "status --json"),
        ] {
            assert_eq!(devloop(line).join(" "), expected, "{line}");
        }
        let arguments = ["trigger".to_owned(), "web".to_owned()];
        let Translation::Devloop(arguments) = translate(&arguments, Some("/p/Devfile")) else { panic!("devloop's") };
        assert_eq!(arguments.join(" "), "trigger --file /p/Devfile web");
    }

    #[test]
    fn what_is_not_known_is_said() {
        for line in
            ["patch x", "get cmd --watch -o name", "describe x", "wait --for=delete uiresource/a", "enable -l a", ""]
        {
            let arguments: Vec<String> = line.split(' ').filter(|it| !it.is_empty()).map(str::to_owned).collect();
            assert_eq!(translate(&arguments, None), Translation::Unknown(line.to_owned()));
        }
    }

    #[test]
    fn an_output_is_written_in_any_of_the_ways_of_kubectl() {
        let query = |line: &str| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            match translate(&arguments, None) {
                Translation::Get(query) => query,
                other => panic!("{line}: {other:?}"),
            }
        };
        for line in ["get uiresource web -ojson", "get uiresources/web -o json", "get uiresource/web --output=json"] {
            let found = query(line);
            assert_eq!((found.output.clone(), found.names.clone()), (Output::Json, vec!["web".to_owned()]), "{line}");
        }
        let found = query("get kd pod --ignore-not-found -o jsonpath={.status.pods[0].name}");
        assert_eq!(found.output, Output::JsonPath("{.status.pods[0].name}".to_owned()));
        assert!(found.ignores_absence);
    }
}
