//! Kubernetes' JSONPath (`{.spec.containers[*].image}`), evaluated to JSON pointers, so that what is found can be
//! replaced. See <https://kubernetes.io/docs/reference/kubectl/jsonpath/>.

use serde_json::Value;

/// Why a text is no JSONPath expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}` is no valid JSONPath expression: {reason}")]
pub struct JsonPathError {
    /// As written.
    pub expression: String,
    /// What is wrong.
    pub reason: String,
}

/// A parsed expression: one path per `{…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    paths: Vec<Vec<Step>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Wildcard,
    Descend,
    Indices(Vec<i64>),
    Fields(Vec<String>),
    Slice { start: Option<i64>, end: Option<i64>, step: usize },
    Filter { path: Vec<Step>, comparison: Option<(Comparison, Value)> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Parses an expression; the braces may be left out.
    pub fn parse(expression: &str) -> Result<Self, JsonPathError> {
        let error = |reason: &str| JsonPathError { expression: expression.to_owned(), reason: reason.to_owned() };
        let trimmed = expression.trim();
        if trimmed.is_empty() {
            return Err(error("it is empty"));
        }
        if !trimmed.starts_with('{') {
            return Ok(Self { paths: vec![parse_steps(trimmed).map_err(|reason| error(&reason))?] });
        }
        let mut paths = Vec::new();
        let mut rest = trimmed;
        while !rest.is_empty() {
            let inner = rest.strip_prefix('{').ok_or_else(|| error("text between `}` and `{` is not supported"))?;
            let end = closing(inner, '}').ok_or_else(|| error("a `{` is not closed"))?;
            let path = inner[..end].trim();
            if path.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                return Err(error(&format!("`{path}` is no known word; a field begins with a `.`")));
            }
            paths.push(parse_steps(path).map_err(|reason| error(&reason))?);
            rest = inner[end + 1..].trim_start();
        }
        Ok(Self { paths })
    }

    /// JSON pointers to all that the expression finds in `value`; fields that are not there are no error.
    pub fn find(&self, value: &Value) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for path in &self.paths {
            for (pointer, _) in walk(path, vec![(String::new(), value)]) {
                if !found.contains(&pointer) {
                    found.push(pointer);
                }
            }
        }
        found
    }
}

/// The pointer to field `key` of what `pointer` leads to.
pub(super) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn walk<'v>(steps: &[Step], start: Vec<(String, &'v Value)>) -> Vec<(String, &'v Value)> {
    let mut current = start;
    for step in steps {
        current = current.into_iter().flat_map(|(pointer, value)| advance(step, &pointer, value)).collect();
    }
    current
}

fn children<'v>(pointer: &str, value: &'v Value) -> Vec<(String, &'v Value)> {
    match value {
        Value::Array(items) => items.iter().enumerate().map(|(i, item)| (format!("{pointer}/{i}"), item)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (child(pointer, key), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn advance<'v>(step: &Step, pointer: &str, value: &'v Value) -> Vec<(String, &'v Value)> {
    match step {
        Step::Field(name) => value.get(name).map(|value| (child(pointer, name), value)).into_iter().collect(),
        Step::Fields(names) => {
            names.iter().filter_map(|name| value.get(name).map(|value| (child(pointer, name), value))).collect()
        }
        Step::Wildcard => children(pointer, value),
        Step::Descend => {
            let mut all = vec![(pointer.to_owned(), value)];
            let mut next = 0;
            while let Some((pointer, value)) = all.get(next).cloned() {
                all.extend(children(&pointer, value));
                next += 1;
            }
            all
        }
        Step::Indices(indices) => {
            let Some(items) = value.as_array() else { return Vec::new() };
            indices
                .iter()
                .filter_map(|index| {
                    let index = if *index < 0 { index + length_of(items) } else { *index };
                    let index = usize::try_from(index).ok()?;
                    items.get(index).map(|item| (format!("{pointer}/{index}"), item))
                })
                .collect()
        }
        Step::Slice { start, end, step } => {
            let Some(items) = value.as_array() else { return Vec::new() };
            let length = length_of(items);
            let absolute = |index: i64| (if index < 0 { index + length } else { index }).clamp(0, length) as usize;
            let (start, end) = (absolute(start.unwrap_or(0)), absolute(end.unwrap_or(length)));
            (start..end).step_by(*step).map(|index| (format!("{pointer}/{index}"), &items[index])).collect()
        }
        Step::Filter { path, comparison } => children(pointer, value)
            .into_iter()
            .filter(|(_, item)| {
                let found = walk(path, vec![(String::new(), *item)]);
                match comparison {
                    None => !found.is_empty(),
                    Some((comparison, operand)) => found.iter().any(|(_, value)| compare(*comparison, value, operand)),
                }
            })
            .collect(),
    }
}

fn length_of(items: &[Value]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let ordering = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => (left == right).then_some(std::cmp::Ordering::Equal),
    };
    match comparison {
        Comparison::Equal => ordering.is_some_and(std::cmp::Ordering::is_eq),
        Comparison::NotEqual => ordering.is_none_or(std::cmp::Ordering::is_ne),
        Comparison::Less => ordering.is_some_and(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => ordering.is_some_and(std::cmp::Ordering::is_le),
        Comparison::Greater => ordering.is_some_and(std::cmp::Ordering::is_gt),
        Comparison::GreaterOrEqual => ordering.is_some_and(std::cmp::Ordering::is_ge),
    }
}

/// Where `text` has the closing bracket of one that was opened before it, outside quotes.
fn closing(text: &str, bracket: char) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    for (index, c) in text.char_indices() {
        if let Some(open) = quote {
            if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            _ if depth == 0 && c == bracket => return Some(index),
            '[' | '(' | '{' => depth += 1,
            ']' | ')' | '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn parse_steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = text.strip_prefix(['$', '@']).unwrap_or(text);
    while let Some(first) = rest.chars().next() {
        match first {
            '.' if rest.starts_with("..") => {
                steps.push(Step::Descend);
                rest = &rest[1..];
                if !rest[1..].starts_with(|c: char| c != '[' && c != '.') && !rest[1..].starts_with('[') {
                    return Err("`..` needs a field after it".to_owned());
                }
            }
            '[' => {
                let end = closing(&rest[1..], ']').ok_or("a `[` is not closed")? + 1;
                steps.push(parse_bracket(rest[1..end].trim())?);
                rest = &rest[end + 1..];
            }
            _ => {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                let (name, after) = take_name(rest);
                match name.as_str() {
                    "" if after.starts_with('[') || after.is_empty() => {}
                    "" => return Err("a field name is missing".to_owned()),
                    "*" => steps.push(Step::Wildcard),
                    _ => steps.push(Step::Field(name)),
                }
                rest = after;
            }
        }
    }
    Ok(steps)
}

/// A field name up to the next `.` or `[`; a backslash takes the special meaning from the next character.
fn take_name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[index..]),
            _ => name.push(c),
        }
    }
    (name, "")
}

