//! The rules of Docker's matcher as tables, and as a slow second implementation that random patterns are checked with.

use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use super::pattern::clean;
use super::*;

const BASE: &str = "/home/me/pro[j]ect";

fn filter(set: PatternSet) -> PathFilter {
    PathFilter { sets: vec![set] }
}

fn file(patterns: &[&str]) -> PathFilter {
    filter(PatternSet::from_file(Path::new(BASE), ".dockerignore", &patterns.join("\n")).expect("valid patterns"))
}

fn parameter(patterns: &[&str]) -> PathFilter {
    filter(PatternSet::from_parameter(Path::new(BASE), "ignore=", patterns).expect("valid patterns"))
}

fn below(path: &str) -> std::path::PathBuf {
    Path::new(BASE).join(path)
}

fn check(patterns: &[&str], path: &str, ignored: bool) {
    assert_eq!(file(patterns).ignores(&below(path)), ignored, "{patterns:?} on {path}");
    assert_eq!(reference::ignores(patterns, path), ignored, "reference: {patterns:?} on {path}");
}

/// Cases that Docker's own tests hold, among others.
#[test]
fn patterns_match_as_in_docker() {
    for (pattern, path, ignored) in [
        ("**", "file", true),
        ("**/", "file", true),
        ("**", "dir/file", true),
        ("**/**", "dir/file", true),
        ("dir/**", "dir/file", true),
        ("dir/**", "dir/dir2/file", true),
        ("dir/**", "dir", false),
        ("**/dir", "dir", true),
        ("**/dir", "dir/file", true),
        ("**/dir", "a/dir/file", true),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/**", "dir/dir2/dir3/file", true),
        ("**file", "file", true),
        ("**file", "dir/file", true),
        ("**file", "dir/xfile", true),
        ("**/file", "dir/xfile", false),
        ("**file*", "xfile1", false),
        ("**file*", "a/file1", true),
        ("**/file*txt", "dir/dir/file.txt", true),
        ("**/**/*.txt", "file.txt", true),
        ("**/**/*.txt2", "dir/dir/file.txt", false),
        ("a**/*.txt", "a/file.txt", true),
        ("a**/*.txt", "a/dir/dir/file.txt", true),
        ("a/*.txt", "a/dir/file.txt", false),
        ("a/*.txt**", "a/file.txt", true),
        ("a[b-d]e", "ae", false),
        ("a[b-d]e", "ace", true),
        ("a[b-d]e", "aae", false),
        ("a[^b-d]e", "aze", true),
        (".*", ".foo", true),
        (".*", "foo", false),
        ("abc.def", "abcZdef", false),
        ("abc?def", "abcZdef", true),
        ("abc?def", "abcdef", false),
        ("**/foo/bar", "dir/dir2/foo/bar", true),
        ("**/.foo", "bar.foo", false),
        ("a(b)c/def", "a(b)c/def", true),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
        ("a\\\\", "a\\", true),
        ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("dist/*.whl", "dist/x-2.4+g0-py3.whl", true),
        ("*", "ab/c", true),
        ("a*", "ab/c", true),
        ("a*/b", "abc/b", true),
        ("a*/b", "a/c/b", false),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
        ("a?b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("[a-ζ]*", "α", true),
        ("*[a-ζ]", "A", false),
        ("a?b", "a/b", false),
        ("a*b", "a/b", false),
        ("[\\]a]", "]", true),
        ("[\\-x]", "-", true),
        ("[x\\-]", "z", false),
        ("node_modules", "node_modules/x/y.js", true),
        ("node_modules", "a/node_modules/x", false),
        ("/target", "target/debug/x", true),
        ("./x/../target/", "target/debug/x", true),
        ("**/*.py[co]", "a/b.pyc", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b/c", true),
        ("a/**/b", "ab", false),
        ("*/b", "a/b/c", true),
    ] {
        check(&[pattern], path, ignored);
    }
}

#[test]
fn the_last_match_wins() {
    check(&["*.go", "!x.go"], "x.go", false);
    check(&["!x.go", "*.go"], "x.go", true);
    check(&["docs", "!docs/README.md"], "docs/README.md", false);
    check(&["docs/*", "!docs/README.md"], "docs/a.md", true);
    check(&["**", "!util/web"], "util/web/foo", false);
    check(&["**", "!util/web", "util/web/foo"], "util/web/foo", true);
    check(&["*.md", "!docs"], "docs/x.md", false);
    check(&["**/*.md", "!docs"], "docs/x.md", false);
}

#[test]
fn the_base_itself_is_never_ignored_by_relative_patterns() {
    for filter in [file(&["**"]), file(&["*"]), parameter(&["**"]), file(&["."])] {
        assert!(!filter.ignores(Path::new(BASE)));
        assert!(!filter.ignores(Path::new("/home/me/other")));
        assert!(!filter.prunes(Path::new("/home/me")));
    }
    assert!(!file(&["."]).ignores(&below("x")), "Docker's matcher never sees the path `.`");
}

#[test]
fn parameters_know_absolute_paths_and_leave_the_base() {
    let filter = parameter(&["/etc/*.conf", "../other/x*", ".", "!/home/me/pro\\[j]ect/keep", " "]);
    assert!(filter.ignores(Path::new("/etc/a.conf")));
    assert!(filter.ignores(Path::new("/home/me/other/xy/z")));
    assert!(!filter.ignores(Path::new("/home/me/other/y")));
    assert!(filter.ignores(&below("anything")));
    assert!(!filter.ignores(&below("keep/it")));
    assert!(parameter(&["#notes"]).ignores(&below("#notes")), "comments are for files only");
    assert!(parameter(&[BASE.replace('[', "\\[").as_str()]).ignores(&below("x")));
}

#[test]
fn only_keeps_what_it_names_literally() {
    let filter = filter(PatternSet::only(Path::new(BASE), "only=", ["src", "./app/[id].ts", "/home/me/pro[j]ect/abs"]));
    for kept in ["src", "src/a/b", "app/[id].ts", "abs/x"] {
        assert!(!filter.ignores(&below(kept)), "{kept}");
    }
    for ignored in ["README", "app/i.ts", "app", "srcx"] {
        assert!(filter.ignores(&below(ignored)), "{ignored}");
    }
    assert!(!filter.prunes(&below("app")) && !filter.prunes(&below("src")));
    assert!(filter.prunes(&below("other")));
    let all = super::path_filter::PathFilter { sets: vec![PatternSet::only(Path::new(BASE), "only=", ["."])] };
    assert!(!all.ignores(&below("x/y")));
}

/// As moby's patternmatcher compiles them: an escape makes it a regular expression, in which `**` ends at a slash.
#[test]
fn an_escape_changes_what_two_leading_stars_mean() {
    assert!(file(&["**a/b"]).ignores(&below("ca/b")));
    assert!(!file(&["**a/\\*"]).ignores(&below("ca/*")));
    assert!(file(&["**a/\\*"]).ignores(&below("c/a/*")));
}

#[test]
fn any_source_that_ignores_wins() {
    let one = PatternSet::from_file(Path::new(BASE), "a", "*.log").expect("valid");
    let two = PatternSet::from_file(Path::new(BASE), "b", "!*.log").expect("valid");
    assert!(PathFilter { sets: vec![one, two] }.ignores(&below("x.log")));
}

#[test]
fn editor_files_are_known() {
    let filter = filter(PatternSet::editor_files(Path::new("/")));
    for name in
        ["a/4913", ".main.rs.swp", "x~", "a/#x#", ".#lock", "a___jb_tmp___", ".idea/workspace.xml", "n-go-tmp-umask"]
    {
        assert!(filter.ignores(&below(name)), "{name}");
    }
    assert!(!filter.ignores(&below("src/main.rs")));
}

#[test]
fn mistakes_are_reported_with_their_source() {
    let error = PatternSet::from_parameter(Path::new(BASE), "ignore=", ["ok", "a["]).expect_err("no pattern");
    assert_eq!(
        error.to_string(),
        "invalid pattern `a[` in ignore=: `[` is never closed; write `\\[` for the character itself"
    );
    for text in ["!", "! ", "x\\", "[z-a]"] {
        assert!(PatternSet::from_file(Path::new(BASE), ".dockerignore", text).is_err(), "{text}");
    }
    assert!(PatternSet::from_parameter(Path::new(BASE), "ignore=", ["a\nb"]).is_err());
    assert!(PatternSet::from_file(Path::new(BASE), "big", &"x".repeat(600 << 10)).is_err());
}

#[test]
fn equality_is_by_content_not_by_what_was_asked_before() {
    let (one, two) = (file(&["a", "!b"]), file(&["a", "!b"]));
    assert!(one.ignores(&below("a")));
    assert_eq!(one, two);
    assert_ne!(one, file(&["a"]));
}

#[test]
fn folders_are_pruned_only_when_nothing_can_come_back() {
    let prunes = |patterns: &[&str], folder: &str| file(patterns).prunes(&below(folder));
    assert!(prunes(&["node_modules"], "node_modules"));
    assert!(prunes(&["node_modules"], "node_modules/a/b"));
    assert!(prunes(&["**/node_modules", "!src/x"], "a/node_modules"));
    assert!(!prunes(&["**", "!src/main.rs"], "src"));
    assert!(prunes(&["**", "!src/main.rs"], "src/bin"));
    assert!(!prunes(&["**", "!*/main.rs"], "any"));
    assert!(!prunes(&["**", "!**/main.rs"], "a/b/c"));
    assert!(!prunes(&["dir/**"], "dir"));
    assert!(prunes(&["dir/**"], "dir/sub"));
}

/// A file tree of 200,000 paths and 50 patterns; the limit for unoptimised builds is a loose one.
#[test]
fn large_trees_are_filtered_quickly() {
    let mut patterns: Vec<String> = (0..20).map(|i| format!("**/generated{i}/*.tmp")).collect();
    patterns.extend((0..20).map(|i| format!("packages/p{i}/dist")));
    patterns.extend((0..10).map(|i| format!("!packages/p{i}/dist/keep*.js")));
    let text: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let filter = file(&text);
    let paths: Vec<_> =
        (0..200_000).map(|i| below(&format!("packages/p{}/src/module{}/file{i}.ts", i % 97, i % 1013))).collect();
    let started = Instant::now();
    let ignored = paths.iter().filter(|path| filter.ignores(path)).count();
    let took = started.elapsed();
    assert_eq!(ignored, 0);
    println!("200,000 paths by 50 patterns: {took:?}");
    assert!(took.as_secs_f64() < if cfg!(debug_assertions) { 10.0 } else { 1.0 }, "{took:?}");
}

fn any_pattern() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b", "ab", "c", "*", "**", "?", "/", "/", "/", "[ab]", "[^a]", ".", "\\*", "..", "a/**", "**/b", "x.y",
        "+",
    ]);
    (any::<bool>(), prop::collection::vec(piece, 1..6))
        .prop_map(|(include, pieces)| format!("{}{}", if include { "!" } else { "" }, pieces.concat()))
}

