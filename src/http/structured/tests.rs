//! Cases of RFC 9651.

use http::HeaderValue;

use super::*;

fn lines(lines: &[&'static str]) -> Vec<HeaderValue> {
    lines.iter().map(|line| HeaderValue::from_bytes(line.as_bytes()).unwrap()).collect()
}

fn bare(text: &'static str) -> Option<Bare> {
    item(lines(&[text]).iter()).map(|item| item.value)
}

#[test]
fn items() {
    let string = |text: &str| Some(Bare::String(text.into()));
    let token = |text: &str| Some(Bare::Token(text.into()));
    let bytes = |bytes: &[u8]| Some(Bare::Bytes(bytes.into()));
    for (text, want) in [
        ("42", Some(Bare::Integer(42))),
        ("-042", Some(Bare::Integer(-42))),
        ("  1  ", Some(Bare::Integer(1))),
        ("999999999999999", Some(Bare::Integer(999_999_999_999_999))),
        ("1000000000000000", None),
        ("- 1", None),
        ("--1", None),
        ("+1", None),
        ("1 2", None),
        ("1.5", Some(Bare::Decimal(1500))),
        ("-1.005", Some(Bare::Decimal(-1005))),
        ("1.", None),
        (".5", None),
        ("1.0005", None),
        ("1234567890123.0", None),
        ("\"a \\\"b\\\\\"", string("a \"b\\")),
        ("\"\"", string("")),
        ("\"a", None),
        ("\"\\a\"", None),
        ("\"\t\"", None),
        ("\"ü\"", None),
        ("'a'", None),
        ("foo/bar:*1", token("foo/bar:*1")),
        ("*", token("*")),
        ("&", None),
        (":aGVsbG8=:", bytes(b"hello")),
        (":aGVsbG8:", bytes(b"hello")),
        ("::", bytes(b"")),
        (":a:", None),
        (":aGVsbG8=", None),
        (":aGV_bG8=:", None),
        ("?1", Some(Bare::Boolean(true))),
        ("?0", Some(Bare::Boolean(false))),
        ("?2", None),
        ("?", None),
        ("@1659578233", Some(Bare::Date(1_659_578_233))),
        ("@-1", Some(Bare::Date(-1))),
        ("@1.5", None),
        ("%\"f%c3%bc%22\"", Some(Bare::Display("fü\"".into()))),
        ("%\"%C3%BC\"", None),
        ("%\"%ff\"", None),
        ("%\"a", None),
        ("%a", None),
        ("", None),
    ] {
        assert_eq!(bare(text), want, "{text}");
    }
}

#[test]
fn dictionaries() {
    let found = dictionary(lines(&["a=1;x;y=2, b, c=(1 \"z\";q  t);w", "a=?0;x"]).iter()).unwrap();
    assert_eq!(found.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(found.member("a").and_then(Member::bare), Some(&Bare::Boolean(false)));
    assert_eq!(found.member("b").and_then(Member::bare), Some(&Bare::Boolean(true)));
    let Some(Member::Inner(items, parameters)) = found.member("c") else { panic!("an inner list") };
    assert_eq!(items.len(), 3);
    assert_eq!(items[1].parameters, [("q".to_owned(), Bare::Boolean(true))]);
    assert_eq!(parameters, &[("w".to_owned(), Bare::Boolean(true))]);
    for text in
        ["A=1", "a=1,", "a=1 b=2", "a=1,,b=2", "a =1", "a= 1", "a=", "=1", "a, &", "a=(1", "a=(1,2)", "a;=1", "1"]
    {
        assert_eq!(dictionary(lines(&[text]).iter()), None, "{text}");
    }
    assert!(dictionary(lines(&[""]).iter()).unwrap().is_empty());
    assert!(dictionary(lines(&["a\t,\t b"]).iter()).is_some());
}

#[test]
fn lists() {
    let found = list(lines(&["\"a\", b;x=1", "(1 2)"]).iter()).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].bare().and_then(Bare::string), Some("a"));
    assert_eq!(found[1].bare().and_then(Bare::string), None);
    assert_eq!(list(lines(&["a", ""]).iter()), None);
    assert_eq!(list(lines(&[]).iter()), None);
}

#[test]
fn writing() {
    let value = Writer::token("Tidegate")
        .flag("hit")
        .integer("ttl", -5)
        .integer("big", i64::MAX)
        .token_parameter("fwd", "uri-miss")
        .string("detail", "a \"b\"\\\u{e9}\n")
        .value();
    assert_eq!(value, r#"Tidegate; hit; ttl=-5; big=999999999999999; fwd=uri-miss; detail="a \"b\"\\??""#);
    let parsed = list([value].iter()).unwrap();
    let Member::Item(found) = &parsed[0] else { panic!("an item") };
    assert_eq!(found.value, Bare::Token("Tidegate".into()));
    assert_eq!(found.parameters.len(), 5);
    assert_eq!(Writer::token("1 a").value(), "*1_a");
    assert_eq!(Writer::token("a\u{e9}:/b").value(), "a_:/b");
}
