//! `docs/devfile.md`, read: the one place where the builtins are described. The language server shows it, and tests
//! compare it with the registry and run its examples.
//!
//! A section begins with a heading of the third level that is a name in backquotes. A fence `text` holds the signature,
//! an item that begins with a name in backquotes describes a parameter, a fence `python` is an example.

use std::fmt::Write as _;
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../docs/devfile.md");

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| Documentation::parse(TEXT));

/// A block of code that a reader may copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The line of the fence in the page; the first is 1.
    pub line: usize,
    /// What it needs to run, as the words after `python` say: `cluster`, `helm`, `compose` …
    pub needs: Vec<String>,
    /// The code.
    pub code: String,
}

/// What is said about one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentationSection {
    /// With its module: `os.path.join`.
    pub name: String,
    /// The line of the heading.
    pub line: usize,
    /// How to call it, on one line; empty for what cannot be called.
    pub signature: String,
    /// The paragraphs before the parameters.
    pub summary: String,
    /// The names of the parameters and what is said about them.
    pub parameters: Vec<(String, String)>,
    /// The section without heading and signature, as Markdown.
    pub body: String,
}

impl DocumentationSection {
    /// What is said about a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(parameter, _)| parameter == name).map(|(_, text)| text.as_str())
    }
}

/// The whole page.
#[derive(Clone, Debug, Default)]
pub struct Documentation {
    /// In the order of the page.
    pub sections: Vec<DocumentationSection>,
    /// All examples, those outside of sections too.
    pub examples: Vec<Example>,
}

/// The page that comes with this version.
pub fn documentation() -> &'static Documentation {
    &DOCUMENTATION
}

impl Documentation {
    /// What is said about a name, its module included.
    pub fn find(&self, name: &str) -> Option<&DocumentationSection> {
        self.sections.iter().find(|section| section.name == name)
    }

    fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut section: Option<DocumentationSection> = None;
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            if let Some(info) = line.strip_prefix("```") {
                let mut code = String::new();
                for (_, line) in lines.by_ref().take_while(|(_, line)| !line.starts_with("```")) {
                    code.push_str(line);
                    code.push('\n');
                }
                match (info.split_whitespace().collect::<Vec<_>>().as_slice(), &mut section) {
                    (["text"], Some(section)) if section.signature.is_empty() => section.signature = one_line(&code),
                    (["python", needs @ ..], section) => {
                        let needs = needs.iter().map(|word| (*word).to_owned()).collect();
                        if let Some(section) = section {
                            let _ = writeln!(section.body, "```python\n{code}```");
                        }
                        page.examples.push(Example { line: index + 1, needs, code });
                    }
                    _ => {}
                }
            } else if line.starts_with('#') {
                page.sections.extend(section.take());
                let name = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`'));
                section = name.map(|name| DocumentationSection {
                    name: name.to_owned(),
                    line: index + 1,
                    ..DocumentationSection::default()
                });
            } else if let Some(section) = &mut section {
                section.add(line);
            }
        }
        page.sections.extend(section);
        for section in &mut page.sections {
            section.summary = section.summary.trim().to_owned();
            section.body = section.body.trim().to_owned();
        }
        page
    }
}

impl DocumentationSection {
    fn add(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push('\n');
        let item = line.strip_prefix("* `").and_then(|rest| rest.split_once('`'));
        if let Some((name, text)) = item {
            self.parameters.push((name.to_owned(), text.trim_start_matches(':').trim().to_owned()));
        } else if let Some((_, text)) = self.parameters.last_mut() {
            if line.starts_with("  ") {
                text.push(' ');
                text.push_str(line.trim());
            }
        } else {
            self.summary.push_str(line);
            self.summary.push('\n');
        }
    }
}

/// A signature that may have been written on several lines.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(", )", ")").replace(" )", ")").replace(",)", ")")
}

