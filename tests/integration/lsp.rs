//! `devloop lsp`, driven as an editor does it: the real binary, messages over standard input and output.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::support::devloop::binary;

struct Editor {
    server: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    last_id: i64,
}

impl Editor {
    /// Starts a server for a folder with these files.
    fn start(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        let mut server = Command::new(binary())
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .current_dir(folder.path())
            .spawn()
            .expect("the binary starts");
        let input = server.stdin.take().expect("its input");
        let output = BufReader::new(server.stdout.take().expect("its output"));
        let mut editor = Self { server, input, output, folder, last_id: 0 };
        let answer = editor.request("initialize", &json!({"capabilities": {}, "processId": null, "rootUri": null}));
        assert!(answer["capabilities"]["hoverProvider"].as_bool().is_some_and(|yes| yes), "{answer}");
        editor.notify("initialized", &json!({}));
        editor
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}/{name}", self.folder.path().display())
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the server listens");
        self.input.flush().expect("the server listens");
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("the server answers") > 0, "the server has ended");
            match line.trim().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().expect("a number"),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).expect("the server answers");
        serde_json::from_slice(&body).expect("JSON")
    }

    fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        loop {
            let message = self.receive();
            if message["id"] == self.last_id {
                assert!(message.get("error").is_none(), "{message}");
                return message["result"].clone();
            }
        }
    }

    /// Opens a text, or changes it, and returns what is said about it as `LINE:COLUMN text`.
    fn write(&mut self, name: &str, text: &str, is_new: bool) -> Vec<String> {
        let uri = self.uri(name);
        if is_new {
            let document = json!({"uri": uri, "languageId": "starlark", "version": 1, "text": text});
            self.notify("textDocument/didOpen", &json!({"textDocument": document}));
        } else {
            let change = json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": text}]});
            self.notify("textDocument/didChange", &change);
        }
        loop {
            let message = self.receive();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                let list = message["params"]["diagnostics"].as_array().expect("a list");
                let shown = list.iter().map(|problem| {
                    let start = &problem["range"]["start"];
                    format!(
                        "{}:{} {}",
                        start["line"],
                        start["character"],
                        problem["message"].as_str().unwrap_or_default()
                    )
                });
                return shown.collect();
            }
        }
    }

    fn at(&mut self, method: &str, name: &str, line: u32, character: u32) -> Value {
        let params =
            json!({"textDocument": {"uri": self.uri(name)}, "position": {"line": line, "character": character}});
        self.request(method, &params)
    }

    fn labels(&mut self, name: &str, line: u32, character: u32) -> Vec<String> {
        let items = self.at("textDocument/completion", name, line, character);
        let items = items.as_array().expect("a list").iter();
        items.map(|item| item["label"].as_str().expect("a label").to_owned()).collect()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn has(labels: &[String], wanted: &[&str]) {
    for wanted in wanted {
        assert!(labels.iter().any(|label| label == wanted), "no {wanted} in {labels:?}");
    }
}

#[test]
fn names_members_and_parameters_are_completed_with_their_documentation() {
    let mut editor = Editor::start(&[]);
    let text = "def helper(a, b=1):\n    '''Helps.'''\n    inner = a\n    return inner\nos.path.\nk8s_resource('web', \nx = \n";
    editor.write("Devfile", text, true);
    // Names stay known while the text cannot be read.
    assert!(!editor.write("Devfile", text, false).is_empty());
    let members = editor.labels("Devfile", 4, 8);
    has(&members, &["join", "exists", "realpath"]);
    assert!(!members.contains(&"docker_build".to_owned()));
    has(&editor.labels("Devfile", 5, 20), &["port_forwards=", "labels=", "docker_build"]);
    assert!(!editor.labels("Devfile", 5, 20).contains(&"workload=".to_owned()), "the first argument is given");
    let whole = "def helper(a, b=1):\n    '''Helps.'''\n    inner = a\n    return inner\nx = 1\nhelper(1, 2)\n";
    assert_eq!(editor.write("Devfile", whole, false), Vec::<String>::new());
    let names = editor.labels("Devfile", 4, 4);
    has(&names, &["helper", "docker_build", "os", "config", "len", "TRIGGER_MODE_MANUAL", "while", "x"]);
    assert!(!names.contains(&"inner".to_owned()), "it is not visible here");
    has(&editor.labels("Devfile", 3, 11), &["inner", "a", "b"]);
    has(&editor.labels("Devfile", 5, 10), &["b="]);
    let items = editor.at("textDocument/completion", "Devfile", 4, 4);
    let build =
        items.as_array().expect("a list").iter().find(|item| item["label"] == "docker_build").expect("it is there");
    assert!(build["detail"].as_str().is_some_and(|text| text.starts_with("docker_build(ref: str, context: path")));
    assert!(build["documentation"]["value"].as_str().is_some_and(|text| text.contains("BuildKit")), "{build}");
}

#[test]
fn hover_tells_signature_documentation_and_parameters() {
    let mut editor = Editor::start(&[("lib/Devfile", "def greet(name):\n    '''Says hello.'''\n    return name\n")]);
    let text = "load('lib/Devfile', 'greet')\ngreet('x')\nlocal_resource('a', 'b', serve_dir='.')\nos.path.join('a')\n";
    editor.write("Devfile", text, true);
    let mut hover = |line, character| {
        editor.at("textDocument/hover", "Devfile", line, character)["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(hover(1, 2).contains("def greet(name)") && hover(1, 2).contains("Says hello."));
    assert!(hover(2, 3).contains("local_resource(") && hover(2, 3).contains("`serve_cmd`"));
    assert!(hover(2, 27).contains("where `serve_cmd` runs") && !hover(2, 27).contains("`labels`"));
    assert!(hover(3, 9).contains("os.path.join(path: str"));
    assert_eq!(hover(0, 2), "");
}

#[test]
fn the_signature_of_a_call_is_shown_with_the_parameter_that_is_being_written() {
    let lib = "def greet(name, loud=False):\n    'Says hello.'\n    return name\n";
    let mut editor = Editor::start(&[("lib/Devfile", lib)]);
    let text = "load('lib/Devfile', hello='greet')\n\
                def own(a, *rest, b=1):\n    pass\n\
                local_resource('a', cmd='b')\n\
                hello('x', loud=True)\n\
                own(1, b=2)\n\
                nobody(1)\n\
                x = 'y'.join(['z'])\n";
    editor.write("Devfile", text, true);
    let mut help = |line, character| {
        let help = editor.at("textDocument/signatureHelp", "Devfile", line, character);
        let signature = &help["signatures"][0];
        let active = help["activeParameter"].as_u64().and_then(|place| usize::try_from(place).ok());
        let parameter = active.and_then(|place| signature["parameters"][place]["label"].as_str());
        let label = signature["label"].as_str().unwrap_or_default();
        format!("{} @ {}", label.split('(').next().unwrap_or_default(), parameter.unwrap_or("-"))
    };
    assert_eq!(help(3, 15), "local_resource @ name: Name");
    assert_eq!(help(3, 25), "local_resource @ cmd: cmd = unset");
    assert_eq!(help(4, 6), "greet @ name", "a function of another file, by its own name");
    assert_eq!(help(4, 16), "greet @ loud");
    assert_eq!(help(5, 4), "own @ a");
    assert_eq!(help(5, 9), "own @ b");
    assert_eq!(help(6, 7), " @ -", "nobody knows it");
    assert_eq!(help(7, 13), " @ -", "a method");
}

#[test]
fn the_functions_and_variables_of_a_file_are_listed() {
    let mut editor = Editor::start(&[]);
    let text = "load('lib', 'greet')\nports = [80]\ndef own(a):\n    inner = a\n    return inner\n";
    editor.write("Devfile", text, true);
    let uri = editor.uri("Devfile");
    let symbols = editor.request("textDocument/documentSymbol", &json!({"textDocument": {"uri": uri}}));
    let listed: Vec<(&str, u64)> = symbols
        .as_array()
        .expect("a list")
        .iter()
        .map(|symbol| {
            let line = symbol["range"]["start"]["line"].as_u64().expect("a line");
            (symbol["name"].as_str().expect("a name"), line)
        })
        .collect();
    assert_eq!(listed, [("greet", 0), ("ports", 1), ("own", 2)]);
}

#[test]
fn definitions_are_found_here_and_in_loaded_files() {
    let mut editor = Editor::start(&[("lib/Devfile", "x = 1\ndef greet(name):\n    return name\n")]);
    let text = "load('lib/Devfile', hello='greet')\ny = '\u{1f600}'; z = hello('x')\nprint(z)\n";
    assert_eq!(editor.write("Tiltfile", text, true), Vec::<String>::new());
    let lib = editor.uri("lib/Devfile");
    let start = |line, character| json!({"line": line, "character": character});
    let there = editor.at("textDocument/definition", "Tiltfile", 1, 16);
    assert_eq!((&there["uri"], &there["range"]["start"]), (&json!(lib), &start(1, 4)));
    let here = editor.at("textDocument/definition", "Tiltfile", 2, 6);
    assert_eq!((&here["uri"], &here["range"]["start"]), (&json!(editor.uri("Tiltfile")), &start(1, 10)));
    let file = editor.at("textDocument/definition", "Tiltfile", 0, 8);
    assert_eq!((&file["uri"], &file["range"]["start"]), (&json!(lib), &start(0, 0)));
    assert_eq!(editor.at("textDocument/definition", "Tiltfile", 2, 1), Value::Null);
}

#[test]
fn problems_are_told_while_somebody_types() {
    let mut editor = Editor::start(&[("lib.star", "def greet():\n    pass\n")]);
    assert_eq!(
        editor.write("lib.star", "local_resorce('a')\nk8s_yaml('a', allow_duplicate=True)\n", true),
        [
            "0:0 unknown name `local_resorce`\ndid you mean `local_resource`?",
            "1:14 `k8s_yaml`: unexpected keyword argument `allow_duplicate`\ndid you mean `allow_duplicates`?",
        ]
    );
    let broken = editor.write("lib.star", "x = [1,\n", false);
    assert_eq!(broken.len(), 1, "{broken:?}");
    let loads = "load('lib.sta', 'a')\nload('other.star', 'greet')\n";
    std::fs::write(editor.folder.path().join("other.star"), "def great():\n    pass\n").expect("written");
    let problems = editor.write("Devfile", loads, true);
    assert!(
        problems[0].starts_with("0:5 cannot read `") && problems[0].ends_with("did you mean `lib.star`?"),
        "{problems:?}"
    );
    assert_eq!(problems[1], "1:19 `other.star` has no symbol `greet`\ndid you mean `great`?");
}

#[test]
fn while_loops_and_tabs_are_part_of_the_language() {
    let mut editor = Editor::start(&[]);
    let text = "x = 3\nwhile x > 0:\n\tx = x - 1\n\tprnt(x)\n";
    assert_eq!(editor.write("Devfile", text, true), ["3:1 unknown name `prnt`\ndid you mean `print`?"]);
}

#[test]
fn the_server_ends_when_it_is_told_to() {
    let mut editor = Editor::start(&[]);
    let answer = editor.at("textDocument/hover", "nowhere", 0, 0);
    assert_eq!(answer, Value::Null, "a text that is not open");
    assert_eq!(editor.request("shutdown", &Value::Null), Value::Null);
    editor.notify("exit", &Value::Null);
    assert!(editor.server.wait().expect("it ends").success());
}
