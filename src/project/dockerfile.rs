//! Which images a Dockerfile is built from, and the same Dockerfile with some of them exchanged.
//!
//! This is no Dockerfile parser: it reads as much as it takes to find `FROM`, `COPY --from=` and
//! `RUN --mount=from=`, and leaves every complaint about the rest to the builder.

use std::collections::BTreeMap;
use std::ops::Range;

use super::image_reference::ImageReference;

/// A place in a Dockerfile that names an image (not a stage of the same file).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerfileReference {
    /// The reference with build arguments filled in.
    pub text: String,
    /// The line that it starts in, from 1.
    pub line: u32,
    /// The bytes of the Dockerfile that it is written in.
    pub range: Range<usize>,
    /// The reference, parsed.
    pub parsed: ImageReference,
}

/// The images that the Dockerfile `text` refers to, in order. What does not parse as an image is left out.
///
/// Variables are the defaults of `ARG` instructions, overridden by `build_args` (which count only once declared).
pub fn image_references(text: &str, build_args: &BTreeMap<String, String>) -> Vec<DockerfileReference> {
    let mut scan = Scan { build_args, global: BTreeMap::new(), stage: None, stages: Vec::new(), found: Vec::new() };
    for instruction in instructions(text) {
        scan.instruction(&instruction);
    }
    let Scan { found, .. } = scan;
    found
        .into_iter()
        .filter_map(|(name, range)| {
            let parsed = ImageReference::parse(&name).ok()?;
            let line = text[..range.start].matches('\n').count() as u32 + 1;
            Some(DockerfileReference { text: name, line, range, parsed })
        })
        .collect()
}

/// `text` with each of the given references, as found in this very text, exchanged.
pub fn rewrite<'a>(text: &str, replacements: impl IntoIterator<Item = (&'a DockerfileReference, &'a str)>) -> String {
    let mut replacements: Vec<_> = replacements.into_iter().collect();
    replacements.sort_by_key(|(reference, _)| reference.range.start);
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for (reference, replacement) in replacements {
        if reference.range.start < done {
            continue;
        }
        result.push_str(&text[done..reference.range.start]);
        result.push_str(replacement);
        done = reference.range.end;
    }
    result.push_str(&text[done..]);
    result
}

/// What has been seen so far from top to bottom.
struct Scan<'a> {
    build_args: &'a BTreeMap<String, String>,
    /// `ARG`s before the first `FROM`.
    global: BTreeMap<String, String>,
    /// `ARG`s and `ENV`s of the current stage, once there is one.
    stage: Option<BTreeMap<String, String>>,
    /// Names of stages so far; unnamed ones are empty.
    stages: Vec<String>,
    found: Vec<(String, Range<usize>)>,
}

