//! What callgrind writes: <https://valgrind.org/docs/manual/cl-format.html>.

use std::collections::HashMap;
use std::fmt::Write as _;

/// Instructions, in all and of each function itself.
pub(crate) struct Profile {
    /// In all.
    pub(crate) total: f64,
    functions: HashMap<String, f64>,
}

impl Profile {
    /// Reads a file with one event, the instructions.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut functions: HashMap<String, f64> = HashMap::new();
        let (mut function, mut total, mut of_call) = ("", None, false);
        for line in text.lines() {
            if let Some(named) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
                // A name stands behind its number once, and then the number stands for it.
                let (number, name) = named.split_once(' ').unwrap_or((named, ""));
                if !name.is_empty() {
                    names.insert(number, name);
                }
                if line.starts_with("fn=") {
                    function = names.get(number).copied().unwrap_or(number);
                }
            } else if line.starts_with("calls=") {
                // The next line is what was called took, which stands at its own lines.
                of_call = true;
            } else if let Some(totals) = line.strip_prefix("totals: ") {
                total = totals.trim().parse().ok();
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.rsplit(' ').next().and_then(|cost| cost.parse::<f64>().ok()).unwrap_or(0.0);
                if !std::mem::take(&mut of_call) {
                    *functions.entry(function.to_owned()).or_default() += cost;
                }
            }
        }
        Some(Self { total: total?, functions })
    }

    /// What this has more.
    pub(crate) fn minus(mut self, other: &Self) -> Self {
        self.total -= other.total;
        for (name, cost) in &other.functions {
            *self.functions.entry(name.clone()).or_default() -= cost;
        }
        self
    }

    /// A part of it.
    pub(crate) fn divided(mut self, by: f64) -> Self {
        self.total /= by;
        self.functions.values_mut().for_each(|cost| *cost /= by);
        self
    }

    /// The total and the functions that take most.
    pub(crate) fn shown(&self, top: usize) -> String {
        let mut functions: Vec<_> = self.functions.iter().collect();
        functions.sort_by(|one, other| other.1.total_cmp(one.1));
        let mut text = format!("{:.0} instructions a request\n\n", self.total);
        for (name, cost) in functions.into_iter().take(top) {
            let _ = writeln!(text, "{cost:>8.0} {:>5.1} %  {name}", 100.0 * cost / self.total);
        }
        text
    }
}
