//! Prints logs as prefixed lines: the screen of `devloop up` where there is no terminal, and of `devloop ci`.

use std::fmt::Write as _;
use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::color::{NAME_COLORS, name_color};
use super::text;
use crate::logs::{Level, LogFilter, LogLine, LogReader, strip_colors};

/// The columns of the resource name (reference §3.14).
const PREFIX_COLUMNS: usize = 13;

/// The SGR codes of the colours for names, as in the dashboard.
const COLORS: [u8; NAME_COLORS] = [36, 32, 35, 34, 96, 95];

/// Whether lines start with the name of their resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefix {
    /// `NAME │ `, except for devloop's own lines.
    #[default]
    Name,
    /// Nothing.
    Nothing,
}

/// How lines are printed.
#[derive(Clone, Debug, Default)]
pub struct HeadlessOptions {
    /// Whether colours are written: devloop's own and those of programs.
    pub color: bool,
    /// Whether lines start with the name of their resource.
    pub prefix: Prefix,
    /// Which lines are printed.
    pub filter: LogFilter,
    /// The first line that is printed; 0 for all that are stored.
    pub from: u64,
}

/// Prints lines as they come until `done` is cancelled, and then all that were written before it.
///
/// Returns the number of the line that would have been next.
///
/// A reader that has gone (a closed pipe) is no error: printing ends quietly.
pub async fn print(
    mut reader: LogReader,
    mut out: impl AsyncWrite + Unpin,
    options: HeadlessOptions,
    done: CancellationToken,
) -> io::Result<u64> {
    let mut next = options.from;
    let mut text = String::new();
    loop {
        // Asked before reading, so that what was written before `done` is certainly read.
        let last_turn = done.is_cancelled();
        let lines = reader.since(next);
        text.clear();
        for line in &lines {
            if line.sequence > next && next > options.from {
                let lost = line.sequence - next;
                let _ = writeln!(text, "WARNING: {lost} lines of log came faster than they could be printed");
            }
            next = line.sequence + 1;
            if options.filter.accepts(line) {
                format_line(line, &options, &mut text);
            }
        }
        let written = async {
            out.write_all(text.as_bytes()).await?;
            out.flush().await
        };
        match written.await {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(next),
            result => result?,
        }
        if last_turn {
            return Ok(next);
        }
        tokio::select! {
            () = reader.changed() => {}
            () = done.cancelled() => {}
        }
    }
}

/// Appends `line` to `out` as it is printed, with its line end.
pub fn format_line(line: &LogLine, options: &HeadlessOptions, out: &mut String) {
    if let (Some(name), Prefix::Name) = (&line.resource, options.prefix) {
        let prefix = text::pad_left(name.as_str(), PREFIX_COLUMNS);
        let _ = if options.color {
            write!(out, "\x1b[{}m{prefix}\x1b[0m │ ", COLORS[name_color(name)])
        } else {
            write!(out, "{prefix} │ ")
        };
    }
    let mark = line.mark();
    if options.color && !mark.is_empty() {
        let color = if line.level == Level::Error { 31 } else { 33 };
        let _ = write!(out, "\x1b[{color}m{mark}\x1b[0m");
    } else {
        out.push_str(mark);
    }
    out.push_str(&if options.color { line.text.as_ref().into() } else { strip_colors(&line.text) });
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{LogSource, LogStore};

    fn store() -> LogStore {
        let store = LogStore::new();
        store.sink(None, LogSource::Build).info("Loading Devfile");
        let web = store.sink(Some("web".into()), LogSource::Build);
        web.info("");
        web.warn("two\nlines");
        web.error("\x1b[31mred\x1b[0m");
        store.sink(Some("a-very-long-name".into()), LogSource::Runtime).info("hello");
        store.sink(Some("データベース接続".into()), LogSource::Runtime).info("wide");
        store
    }

    async fn printed(store: &LogStore, options: HeadlessOptions) -> String {
        let done = CancellationToken::new();
        done.cancel();
        let mut out = Vec::new();
        print(store.reader(), &mut out, options, done).await.expect("memory takes everything");
        String::from_utf8(out).expect("logs are text")
    }

    #[tokio::test]
    async fn lines_have_prefixes_and_marks() {
        insta::assert_snapshot!(printed(&store(), HeadlessOptions::default()).await, @r"
        Loading Devfile
                  web │ 
                  web │ WARNING: two
                  web │ lines
                  web │ ERROR: red
        a-very-long-… │ hello
        データベース… │ wide
        ");
    }

    #[tokio::test]
    async fn colors_are_written_when_wanted() {
        let text = printed(&store(), HeadlessOptions { color: true, ..HeadlessOptions::default() }).await;
        assert!(text.contains("\x1b[33mWARNING: \x1b[0mtwo\n"), "{text}");
        assert!(text.contains("\x1b[31mERROR: \x1b[0m\x1b[31mred\x1b[0m\n"), "{text}");
    }

    #[tokio::test]
    async fn what_was_written_before_the_end_is_printed() {
        let store = LogStore::new();
        let done = CancellationToken::new();
        let (mut reader, writer) = tokio::io::duplex(64);
        let printing = tokio::spawn(print(store.reader(), writer, HeadlessOptions::default(), done.clone()));
        let sink = store.sink(None, LogSource::Build);
        for n in 0..1_000 {
            sink.info(format!("line {n}"));
        }
        done.cancel();
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut text).await.expect("the pipe works");
        printing.await.expect("no panic").expect("no error");
        assert!(text.ends_with("line 999\n"));
        assert_eq!(text.lines().count(), 1_000);
    }

    #[tokio::test]
    async fn what_was_lost_because_nobody_read_is_told() {
        let store = LogStore::new();
        let sink = store.sink(None, LogSource::Build);
        sink.info("first");
        let done = CancellationToken::new();
        let (mut reader, writer) = tokio::io::duplex(64);
        let printing = tokio::spawn(print(store.reader(), writer, HeadlessOptions::default(), done.clone()));
        let mut first = [0; 6];
        tokio::io::AsyncReadExt::read_exact(&mut reader, &mut first).await.expect("the pipe works");
        // More than the store keeps, while the pipe takes nothing.
        let line = "x".repeat(999);
        (0..4_000).for_each(|_| sink.info(&line));
        done.cancel();
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut text).await.expect("the pipe works");
        printing.await.expect("no panic").expect("no error");
        let told =
            text.lines().find_map(|line| line.strip_prefix("WARNING: ")?.split(' ').next()?.parse::<usize>().ok());
        assert_eq!(told.map(|told| told + text.matches(&line).count()), Some(4_000));
    }

    #[tokio::test]
    async fn a_closed_pipe_ends_quietly() {
        let store = store();
        let (reader, writer) = tokio::io::duplex(8);
        drop(reader);
        let end = print(store.reader(), writer, HeadlessOptions::default(), CancellationToken::new()).await;
        assert!(end.is_ok(), "{end:?}");
    }
}
