//! URLs of links as Tilt reads and shows them: with the rules of Go's `net/url`, which take nearly everything.
//!
//! The `url` crate follows the rules of browsers, refuses other texts and writes the rest in other ways.

use std::fmt::Write as _;

/// The URL as `config --json` shows it: what has no scheme becomes HTTP, what needs it is escaped.
///
/// `localhost:8080` has the scheme `localhost` by these rules and stays as it is; [`crate::project::Link::address`] knows better.
///
/// # Errors
///
/// Why it is no URL.
pub(crate) fn link_url(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().any(|character| character.is_ascii_control()) {
        return Err("it contains a control character".to_owned());
    }
    let (rest, fragment) = split_at(text, '#');
    let fragment = fragment.map(escaped).transpose()?.filter(|text| !text.is_empty());
    let (scheme, rest) = scheme_of(rest)?;
    let (rest, query) = split_at(rest, '?');
    let end = |mut url: String| {
        if let Some(query) = query {
            url.push('?');
            url.push_str(query);
        }
        if let Some(fragment) = &fragment {
            url.push('#');
            url.push_str(fragment);
        }
        url
    };
    let lower = scheme.map(str::to_ascii_lowercase);
    let name = lower.as_deref().unwrap_or("http");
    if scheme.is_some() && !rest.starts_with('/') {
        return Ok(end(format!("{name}:{rest}")));
    }
    if scheme.is_none() && rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
        return Err(format!("what comes before `:` is no scheme; write `http://{text}`"));
    }
    let has_authority = rest.starts_with("//") && (scheme.is_some() || !rest.starts_with("///"));
    let (authority, path) = if has_authority {
        let rest = &rest[2..];
        rest.split_at(rest.find('/').unwrap_or(rest.len()))
    } else {
        ("", rest)
    };
    let authority = if has_authority { authority_of(authority)? } else { String::new() };
    let path = if path == "*" { path.to_owned() } else { escaped(path)? };
    let slashes =
        if authority.is_empty() && (path.is_empty() || (scheme.is_some() && !has_authority)) { "" } else { "//" };
    Ok(end(format!("{name}:{slashes}{authority}{path}")))
}

/// Whether a text may follow a URL's host, with the same rules; an empty one may.
///
/// # Errors
///
/// Why it may not.
pub(crate) fn check_path(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { link_url(text).map(drop) }
}

fn split_at(text: &str, character: char) -> (&str, Option<&str>) {
    text.split_once(character).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// The scheme, if there is one, and what follows it.
fn scheme_of(text: &str) -> Result<(Option<&str>, &str), String> {
    for (place, character) in text.char_indices() {
        match character {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if place > 0 => {}
            ':' if place == 0 => return Err("the scheme before `:` is missing".to_owned()),
            ':' => return Ok((Some(&text[..place]), &text[place + 1..])),
            _ => return Ok((None, text)),
        }
    }
    Ok((None, text))
}

/// `user:password@host:port`, checked and escaped.
fn authority_of(text: &str) -> Result<String, String> {
    let (user, host) = text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host));
    let host = host_of(host)?;
    let Some(user) = user else { return Ok(host) };
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(character);
    if !user.chars().all(is_allowed) {
        return Err("what comes before `@` contains a character that is not allowed there".to_owned());
    }
    let part = |text: &str| escaped_anew(text, |byte| byte.is_ascii_alphanumeric() || b"-_.~$&+,;=".contains(&byte));
    let user = match user.split_once(':') {
        Some((name, password)) => format!("{}:{}", part(name)?, part(password)?),
        None => part(user)?,
    };
    Ok(format!("{user}@{host}"))
}

fn host_of(text: &str) -> Result<String, String> {
    let port = if text.starts_with('[') {
        let end = text.rfind(']').ok_or("`]` is missing behind the address")?;
        Some(&text[end + 1..])
    } else {
        text.rfind(':').map(|place| &text[place..])
    };
    if let Some(port) = port.filter(|port| !port.is_empty()) {
        let digits = port.strip_prefix(':').ok_or_else(|| format!("`{port}` behind the host is no port"))?;
        if !digits.chars().all(|character| character.is_ascii_digit()) {
            return Err(format!("`{port}` behind the host is no port"));
        }
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte);
    let mut host = String::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((place, byte)) = bytes.next() {
        if byte == b'%' {
            let escape = text.get(place..place + 3).unwrap_or(&text[place..]);
            // Only zones and what is not ASCII may be escaped in a host.
            let is_zone = escape == "%25" && text.starts_with('[');
            let code = hexadecimal(escape).filter(|code| *code >= 0x80 || is_zone);
            if code.is_none() {
                return Err(format!("the escape `{escape}` is not allowed in a host name"));
            }
            host.push_str(&escape.to_ascii_uppercase());
            bytes.nth(1);
        } else if is_allowed(byte) {
            host.push(char::from(byte));
        } else if byte.is_ascii() {
            return Err(format!("{:?} is not allowed in a host name", char::from(byte)));
        } else {
            push_escape(&mut host, byte);
        }
    }
    Ok(host)
}

