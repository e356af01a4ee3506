//! Cookies (RFC 6265): those of a request, and what the ones that we set say beside their value.

use std::time::Duration;

use http::header::COOKIE;

use super::Headers;

/// The values of the cookies of that name, in their order (§5.4). Names are compared as they stand.
pub fn values<'a, 'n>(headers: &'a Headers, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    let crumbs = headers.all(&COOKIE).flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    crumbs
        .map(<[u8]>::trim_ascii)
        .filter_map(move |crumb| crumb.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")))
}

/// What follows name and value in `Set-Cookie` (§4.1): for the whole site, and for no script.
pub fn attributes(same_site: &str, secure: bool, max_age: Option<Duration>) -> String {
    let secure = if secure { "; Secure" } else { "" };
    let age = max_age.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
    format!("; Path=/; HttpOnly; SameSite={same_site}{secure}{age}")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn cookies_of_several_fields() {
        let field = |value: &'static str| (COOKIE, HeaderValue::from_static(value));
        let headers: Headers = [field("ab=1; b=2;a=0"), field(" a=3 ; A=4; a ;=5")].into_iter().collect();
        let cases: [(&str, &[&[u8]]); 5] =
            [("a", &[b"0", b"3"]), ("b", &[b"2"]), ("A", &[b"4"]), ("", &[b"5"]), ("c", &[])];
        for (name, expected) in cases {
            assert_eq!(values(&headers, name).collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
