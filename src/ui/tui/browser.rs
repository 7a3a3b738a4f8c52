//! Opens a link in the user's browser, where there is one.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// A program that takes a link and returns at once; some stay as long as the browser runs.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// How long an opener may take to say that it failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a browser that is started here would be seen by the user.
pub(super) fn has_browser(variable: impl Fn(&str) -> bool) -> bool {
    let remote = variable("SSH_CONNECTION") || variable("SSH_TTY");
    let display = variable("DISPLAY") || variable("WAYLAND_DISPLAY");
    if cfg!(target_os = "macos") { !remote } else { display || variable("WSL_DISTRO_NAME") }
}

/// Opens `url`; gives the message for the user.
pub(super) async fn open(url: String) -> String {
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if !is_web || !has_browser(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        // The user's own terminal makes a link of it.
        return url;
    }
    let child = Command::new(OPENER)
        .arg(&url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // The browser outlives devloop, and does not get its Ctrl-C.
        .process_group(0)
        .spawn();
    let Ok(mut child) = child else { return format!("{url} (`{OPENER}` cannot be started)") };
    match tokio::time::timeout(PATIENCE, child.wait()).await {
        Ok(Ok(status)) if !status.success() => format!("{url} (`{OPENER}` failed)"),
        Ok(_) | Err(_) => format!("opened {url}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_web_page_is_shown_and_not_opened() {
        assert_eq!(open("file:///etc/passwd".into()).await, "file:///etc/passwd");
        assert_eq!(open("--help".into()).await, "--help");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_browser_needs_a_display() {
        assert!(has_browser(|name| name == "DISPLAY"));
        assert!(!has_browser(|name| name == "SSH_TTY"));
        assert!(!has_browser(|_| false));
    }
}
