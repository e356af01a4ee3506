//! Rust source as this test sees it: lines whose comments and texts are blanked, and which of them are tests.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// From the root of the project.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// With blanks in the place of comments and of what stands in quotes; as long as the text, byte for byte.
    pub(crate) code: String,
    /// Where tests begin and end in it: `#[cfg(test)] mod tests { ... }`.
    tests: Vec<std::ops::Range<usize>>,
}

/// All Rust files under a folder of the project.
pub(crate) fn under(folder: &str) -> Vec<Source> {
    files(folder, "rs").into_iter().map(Source::read).collect()
}

/// All files with that ending under a folder, from the root of the project.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).into_iter().flatten().flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|found| found == ending) => {
                    found.push(path.to_str().unwrap().to_owned());
                }
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Source {
    fn read(path: String) -> Self {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        Self::new(path, text)
    }

    fn new(path: String, text: String) -> Self {
        let code = blanked(&text);
        let tests = test_modules(&code);
        Self { path, text, code, tests }
    }

    /// Whether the whole file is a test.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/") || self.path.starts_with("tests/")
    }

    /// Whether a place in the code belongs to a test.
    pub(crate) fn in_test(&self, at: usize) -> bool {
        self.is_test() || self.tests.iter().any(|range| range.contains(&at))
    }

    /// The line of a place, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Lines outside tests.
    pub(crate) fn length(&self) -> usize {
        let in_tests: usize = self.tests.iter().map(|range| self.code[range.clone()].matches('\n').count() + 1).sum();
        self.text.lines().count() - in_tests
    }

    /// Every place where a word stands in the code by itself.
    pub(crate) fn places(&self, word: &str) -> Vec<usize> {
        let all = self.code.match_indices(word).map(|(at, _)| at);
        all.filter(|at| is_word(&self.code, *at, word.len())).collect()
    }
}

/// Whether no letter, digit or underscore stands on either side.
pub(crate) fn is_word(code: &str, at: usize, length: usize) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !part(code[..at].chars().next_back()) && !part(code[at + length..].chars().next())
}

/// The place of the bracket that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let bytes = code.as_bytes();
    let (up, down) = match bytes[open] {
        b'(' => (b'(', b')'),
        b'[' => (b'[', b']'),
        _ => (b'{', b'}'),
    };
    let mut depth = 0;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        depth += usize::from(*byte == up);
        if *byte == down {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    bytes.len() - 1
}

fn test_modules(code: &str) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let behind = at + attribute.len();
        let rest = &code[behind..];
        let Some(open) = rest.find(['{', ';']) else { continue };
        if rest.as_bytes()[open] == b'{' {
            found.push(at..closing(code, behind + open) + 1);
        }
    }
    found
}

/// What the scanner is inside of.
enum Inside {
    Code,
    Line,
    Block(usize),
    Text,
    Raw(usize),
}

/// The text with blanks for comments, strings and characters; line ends stay.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (length, next) = match inside {
            Inside::Code => code_step(rest, out.last().copied()),
            Inside::Line if rest[0] == b'\n' => (0, Some(Inside::Code)),
            Inside::Block(1) if rest.starts_with(b"*/") => (2, Some(Inside::Code)),
            Inside::Block(depth) if rest.starts_with(b"*/") => (2, Some(Inside::Block(depth - 1))),
            Inside::Block(depth) if rest.starts_with(b"/*") => (2, Some(Inside::Block(depth + 1))),
            Inside::Text if rest[0] == b'\\' => (2, None),
            Inside::Text if rest[0] == b'"' => (1, Some(Inside::Code)),
            Inside::Raw(hashes) if ends_raw(rest, hashes) => (1 + hashes, Some(Inside::Code)),
            _ => (1, None),
        };
        let plain = matches!(inside, Inside::Code) && next.is_none() && length == 1;
        let taken = &bytes[at..(at + length).min(bytes.len())];
        out.extend(taken.iter().map(|byte| if plain || *byte == b'\n' { *byte } else { b' ' }));
        at += length;
        inside = next.unwrap_or(inside);
    }
    // Only whole characters of ASCII were kept in code; others became blanks, one for each byte.
    String::from_utf8(out.into_iter().map(|byte| if byte.is_ascii() { byte } else { b' ' }).collect()).unwrap()
}

/// How many bytes to take in code, and what begins with them.
fn code_step(rest: &[u8], before: Option<u8>) -> (usize, Option<Inside>) {
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if rest.starts_with(b"//") {
        return (2, Some(Inside::Line));
    }
    if rest.starts_with(b"/*") {
        return (2, Some(Inside::Block(1)));
    }
    if rest[0] == b'"' {
        return (1, Some(Inside::Text));
    }
    if rest[0] == b'r' && (!in_word || before == Some(b'b')) {
        let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            return (2 + hashes, Some(Inside::Raw(hashes)));
        }
    }
    if rest[0] == b'\'' {
        return (character(rest), None);
    }
    (1, None)
}

/// The length of a character in quotes, or 1 where the quote begins a lifetime.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        // The character behind the backslash may be a quote itself.
        return 4 + rest[3..].iter().position(|byte| *byte == b'\'').unwrap_or(0);
    }
    let end = rest[1..].iter().take(5).position(|byte| *byte == b'\'');
    match end {
        Some(length) if length > 0 && std::str::from_utf8(&rest[1..=length]).is_ok_and(|c| c.chars().count() == 1) => {
            length + 2
        }
        _ => 1,
    }
}

fn ends_raw(rest: &[u8], hashes: usize) -> bool {
    rest[0] == b'"' && rest.len() > hashes && rest[1..=hashes].iter().all(|byte| *byte == b'#')
}

#[test]
fn comments_texts_and_characters_are_blank() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("x // y") g"#, "f(        ) g"),
        (r##"r#"a " b"# c"##, "           c"),
        ("'a' b", "    b"),
        (r"'\'' b", "     b"),
        (r"'\u{e9}' b", "         b"),
        ("&'a str", "&'a str"),
        (r#""\"" b"#, "     b"),
    ];
    for (text, expected) in cases {
        assert_eq!(blanked(text), expected, "{text}");
    }
}

#[test]
fn lines_of_test_modules_do_not_count() {
    let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    let source = Source::new("src/a.rs".into(), text.into());
    assert_eq!(source.length(), 2);
    assert!(source.in_test(text.find("fn b").unwrap()));
    assert!(!source.in_test(text.find("fn a").unwrap()));
}
