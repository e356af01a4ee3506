//! A real browser: every coding over HTTP/2, and what one version of a script spares the next.

use serde_json::Value;

use super::page;
use crate::support::{Authority, Edge, Folder, Origin, Page, Visit};

/// A script of 60 KiB, nearly all of which every other one has too.
fn script(path: &str) -> String {
    format!("/* {} */\nwindow.version = \"{path}\";\n", page(60_000))
}

/// Asks for what is compressed in one way and the other, and for newer versions until one comes with a dictionary.
const PAGE: &str = r#"<!doctype html><pre id="seen"></pre><script>
const seen = {};
const pause = () => new Promise(resolve => setTimeout(resolve, 100));
async function get(path) {
  for (;;) {
    try {
      const response = await fetch(path);
      const text = await response.text();
      return { path, coding: response.headers.get("content-encoding"), octets: text.length };
    } catch (error) {
      await pause();
    }
  }
}
(async () => {
  seen.zstd = await get("/zstd");
  seen.br = await get("/br");
  for (const kind of ["dcz", "dcb"]) {
    await get(`/${kind}/1.js`);
    for (let number = 100; number < 150; number++) {
      seen[kind] = await get(`/${kind}/${number}.js`);
      if (seen[kind].coding === kind) break;
      await pause();
    }
  }
  document.getElementById("seen").textContent = JSON.stringify(seen);
})();
</script>"#;

fn answer(visit: &mut Visit<'_>) {
    let path = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
    let (of, body) = match path.as_str() {
        "/" => ("text/html", PAGE.to_owned()),
        path if path.ends_with(".js") => ("text/javascript", script(path)),
        _ => ("text/plain", page(100_000)),
    };
    let length = body.len();
    let fields = format!("Content-Type: {of}\r\nCache-Control: max-age=3600\r\nContent-Length: {length}\r\n");
    visit.send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}"));
}

#[test]
fn chromium_takes_every_coding_and_a_dictionary() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let issued = authority.issue(&["localhost"]);
    let certificate = issued.write(&folder, "site");
    let origin = Origin::scripted(answer);
    let route = |prefix: &str, coding: &str| {
        format!(
            "[[routes]]\npath_prefix = \"/{prefix}\"\nupstream = \"app\"\ncache = true\n\
             compress = {{ encodings = [\"{coding}\"], dictionary = {{ match = \"/{prefix}/*.js\" }} }}\n"
        )
    };
    let routes = [route("zstd", "zstd"), route("br", "br"), route("dcz", "zstd"), route("dcb", "br")];
    let proxy = Edge::to(origin.address)
        .listener(&format!("tls = {{ certificates = [{certificate}] }}"))
        .route("compress = true")
        .more(&routes.concat())
        .start_in(folder);
    let url = format!("https://localhost:{}/", proxy.port("web"));
    let Some(page) = Page::load(&url, &[&Page::trust(&issued)]) else { return };
    let text = page.dom.split("<pre id=\"seen\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let seen: Value = serde_json::from_str(text.unwrap_or("")).unwrap_or_else(|_| panic!("{}", page.dom));
    for coding in ["zstd", "br"] {
        assert_eq!((seen[coding]["coding"].as_str(), seen[coding]["octets"].as_u64()), (Some(coding), Some(100_000)));
        let loaded = page.request(&format!("/{coding}"));
        assert_eq!(loaded.plain, 100_000);
        assert!(loaded.octets * 2 < loaded.plain, "{coding}: {loaded:?}");
    }
    for kind in ["dcz", "dcb"] {
        assert_eq!(seen[kind]["coding"].as_str(), Some(kind), "{seen}");
        let path = seen[kind]["path"].as_str().unwrap();
        let (first, next) = (page.request(&format!("/{kind}/1.js")), page.request(path));
        assert_eq!(next.plain, script(path).len() as u64);
        assert!(next.octets * 10 < first.octets, "{kind}: {first:?} {next:?}");
    }
    let line: Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert_eq!(line["protocol"].as_str(), Some("h2"), "{line}");
}
