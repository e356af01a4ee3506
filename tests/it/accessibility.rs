//! The dashboard for those who do not see it, have no pointer, or have a narrow screen: read from Chromium's accessibility tree and its computed styles.

use std::collections::HashMap;

use serde_json::Value;

use crate::support::{Edge, Origin, Proxy, Tab, ok};

/// Two endpoints, one of them gone, and requests that came to something and to nothing.
fn lively() -> (Origin, Proxy) {
    let origin = Origin::answering(ok("hello"));
    let proxy = Edge::to(format!("{}\", \"127.0.0.1:1", origin.address))
        .upstream("retry = { max_attempts = 1 }\noutlier = { enabled = false }\n[upstreams.app.health]\ninterval = \"100ms\"\nfall = 1\nrise = 1")
        .more("[[routes]]\nname = \"broken\"\npath = \"/broken\"\nupstream = \"nobody\"\n[upstreams.nobody]\nendpoints = [\"127.0.0.1:1\"]")
        .start();
    for path in ["/", "/x?a=b", "/broken", "/broken"] {
        proxy.get(path);
    }
    (origin, proxy)
}

/// The page with something in each of its parts; it stays as it is from then on.
fn opened(proxy: &Proxy) -> Option<Tab> {
    let mut tab = Tab::open(&format!("http://{}/", proxy.admin()))?;
    tab.until("document.querySelectorAll('#faults li').length >= 2");
    tab.until("document.querySelector('[data-endpoint=\"127.0.0.1:1\"]').dataset.state === 'down'");
    tab.until("document.getElementById('events').textContent.includes('went down')");
    tab.until("document.querySelectorAll('#plot-requests path.area').length > 0");
    tab.evaluate("document.getElementById('pause').click()");
    Some(tab)
}

/// A thing as a screen reader is told of it.
#[derive(Debug)]
struct Thing {
    role: String,
    name: String,
    properties: HashMap<String, Value>,
}

impl Thing {
    fn has(&self, property: &str, value: impl Into<Value>) -> bool {
        self.properties.get(property) == Some(&value.into())
    }
}

/// All of them, in the order of reading.
fn things(tab: &mut Tab) -> Vec<Thing> {
    let tree = tab.command("Accessibility.getFullAXTree", &serde_json::json!({}));
    let nodes: HashMap<&str, &Value> =
        tree["nodes"].as_array().unwrap().iter().map(|node| (node["nodeId"].as_str().unwrap(), node)).collect();
    let mut left = vec![tree["nodes"][0]["nodeId"].as_str().unwrap()];
    let mut things = Vec::new();
    while let Some(node) = left.pop().and_then(|id| nodes.get(id)) {
        left.extend(node["childIds"].as_array().into_iter().flatten().rev().map(|id| id.as_str().unwrap()));
        if node["ignored"] != true {
            let text = |part: &str| node[part]["value"].as_str().unwrap_or_default().trim().to_owned();
            let property = |one: &Value| (one["name"].as_str().unwrap().to_owned(), one["value"]["value"].clone());
            let properties = node["properties"].as_array().into_iter().flatten().map(property).collect();
            things.push(Thing { role: text("role"), name: text("name"), properties });
        }
    }
    things
}

