//! The text as logical lines: a scanner that knows strings, comments, brackets and continued lines.

use super::assignments::Statement;
use super::emit::{Edit, Piece};
use super::{names, string_literal};

/// How far a tab goes, as in the reference's scanner.
const TAB: usize = 8;

/// A mistake in a literal, with its bytes in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<&'static str>,
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

/// A line of code, which may go on over several lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogicalLine {
    /// The first byte of the first line of text.
    pub start: usize,
    /// Where the code begins, behind the indentation.
    pub code: usize,
    /// How many columns it is indented.
    pub indentation: usize,
    /// Whether the indentation must be written anew.
    pub has_tabs: bool,
    /// The colon of a line that begins with `while`, and the code of a suite on the same line.
    pub while_colon: Option<Colon>,
    /// Whether it begins with `while`.
    pub is_while: bool,
}

/// Methods of strings with another name in the crate, as long as the user's. The reference's `codepoints` gives strings,
/// as the crate's `elems` does, and `codepoint_ords` gives numbers, as the crate's `codepoints` does.
const METHODS: [(&str, &str); 2] = [("codepoints", "elems     "), ("codepoint_ords", "codepoints    ")];

/// A method with a longer name in the crate.
const LONGER_METHOD: (&str, &str) = ("elem_ords", "codepoints");

/// The colon that ends a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colon {
    /// Its byte.
    pub at: usize,
    /// The first byte of a suite on the same line.
    pub suite: Option<usize>,
}

/// What the scanner finds.
pub(super) struct Scan {
    /// The text, as long as the user's behind its byte order mark: tabs outside of strings and
    /// comments are blanks, and some methods have another name.
    pub cleaned: String,
    /// All lines with code.
    pub lines: Vec<LogicalLine>,
    /// Words that the parser gets in another spelling, in the order of the text.
    pub words: Vec<Edit>,
    /// Assignments that are written in another way, in the order of the text.
    pub assignments: Vec<Edit>,
}

