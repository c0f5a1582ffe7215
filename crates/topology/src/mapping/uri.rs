//! URLs as `java.net.URI` reads them, as far as they have a scheme and a host: RFC 2396 with its deviations. What is
//! accepted here decides whether a broadcast counts.

use std::net::Ipv6Addr;

/// What is needed of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uri<'a> {
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    pub(super) port: Option<i32>,
}

/// Reads a URL with a host. `None` when Java throws, or finds no host.
pub(super) fn parse(text: &str) -> Option<Uri<'_>> {
    let end = text.find(['/', '?', '#', ':'])?;
    let (scheme, rest) = text.split_at(end);
    let rest = rest.strip_prefix("://")?;
    let mut characters = scheme.chars();
    if !characters.next()?.is_ascii_alphabetic() || !characters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (host, port) = server(authority)?;
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let valid = consists_of(path, ":@&=+$,;/") && consists_of(query, URIC) && consists_of(fragment, URIC);
    valid.then_some(Uri { scheme, host, port })
}

/// Reserved characters of queries and fragments.
const URIC: &str = ";/?:@&=+$,[]";

/// Whether the text consists of unreserved characters, escaped ones, visible ones beyond ASCII, and those of `others`.
fn consists_of(text: &str, others: &str) -> bool {
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let valid = match c {
            '%' => {
                [characters.next(), characters.next()].iter().all(|digit| digit.is_some_and(|c| c.is_ascii_hexdigit()))
            }
            _ => {
                c.is_ascii_alphanumeric() || "-_.!~*'()".contains(c) || others.contains(c) || is_visible_beyond_ascii(c)
            }
        };
        if !valid {
            return false;
        }
    }
    true
}

/// Neither a control nor a space character.
fn is_visible_beyond_ascii(c: char) -> bool {
    let is_space = matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    );
    c > '\u{80}' && !c.is_control() && !is_space
}

/// Host and port of a server-based authority.
fn server(authority: &str) -> Option<(&str, Option<i32>)> {
    let rest = match authority.split_once('@') {
        Some((user, rest)) if consists_of(user, ";:&=+$,") => rest,
        Some(_) => return None,
        None => authority,
    };
    let end = if rest.starts_with('[') { rest.find(']')? + 1 } else { rest.find(':').unwrap_or(rest.len()) };
    let (host, port) = rest.split_at(end);
    let is_host = match host.strip_prefix('[') {
        Some(address) => is_ipv6_reference(address.strip_suffix(']')?),
        None => is_ipv4(host) || is_hostname(host),
    };
    if !is_host {
        return None;
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    Some((host, port))
}

/// Four numbers up to 255, with any leading zeros.
fn is_ipv4(text: &str) -> bool {
    let is_byte = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|c| c.is_ascii_digit())
            && part.parse::<i32>().is_ok_and(|byte| byte <= 255)
    };
    text.split('.').count() == 4 && text.split('.').all(is_byte)
}

/// Labels of letters, digits and inner hyphens; of several the last one begins with a letter.
fn is_hostname(text: &str) -> bool {
    let labels: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let is_label = |label: &&str| {
        label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_is_name = labels.last().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_alphabetic()));
    labels.iter().all(|label| !label.is_empty() && is_label(label)) && (labels.len() == 1 || last_is_name)
}

/// An address of version 6, maybe with a scope.
fn is_ipv6_reference(text: &str) -> bool {
    let (address, scope) = match text.split_once('%') {
        Some((address, scope)) => (address, Some(scope)),
        None => (text, None),
    };
    let is_scope =
        |scope: &str| !scope.is_empty() && scope.bytes().all(|c| c.is_ascii_alphanumeric() || b"_.".contains(&c));
    scope.is_none_or(is_scope) && is_ipv6(address)
}

fn is_ipv6(address: &str) -> bool {
    if !address.contains('.') {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // An address of version 4 stands for the last two groups.
    address
        .rsplit_once(':')
        .is_some_and(|(groups, tail)| is_ipv4(tail) && format!("{groups}:0:0").parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_those_of_java() {
        for url in [
            "http://a",
            "http://a.",
            "http://1",
            "http://a.b-c.d1:5",
            "http://1.2.3.4",
            "http://001.2.3.4",
            "x+1://a",
            "http://[::1]",
            "http://[::ffff:1.2.3.4]:7",
            "http://[fe80::1%eth0]",
            "http://a/%20?%41[]#/?",
            "http://a/\u{e4}",
            "http://u;s:e&r=+$,%41@a",
            "http://a:2147483647",
        ] {
            assert!(parse(url).is_some(), "{url}");
        }
        for url in [
            "",
            "http:",
            "http:a",
            "http://",
            "http:///a",
            "://a",
            "1http://a",
            "http://a b",
            "http://a_b",
            "http://-a",
            "http://a-",
            "http://a.1",
            "http://1.2.3.256",
            "http://1.2.3",
            "http://a..b",
            "http://[::1",
            "http://[1::2::3]",
            "http://[fe80::1%]",
            "http://a/%2",
            "http://a/%zz",
            "http://a/ ",
            "http://a/[",
            "http://a#b#c",
            "http://a:b",
            "http://a:2147483648",
            "http://a/\u{a0}",
            "http://@",
            "http://a\\b",
        ] {
            assert!(parse(url).is_none(), "{url}");
        }
    }
}
