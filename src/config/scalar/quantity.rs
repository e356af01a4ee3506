//! Durations and sizes.

use std::time::Duration;

use super::{Read, Wrong};
use crate::config::nearest::quoted;

/// `"30s"`, `"250ms"`, `"1m30s"`; `"off"` and `"0s"` are `None`.
pub(in crate::config) fn duration(text: &str) -> Read<Option<Duration>> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let wrong = |help: &str| Wrong::new(format!("{} is not a duration", quoted(text)), help);
    let example = "write it like \"30s\", \"250ms\", \"1m30s\" or \"off\"";
    if text == "off" {
        return Ok(None);
    }
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..digits].parse::<u64>().map_err(|_| wrong(example))?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let help = match unit {
                "" if digits == text.len() => format!("with a unit: \"{text}s\" or \"{text}ms\""),
                "" => example.to_owned(),
                _ => format!("{} is no unit; the units are ms, s, m, h and d", quoted(unit)),
            };
            return Err(wrong(&help));
        };
        total = number.checked_mul(*scale).and_then(|part| total.checked_add(part)).ok_or_else(|| wrong(example))?;
    }
    if text.is_empty() {
        return Err(wrong(example));
    }
    if total > 365 * 86_400_000 {
        return Err(Wrong::new(format!("{} is more than a year", quoted(text)), "write \"off\" for no limit at all"));
    }
    Ok(Some(Duration::from_millis(total)).filter(|duration| !duration.is_zero()))
}

/// `"16MiB"`, `"512B"`, `"65536"`.
pub(in crate::config) fn size(text: &str) -> Read<u64> {
    const UNITS: [(&str, u32); 5] = [("", 0), ("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let example = "write it like \"512B\", \"64KiB\", \"16MiB\" or \"2GiB\"";
    let wrong = |help: String| Wrong::new(format!("{} is not a size", quoted(text)), help);
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong(example.to_owned()))?;
    let unit = text[digits..].trim_start();
    let Some((_, shift)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let guess = match unit.to_ascii_lowercase().chars().next() {
            Some('k') => "KiB",
            Some('m') => "MiB",
            Some('g') => "GiB",
            Some('b') => "B",
            _ => return Err(wrong(example.to_owned())),
        };
        return Err(wrong(format!("write \"{number}{guess}\"; the units are B, KiB, MiB and GiB")));
    };
    number.checked_mul(1 << shift).ok_or_else(|| wrong(example.to_owned()))
}

/// `"20%"`, of 100.
pub(in crate::config) fn percent(text: &str) -> Read<u32> {
    let wrong = |help: &str| Wrong::new(format!("{} is not a percentage", quoted(text)), help);
    let number = text.strip_suffix('%').ok_or_else(|| wrong("write it like \"20%\""))?;
    let number = number.trim_end().parse::<u32>().map_err(|_| wrong("a whole number, such as \"20%\""))?;
    if number <= 100 { Ok(number) } else { Err(wrong("it can be 0% to 100%")) }
}

/// `"0.1%"`, as a part of 1.
pub(in crate::config) fn share(text: &str) -> Read<f64> {
    let wrong = |help: &str| Wrong::new(format!("{} is not a share", quoted(text)), help);
    let number = text.strip_suffix('%').ok_or_else(|| wrong("write it like \"10%\" or \"0.1%\""))?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = number.parse::<f64>().ok().filter(|_| plain).ok_or_else(|| wrong("a number, such as \"0.1%\""))?;
    if number <= 100.0 { Ok(number / 100.0) } else { Err(wrong("it can be 0% to 100%")) }
}

/// `"100%"`, as a part of 1 and as much as you like; `None` is `"off"`.
pub(in crate::config) fn more(text: &str) -> Read<Option<f64>> {
    if text == "off" {
        return Ok(None);
    }
    let wrong = || Wrong::new(format!("{} is no such percentage", quoted(text)), "such as \"100%\", or \"off\"");
    let number = text.strip_suffix('%').and_then(|number| number.parse::<u16>().ok());
    number.filter(|number| *number <= 9999).map(|number| Some(f64::from(number) / 100.0)).ok_or_else(wrong)
}

/// `"150%"`, 100 and more.
pub(in crate::config) fn factor(text: &str) -> Read<u32> {
    let wrong = |help: &str| Wrong::new(format!("{} is no such percentage", quoted(text)), help);
    let number = text.strip_suffix('%').and_then(|number| number.parse::<u32>().ok());
    number.filter(|number| (100..=1000).contains(number)).ok_or_else(|| wrong("it can be \"100%\" to \"1000%\""))
}

/// A duration in its one spelling: `90s`, `250ms`.
pub(in crate::config) fn show_duration(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

/// Octets as a person writes them.
pub(in crate::config) fn show_size(octets: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = units.iter().find(|(shift, _)| octets != 0 && octets.trailing_zeros() >= *shift);
    fits.map_or_else(|| format!("{octets}B"), |(shift, unit)| format!("{}{unit}", octets >> shift))
}