fn any_path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "ab", "c", "abc", "x.y", "*", "ca", ".a", "+"]);
    prop::collection::vec(name, 1..5).prop_map(|names| names.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_patterns_mean_what_the_rules_say(
        patterns in prop::collection::vec(any_pattern(), 1..5),
        paths in prop::collection::vec(any_path(), 8),
    ) {
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let filter = file(&patterns);
        for path in &paths {
            prop_assert_eq!(filter.ignores(&below(path)), reference::ignores(&patterns, path), "{:?} on {}", patterns, path);
        }
    }

    #[test]
    fn nothing_below_a_pruned_folder_counts(
        patterns in prop::collection::vec(any_pattern(), 1..5),
        folder in any_path(),
        paths in prop::collection::vec(any_path(), 8),
    ) {
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let filter = file(&patterns);
        if filter.prunes(&below(&folder)) {
            prop_assert!(filter.ignores(&below(&folder)));
            for path in &paths {
                let path = format!("{folder}/{path}");
                prop_assert!(filter.ignores(&below(&path)), "{:?} prunes {} but keeps {}", patterns, folder, path);
            }
        }
    }
}

/// The rules, written down step by step, without a thought for speed.
mod reference {
    use super::clean;

    /// Goes through the patterns in order: one that re-includes is asked only about what is ignored so far, and the
    /// other way round; each is asked about the path and all its parents.
    pub fn ignores(patterns: &[&str], path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        let mut ignored = false;
        for pattern in super::parse_ignore_file(&patterns.join("\n")) {
            let (include, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest.to_owned()),
                None => (false, pattern),
            };
            if include == ignored && (1..=names.len()).any(|n| matches(&clean(&pattern), &names[..n].join("/"))) {
                ignored = !include;
            }
        }
        ignored
    }

    fn matches(pattern: &str, path: &str) -> bool {
        let special = |text: &str| text.contains(['*', '?', '[', ']', '\\']);
        // Docker's three short cuts come before the general rule.
        if !special(pattern) {
            return path == pattern;
        }
        if let Some(prefix) = pattern.strip_suffix("**")
            && !special(prefix)
            && !prefix.is_empty()
        {
            return path.starts_with(prefix);
        }
        if let Some(suffix) = pattern.strip_prefix("**")
            && !special(suffix)
        {
            return path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path);
        }
        let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
        general(&pattern, &path)
    }

    fn general(pattern: &[char], path: &[char]) -> bool {
        match pattern {
            [] => path.is_empty(),
            ['*', '*', rest @ ..] => {
                let rest = if let ['/', rest @ ..] = rest { rest } else { rest };
                // Anything at the end; else nothing, or anything that ends in a slash.
                rest.is_empty()
                    || general(rest, path)
                    || (0..path.len()).any(|i| path[i] == '/' && general(rest, &path[i + 1..]))
            }
            ['*', rest @ ..] => {
                let name_length = path.iter().position(|c| *c == '/').unwrap_or(path.len());
                (0..=name_length).any(|i| general(rest, &path[i..]))
            }
            ['?', rest @ ..] => matches!(path, [c, path @ ..] if *c != '/' && general(rest, path)),
            ['[', rest @ ..] => {
                let Some((character, path)) = path.split_first() else { return false };
                let (negated, mut rest) = if let ['^', rest @ ..] = rest { (true, rest) } else { (false, rest) };
                let mut found = false;
                while rest[0] != ']' {
                    let low = one(&mut rest);
                    let high = if rest[0] == '-' {
                        rest = &rest[1..];
                        one(&mut rest)
                    } else {
                        low
                    };
                    found |= (low..=high).contains(character);
                }
                found != negated && general(&rest[1..], path)
            }
            ['\\', c, rest @ ..] | [c, rest @ ..] => matches!(path, [d, path @ ..] if c == d && general(rest, path)),
        }
    }

    fn one(rest: &mut &[char]) -> char {
        let skip = usize::from(rest[0] == '\\');
        let character = rest[skip];
        *rest = &rest[skip + 1..];
        character
    }
}
