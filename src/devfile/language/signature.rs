//! The parameters of a builtin, read from one line of text: `name(a: str, b: bool = False, *, c = unset, *args)`.
//!
//! The text is what a reader of the documentation sees, so code and documentation cannot differ.

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// The keyword.
    pub name: String,
    /// As written: `name: type = default`.
    pub declaration: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it may be given by position.
    pub positional: bool,
}

/// The name and the parameters of a builtin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// With its module: `os.path.join`.
    pub name: String,
    /// The whole line.
    pub text: String,
    /// In positional order.
    pub parameters: Vec<Parameter>,
    /// Whether further positional arguments are taken (`*args`).
    pub variadic: bool,
    /// Whether any keyword is taken (`**kwargs`).
    pub keywords: bool,
}

impl Signature {
    /// Reads a signature; the texts are part of the program, so a bad one is a bug.
    pub fn parse(text: &str) -> Self {
        let (name, rest) = text.split_once('(').expect("a signature has an opening parenthesis");
        let list = rest.split_once(')').map_or(rest, |_| &rest[..rest.rfind(')').unwrap_or(rest.len())]);
        let mut signature = Self {
            name: name.trim().to_owned(),
            text: text.to_owned(),
            parameters: Vec::new(),
            variadic: false,
            keywords: false,
        };
        let mut positional = true;
        // Once one parameter is optional, all later ones are optional too (reference §1.4).
        let mut required = true;
        for item in split_top_level(list) {
            if item == "*" {
                positional = false;
            } else if item.starts_with("**") {
                signature.keywords = true;
            } else if item.starts_with('*') {
                signature.variadic = true;
                positional = false;
            } else {
                let (declaration, default) = match item.split_once('=') {
                    Some((declaration, default)) => (declaration, Some(default)),
                    None => (item, None),
                };
                let name = declaration.split(':').next().unwrap_or(declaration).trim();
                required &= default.is_none();
                let (name, declaration) = (name.to_owned(), item.to_owned());
                signature.parameters.push(Parameter { name, declaration, required, positional });
            }
        }
        signature
    }

    /// Where a parameter stands.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name == name)
    }

    /// How many arguments can be given by position.
    pub fn positional_count(&self) -> usize {
        self.parameters.iter().filter(|parameter| parameter.positional).count()
    }
}

/// Splits at the commas that are not inside brackets.
pub(crate) fn split_top_level(list: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let mut start = 0;
    let mut items = Vec::new();
    for (index, character) in list.char_indices() {
        match character {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            ',' if depth == 0 => {
                items.push(list[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    items.push(list[start..].trim());
    items.retain(|item| !item.is_empty());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_tells_required_positional_and_keyword_only_parameters() {
        let signature = Signature::parse("f(ref: str, args: dict[str, str] = {}, later: str, *, only = unset, **rest)");
        let parameters: Vec<(&str, bool, bool)> =
            signature.parameters.iter().map(|p| (p.name.as_str(), p.required, p.positional)).collect();
        assert_eq!(
            parameters,
            [("ref", true, true), ("args", false, true), ("later", false, true), ("only", false, false)]
        );
        assert!(signature.keywords && !signature.variadic);
        assert_eq!(signature.positional_count(), 3);
        assert_eq!(signature.index("later"), Some(2));
    }

    #[test]
    fn a_signature_may_be_empty_or_variadic() {
        assert!(Signature::parse("g()").parameters.is_empty());
        let print = Signature::parse("print(*args, sep: str = \" \")");
        assert!(print.variadic);
        assert!(!print.parameters[0].positional);
    }
}
