//! What stands around a cursor, told from the text alone: while somebody types, the text is seldom whole.

/// A call that the cursor is inside of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnclosingCall {
    /// What is called: `os.path.join`.
    pub name: String,
    /// How many arguments stand before the one that the cursor is in.
    pub position: usize,
    /// The keywords that are given already.
    pub keywords: Vec<String>,
    /// The keyword of the argument that the cursor is in.
    pub keyword: Option<String>,
}

/// What stands around a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The dotted word that ends at the cursor, without its last part: `os.path`.
    pub object: Option<String>,
    /// The last part, as far as it stands before the cursor.
    pub word: String,
    /// The innermost call.
    pub call: Option<EnclosingCall>,
    /// The text of the string that the cursor is in, up to the cursor.
    pub string: Option<String>,
    /// Whether the cursor is in a comment.
    pub is_comment: bool,
}

struct Open {
    bracket: char,
    name: String,
    position: usize,
    keywords: Vec<String>,
    keyword: Option<String>,
}

/// Looks at the text before byte `offset`.
pub fn cursor(text: &str, offset: usize) -> Cursor {
    let text = &text[..offset];
    let mut open: Vec<Open> = Vec::new();
    let mut word = String::new();
    let mut before_equals = String::new();
    let mut rest = text.char_indices().peekable();
    while let Some((index, character)) = rest.next() {
        match character {
            '#' => {
                if !rest.by_ref().any(|(_, c)| c == '\n') {
                    return Cursor { is_comment: true, call: call(open), ..Cursor::default() };
                }
                word.clear();
            }
            '\'' | '"' => {
                let tail = &text[index..];
                let triple = character.to_string().repeat(3);
                let quote = if tail.starts_with(&triple) { triple } else { character.to_string() };
                let Some(length) = closing(&tail[quote.len()..], &quote) else {
                    let string = Some(tail[quote.len()..].to_owned());
                    return Cursor { string, call: call(open), ..Cursor::default() };
                };
                let end = index + quote.len() + length;
                while rest.peek().is_some_and(|(next, _)| *next < end) {
                    rest.next();
                }
                word.clear();
            }
            '(' | '[' | '{' => {
                let name = if character == '(' { std::mem::take(&mut word) } else { String::new() };
                open.push(Open { bracket: character, name, position: 0, keywords: Vec::new(), keyword: None });
                word.clear();
            }
            ')' | ']' | '}' => {
                open.pop();
                word.clear();
            }
            ',' => {
                if let Some(open) = open.last_mut() {
                    open.position += 1;
                    open.keyword = None;
                }
                word.clear();
            }
            '=' => {
                if let Some(open) = open.last_mut().filter(|open| open.bracket == '(' && open.keyword.is_none()) {
                    let name = if word.is_empty() { std::mem::take(&mut before_equals) } else { word.clone() };
                    if !name.is_empty() {
                        open.keywords.push(name.clone());
                        open.keyword = Some(name);
                    }
                }
                word.clear();
            }
            c if c.is_alphanumeric() || c == '_' || c == '.' => {
                word.push(c);
                continue;
            }
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    before_equals = std::mem::take(&mut word);
                }
                continue;
            }
            _ => word.clear(),
        }
        before_equals.clear();
    }
    let (object, word) = match word.rsplit_once('.') {
        Some((object, word)) => (Some(object.to_owned()), word.to_owned()),
        None => (None, word),
    };
    Cursor { object, word, call: call(open), string: None, is_comment: false }
}

fn call(open: Vec<Open>) -> Option<EnclosingCall> {
    open.into_iter().rev().find(|open| open.bracket == '(' && !open.name.is_empty()).map(|open| EnclosingCall {
        name: open.name,
        position: open.position,
        keywords: open.keywords,
        keyword: open.keyword,
    })
}

/// How long the rest of a string is, its closing quote included. A short string ends at the end of its line.
fn closing(text: &str, quote: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if text[index..].starts_with(quote) {
            return Some(index + quote.len());
        } else if character == '\n' && quote.len() == 1 {
            return Some(index);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at the text before the `|`.
    fn at(text: &str) -> Cursor {
        let offset = text.find('|').expect("the cursor");
        cursor(&text.replace('|', ""), offset)
    }

    #[test]
    fn the_word_at_the_cursor_has_its_module() {
        assert_eq!((at("x = dock|er").object, at("x = dock|er").word), (None, "dock".to_owned()));
        assert_eq!((at("os.path.jo|").object, at("os.path.jo|").word), (Some("os.path".to_owned()), "jo".to_owned()));
        assert_eq!(at("os.|").object.as_deref(), Some("os"));
    }

    #[test]
    fn the_innermost_call_tells_its_arguments() {
        let call = at("docker_build('x', ctx(1, 2), ignore=['a', 'b'], li|").call.expect("a call");
        assert_eq!((call.name.as_str(), call.position), ("docker_build", 3));
        assert_eq!(call.keywords, ["ignore"]);
        assert_eq!(call.keyword, None);
        let call = at("k8s_resource('x', # f(\n  links = [link(\"a)\", na|").call.expect("a call");
        assert_eq!((call.name.as_str(), call.position), ("link", 1));
        let call = at("f(a == b, c = |").call.expect("a call");
        assert_eq!(call.keyword.as_deref(), Some("c"));
        assert_eq!(at("f(1)\n|").call, None);
    }

    #[test]
    fn strings_and_comments_are_not_code() {
        assert_eq!(at("load('lib/De|").string.as_deref(), Some("lib/De"));
        assert_eq!(at("x = '''a\nb'|").string.as_deref(), Some("a\nb'"));
        assert!(at("x = 1 # dock|").is_comment);
        assert_eq!(at("x = 'unclosed\ndock|").word, "dock");
        assert_eq!(at(r"x = r'\d' + dock|").word, "dock");
        assert_eq!(at(r"x = '\'' + dock|").word, "dock");
    }
}
