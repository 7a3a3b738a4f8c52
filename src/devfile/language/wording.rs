//! The messages of the starlark crate in this project's words, with what to do about them.

use starlark::ErrorKind;

use super::arguments::article;
use super::rewrite::restore;
use crate::diagnostic::{Diagnostic, did_you_mean};

/// The message of an error of the crate, without a place.
pub(super) fn reworded(error: &starlark::Error) -> Diagnostic {
    let text = match error.kind() {
        ErrorKind::Fail(inner)
        | ErrorKind::StackOverflow(inner)
        | ErrorKind::Value(inner)
        | ErrorKind::Function(inner)
        | ErrorKind::Scope(inner)
        | ErrorKind::Parser(inner)
        | ErrorKind::Freeze(inner)
        | ErrorKind::Internal(inner)
        | ErrorKind::Native(inner)
        | ErrorKind::Other(inner) => inner.to_string(),
        _ => error.without_diagnostic().to_string(),
    };
    if let Some(rest) = text.strip_prefix("Variable `")
        && let Some((name, _)) = rest.split_once('`')
        && text.contains("not found")
    {
        return unknown_name(name, &text);
    }
    if matches!(error.kind(), ErrorKind::StackOverflow(_)) {
        return Diagnostic::error("the calls are nested too deeply")
            .help("a function that calls itself needs a case in which it does not");
    }
    if text.contains("enable f-strings") {
        return Diagnostic::error("f-strings are not part of the language")
            .help("write `\"… %s …\" % value` or `\"… {} …\".format(value)`");
    }
    if let Some(problem) = text.strip_prefix("Parse error: ") {
        return syntax(problem);
    }
    operation(&text)
        .or_else(|| call(&text))
        .or_else(|| argument(&text))
        .or_else(|| value(&text))
        .unwrap_or_else(|| plain(&text))
}

/// The crate's words.
fn plain(text: &str) -> Diagnostic {
    match text.split_once(", did you mean `") {
        Some((problem, suggestion)) => {
            let suggestion = suggestion.trim_end_matches(['?', '`']);
            Diagnostic::error(lower_first(problem)).help(format!("did you mean `{suggestion}`?"))
        }
        None => Diagnostic::error(lower_first(text.trim_end_matches('.'))),
    }
}

/// What the parser finds.
fn syntax(problem: &str) -> Diagnostic {
    if let Some(keyword) = problem.strip_prefix("cannot use reserved keyword `") {
        let keyword = keyword.trim_end_matches('`');
        let diagnostic = Diagnostic::error(format!("the word `{keyword}` is reserved, and not part of the language"));
        return match keyword {
            "import" | "from" => diagnostic.help("`load(\"PATH\", \"NAME\")` takes names over from another file"),
            "try" | "except" | "finally" | "raise" => {
                diagnostic.help("errors cannot be caught; `fail(\"…\")` ends the run with one")
            }
            "is" => diagnostic.help("compare with `==`"),
            "class" => diagnostic.help("`struct(…)` makes a record"),
            "yield" => diagnostic.help("collect the values in a list, and return the list"),
            "with" => diagnostic.help("`read_file(…)` reads a file, `local(…)` runs a command"),
            "del" => diagnostic.help("`DICT.pop(KEY)` and `LIST.pop(INDEX)` remove an element"),
            "global" | "nonlocal" => {
                diagnostic.help("return the value, or change a list or a dict that is defined outside of the function")
            }
            _ => diagnostic,
        };
    }
    if problem.ends_with(", expected new indentation block") {
        return Diagnostic::error("an indented block is missing")
            .help("what belongs to the `:` above is indented; `pass` stands for nothing");
    }
    if problem.starts_with("unexpected new indentation block") {
        return Diagnostic::error("this line is indented, and nothing above begins a block");
    }
    if problem == "incorrect indentation" {
        return Diagnostic::error("the indentation of this line is that of no line above")
            .help("all lines of a block begin in the same column");
    }
    if problem.starts_with("unexpected keyword 'for', expected symbol ')'") {
        return Diagnostic::error("a loop in `(…)` makes no values: there are no generators")
            .help("make a list: `[VALUE for NAME in LIST]`");
    }
    let diagnostic = plain(problem);
    let help = match problem {
        _ if problem.starts_with("unexpected keyword 'def'") => {
            "a function begins with `def` alone, there is no `async`"
        }
        _ if problem.starts_with("invalid input `?`") => "write `A if CONDITION else B`",
        _ if problem.starts_with("invalid input `!`") => "write `not`",
        _ if problem.starts_with("unexpected symbol '&'") => "write `and`",
        _ if problem.starts_with("unexpected symbol '|'") => "write `or`",
        _ if problem.starts_with("unexpected symbol '//'") => "comments begin with `#`",
        _ if problem.starts_with("unexpected keyword 'if', expected symbol ':'") => "write `elif`",
        _ if problem.starts_with("unexpected symbol '=', expected symbol ':'") => "compare with `==`",
        _ if problem.starts_with("unexpected string literal") && problem.ends_with("expected new line") => {
            "is a `+`, or the `(` of a call, missing before it?"
        }
        _ if problem.starts_with("unfinished string literal") => {
            "a string ends on the line on which it begins, unless it has three quotes"
        }
        _ => return diagnostic,
    };
    diagnostic.help(help)
}