impl Scan<'_> {
    fn instruction(&mut self, words: &[Word]) {
        let Some((keyword, rest)) = words.split_first() else { return };
        match keyword.text.to_ascii_uppercase().as_str() {
            "FROM" => self.from(rest),
            "ARG" => rest.iter().for_each(|word| self.argument(word)),
            "COPY" => {
                for word in rest.iter().take_while(|word| word.text.starts_with("--")) {
                    if let Some(name) = word.text.strip_prefix("--from=") {
                        self.reference(name, word.tail(name), false);
                    }
                }
            }
            "RUN" => {
                for word in rest.iter().take_while(|word| word.text.starts_with("--")) {
                    let Some(options) = word.text.strip_prefix("--mount=") else { continue };
                    for option in options.split(',') {
                        if let Some(name) = option.strip_prefix("from=") {
                            self.reference(name, word.part(name), false);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn from(&mut self, words: &[Word]) {
        let mut words = words.iter().skip_while(|word| word.text.starts_with("--"));
        // The arguments of the stage before do not count here.
        self.stage = None;
        if let Some(image) = words.next() {
            self.reference(&image.text, image.range.clone(), true);
        }
        let name = match (words.next(), words.next()) {
            (Some(keyword), Some(name)) if keyword.text.eq_ignore_ascii_case("as") => name.text.to_lowercase(),
            _ => String::new(),
        };
        self.stages.push(name);
        self.stage = Some(BTreeMap::new());
    }

    fn argument(&mut self, word: &Word) {
        let (name, default) = match word.text.split_once('=') {
            Some((name, default)) => (name, Some(self.substitute(unquoted(default)))),
            None => (word.text.as_str(), None),
        };
        let given = self.build_args.get(name).filter(|value| !value.is_empty()).cloned();
        let value = given.or(default).or_else(|| self.global.get(name).cloned());
        let Some(value) = value else { return };
        self.stage.as_mut().unwrap_or(&mut self.global).insert(name.to_owned(), value);
    }

    fn reference(&mut self, text: &str, range: Range<usize>, is_from: bool) {
        let name = self.substitute(unquoted(text));
        let is_stage = self.stages.iter().any(|stage| !stage.is_empty() && *stage == name.to_lowercase());
        let is_index = !is_from && name.parse::<usize>().is_ok();
        if !is_stage && !is_index && name != "scratch" {
            self.found.push((name, range));
        }
    }

    /// Fills in `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`.
    fn substitute(&self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            result.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(braced) = rest.strip_prefix('{') {
                let end = closing_brace(braced);
                result.push_str(&self.expand(&braced[..end]));
                rest = braced.get(end + 1..).unwrap_or("");
            } else {
                let end = rest.find(|c: char| !is_name_character(c)).unwrap_or(rest.len());
                result.push_str(self.variable(&rest[..end]).unwrap_or(""));
                rest = &rest[end..];
            }
        }
        result + rest
    }

    fn expand(&self, expression: &str) -> String {
        let end = expression.find(|c: char| !is_name_character(c)).unwrap_or(expression.len());
        let (name, operator) = expression.split_at(end);
        let value = self.variable(name);
        let non_empty = value.filter(|value| !value.is_empty());
        match operator.split_at(operator.find(['-', '+']).map_or(0, |at| at + 1)) {
            (":-", default) => non_empty.map_or_else(|| self.substitute(default), str::to_owned),
            ("-", default) => value.map_or_else(|| self.substitute(default), str::to_owned),
            (":+", other) => non_empty.map_or_else(String::new, |_| self.substitute(other)),
            ("+", other) => value.map_or_else(String::new, |_| self.substitute(other)),
            _ => value.unwrap_or("").to_owned(),
        }
    }

    /// In `FROM` only the global arguments count, in a stage its own too.
    fn variable(&self, name: &str) -> Option<&str> {
        self.stage.as_ref().and_then(|stage| stage.get(name)).or_else(|| self.global.get(name)).map(String::as_str)
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Where the brace closes that was opened before `text`.
fn closing_brace(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

/// A word of an instruction and where it stands.
#[derive(Debug)]
struct Word {
    text: String,
    range: Range<usize>,
}

impl Word {
    /// The range of `tail`, which ends the word.
    fn tail(&self, tail: &str) -> Range<usize> {
        self.range.end - tail.len()..self.range.end
    }

    /// The range of `part`, a slice of the word's text.
    fn part(&self, part: &str) -> Range<usize> {
        let offset = part.as_ptr() as usize - self.text.as_ptr() as usize;
        self.range.start + offset..self.range.start + offset + part.len()
    }
}

/// The instructions of a Dockerfile as words; comments, blank lines and here-documents are gone.
fn instructions(text: &str) -> Vec<Vec<Word>> {
    let escape = escape_character(text);
    let mut result = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut here_documents: Vec<(String, bool)> = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let content = line.trim_end();
        if let Some((delimiter, strip_tabs)) = here_documents.first() {
            let candidate = if *strip_tabs { content.trim_start_matches('\t') } else { content };
            if candidate == delimiter {
                here_documents.remove(0);
            }
            continue;
        }
        let trimmed = content.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            // Also between the lines of one instruction.
            continue;
        }
        let continues = content.ends_with(escape);
        let content = if continues { content[..content.len() - escape.len_utf8()].trim_end() } else { content };
        push_words(content, start, &mut words);
        if !continues {
            here_documents = here_document_delimiters(&words);
            result.push(std::mem::take(&mut words));
        }
    }
    result.push(words);
    result
}

/// Splits a line at blanks outside quotes.
fn push_words(line: &str, offset: usize, words: &mut Vec<Word>) {
    let mut start = None;
    let mut quote = None;
    for (at, c) in line.char_indices().chain([(line.len(), '\n')]) {
        let ends_line = at == line.len();
        if ends_line || (c.is_whitespace() && quote.is_none()) {
            if let Some(from) = start.take() {
                words.push(Word { text: line[from..at].to_owned(), range: offset + from..offset + at });
            }
            continue;
        }
        start.get_or_insert(at);
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
    }
}

/// The character that continues a line: a backslash unless a leading `# escape=` directive says otherwise.
fn escape_character(text: &str) -> char {
    for line in text.lines() {
        let Some((key, value)) = line.trim().strip_prefix('#').and_then(|comment| comment.split_once('=')) else {
            break;
        };
        if key.trim().eq_ignore_ascii_case("escape") {
            return value.trim().chars().next().unwrap_or('\\');
        }
    }
    '\\'
}

/// The here-documents that follow an instruction; only these instructions can have some.
fn here_document_delimiters(words: &[Word]) -> Vec<(String, bool)> {
    let may_have = words
        .first()
        .is_some_and(|keyword| ["RUN", "COPY", "ADD"].iter().any(|name| keyword.text.eq_ignore_ascii_case(name)));
    if !may_have {
        return Vec::new();
    }
    words
        .iter()
        .filter_map(|word| {
            let (_, rest) = word.text.split_once("<<")?;
            let (rest, strip_tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
            let name = unquoted(rest);
            let is_name = !name.is_empty() && name.chars().all(is_name_character);
            is_name.then(|| (name.to_owned(), strip_tabs))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, build_args: &[(&str, &str)]) -> Vec<(String, u32)> {
        let build_args = build_args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        image_references(text, &build_args).into_iter().map(|reference| (reference.text, reference.line)).collect()
    }

    fn check(text: &str, build_args: &[(&str, &str)], expected: &[(&str, u32)]) {
        let expected: Vec<(String, u32)> = expected.iter().map(|(name, line)| ((*name).to_owned(), *line)).collect();
        assert_eq!(found(text, build_args), expected, "{text}");
    }

    #[test]
    fn images_are_found_and_stages_are_not() {
        check(
            "# comment\nFROM --platform=linux/amd64 golang:1.22 AS Build\nRUN go build\n\nFROM build as two\nFROM scratch\n\
             COPY --chown=1:1 --from=build /a /b\nCOPY --from=0 /a /b\nCOPY --from=gcr.io/tools/x:1 /a /b\n\
             RUN --mount=type=bind,from=helper,target=/h --mount=type=cache,target=/c make\n",
            &[],
            &[("golang:1.22", 2), ("gcr.io/tools/x:1", 9), ("helper", 10)],
        );
    }

    #[test]
    fn build_arguments_are_filled_in() {
        let text = "ARG BASE=alpine\nARG TAG=3\nFROM ${BASE}:$TAG\nFROM ${NONE:-busybox}:${TAG:+7}\n";
        check(text, &[], &[("alpine:3", 3), ("busybox:7", 4)]);
        check(text, &[("TAG", "4"), ("BASE", "debian"), ("NONE", "undeclared")], &[("debian:4", 3), ("busybox:7", 4)]);
        check("ARG A=\"x\" B=y\nFROM $A\nARG A=z\nCOPY --from=${A} / /\n", &[], &[("x", 2), ("z", 4)]);
        check("ARG BASE\nFROM $BASE\n", &[], &[]);
        check("ARG A=x\nFROM $A\nARG A=y\nFROM $A\n", &[], &[("x", 2), ("x", 4)]);
    }

    #[test]
    fn continuations_comments_and_here_documents_are_skipped() {
        check(
            "FROM \\\n  # a comment\n  alpine:3 \\\n  AS x\nRUN <<EOF\nFROM nothing\nEOF\nRUN cat <<-'E'\nFROM no\n\tE\nFROM busybox",
            &[],
            &[("alpine:3", 3), ("busybox", 11)],
        );
        check("# escape=`\nFROM `\n alpine\nRUN a \\\nFROM busybox\n", &[], &[("alpine", 3), ("busybox", 5)]);
    }

    #[test]
    fn rewriting_exchanges_just_the_reference() {
        let text = "ARG B=base\nFROM ${B} AS x # c\nCOPY --from=tools:1 a b\nRUN --mount=from=tools:1,target=/x y\n";
        let references = image_references(text, &BTreeMap::new());
        let replacements = references.iter().map(|reference| {
            (reference, if reference.parsed.path == "library/base" { "localhost:5000/base:devloop-1" } else { "t:2" })
        });
        assert_eq!(
            rewrite(text, replacements),
            "ARG B=base\nFROM localhost:5000/base:devloop-1 AS x # c\nCOPY --from=t:2 a b\nRUN --mount=from=t:2,target=/x y\n"
        );
    }
}