fn parse_bracket(text: &str) -> Result<Step, String> {
    if text == "*" {
        return Ok(Step::Wildcard);
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return parse_filter(filter.trim());
    }
    if text.starts_with(['\'', '"']) {
        let names: Option<Vec<String>> =
            text.split(',').map(|name| unquoted(name.trim()).map(|key| unescaped(&key))).collect();
        return names.map(Step::Fields).ok_or_else(|| format!("`[{text}]` is not understood"));
    }
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| format!("`[{text}]` is not understood"));
    if text.contains(':') {
        let parts: Vec<&str> = text.split(':').collect();
        let bound = |index: usize| match parts.get(index).map(|part| part.trim()) {
            None | Some("") => Ok(None),
            Some(part) => number(part).map(Some),
        };
        let step = bound(2)?.unwrap_or(1);
        let step = usize::try_from(step).ok().filter(|step| *step > 0).ok_or("the step of a slice must be positive")?;
        return Ok(Step::Slice { start: bound(0)?, end: bound(1)?, step });
    }
    text.split(',').map(number).collect::<Result<Vec<_>, _>>().map(Step::Indices)
}

fn unquoted(text: &str) -> Option<String> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).map(str::to_owned)
}

/// A key without the backslashes that kubectl wants before its dots: `['example\.com/image']`.
fn unescaped(key: &str) -> String {
    let mut text = String::new();
    let mut characters = key.chars();
    while let Some(c) = characters.next() {
        text.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    text
}

fn parse_filter(text: &str) -> Result<Step, String> {
    const OPERATORS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let found = OPERATORS.iter().filter_map(|(sign, comparison)| text.find(sign).map(|at| (at, *sign, *comparison)));
    // The longer of two operators at one place stands first in the table.
    let Some((at, sign, comparison)) = found.reduce(|best, next| if next.0 < best.0 { next } else { best }) else {
        return Ok(Step::Filter { path: parse_steps(text)?, comparison: None });
    };
    let right = text[at + sign.len()..].trim();
    let operand = match unquoted(right) {
        Some(text) => Value::String(text),
        None => serde_json::from_str(right).map_err(|_| format!("`{right}` must be a quoted text or a number"))?,
    };
    Ok(Step::Filter { path: parse_steps(text[..at].trim())?, comparison: Some((comparison, operand)) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expression: &str, expected: &[&str]) {
        let value = json!({
            "spec": {"image": "a", "a.b": 1, "list": [{"name": "x", "n": 1}, {"name": "y", "n": 2}, {"other": 3}]},
            "metadata": {"annotations": {"my/key": "v"}, "image": "c"},
        });
        assert_eq!(JsonPath::parse(expression).unwrap().find(&value), expected, "{expression}");
    }

    #[test]
    fn expressions_lead_to_pointers() {
        check("{.spec.image}", &["/spec/image"]);
        check(".spec.image", &["/spec/image"]);
        check("spec.image", &["/spec/image"]);
        check("{$.spec['image']}", &["/spec/image"]);
        check("{.spec.a\\.b}", &["/spec/a.b"]);
        check("{.metadata.annotations['my/key']}", &["/metadata/annotations/my~1key"]);
        check("{.spec['a\\.b']}", &["/spec/a.b"]);
        check("{.spec['a.b']}", &["/spec/a.b"]);
        check("{.spec.list[*].name}", &["/spec/list/0/name", "/spec/list/1/name"]);
        check("{.spec.list[-1].other}", &["/spec/list/2/other"]);
        check("{.spec.list[0:2].n}", &["/spec/list/0/n", "/spec/list/1/n"]);
        check("{.spec.list[?(@.name==\"y\")].n}", &["/spec/list/1/n"]);
        check("{.spec.list[?(@.name == 'y')].n}", &["/spec/list/1/n"]);
        check("{.spec.list[?(@.n>=2)].name}", &["/spec/list/1/name"]);
        check("{.spec.list[?(@.other)]}", &["/spec/list/2"]);
        check("{..image}", &["/spec/image", "/metadata/image"]);
        check("{.spec.image}{.metadata.image}", &["/spec/image", "/metadata/image"]);
        check("{.spec.nothing.at.all}", &[]);
    }

    #[test]
    fn nonsense_is_refused() {
        for expression in ["", "{.spec", "{.a[}", "{.a[x]}", "{.a[?(@.b==c)]}", "{.a} {.b", "{..}"] {
            assert!(JsonPath::parse(expression).is_err(), "{expression}");
        }
    }
}
