//! How long things are.

use crate::report;
use crate::source::{self, Source, closing};

/// Files that are tables more than code, and may have 600 lines.
const TABLES: &[&str] = &["src/config/model.rs"];

/// Files over their limit, with the lines that they have. This list may only shrink.
const LONG_FILES: &[(&str, usize)] = &[];

/// Functions over 70 lines, with the lines that they have. This list may only shrink.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

/// Files with a limit of their own: what must stay readable at one look.
const OWN_LIMITS: &[(&str, usize)] = &[("src/proxy/pipeline.rs", 150), ("src/main.rs", 60)];

/// Lines of a function.
const FUNCTION: usize = 70;
/// Parameters of a function, without `self`.
const PARAMETERS: usize = 6;

fn file_limit(path: &str) -> usize {
    if let Some((_, limit)) = OWN_LIMITS.iter().find(|(own, _)| *own == path) {
        return *limit;
    }
    match path {
        _ if TABLES.contains(&path) => 600,
        _ if path.ends_with("/mod.rs") || path == "src/lib.rs" => 80,
        _ => 400,
    }
}

#[test]
fn files_are_short() {
    let mut problems = Vec::new();
    for source in source::under("src").iter().filter(|source| !source.is_test()) {
        let (length, limit) = (source.length(), file_limit(&source.path));
        ratchet(&mut problems, LONG_FILES, &source.path, length, limit);
    }
    // Outside `src` a file is short as well; there all of it counts.
    for source in ["tests", "benches"].into_iter().flat_map(source::under) {
        ratchet(&mut problems, LONG_FILES, &source.path, source.text.lines().count(), 600);
    }
    report("files are at most 400 lines without their tests (tables 600, mod.rs 80)", problems);
}

#[test]
fn functions_are_short() {
    let mut problems = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(source::under) {
        for function in functions(&source) {
            let name = format!("{}: {}", source.path, function.name);
            ratchet(&mut problems, LONG_FUNCTIONS, &name, function.lines, FUNCTION);
        }
    }
    report("functions are at most 70 lines", problems);
}

#[test]
fn functions_have_few_parameters() {
    let mut problems = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(source::under) {
        for function in functions(&source).iter().filter(|function| function.parameters > PARAMETERS) {
            // What a property test generates stands where parameters stand.
            if source.in_test(function.at) {
                continue;
            }
            problems.push(format!("{}: {} has {}", source.path, function.name, function.parameters));
        }
    }
    report("functions have at most 6 parameters", problems);
}

/// Complains of what is over its limit and not on the list, of what has grown, and of what is on the list for nothing.
fn ratchet(problems: &mut Vec<String>, allowed: &[(&str, usize)], name: &str, length: usize, limit: usize) {
    match allowed.iter().find(|(allowed, _)| *allowed == name) {
        None if length > limit => problems.push(format!("{name} has {length} lines of {limit}")),
        Some((_, before)) if length > *before => problems.push(format!("{name} has grown from {before} to {length}")),
        Some((_, before)) if length < *before => problems.push(format!("{name} has {length} now: correct the list")),
        Some(_) if length <= limit => problems.push(format!("{name} is short enough: take it off the list")),
        _ => {}
    }
}

/// A function with a body.
struct Function {
    at: usize,
    name: String,
    lines: usize,
    parameters: usize,
}

fn functions(source: &Source) -> Vec<Function> {
    source.places("fn").into_iter().filter_map(|at| function(source, at)).collect()
}

fn function(source: &Source, at: usize) -> Option<Function> {
    let code = &source.code;
    let rest = &code[at + 2..];
    let name: String = rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return None;
    }
    let open = parameters_open(code, at)?;
    let close = closing(code, open);
    let body = close + code[close..].find(['{', ';'])?;
    if code.as_bytes()[body] == b';' {
        return None;
    }
    let lines = source.line(closing(code, body)) - source.line(at) + 1;
    Some(Function { at, name, lines, parameters: parameters(&code[open + 1..close]) })
}

/// The bracket before the parameters: the first one outside the type parameters, which may hold `Fn(A) -> B`.
fn parameters_open(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    let mut before = b' ';
    for (place, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'<' => depth += 1,
            b'>' if before != b'-' => depth -= 1,
            b'(' if depth == 0 => return Some(place),
            _ => {}
        }
        before = byte;
    }
    None
}

fn parameters(list: &str) -> usize {
    let mut depth = 0_i32;
    let mut before = b' ';
    let mut parts = vec![String::new()];
    for byte in list.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'>' if before != b'-' => depth -= 1,
            b',' if depth == 0 => parts.push(String::new()),
            _ => {}
        }
        parts.last_mut().unwrap().push(byte as char);
        before = byte;
    }
    let of_self = |part: &str| {
        part.split(':').next().unwrap().split_whitespace().any(|word| word.trim_start_matches(['&', ',']) == "self")
    };
    parts.iter().filter(|part| !part.trim_matches([',', ' ', '\n']).is_empty() && !of_self(part)).count()
}

#[test]
fn parameters_are_counted_without_self() {
    let cases = [
        ("", 0),
        ("&self", 0),
        ("&mut self, a: u8", 1),
        ("self: Rc<Self>, a: HashMap<A, B>", 1),
        ("a: impl Fn(A, B) -> C, b: [u8; 2],\n", 2),
        ("a: fn(u8) -> u8, (b, c): (u8, u8)", 2),
    ];
    for (list, expected) in cases {
        assert_eq!(parameters(list), expected, "{list}");
    }
}
