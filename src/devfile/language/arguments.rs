//! The typed readers of parameters: one method per type of reference §1.4 and §1.5.
//!
//! `None` as a result always means that the parameter was not given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use starlark::values::dict::DictRef;
use starlark::values::list::ListRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{Heap, UnpackValue as _, Value};

use super::binding::Call;
use super::failure::{Failure, Outcome};
use super::go_duration::parse_duration;
use super::link_url::link_url;
use super::paths;
use crate::devfile::values::blob::Blob;
use crate::devfile::values::git_repo::GitRepo;
use crate::devfile::values::link::LinkValue;
use crate::devfile::values::trigger_mode::TriggerModeValue;
use crate::diagnostic::Spanned;
use crate::project::{CommandLine, IgnorePattern, ImageReference, Link, ResourceName, TriggerMode};

/// Which variables precede a command's own `env`: none, they are inherited when the command starts.
pub(crate) type EnvironmentList = Vec<(String, String)>;

impl<'v> Call<'_, 'v, '_, '_> {
    /// A `str`.
    pub fn optional_string(&self, parameter: &str) -> Outcome<Option<&'v str>> {
        self.get(parameter)
            .map(|value| value.unpack_str().ok_or_else(|| self.mismatch(parameter, value, "string")))
            .transpose()
    }

    /// A `str` that is required or empty by default.
    pub fn string(&self, parameter: &str) -> Outcome<&'v str> {
        Ok(self.optional_string(parameter)?.unwrap_or_default())
    }

    /// A `str` or a Blob.
    pub fn text(&self, parameter: &str) -> Outcome<Option<String>> {
        self.get(parameter)
            .map(|value| text_of(value).ok_or_else(|| self.mismatch(parameter, value, "string or blob")))
            .transpose()
    }

    /// A `bool`.
    pub fn boolean(&self, parameter: &str) -> Outcome<Option<bool>> {
        self.get(parameter)
            .map(|value| value.unpack_bool().ok_or_else(|| self.mismatch(parameter, value, "bool")))
            .transpose()
    }

    /// A `bool` whose `None` means not given.
    pub fn tristate(&self, parameter: &str) -> Outcome<Option<bool>> {
        if self.get(parameter).is_some_and(Value::is_none) { Ok(None) } else { self.boolean(parameter) }
    }

    /// An `int`.
    pub fn integer(&self, parameter: &str) -> Outcome<Option<i64>> {
        self.get(parameter)
            .map(|value| integer_of(value).ok_or_else(|| self.mismatch(parameter, value, "int")))
            .transpose()
    }

    /// `strs`: one or several texts.
    pub fn strings(&self, parameter: &str) -> Outcome<Vec<String>> {
        let Some(value) = self.get(parameter).filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
        if let Some(text) = text_of(value) {
            return Ok(vec![text]);
        }
        let want = "string, blob, or a list of them";
        let elements = list_or_tuple(value).ok_or_else(|| self.mismatch(parameter, value, want))?;
        elements
            .into_iter()
            .map(|element| text_of(element).ok_or_else(|| self.mismatch(parameter, element, want)))
            .collect()
    }

    /// A sequence of `str`.
    pub fn sequence(&self, parameter: &str) -> Outcome<Option<Vec<String>>> {
        let Some(value) = self.get(parameter) else { return Ok(None) };
        let want = "a sequence of strings";
        let elements = sequence_of(value, self.heap()).ok_or_else(|| self.mismatch(parameter, value, want))?;
        let texts = elements.into_iter().map(|element| {
            element.unpack_str().map(str::to_owned).ok_or_else(|| {
                self.bad_argument(
                    parameter,
                    format_args!("got a sequence with {} in it, want {want}", article(element.get_type())),
                )
            })
        });
        texts.collect::<Outcome<Vec<String>>>().map(Some)
    }

    /// One `str` or a sequence of them.
    pub fn string_or_sequence(&self, parameter: &str) -> Outcome<Option<Vec<String>>> {
        match self.get(parameter).and_then(Value::unpack_str) {
            Some(text) => Ok(Some(vec![text.to_owned()])),
            None => self.sequence(parameter),
        }
    }

    /// A dict from text to text, sorted.
    pub fn dictionary(&self, parameter: &str) -> Outcome<BTreeMap<String, String>> {
        match self.get(parameter) {
            Some(value) if !value.is_none() => self.dictionary_of(parameter, value),
            _ => Ok(BTreeMap::new()),
        }
    }

    /// The same for a value inside an argument.
    pub fn dictionary_of(&self, parameter: &str, value: Value<'v>) -> Outcome<BTreeMap<String, String>> {
        let want = "a dict of strings";
        let dict = DictRef::from_value(value).ok_or_else(|| self.mismatch(parameter, value, want))?;
        let mut map = BTreeMap::new();
        for (key, value) in dict.iter() {
            let text = |value: Value<'v>, role: &str| {
                text_of(value).ok_or_else(|| {
                    self.bad_argument(
                        parameter,
                        format_args!("the {role} `{}` is {}, want string", value.to_str(), article(value.get_type())),
                    )
                })
            };
            map.insert(text(key, "key")?, text(value, "value")?);
        }
        Ok(map)
    }

    /// A path, absolute.
    pub fn path(&self, parameter: &str) -> Outcome<Option<PathBuf>> {
        self.get(parameter).map(|value| self.path_of(parameter, value)).transpose()
    }

    /// A path whose absence is the working directory.
    pub fn dir(&self, parameter: &str) -> Outcome<PathBuf> {
        Ok(self.path(parameter)?.unwrap_or_else(|| self.session.dir()))
    }

    /// The same for a value inside an argument.
    pub fn path_of(&self, parameter: &str, value: Value<'v>) -> Outcome<PathBuf> {
        match (value.unpack_str(), GitRepo::from_value(value)) {
            (Some(text), _) => Ok(self.session.resolve(text)),
            (None, Some(repo)) => Ok(repo.0.clone()),
            (None, None) => {
                let got = if value.is_none() { "None" } else { value.get_type() };
                Err(self.bad_argument(parameter, format_args!("expected path | string, got {got}")))
            }
        }
    }

    /// A path list.
    pub fn paths(&self, parameter: &str) -> Outcome<Vec<PathBuf>> {
        let Some(value) = self.get(parameter).filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
        if value.unpack_str().is_some() {
            return Ok(vec![self.path_of(parameter, value)?]);
        }
        let elements = list_or_tuple(value).ok_or_else(|| {
            let failure = self.mismatch(parameter, value, "a path or a list of paths");
            match GitRepo::from_value(value) {
                Some(_) => failure.help("a repository stands in a list: `[REPOSITORY]`"),
                None => failure,
            }
        })?;
        elements.into_iter().map(|element| self.path_of(parameter, element)).collect()
    }

    /// `ignore` and `only`.
    pub fn patterns(&self, parameter: &str) -> Outcome<Vec<IgnorePattern>> {
        if self.get(parameter).is_none_or(Value::is_none) {
            return Ok(Vec::new());
        }
        let patterns = self.string_or_sequence(parameter)?.unwrap_or_default();
        match patterns.iter().find(|pattern| pattern.contains('\n')) {
            Some(pattern) => self.refuse_argument(parameter, format_args!("{pattern:?} has a line break in it")),
            None => Ok(patterns),
        }
    }

    /// A command as an argument vector; `None` also for an empty one.
    pub fn argv(&self, parameter: &str) -> Outcome<Option<Vec<String>>> {
        let Some(value) = self.get(parameter) else { return Ok(None) };
        if let Some(script) = value.unpack_str() {
            let script = script.trim();
            let shell = ["sh", "-c", script].map(str::to_owned).to_vec();
            return Ok((!script.is_empty()).then_some(shell));
        }
        let refuse = |value: Value<'v>| {
            self.bad_argument(
                parameter,
                format_args!("a command must be a string or a list of strings, not {}", article(value.get_type())),
            )
        };
        let elements = sequence_of(value, self.heap()).ok_or_else(|| refuse(value))?;
        let argv: Vec<String> = elements
            .into_iter()
            .map(|element| element.unpack_str().map(str::to_owned).ok_or_else(|| refuse(element)))
            .collect::<Outcome<_>>()?;
        Ok((!argv.is_empty()).then_some(argv))
    }

    /// Commands for Windows are checked and not used; `None` is not given.
    pub fn check_windows_command(&self, parameter: &str) -> Outcome<()> {
        match self.get(parameter) {
            Some(value) if !value.is_none() => self.argv(parameter).map(drop),
            _ => Ok(()),
        }
    }

    /// A command for this machine.
    pub fn command(&self, parameter: &str, dir: &str, env: &str) -> Outcome<Option<CommandLine>> {
        let dir = self.dir_or_none(dir)?;
        let env = self.env(env)?;
        Ok(self.argv(parameter)?.map(|argv| CommandLine { argv, dir, env }))
    }

    /// A folder for a command: `None` is the working directory.
    fn dir_or_none(&self, parameter: &str) -> Outcome<PathBuf> {
        if self.get(parameter).is_some_and(Value::is_none) { Ok(self.session.dir()) } else { self.dir(parameter) }
    }

    /// The `env` of a command, sorted.
    pub fn env(&self, parameter: &str) -> Outcome<EnvironmentList> {
        let map = self.dictionary(parameter)?;
        if map.contains_key("") {
            return self.refuse_argument(parameter, format_args!("the name of a variable must not be empty"));
        }
        Ok(map.into_iter().collect())
    }

    /// A Go duration.
    pub fn duration(&self, parameter: &str) -> Outcome<Option<Duration>> {
        let Some(text) = self.optional_string(parameter)? else { return Ok(None) };
        match parse_duration(text) {
            Some(duration) => Ok(Some(duration)),
            None => Err(self
                .bad_argument(parameter, format_args!("`{text}` is no duration"))
                .help("write it like \"1m30s\", \"500ms\" or \"1h\"")),
        }
    }

    /// A trigger mode.
    pub fn trigger_mode(&self, parameter: &str) -> Outcome<Option<TriggerMode>> {
        self.get(parameter)
            .map(|value| match TriggerModeValue::from_value(value) {
                Some(mode) => Ok(mode.0),
                None => Err(self.mismatch(parameter, value, "TRIGGER_MODE_AUTO or TRIGGER_MODE_MANUAL")),
            })
            .transpose()
    }

    /// A name that is one path segment.
    pub fn name(&self, parameter: &str) -> Outcome<String> {
        let name = self.string(parameter)?;
        if matches!(name, "." | "..") || name.contains(['/', '%']) {
            return Err(self
                .bad_argument(parameter, format_args!("`{name}` is no valid name"))
                .help("a name must not be `.` or `..` and must not contain `/` or `%`"));
        }
        Ok(name.to_owned())
    }

    /// `resource_deps`.
    pub fn resource_deps(&self) -> Outcome<Vec<Spanned<ResourceName>>> {
        let names = self.sequence("resource_deps")?.unwrap_or_default();
        Ok(names.into_iter().map(|name| Spanned { value: ResourceName::new(name), span: self.span.clone() }).collect())
    }

    /// `labels`.
    pub fn labels(&self) -> Outcome<BTreeSet<String>> {
        let Some(value) = self.get("labels").filter(|value| !value.is_none()) else { return Ok(BTreeSet::new()) };
        let want = "a string or a list of strings";
        let elements = match value.unpack_str() {
            Some(_) => vec![value],
            None => list_or_tuple(value).ok_or_else(|| self.mismatch("labels", value, want))?,
        };
        let mut labels = BTreeSet::new();
        for element in elements {
            let label = element.unpack_str().ok_or_else(|| self.mismatch("labels", element, want))?;
            check_label(label)
                .map_err(|problem| self.failure(format_args!("invalid label `{label}`: {problem}")).about("labels"))?;
            labels.insert(label.to_owned());
        }
        Ok(labels)
    }

    /// `links`.
    pub fn links(&self) -> Outcome<Vec<Link>> {
        let Some(value) = self.get("links").filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
        let want = "a URL, a link, or a sequence of them";
        let one = |value: Value<'v>| -> Outcome<Option<Link>> {
            if let Some(link) = LinkValue::from_value(value) {
                return Ok(Some(link.0.clone()));
            }
            value.unpack_str().map(|url| self.link("links", url, String::new())).transpose()
        };
        if let Some(link) = one(value)? {
            return Ok(vec![link]);
        }
        let elements = sequence_of(value, self.heap()).ok_or_else(|| self.mismatch("links", value, want))?;
        elements.into_iter().map(|element| one(element)?.ok_or_else(|| self.mismatch("links", element, want))).collect()
    }

    /// A link; a URL without scheme is HTTP.
    pub fn link(&self, parameter: &str, url: &str, name: String) -> Outcome<Link> {
        match link_url(url) {
            Ok(url) => Ok(Link { url, name }),
            Err(problem) => self.refuse_argument(parameter, format_args!("`{url}` is no valid URL: {problem}")),
        }
    }

    /// An image reference in an argument.
    pub fn image_reference(&self, parameter: &str, text: &str) -> Outcome<ImageReference> {
        ImageReference::parse(text)
            .map_err(|error| self.bad_argument(parameter, format_args!("cannot parse `{text}`: {error}")))
    }

    /// A list of image references with their texts.
    pub fn image_list(&self, parameter: &str) -> Outcome<Vec<(String, ImageReference)>> {
        let Some(value) = self.get(parameter).filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
        let want = "a list of image references";
        let elements = list_or_tuple(value).ok_or_else(|| self.mismatch(parameter, value, want))?;
        elements
            .into_iter()
            .map(|element| {
                let text = element.unpack_str().ok_or_else(|| self.mismatch(parameter, element, want))?;
                Ok((text.to_owned(), self.image_reference(parameter, text)?))
            })
            .collect()
    }
}

