//! What stands at `/`: the dashboard for browsers, and for terminals a list of what is here. Both are the same for everybody:
//! they say nothing of this program's state. The dashboard asks for that, by the interface that everybody has.

use super::operations::OPERATIONS;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page is made of, by its path: its media type and its text.
const PARTS: [(&str, &str, &str); 10] = [
    ("/dashboard/look.css", "text/css; charset=utf-8", include_str!("dashboard/look.css")),
    ("/dashboard/main.js", JAVASCRIPT, include_str!("dashboard/main.js")),
    ("/dashboard/source.js", JAVASCRIPT, include_str!("dashboard/source.js")),
    ("/dashboard/words.js", JAVASCRIPT, include_str!("dashboard/words.js")),
    ("/dashboard/page.js", JAVASCRIPT, include_str!("dashboard/page.js")),
    ("/dashboard/chart.js", JAVASCRIPT, include_str!("dashboard/chart.js")),
    ("/dashboard/traffic.js", JAVASCRIPT, include_str!("dashboard/traffic.js")),
    ("/dashboard/health.js", JAVASCRIPT, include_str!("dashboard/health.js")),
    ("/dashboard/routes.js", JAVASCRIPT, include_str!("dashboard/routes.js")),
    ("/dashboard/house.js", JAVASCRIPT, include_str!("dashboard/house.js")),
];

/// A part of the dashboard: its media type and its text.
pub(crate) fn part(path: &str) -> Option<(&'static str, &'static str)> {
    PARTS.iter().find(|(known, ..)| *known == path).map(|(_, content_type, text)| (*content_type, *text))
}

/// The dashboard.
pub(crate) fn dashboard() -> String {
    let rows: String = OPERATIONS
        .iter()
        .map(|operation| {
            let path = operation.path;
            let name = match operation.method {
                "GET" => format!("<a href=\"{path}\">{path}</a>"),
                method => format!("<b>{method}</b> {path}"),
            };
            format!("<li><code>{name}</code> <span>{}</span></li>\n", operation.what)
        })
        .collect();
    include_str!("dashboard/page.html").replace("{version}", env!("CARGO_PKG_VERSION")).replace("{operations}", &rows)
}

/// The list, for terminals.
pub(crate) fn list() -> String {
    let lines: String = OPERATIONS
        .iter()
        .map(|operation| format!("{:<4} {:<24} {}\n", operation.method, operation.path, operation.what))
        .collect();
    format!("Tidegate {}: browsers find a dashboard here\n\n{lines}", env!("CARGO_PKG_VERSION"))
}
