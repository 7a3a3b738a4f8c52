//! The reader of plain YAML beside the parser proper.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::block::parse_block;
use super::parse::parse_all_of_yaml;

fn file() -> Arc<Path> {
    Arc::from(Path::new("/a.yaml"))
}

/// What the plain part is taken for is what the parser proper takes it for.
fn check(text: &str) -> Result<bool, TestCaseError> {
    let Some(documents) = parse_block(text, &file()) else { return Ok(false) };
    let expected = parse_all_of_yaml(text, &file());
    prop_assert_eq!(&expected.diagnostics, &Vec::new(), "{}", text);
    prop_assert_eq!(documents, expected.documents, "{}", text);
    Ok(true)
}

#[test]
fn manifests_are_taken() {
    for text in [
        "a: 1\n",
        "---\na: 1\nb:\n- x\n- w: 1\n  z: '2'\n---\nc:\n  d: e f\n",
        "# c\na: b # d\n\ne: \"f # g\" # h\ni: [\"x\", -y, 1]\nj: {k: 100m, l: ''}\nm: []\nw: {}\no:\np:\n  - q\n  -   r: s\n      t: 0644\n",
        "a: http://b:80/c\nb: -1\nc: --flag\nd: ~\ne: yes\n",
    ] {
        assert!(check(text).expect(text), "{text}");
    }
}

#[test]
fn what_is_more_is_left_to_the_parser_proper() {
    for text in [
        "",
        "# c\n",
        "---\n---\na: 1\n",
        "a: 1\n---\n",
        "a: 1\n...\n",
        "%YAML 1.1\n---\na: 1\n",
        "a: &b c\n",
        "a: *b\n",
        "a: !c d\n",
        "a: |\n  b\n",
        "a: b\n  c\n",
        "a: b: c\n",
        "a: 1\na: 2\n",
        "yes: 1\n",
        "a:\tb\n",
        " a: 1\n",
        "- a\n",
        "a\n",
        "a: .inf\n",
        "a: 'b''c'\n",
        "a: \"b\\nc\"\n",
        "a: [b\n  ]\n",
        "a: [[b]]\n",
        "a: \"b\" c\n",
        "a: - b\n",
        "a:\n  - b\n  c: d\n",
        "a:\n  b: 1\n c: 2\n",
        "a: \u{e9}\n",
        "a:\r\n",
    ] {
        assert!(!check(text).expect(text), "{text}");
    }
}

/// A value as manifests have them.
#[derive(Clone, Debug)]
enum Tree {
    Scalar(String),
    Sequence(Vec<Tree>),
    Mapping(Vec<(String, Tree)>),
}

fn scalar_text() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => "[a-z][a-z0-9]{0,3}",
        1 => "[0-9.eE_+-]{1,5}",
        1 => "[ -~]{0,6}",
        1 => "'[ -~]{0,4}'",
        1 => "\"[ -~]{0,4}\"",
        1 => "\\[[a-z0-9,: '\"-]{0,8}\\]",
        1 => "\\{[a-c0-9,: '\"-]{0,8}\\}",
        1 => Just("{a: 1, b: x}".to_owned()),
        1 => Just("[1, 'x', -y]".to_owned()),
        2 => "(yes|no|null|~|true|0x1f|0o17|017|1e3|\\.5|-|\\?|>|\\||&a|\\*a|!a|@|%|http://a:1/b|a #b|a b)",
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let key = prop_oneof![40 => "[a-h]", 2 => "[a-z./_-]{1,4}", 1 => "(on|'q'|<<|a b|1)"];
    scalar_text().prop_map(Tree::Scalar).prop_recursive(4, 16, 4, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::Sequence),
            2 => prop::collection::vec((key.clone(), inner), 1..4).prop_map(Tree::Mapping),
        ]
    })
}

/// Writes `tree` in block style; `out` ends where its first line begins.
fn write(tree: &Tree, indent: usize, out: &mut String) {
    let begin = |index: usize, out: &mut String| {
        if index > 0 {
            out.push_str(&" ".repeat(indent));
        }
    };
    match tree {
        Tree::Scalar(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Tree::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                begin(index, out);
                out.push_str("- ");
                write(item, indent + 2, out);
            }
        }
        Tree::Mapping(entries) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                begin(index, out);
                out.push_str(key);
                out.push(':');
                let below = match value {
                    Tree::Scalar(text) => {
                        out.push(' ');
                        out.push_str(text);
                        out.push('\n');
                        continue;
                    }
                    // Both are usual.
                    Tree::Sequence(items) if items.len() % 2 == 1 => indent,
                    Tree::Sequence(_) | Tree::Mapping(_) => indent + 2,
                };
                out.push('\n');
                out.push_str(&" ".repeat(below));
                write(value, below, out);
            }
        }
    }
}

/// Texts that are manifests but for some characters.
fn text() -> impl Strategy<Value = String> {
    let documents = prop::collection::vec(prop::collection::vec(("[a-h]", tree()), 1..4).prop_map(Tree::Mapping), 1..3);
    let slip = (
        any::<prop::sample::Index>(),
        0..3_usize,
        prop::sample::select(" \n:#-'\"[]{},a0&|%".chars().collect::<Vec<_>>()),
    );
    (documents, prop::collection::vec(slip, 0..3)).prop_map(|(documents, slips)| {
        let mut text = String::new();
        for (index, document) in documents.iter().enumerate() {
            if index > 0 {
                text.push_str("---\n");
            }
            write(document, 0, &mut text);
        }
        let mut characters: Vec<char> = text.chars().collect();
        for (place, what, character) in slips {
            let place = place.index(characters.len());
            match what {
                0 => characters.insert(place, character),
                1 => characters[place] = character,
                _ if characters.len() > 1 => drop(characters.remove(place)),
                _ => {}
            }
        }
        characters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn both_parsers_agree(text in text()) {
        check(&text)?;
    }
}
