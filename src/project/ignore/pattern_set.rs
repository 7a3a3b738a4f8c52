//! The patterns of one source, compiled when they are first asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use regex::{RegexSet, RegexSetBuilder};

use super::ignore_file::parse_ignore_file;
use super::pattern::{IgnorePattern, PatternError, PatternProblem, Rule, clean};

/// Names that editors and tools use for files of their own (reference §3.13).
const EDITOR_FILES: [&str; 14] = [
    "**/*___jb_old___",
    "**/*___jb_tmp___",
    "**/.idea/**",
    "**/.#*",
    "**/#*#",
    "**/flymake_*.*",
    "**/4913",
    "**/*~",
    "**/.*.swp",
    "**/.*.swx",
    "**/.*.swo",
    "**/.*.swn",
    "**/.*.kate-swp",
    "**/*-go-tmp-umask",
];

/// A source may have this much text; far above any real one, and it bounds what its compiled form takes.
const MAX_TEXT_BYTES: usize = 512 << 10;

/// The patterns of one source (an ignore file, an `ignore=` parameter …), anchored at one folder.
///
/// Sources are evaluated on their own: `!pattern` re-includes only what its own source ignores (reference §3.13).
/// The last pattern that matches wins, and a match on a folder covers what is in it.
#[derive(Clone, Debug)]
pub struct PatternSet {
    base: PathBuf,
    source: String,
    rules: Vec<Rule>,
    compiled: Arc<OnceLock<RegexSet>>,
}

impl PatternSet {
    /// The patterns of an ignore file's text; a leading `/` is dropped. `base` is an absolute folder.
    pub fn from_file(base: &Path, source: &str, text: &str) -> Result<Self, PatternError> {
        let patterns = parse_ignore_file(text);
        let rules = patterns.iter().map(|pattern| {
            let (include, body) = split_mark(pattern);
            if body.is_empty() {
                return Err(PatternProblem::LoneExclamation);
            }
            Rule::new(include, Some(&text_of(base)), body)
        });
        Self::new(base, source, patterns.iter().zip(rules))
    }

    /// The patterns of a parameter such as `ignore=`: a leading `/` makes an absolute path, `..` leads out of `base`
    /// and `.` is `base` itself. `base` is an absolute folder.
    pub fn from_parameter(
        base: &Path,
        source: &str,
        patterns: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, PatternError> {
        let patterns: Vec<String> = patterns.into_iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        let used = patterns.iter().filter(|pattern| !pattern.trim().is_empty());
        let rules = used.clone().map(|pattern| parameter_rule(base, pattern));
        Self::new(base, source, used.zip(rules))
    }

    /// Ignores everything below `base` but these paths: files or folders, literally, relative to `base` or absolute.
    pub fn only(base: &Path, source: &str, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let text = text_of(base);
        let mut rules = vec![Rule::new(false, Some(&text), "**").expect("`**` is a valid pattern")];
        for path in paths {
            let path = clean(path.as_ref().trim());
            rules.push(match absolute(&text, &path) {
                Some(path) => Rule::literal(true, None, &path),
                None if path == "." => Rule::new(true, Some(&text), "**").expect("`**` is a valid pattern"),
                None => Rule::literal(true, Some(&text), &path),
            });
        }
        Self { base: base.to_owned(), source: source.to_owned(), rules, compiled: Arc::default() }
    }

    /// Files that editors and tools create for themselves, anywhere below `base`.
    pub fn editor_files(base: &Path) -> Self {
        let text = text_of(base);
        let rules = EDITOR_FILES
            .iter()
            .map(|pattern| Rule::new(false, Some(&text), pattern).expect("the built-in patterns are valid"))
            .collect();
        Self { base: base.to_owned(), source: "editor files".to_owned(), rules, compiled: Arc::default() }
    }

    /// The folder that relative patterns are relative to.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Where the patterns come from, for people: `.dockerignore`, `ignore=` …
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether this source ignores the absolute path `path`.
    pub(super) fn ignores(&self, path: &str) -> bool {
        self.deciding_rule(path).is_some_and(|index| !self.rules[index].include)
    }

    /// Whether this source ignores `folder` and everything that can ever be below it.
    pub(super) fn prunes(&self, folder: &str) -> bool {
        // What ignores the folder covers its content, so only a later `!` can bring some of it back.
        self.deciding_rule(folder).is_some_and(|index| {
            !self.rules[index].include
                && !self.rules[index + 1..].iter().any(|rule| rule.include && rule.may_match_below(folder))
        })
    }

    /// The last rule that matches the path or one of its parents.
    fn deciding_rule(&self, path: &str) -> Option<usize> {
        if self.rules.is_empty() {
            return None;
        }
        self.compiled().matches(path).iter().next_back()
    }

    fn compiled(&self) -> &RegexSet {
        self.compiled.get_or_init(|| compile(&self.rules))
    }

    fn new<'a>(
        base: &Path,
        source: &str,
        rules: impl Iterator<Item = (&'a IgnorePattern, Result<Rule, PatternProblem>)>,
    ) -> Result<Self, PatternError> {
        let error = |pattern: &str, reason| PatternError {
            pattern: pattern.to_owned(),
            source_name: source.to_owned(),
            reason,
        };
        let mut text_bytes = 0;
        let rules: Vec<Rule> = rules
            .map(|(pattern, rule)| {
                text_bytes += pattern.len();
                match rule {
                    Ok(_) if text_bytes > MAX_TEXT_BYTES => Err(error(pattern, PatternProblem::TooLarge)),
                    Ok(rule) => Ok(rule),
                    Err(reason) => Err(error(pattern, reason)),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { base: base.to_owned(), source: source.to_owned(), rules, compiled: Arc::default() })
    }
}

impl PartialEq for PatternSet {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base && self.source == other.source && self.rules == other.rules
    }
}

impl Eq for PatternSet {}

impl std::hash::Hash for PatternSet {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.base.hash(state);
        self.source.hash(state);
        self.rules.hash(state);
    }
}

fn compile(rules: &[Rule]) -> RegexSet {
    RegexSetBuilder::new(rules.iter().map(Rule::expression))
        .dot_matches_new_line(true)
        .size_limit(usize::MAX)
        .dfa_size_limit(16 << 20)
        .build()
        .expect("expressions are made from checked tokens")
}

fn parameter_rule(base: &Path, pattern: &str) -> Result<Rule, PatternProblem> {
    if pattern.contains('\n') {
        return Err(PatternProblem::LineBreak);
    }
    let (include, body) = split_mark(pattern.trim());
    if body.trim().is_empty() {
        return Err(PatternProblem::LoneExclamation);
    }
    let body = clean(body.trim());
    if body == "." {
        return Rule::new(include, Some(&text_of(base)), "**");
    }
    // The base is no pattern, even if its name looks like one.
    match absolute(&escape_glob(&text_of(base)), &body) {
        Some(body) => Rule::new(include, None, &body),
        None => Rule::new(include, Some(&text_of(base)), &body),
    }
}

/// The absolute form of a cleaned path that is absolute or leads out of `base`.
fn absolute(base: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    (path == ".." || path.starts_with("../")).then(|| clean(&format!("{base}/{path}")))
}

fn escape_glob(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn split_mark(pattern: &str) -> (bool, &str) {
    match pattern.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    }
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