/// What cannot be done with values of some type.
fn operation(text: &str) -> Option<Diagnostic> {
    let rest = text.strip_prefix("Operation `")?;
    let (operator, rest) = rest.split_once("` not supported ")?;
    if let Some(types) = rest.strip_prefix("for types `") {
        let (left, right) = types.strip_suffix('`')?.split_once("` and `")?;
        let (a, b) = (article(left), article(right));
        let diagnostic = Diagnostic::error(match operator {
            "compare" => format!("{a} and {b} cannot be compared"),
            "[]" => format!("{a} has no elements that {b} could choose from"),
            _ => format!("`{operator}` does not work between {a} and {b}"),
        });
        return Some(match (operator, left, right) {
            ("+", "string", "blob") | ("+", "blob", "string") | ("in", _, "blob") | ("[]", "blob", _) => {
                diagnostic.help("make a string of the blob: `str(…)`")
            }
            ("+", "string", _) | ("+", _, "string") => {
                diagnostic.help("make strings of both: `str(…)`, or write `\"…%s\" % value`")
            }
            ("+", "list", _) | ("+", _, "list") => diagnostic.help("make lists of both: `[…]`"),
            ("+", "dict", "dict") => diagnostic.help("write `|`"),
            _ => diagnostic,
        });
    }
    let kind = rest.strip_prefix("on type `")?.strip_suffix('`')?;
    let name = if kind == "NoneType" { "`None`".to_owned() } else { article(kind) };
    Some(match (operator, kind) {
        ("(iter)", "string") => {
            Diagnostic::error("a string cannot be looped over").help("`TEXT.elems()` gives its characters")
        }
        ("(iter)", "int") => Diagnostic::error("an int cannot be looped over").help("`range(NUMBER)` counts up to it"),
        ("(iter)", "blob") => {
            Diagnostic::error("a blob cannot be looped over").help("`str(BLOB).splitlines()` gives its lines")
        }
        ("(iter)", _) => Diagnostic::error(format!("{name} cannot be looped over")),
        ("call()", "NoneType") => Diagnostic::error("`None` cannot be called"),
        ("call()", _) => Diagnostic::error(format!("{name} cannot be called"))
            .help("is a function hidden by a variable of its name?"),
        ("[]" | "[::]", "NoneType") => {
            Diagnostic::error("`None` has no elements").help("a function without `return` gives `None`")
        }
        _ => match operator.strip_prefix('.').and_then(|attribute| attribute.strip_suffix('=')) {
            Some(attribute) => Diagnostic::error(format!("the attribute `{attribute}` of {name} cannot be set")),
            None => Diagnostic::error(format!("`{operator}` does not work on {name}")),
        },
    })
}

/// What is wrong with a call of a function of the user.
fn call(text: &str) -> Option<Diagnostic> {
    // The crate names the function together with its file.
    let name = |text: &str| {
        let text = text.trim_matches('`');
        text.rsplit('.').next().unwrap_or(text).to_owned()
    };
    let (problem, function) = text.split_once(" for call to ")?;
    let function = name(function);
    if let Some(parameter) = problem
        .strip_prefix("Missing parameter ")
        .or_else(|| problem.strip_prefix("Missing named-only parameter "))
        .or_else(|| problem.strip_prefix("Missing positional-only parameter "))
    {
        return Some(Diagnostic::error(format!("`{function}`: missing argument for {parameter}")));
    }
    if let Some(names) = problem.strip_prefix("Found ").and_then(|rest| rest.strip_suffix(" extra named parameter(s)"))
    {
        let names = names.replace("` `", "`, `");
        return Some(Diagnostic::error(format!("`{function}`: unexpected keyword argument {names}")));
    }
    let count = problem.strip_prefix("Found ")?.strip_suffix(" extra positional argument(s)")?;
    Some(match count {
        "1" => Diagnostic::error(format!("`{function}`: got 1 positional argument more than it takes")),
        _ => Diagnostic::error(format!("`{function}`: got {count} positional arguments more than it takes")),
    })
}

/// What is wrong with an argument of a method or function of the language itself.
fn argument(text: &str) -> Option<Diagnostic> {
    if let Some(rest) = text.strip_prefix("Type of parameter ") {
        let (parameter, types) = rest.split_once(" doesn't match, expected `")?;
        let (want, got) = types.split_once("`, actual `")?;
        let got = got.trim_end_matches('`');
        let (kind, shown) = got.split_once(" (repr: ").unwrap_or((got, ""));
        let shown = shown.trim_end_matches(')');
        let kind = if kind == "NoneType" { "None" } else { kind };
        let got = if shown.is_empty() || kind == "None" { kind.to_owned() } else { format!("{kind} `{shown}`") };
        return Some(Diagnostic::error(format!("for parameter {parameter}: got {got}, want {want}")));
    }
    let (want, got) = text.strip_prefix("Wrong number of positional arguments, expected ")?.split_once(", got ")?;
    let want = want.strip_prefix("between ").map_or_else(|| want.to_owned(), |range| range.replace(" and ", " to "));
    let arguments = if got == "1" { "argument" } else { "arguments" };
    Some(Diagnostic::error(format!("got {got} positional {arguments}, want {want}")))
}