#[test]
fn a_screen_reader_is_told_what_everything_is() {
    let (_origin, proxy) = lively();
    let Some(mut tab) = opened(&proxy) else { return };
    let things = things(&mut tab);
    let of = |role: &str| things.iter().filter(|thing| thing.role == role).collect::<Vec<_>>();

    // What can be worked has a role and a name; the page itself can be scrolled, which makes it such a thing too.
    let worked: Vec<_> =
        things.iter().filter(|thing| thing.has("focusable", true) && thing.role != "RootWebArea").collect();
    assert!(worked.len() > 20, "{worked:#?}");
    for thing in &worked {
        assert!(!thing.name.is_empty(), "it has no name: {thing:?}");
        let known = ["button", "link", "searchbox", "DisclosureTriangle", "image", "heading"];
        assert!(known.contains(&&*thing.role), "what is it? {thing:?}");
    }
    // No two buttons say the same, unless they do.
    let names: Vec<_> = of("button").iter().map(|thing| thing.name.clone()).collect();
    let twice: Vec<_> = names.iter().filter(|name| names.iter().filter(|other| other == name).count() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");

    // Each chart is told in words, and there is a table behind it.
    let charts: Vec<_> = of("image").into_iter().filter(|thing| thing.has("focusable", true)).collect();
    assert_eq!(charts.len(), 6, "{charts:#?}");
    let told = |title: &str| charts.iter().find(|chart| chart.name.starts_with(title)).map(|chart| &chart.name);
    assert!(told("Requests").is_some_and(|told| told.contains("2xx: now ") && told.contains("highest")), "{charts:#?}");
    assert!(told("Cache").is_some_and(|told| told.contains("Nothing was measured")), "{charts:#?}");
    assert_eq!(of("DisclosureTriangle").iter().filter(|thing| thing.name == "as a table").count(), 6);
    assert!(of("image").iter().all(|thing| !thing.name.is_empty()));

    // Headings: one that says how things are, and none that skips a level.
    let levels: Vec<_> = of("heading").iter().map(|thing| thing.properties["level"].as_u64().unwrap()).collect();
    assert_eq!((levels[0], levels.iter().filter(|level| **level == 1).count()), (1, 1), "{levels:?}");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    assert!(of("heading").iter().all(|thing| !thing.name.is_empty()));

    // Landmarks: one of each, and each section has a name.
    for landmark in ["main", "banner", "contentinfo"] {
        assert_eq!(of(landmark).len(), 1, "{landmark}");
    }
    assert!(of("region").len() >= 6 && of("region").iter().all(|thing| !thing.name.is_empty()), "{:#?}", of("region"));

    // What changes is said aloud, and tables have heads.
    assert!(things.iter().any(|thing| thing.has("live", "polite")) && of("status").len() == 1);
    assert!(of("table").len() >= 2 && of("columnheader").len() > 10 && !of("rowheader").is_empty());
    assert!(tab.evaluate("document.documentElement.lang") == "en" && tab.evaluate("document.title !== ''") == true);
}

/// What can be reached by the Tab key, in the order of the document, as a script of the page.
const REACHABLE: &str = "[...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]\
     .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled)";

#[test]
fn all_of_it_can_be_reached_and_seen_with_the_keyboard() {
    let (_origin, proxy) = lively();
    let Some(mut tab) = opened(&proxy) else { return };
    tab.command("Emulation.setFocusEmulationEnabled", &serde_json::json!({ "enabled": true }));
    tab.evaluate("document.activeElement.blur()");
    let count = tab.evaluate(&format!("(window.all = {REACHABLE}).length")).as_u64().unwrap();
    assert!(count > 20, "{count}");
    for place in 0..count {
        tab.press("Tab");
        let seen = tab.evaluate(
            "(() => {
                const one = document.activeElement, box = one.getBoundingClientRect(), look = getComputedStyle(one);
                const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
                return { place: all.indexOf(one), what: one.outerHTML.slice(0, 120), inside, ring: one.matches(':focus-visible')
                    && look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2 };
            })()",
        );
        assert_eq!(
            (&seen["place"], &seen["inside"], &seen["ring"]),
            (&place.into(), &true.into(), &true.into()),
            "{seen}"
        );
    }
    // A chart is read with the arrows, and said aloud.
    tab.evaluate(
        "document.getElementById('plot-requests').focus(); document.getElementById('announce').textContent = ''",
    );
    tab.press("ArrowLeft");
    tab.until("document.getElementById('announce').textContent.includes('2xx')");
    // The first link leads past the head.
    tab.evaluate("document.querySelector('.skip').focus()");
    tab.press("Enter");
    tab.until("document.activeElement.id === 'lede'");
}

/// Text whose contrast with what is behind it is too low (WCAG 2.2, 1.4.3, without its leave for large text): colours are blended as they are painted,
/// with the opacity of all that it stands in.
const FAINT: &str = r"(() => {
    const parse = (text) => {
        const canvas = parse.canvas ??= new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = text;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return { rgb: [r, g, b], a: a / 255 };
    };
    const over = (top, a, below) => below.map((one, place) => top[place] * a + one * (1 - a));
    const behind = (one) => {
        if (one === null) return parse(getComputedStyle(document.documentElement).backgroundColor).rgb;
        const { rgb, a } = parse(getComputedStyle(one).backgroundColor);
        return a === 0 ? behind(one.parentElement) : over(rgb, a, behind(one.parentElement));
    };
    const opacity = (one) => one === null ? 1 : parseFloat(getComputedStyle(one).opacity) * opacity(one.parentElement);
    const light = (rgb) => {
        const [r, g, b] = rgb.map((one) => one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [], seen = new Set();
    const judge = (one, colour, text) => {
        const ground = behind(one), { rgb, a } = parse(colour);
        const [low, high] = [light(over(rgb, a * opacity(one), ground)), light(ground)].sort((x, y) => x - y);
        const contrast = (high + 0.05) / (low + 0.05);
        seen.add(text);
        if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${colour} ${one.tagName}.${one.className?.baseVal ?? one.className}: ${text}`);
    };
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const one = walk.currentNode.parentElement, text = walk.currentNode.nodeValue.trim();
        if (text === '' || !one.checkVisibility() || one.closest('.unheard, .skip, title, noscript')) continue;
        const look = getComputedStyle(one);
        judge(one, one instanceof SVGElement ? look.fill : look.color, text);
    }
    for (const one of document.querySelectorAll('input[placeholder]')) {
        if (one.checkVisibility()) judge(one, getComputedStyle(one, '::placeholder').color, one.placeholder);
    }
    return { found, judged: seen.size };
})()";

#[test]
fn text_is_easy_to_read_in_both_themes_and_fits_on_a_narrow_screen() {
    let (_origin, proxy) = lively();
    let Some(mut tab) = opened(&proxy) else { return };
    for theme in ["light", "dark"] {
        tab.theme(theme);
        for width in [1440, 390, 320] {
            tab.resize(width, 900);
            tab.until(&format!("innerWidth === {width}"));
            let over = tab.evaluate(
                "[document.documentElement.scrollWidth - document.documentElement.clientWidth, [...document.querySelectorAll('body *')].filter((one) => one.checkVisibility()
                    && one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.unheard, .skip, svg, details table')).map((one) => one.outerHTML.slice(0, 90))]",
            );
            assert_eq!(over[0].as_i64(), Some(0), "{theme} {width}: {over:#}");
            let faint = tab.evaluate(FAINT);
            assert!(faint["judged"].as_u64().unwrap() > 60, "{faint}");
            assert_eq!(faint["found"], serde_json::json!([]), "{theme} {width}: {:#}", faint["found"]);
        }
    }
}