impl Scan {
    /// Scans a text.
    pub fn of(text: &str) -> Result<Self, Problem> {
        Scanner {
            text,
            bytes: text.as_bytes(),
            at: 0,
            blanks: Vec::new(),
            breaks: Vec::new(),
            lines: Vec::new(),
            renamed: Vec::new(),
            words: Vec::new(),
            assignments: Vec::new(),
        }
        .run()
    }
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    blanks: Vec<usize>,
    breaks: Vec<usize>,
    lines: Vec<LogicalLine>,
    renamed: Vec<(usize, &'static str)>,
    words: Vec<Edit>,
    assignments: Vec<Edit>,
}

impl Scanner<'_> {
    fn run(mut self) -> Result<Scan, Problem> {
        while self.at < self.bytes.len() {
            let start = self.at;
            let (indentation, has_tabs) = self.indentation();
            match self.peek(0) {
                None => break,
                Some(b'#') => self.comment(),
                Some(b'\n' | b'\r') => {}
                Some(_) => {
                    let code = self.at;
                    let (is_while, is_load) = (self.word() == "while", self.word() == "load");
                    let while_colon = self.logical_line(is_while, is_load)?;
                    self.lines.push(LogicalLine { start, code, indentation, has_tabs, while_colon, is_while });
                    continue;
                }
            }
            self.line_break();
        }
        let mut cleaned = self.text.to_owned().into_bytes();
        for blank in self.blanks {
            cleaned[blank] = b' ';
        }
        for line_break in self.breaks {
            cleaned[line_break] = b'\n';
        }
        for (start, name) in self.renamed {
            cleaned[start..start + name.len()].copy_from_slice(name.as_bytes());
        }
        // Only ASCII was replaced by ASCII.
        let cleaned = String::from_utf8(cleaned).unwrap_or_else(|_| self.text.to_owned());
        Ok(Scan { cleaned, lines: self.lines, words: self.words, assignments: self.assignments })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// The columns of the blanks here, counted as the reference's scanner does: every tab goes to the next multiple of
    /// eight of the *characters* before it.
    fn indentation(&mut self) -> (usize, bool) {
        let (mut columns, mut characters, mut has_tabs) = (0, 0, false);
        loop {
            match self.peek(0) {
                Some(b' ') => columns += 1,
                Some(b'\t') => {
                    columns += TAB - characters % TAB;
                    has_tabs = true;
                }
                Some(b'\x0c') => {
                    (columns, characters, has_tabs) = (0, 0, true);
                    self.at += 1;
                    continue;
                }
                _ => return (columns, has_tabs),
            }
            characters += 1;
            self.at += 1;
        }
    }

    /// Moves behind a line break, if there is one here.
    fn line_break(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some(b'\r'), Some(b'\n')) => self.at += 2,
            (Some(b'\r'), _) => {
                self.breaks.push(self.at);
                self.at += 1;
            }
            (Some(b'\n'), _) => self.at += 1,
            _ => {}
        }
    }

    fn comment(&mut self) {
        while !matches!(self.peek(0), None | Some(b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The identifier here, empty if there is none.
    fn word(&self) -> &str {
        let rest = &self.text[self.at..];
        if rest.starts_with(|character: char| character.is_ascii_digit()) {
            return "";
        }
        let end = rest.find(|character: char| !is_word(character)).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Moves behind the line break that ends the line of code.
    fn logical_line(&mut self, is_while: bool, is_load: bool) -> Result<Option<Colon>, Problem> {
        let (mut brackets, mut lambdas, mut strings) = (Vec::new(), 0_usize, 0_usize);
        let mut colon: Option<Colon> = None;
        let mut statement = Statement::default();
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            if let Some(Colon { suite: suite @ None, .. }) = &mut colon
                && !matches!(byte, b' ' | b'\t' | b'\x0c' | b'\n' | b'\r' | b'#' | b'\\')
            {
                *suite = Some(self.at);
            }
            match byte {
                b'\n' | b'\r' => {
                    self.line_break();
                    if brackets.is_empty() {
                        break;
                    }
                    continue;
                }
                b'\t' | b'\x0c' => {
                    self.blanks.push(self.at);
                    self.at += 1;
                    continue;
                }
                b' ' => {
                    self.at += 1;
                    continue;
                }
                b'#' => {
                    self.comment();
                    continue;
                }
                b'\\' => {
                    self.at += 1;
                    self.line_break();
                    continue;
                }
                b'(' | b'[' | b'{' => {
                    brackets.push(self.at);
                    self.at += 1;
                }
                b')' | b']' | b'}' => {
                    if let Some(open) = brackets.pop()
                        && brackets.is_empty()
                    {
                        statement.brackets(open, self.at);
                    }
                    self.at += 1;
                }
                b':' => {
                    self.at += 1;
                    if brackets.is_empty() && lambdas > 0 {
                        lambdas -= 1;
                    } else if brackets.is_empty() {
                        if is_while && colon.is_none() {
                            colon = Some(Colon { at: start, suite: None });
                        }
                        statement = Statement::default();
                        continue;
                    }
                }
                b';' if brackets.is_empty() => {
                    self.assignments.extend(statement.edit(self.text));
                    statement = Statement::default();
                    self.at += 1;
                    continue;
                }
                b'%' | b'*' | b'<' => {
                    let operator = ["%=", "*=", "<<="].into_iter().find(|it| self.text[self.at..].starts_with(it));
                    self.at += operator.map_or(1, str::len);
                    if operator.is_some() && brackets.is_empty() {
                        statement.operator(start, self.at);
                    }
                }
                b'"' | b'\'' => {
                    self.at = string_literal::end(self.text, self.at, "")?;
                    // The first string of a `load` is a path, the others are names.
                    if is_load && strings > 0 && self.at > start + 2 {
                        self.spell(start + 1, self.at - 1);
                    }
                    strings += 1;
                }
                b'0'..=b'9' => self.number(),
                b'.' => {
                    if brackets.is_empty() {
                        statement.point(self.at);
                    }
                    self.at += 1;
                    self.attribute();
                }
                _ => {
                    let word = self.word();
                    let length = word.len();
                    let quoted = matches!(self.peek(length), Some(b'"' | b'\''));
                    if quoted && string_literal::is_prefix(word) {
                        self.at = string_literal::end(self.text, self.at + length, word)?;
                    } else {
                        lambdas += usize::from(word == "lambda" && brackets.is_empty() && colon.is_none());
                        self.spell(start, start + length);
                        self.at += length.max(self.text[self.at..].chars().next().map_or(1, char::len_utf8));
                    }
                }
            }
            statement.code(start, self.at);
        }
        self.assignments.extend(statement.edit(self.text));
        Ok(colon)
    }

    /// The name behind a point.
    fn attribute(&mut self) {
        let word = self.word();
        let end = self.at + word.len();
        let is_call = self.text[end..].starts_with("()");
        let method = METHODS.into_iter().find(|(from, _)| *from == word && is_call);
        if word == LONGER_METHOD.0 && is_call {
            let pieces = vec![Piece::Text(LONGER_METHOD.1.to_owned(), self.at)];
            self.words.push(Edit { start: self.at, end, pieces });
        }
        self.renamed.extend(method.map(|(_, to)| (self.at, to)));
        self.spell(self.at, end);
        self.at = end;
    }

    /// Gives the parser another spelling of a name that it does not take.
    fn spell(&mut self, start: usize, end: usize) {
        // A string that does not end may have no boundary of a character before its last byte.
        if let Some(spelling) = self.text.get(start..end).and_then(names::substitute) {
            self.words.push(Edit { start, end, pieces: vec![Piece::Text(spelling, start)] });
        }
    }

    /// Digits with what belongs to them, so that the `b` of `0b1` is no prefix of a string.
    fn number(&mut self) {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            self.at += 1;
        }
    }
}

pub(super) fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}
