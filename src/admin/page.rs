//! The page at `/`: what is here, for somebody who came with a browser.

use super::surface::{Readiness, World};
use crate::observe::rfc3339;

/// The page. What comes from the config is escaped.
pub(crate) fn index(world: &World, readiness: Readiness) -> String {
    let model = &*world.model;
    let links: String = super::answer::PAGES
        .iter()
        .map(|(path, what)| format!("<tr><td><a href=\"{path}\"><code>{path}</code></a></td><td>{what}</td></tr>\n"))
        .collect();
    let files = model.files.iter().map(|file| escaped(&file.display().to_string())).collect::<Vec<_>>().join(", ");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Tidegate</title>\n<style>{STYLE}</style>\n\
         <h1>Tidegate {version}</h1>\n\
         <p>{state}, generation {generation} since {loaded}: {listeners} listeners, {routes} routes, {upstreams} upstreams.</p>\n\
         <p>From {files}.</p>\n<table>\n{links}</table>\n\
         <p><code>POST /api/reload</code> reads the config again.</p>\n</html>\n",
        version = env!("CARGO_PKG_VERSION"),
        state = readiness.label(),
        generation = world.generation,
        loaded = rfc3339(world.loaded),
        listeners = model.listeners.len(),
        routes = model.routes.len(),
        upstreams = model.upstreams.len(),
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:3em auto;padding:0 1em;color-scheme:light \
                     dark}td{padding:.2em 1.5em .2em 0}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