/// The text of a `str` or a Blob.
pub(crate) fn text_of(value: Value<'_>) -> Option<String> {
    value.unpack_str().map(str::to_owned).or_else(|| Blob::from_value(value).map(|blob| blob.0.text.clone()))
}

/// An integer of 64 bits.
pub(crate) fn integer_of(value: Value<'_>) -> Option<i64> {
    // `bool` is a type of its own in Starlark; the crate keeps them apart too.
    i64::unpack_value(value).ok().flatten()
}

/// The elements of a list or a tuple.
pub(crate) fn list_or_tuple(value: Value<'_>) -> Option<Vec<Value<'_>>> {
    ListRef::from_value(value)
        .map(|list| list.content().to_vec())
        .or_else(|| TupleRef::from_value(value).map(|tuple| tuple.content().to_vec()))
}

/// The elements of a sequence: list, tuple, set or range.
pub(crate) fn sequence_of<'v>(value: Value<'v>, heap: Heap<'v>) -> Option<Vec<Value<'v>>> {
    list_or_tuple(value).or_else(|| {
        matches!(value.get_type(), "set" | "range").then(|| value.iterate(heap).ok().map(Iterator::collect)).flatten()
    })
}

/// A type name with its article, for sentences.
pub(crate) fn article(type_name: &str) -> String {
    match type_name {
        "NoneType" => "None".to_owned(),
        name if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}

fn check_label(label: &str) -> Result<(), &'static str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if label.is_empty() {
        Err("it must not be empty")
    } else if label.contains('/') {
        Err("it must not contain `/`")
    } else if label.len() > 63 {
        Err("it must not be longer than 63 characters")
    } else if !label.chars().all(inner) || !end(label.chars().next()) || !end(label.chars().next_back()) {
        Err("it must consist of letters, digits, `-`, `_` and `.`, and begin and end with a letter or digit")
    } else {
        Ok(())
    }
}

/// A path as an argument of a command that runs in `dir`.
pub(crate) fn relative_text(path: &Path, dir: &Path) -> String {
    paths::relative(path, dir).to_string_lossy().into_owned()
}

/// The failure of a call that this version does not have.
pub(crate) fn not_in_this_version(name: &str) -> Failure {
    Failure::new(format!("`{name}`: this version of devloop does not have it yet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_kubernetes() {
        for label in ["a", "a.b-c_d", "0", &"x".repeat(63)] {
            assert_eq!(check_label(label), Ok(()), "{label}");
        }
        for label in ["", "a/b", "-a", "a.", "ä", &"x".repeat(64), "a b"] {
            assert!(check_label(label).is_err(), "{label}");
        }
    }
}
