//! The text of an ignore file, as patterns.

use super::pattern::{IgnorePattern, clean};

/// The patterns of an ignore file such as `.dockerignore`: one a line; blank lines and lines whose first character is
/// `#` do not count; a leading `/` is dropped, because patterns in files are always relative to the file's base.
pub fn parse_ignore_file(text: &str) -> Vec<IgnorePattern> {
    text.strip_prefix('\u{feff}').unwrap_or(text).lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<IgnorePattern> {
    if line.starts_with('#') {
        return None;
    }
    let line = line.trim();
    let (mark, pattern) = match line.strip_prefix('!') {
        Some(rest) => ("!", rest.trim()),
        None => ("", line),
    };
    if pattern.is_empty() {
        // A lone `!` is kept, so that it is reported as the mistake that it is.
        return (mark == "!").then(|| mark.to_owned());
    }
    let cleaned = clean(pattern);
    let relative = match cleaned.strip_prefix('/') {
        Some(rest) if !rest.is_empty() => rest,
        _ => &cleaned,
    };
    Some(format!("{mark}{relative}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_patterns_the_way_docker_reads_them() {
        let text = "\u{feff}test1\r\n/test2\n/a/file/here\n\n  \t\nlast//file/\n# a comment\n #kept\n! /inverted/abs/path\n!\n! \n./x/../y\n\\#z\n/";
        assert_eq!(
            parse_ignore_file(text),
            ["test1", "test2", "a/file/here", "last/file", "#kept", "!inverted/abs/path", "!", "!", "y", "\\#z", "/"]
        );
    }

    #[test]
    fn an_empty_file_has_no_patterns() {
        assert!(parse_ignore_file("").is_empty());
        assert!(parse_ignore_file("\u{feff}#only a comment").is_empty());
    }
}