/// What may stand in a path or fragment as it is.
fn in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

/// What may stand there as it is, when it was written so.
fn tolerated(byte: u8) -> bool {
    b"!'()*[]%".contains(&byte)
}

/// As written when nothing needs an escape, else escaped anew.
fn escaped(text: &str) -> Result<String, String> {
    let anew = escaped_anew(text, in_path)?;
    Ok(if text.bytes().all(|byte| in_path(byte) || tolerated(byte)) { text.to_owned() } else { anew })
}

fn escaped_anew(text: &str, allowed: impl Fn(u8) -> bool) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((place, byte)) = bytes.next() {
        let byte = if byte == b'%' {
            let escape = text.get(place..place + 3).unwrap_or(&text[place..]);
            let code = hexadecimal(escape).ok_or_else(|| format!("`{escape}` is no escape; `%` itself is `%25`"))?;
            bytes.nth(1);
            code
        } else {
            byte
        };
        if allowed(byte) { result.push(char::from(byte)) } else { push_escape(&mut result, byte) }
    }
    Ok(result)
}

fn hexadecimal(escape: &str) -> Option<u8> {
    let digits = escape.strip_prefix('%').filter(|digits| digits.len() == 2)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn push_escape(text: &mut String, byte: u8) {
    let _ = write!(text, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::link_url;

    /// What Go's `url.Parse` and `String` make of it, `http` filled in.
    #[test]
    fn urls_read_as_go_reads_them() {
        let cases = [
            ("localhost:1", "localhost:1"),
            ("localhost:80/x", "localhost:80/x"),
            ("my-host:80", "my-host:80"),
            ("a:b:c", "a:b:c"),
            ("x:", "x:"),
            ("example.com", "http://example.com"),
            ("example.com/a b", "http://example.com/a%20b"),
            ("ftp://x", "ftp://x"),
            ("//x/y", "http://x/y"),
            ("/x", "http:///x"),
            ("///x", "http://///x"),
            ("https://a:", "https://a:"),
            ("MAILTO:x@y", "mailto:x@y"),
            (" x", "http://%20x"),
            ("http://[::1]:80/a?b=c#d e", "http://[::1]:80/a?b=c#d%20e"),
            ("http://[fe80::1%25en0]/", "http://[fe80::1%25en0]/"),
            ("http://u:p@h/", "http://u:p@h/"),
            ("http://a@b@c/", "http://a%40b@c/"),
            ("x?y#z", "http://x?y#z"),
            ("x?", "http://x?"),
            ("http://é.com", "http://%C3%A9.com"),
            ("http://x/é?q=é#é", "http://x/%C3%A9?q=é#%C3%A9"),
            ("http://x/a[1]", "http://x/a[1]"),
            ("http://x/a b%2Fc", "http://x/a%20b/c"),
            ("http://u%20x:p%3A@h/", "http://u%20x:p%3A@h/"),
            ("http://x/a\"<>|^`{}\\", "http://x/a%22%3C%3E%7C%5E%60%7B%7D%5C"),
            ("*", "http://*"),
            ("#a", "http:#a"),
            ("?a", "http:?a"),
            ("a%2Fb", "http://a%2Fb"),
            ("http://x/%2f", "http://x/%2f"),
            ("http://x//y", "http://x//y"),
            ("http:/x", "http:/x"),
            ("http:x", "http:x"),
            ("http://", "http:"),
            ("http://x/?a b", "http://x/?a b"),
            ("http://a_b.c/", "http://a_b.c/"),
            ("http://a<b/", "http://a<b/"),
        ];
        for (text, url) in cases {
            assert_eq!(link_url(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        let texts = [
            "",
            "https://a:b",
            "127.0.0.1:80",
            "1:2",
            "host_x:80",
            "http://[::1",
            "%zz",
            ":80",
            "http://a b",
            "http://a%20b/",
            "http://u:p w@h/",
            "http://x/#a%zz",
            "http://x/\n",
        ];
        for text in texts {
            assert!(link_url(text).is_err(), "{text}");
        }
    }
}