/// A signature as the page shows it: on one line if that is short, else with a line for each parameter.
pub fn shown_signature(signature: &str) -> String {
    const WIDTH: usize = 110;
    let signature = one_line(signature);
    let (Some(open), Some(close)) = (signature.find('('), signature.rfind(')')) else { return signature };
    if signature.chars().count() <= WIDTH {
        return signature;
    }
    let mut text = signature[..=open].to_owned();
    for parameter in super::language::signature::split_top_level(&signature[open + 1..close]) {
        let _ = write!(text, "\n    {parameter},");
    }
    text.push('\n');
    text.push_str(&signature[close..]);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::devfile::catalogue::{CatalogueEntry, CatalogueKind, catalogue, find_in_catalogue};

    fn page() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/devfile.md")
    }

    /// The names of `*args`.
    fn rest(entry: &CatalogueEntry) -> BTreeSet<String> {
        let inner = entry.signature.split_once('(').map_or("", |(_, rest)| rest);
        inner
            .split([',', ')'])
            .filter_map(|item| item.trim().strip_prefix('*'))
            .map(|item| item.split(':').next().unwrap_or(item).trim_matches(['*', ' ']).to_owned())
            .collect()
    }

    /// Puts the signatures of the registry into the page.
    fn updated(text: &str) -> String {
        let mut lines = text.lines().peekable();
        let mut result = String::new();
        let mut current = None;
        while let Some(line) = lines.next() {
            result.push_str(line);
            result.push('\n');
            if line.starts_with('#') {
                current = line
                    .strip_prefix("### `")
                    .and_then(|rest| rest.strip_suffix('`'))
                    .and_then(find_in_catalogue)
                    .filter(|entry| entry.kind == CatalogueKind::Function);
            }
            if line == "```text"
                && let Some(entry) = current.take()
            {
                while lines.next_if(|line| *line != "```").is_some() {}
                result.push_str(&shown_signature(&entry.signature));
                result.push('\n');
            }
        }
        result
    }

    #[test]
    fn the_page_documents_what_the_registry_has() {
        let text = std::fs::read_to_string(page()).expect("the page");
        let text = if std::env::var_os("DEVLOOP_UPDATE_EXPECTED").is_some() {
            let text = updated(&text);
            std::fs::write(page(), &text).expect("the page can be written");
            text
        } else {
            text
        };
        let documentation = Documentation::parse(&text);
        let mut problems = Vec::new();
        for entry in catalogue().iter().filter(|entry| entry.kind == CatalogueKind::Function) {
            let Some(section) = documentation.find(&entry.name) else {
                problems.push(format!("`{}` is not described", entry.name));
                continue;
            };
            if section.signature != one_line(&entry.signature) {
                problems.push(format!(
                    "the signature of `{}` is\n  {}\nDEVLOOP_UPDATE_EXPECTED=1 puts it into the page",
                    entry.name, entry.signature
                ));
            }
            let described: BTreeSet<String> = section.parameters.iter().map(|(name, _)| name.clone()).collect();
            let known: BTreeSet<String> = entry.parameters.iter().map(|parameter| parameter.name.clone()).collect();
            for name in known.difference(&described) {
                problems.push(format!("the parameter `{name}` of `{}` is not described", entry.name));
            }
            let known: BTreeSet<String> = known.union(&rest(entry)).cloned().collect();
            for name in described.difference(&known) {
                problems.push(format!("`{}` has no parameter `{name}`", entry.name));
            }
        }
        for section in &documentation.sections {
            let module = section.name.rsplit_once('.').and_then(|(module, _)| find_in_catalogue(module));
            let is_announced = module.is_some_and(|module| module.kind == CatalogueKind::Unavailable);
            match find_in_catalogue(&section.name) {
                None if !is_announced => problems.push(format!("there is no `{}`", section.name)),
                Some(entry)
                    if matches!(entry.kind, CatalogueKind::Value | CatalogueKind::Module)
                        && !section.signature.is_empty() =>
                {
                    problems.push(format!("`{}` is no function", section.name));
                }
                _ => {}
            }
        }
        for entry in catalogue() {
            let is_constant = entry.kind == CatalogueKind::Value && !entry.name.starts_with("__");
            if is_constant && documentation.find(&entry.name).is_none() {
                problems.push(format!("`{}` is not described", entry.name));
            }
        }
        assert!(problems.is_empty(), "docs/devfile.md:\n{}", problems.join("\n"));
    }

    #[test]
    fn every_function_has_an_example() {
        let without: Vec<&str> = documentation()
            .sections
            .iter()
            .filter(|section| {
                let short = section.name.rsplit('.').next().unwrap_or(&section.name);
                !section.body.contains("```python")
                    || !section.body.split("```python").nth(1).is_some_and(|code| code.contains(short))
            })
            .map(|section| section.name.as_str())
            .collect();
        assert!(without.is_empty(), "no example that uses it: {without:?}");
    }

    #[test]
    fn a_section_has_signature_parameters_and_examples() {
        let page = Documentation::parse(
            "# A\n\n### `f`\n\n```text\nf(\n    a: str,\n    b = 1,\n) → int\n```\n\nDoes it.\n\n* `a` (str): the\n  first.\n* `b`: more.\n\n```python helm\nf('x')\n```\n\n## B\n\ntext\n",
        );
        let section = page.find("f").expect("it is there");
        assert_eq!(section.signature, "f(a: str, b = 1) → int");
        assert_eq!(section.summary, "Does it.");
        assert_eq!(section.parameter("a"), Some("(str): the first."));
        assert_eq!(section.parameter("b"), Some("more."));
        assert_eq!(page.examples[0].needs, ["helm"]);
        assert_eq!((page.examples[0].line, page.examples[0].code.as_str()), (18, "f('x')\n"));
    }
}
