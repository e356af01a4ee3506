//! A page in Chromium that can be asked what it shows, over the DevTools protocol.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Folder, PATIENCE, Wire, eventually, tool};

/// A page that is open.
pub struct Tab {
    chromium: Child,
    wire: Wire,
    commands: u64,
    /// What the page complained of: errors of scripts, of its policy, and of what it asked for.
    pub problems: Vec<String>,
    _profile: Folder,
}

impl Tab {
    /// Opens a page in a Chromium without a window; `None`, said aloud, where there is none.
    pub fn open(url: &str) -> Option<Self> {
        let (mut chromium, profile) = (tool("chromium")?, Folder::new());
        chromium
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank");
        let (chromium, wire) = attach(&mut chromium, &profile);
        let mut tab = Self { chromium, wire, commands: 0, problems: Vec::new(), _profile: profile };
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            tab.command(domain, &json!({}));
        }
        tab.command("Page.navigate", &json!({ "url": url }));
        Some(tab)
    }

    /// What an expression comes to in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.command("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true. A browser on a busy machine takes longer than a program.
    pub fn until(&mut self, expression: &str) {
        let end = Instant::now() + 3 * PATIENCE;
        // What it asks about may not be there yet.
        let tried = format!("(() => {{ try {{ return {expression} }} catch {{ return false }} }})()");
        while self.evaluate(&tried) != true {
            if Instant::now() >= end {
                let page = self.evaluate("document.body?.innerText");
                panic!("never true in the page: {expression}\n{:?}\n{}", self.problems, page.as_str().unwrap_or(""));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses a key that has a name.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "ArrowLeft" => 37,
            other => panic!("no code for {other}"),
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.command("Input.dispatchKeyEvent", &event);
        }
    }

    /// Gives the page a screen of that size.
    pub fn resize(&mut self, width: u32, height: u32) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// Makes the system's theme `light` or `dark`.
    pub fn theme(&mut self, theme: &str) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.command("Emulation.setEmulatedMedia", &media);
    }

    /// Says something to the page's inspector, and gives its answer.
    pub fn command(&mut self, method: &str, parameters: &Value) -> Value {
        self.commands += 1;
        let number = self.commands;
        self.wire.send(frame(&json!({ "id": number, "method": method, "params": parameters }).to_string()));
        loop {
            let said: Value = serde_json::from_slice(&self.message()).unwrap();
            let entry = &said["params"]["entry"];
            if said["method"] == "Runtime.exceptionThrown" || entry["level"] == "error" {
                self.problems.push(said["params"].to_string());
            }
            if said["id"] == number {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    /// The next text; a server's frames have no mask, and those of Chromium are whole (RFC 6455 §5.2).
    fn message(&mut self) -> Vec<u8> {
        loop {
            let head = self.wire.exactly(2);
            let length = match head[1] {
                126 => self.number(2),
                127 => self.number(8),
                short => usize::from(short),
            };
            let text = self.wire.exactly(length);
            if head[0] == 0x81 {
                return text;
            }
        }
    }

    fn number(&mut self, octets: usize) -> usize {
        self.wire.exactly(octets).into_iter().fold(0, |number, octet| number << 8 | usize::from(octet))
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let _ = self.chromium.kill();
        let _ = self.chromium.wait();
    }
}

/// Starts Chromium and connects to its page.
fn attach(chromium: &mut Command, profile: &Folder) -> (Child, Wire) {
    let child = chromium.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = profile.path().join("DevToolsActivePort");
    let port = || std::fs::read_to_string(&file).ok()?.split_once('\n')?.0.parse::<u16>().ok();
    let begun = Instant::now();
    while port().is_none() {
        assert!(begun.elapsed() < 3 * PATIENCE, "Chromium opens no port");
        std::thread::sleep(Duration::from_millis(20));
    }
    let address = ([127, 0, 0, 1], port().unwrap()).into();
    let mut path = None;
    eventually("Chromium has a page", || {
        let list =
            Wire::connect(address).ask("GET /json/list HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let list: Value = serde_json::from_slice(&list.body).unwrap_or_default();
        let page = list.as_array().and_then(|list| list.iter().find(|one| one["type"] == "page"));
        path = page.and_then(|page| Some(page["webSocketDebuggerUrl"].as_str()?.split_once("/devtools")?.1.to_owned()));
        path.is_some()
    });
    let mut wire = Wire::connect(address);
    wire.send(format!(
        "GET /devtools{} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        path.unwrap()
    ));
    let head = wire.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (child, wire)
}

/// A text as a client sends it: with a mask, which may be zero.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