/// What is wrong with a value.
fn value(text: &str) -> Option<Diagnostic> {
    if text == "Immutable" {
        return Some(
            Diagnostic::error("this value cannot be changed")
                .help("values from loaded files are frozen; change a copy: `list(x)`, `dict(x)`"),
        );
    }
    if text.starts_with("This operation mutates an iterable") {
        return Some(
            Diagnostic::error("a value cannot be changed while it is looped over")
                .help("loop over a copy: `for x in list(VALUE):`"),
        );
    }
    if let Some(kind) = text
        .strip_prefix("Value of type `")
        .and_then(|rest| rest.trim_end_matches('.').strip_suffix("` is not hashable"))
    {
        let name = article(kind);
        let diagnostic =
            Diagnostic::error(format!("{name} is not hashable: it can be no key of a dict and no element of a set"));
        return Some(match kind {
            "list" => diagnostic.help("a tuple can: `tuple(LIST)`"),
            "blob" => diagnostic.help("make a string of it: `str(…)`"),
            _ => diagnostic,
        });
    }
    if let Some(rest) = text.strip_prefix("Key `")
        && let Some(key) = rest.strip_suffix("` was not found")
    {
        return Some(
            Diagnostic::error(format!("the dict has no key `{key}`"))
                .help(format!("`DICT.get({key})` gives `None` for a missing key")),
        );
    }
    if let Some(name) = text.strip_prefix("Local variable `")
        && let Some(name) = name.strip_suffix("` referenced before assignment")
    {
        return Some(Diagnostic::error(format!("the variable `{name}` has no value yet")).help(
            "a name that is assigned in a function belongs to the function; return the new value, or change a list or a dict",
        ));
    }
    if let Some(symbol) = text.strip_prefix("Module has no symbol `") {
        let (symbol, rest) = symbol.split_once('`')?;
        let diagnostic = Diagnostic::error(format!("the file does not define `{symbol}`"));
        return Some(match rest.split_once("did you mean `").and_then(|(_, name)| name.split_once('`')) {
            Some((name, _)) => diagnostic.help(format!("did you mean `{name}`?")),
            None => diagnostic,
        });
    }
    if let Some(symbol) = text.strip_prefix("Cannot import private symbol `") {
        let symbol = symbol.trim_end_matches(['`', '.']);
        return Some(
            Diagnostic::error(format!("`{symbol}` cannot be loaded: names that begin with `_` belong to their file"))
                .help("`load_dynamic(PATH)` gives all names"),
        );
    }
    if text.ends_with("`load` must only occur at the top of a module") {
        return Some(plain(text).help("`include(PATH)` and `load_dynamic(PATH)` can stand anywhere"));
    }
    missing_attribute(text)
}

/// What a value does not have. The reference (§1.2) gives the words.
fn missing_attribute(text: &str) -> Option<Diagnostic> {
    let (kind, attribute) = text.strip_prefix("Object of type `")?.split_once("` has no attribute `")?;
    let (name, rest) = attribute.split_once('`')?;
    let diagnostic = Diagnostic::error(format!("{} has no .{} field or method", article(kind), restore(name)));
    Some(match kind {
        "dict" => diagnostic.help(format!("`DICT[\"{name}\"]` gives an element")),
        "NoneType" => diagnostic.help("a function without `return` gives `None`"),
        "blob" => diagnostic.help("make a string of it: `str(…)`"),
        _ => match rest.split_once("did you mean `").and_then(|(_, suggestion)| suggestion.split_once('`')) {
            Some((suggestion, _)) => diagnostic.help(format!("did you mean `{suggestion}`?")),
            None => diagnostic,
        },
    })
}

fn unknown_name(name: &str, text: &str) -> Diagnostic {
    let name = &*restore(name);
    let diagnostic = Diagnostic::error(format!("unknown name `{name}`"));
    let foreign = match name {
        "null" | "nil" | "none" | "undefined" => Some("None"),
        "true" | "TRUE" => Some("True"),
        "false" | "FALSE" => Some("False"),
        _ => None,
    };
    let known = super::globals::names();
    let suggestion =
        foreign.map(str::to_owned).or_else(|| did_you_mean(name, known.iter().map(String::as_str))).or_else(|| {
            let (_, rest) = text.split_once("did you mean `")?;
            rest.split_once('`').map(|(suggestion, _)| suggestion.to_owned())
        });
    match suggestion {
        Some(suggestion) => diagnostic.help(format!("did you mean `{suggestion}`?")),
        None => diagnostic,
    }
}

/// Lower case for the first letter of a sentence, not for that of an acronym or a type.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}
