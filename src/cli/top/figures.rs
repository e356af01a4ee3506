//! Numbers as they stand in narrow columns, and lines of blocks.

/// A rate for each second.
pub(super) fn rate(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if value < 0.05 => "<0.1".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.1}"),
        Some(value) => count(value.round() as u64),
    }
}

/// A count: whole up to five digits, then with a letter.
pub(super) fn count(value: u64) -> String {
    match value {
        0..100_000 => value.to_string(),
        100_000..10_000_000 => format!("{}k", value / 1000),
        10_000_000..10_000_000_000 => format!("{}M", value / 1_000_000),
        _ => format!("{}G", value / 1_000_000_000),
    }
}

/// Milliseconds, or seconds where there are many.
pub(super) fn millis(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 1000.0 => format!("{:.2} s", value / 1000.0),
        Some(value) if value >= 100.0 => format!("{value:.0} ms"),
        Some(value) if value >= 10.0 => format!("{value:.1} ms"),
        Some(value) => format!("{value:.2} ms"),
    }
}

/// Octets.
pub(super) fn bytes(value: f64) -> String {
    let (mut value, mut unit) = (value, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "B" || value >= 100.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A share of one.
pub(super) fn share(value: Option<f64>) -> String {
    match value.map(|value| value * 100.0) {
        None => "–".to_owned(),
        Some(0.0) => "0 %".to_owned(),
        Some(value) if value < 0.1 => "<0.1 %".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.1} %"),
        Some(value) => format!("{value:.0} %"),
    }
}

/// A span of time in seconds.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last values as blocks, the tallest of them full; a gap where nothing was measured.
pub(super) fn blocks(values: &[Option<f64>], width: usize) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let top = shown.iter().flatten().copied().fold(0.0, f64::max);
    let block = |value: &Option<f64>| match value {
        None => ' ',
        Some(_) if top <= 0.0 => BLOCKS[0],
        Some(value) => BLOCKS[((value / top * 7.0).round().clamp(0.0, 7.0)) as usize],
    };
    let drawn: String = shown.iter().map(block).collect();
    format!("{drawn:>width$}")
}

/// The time that a share of the exchanges took less than, in milliseconds, from their counts by powers of two of 0.25 ms.
pub(super) fn quantile(buckets: &[u64], wanted: f64) -> Option<f64> {
    let total: u64 = buckets.iter().sum();
    let wanted = wanted * total as f64;
    let bound = |bucket: usize| 0.25 * f64::from(1_u32 << bucket.min(31));
    let mut below = 0.0;
    for (bucket, inside) in buckets.iter().enumerate().filter(|(_, inside)| **inside > 0) {
        let inside = *inside as f64;
        if below + inside >= wanted {
            let low = bucket.checked_sub(1).map_or(0.0, bound);
            // What is longer than the last bound is said to be that long.
            let high = if bucket + 1 == buckets.len() { low } else { bound(bucket) };
            return Some(low + (high - low) * ((wanted - below) / inside).clamp(0.0, 1.0));
        }
        below += inside;
    }
    None
}
