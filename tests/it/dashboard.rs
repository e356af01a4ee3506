//! The dashboard in a browser.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Edge, Origin, Tab, ok};

/// Requests one after the other, until it is dropped.
struct Traffic(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Traffic {
    fn to(address: std::net::SocketAddr) -> Self {
        let over = Arc::<AtomicBool>::default();
        let ended = Arc::clone(&over);
        let send = move || {
            while !ended.load(Ordering::SeqCst) {
                let mut client = crate::support::Wire::connect(address);
                for _ in 0..50 {
                    client.ask("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        };
        Self(over, Some(std::thread::spawn(send)))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        let _ended = self.1.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn an_endpoint_that_is_killed_turns_unhealthy_in_the_browser_and_recovers() {
    // Addresses of their own: nobody takes the port while nobody listens there.
    let script = |visit: &mut crate::support::Visit<'_>| visit.send(ok("x"));
    let [mortal, other] = ["127.0.0.91:0", "127.0.0.92:0"].map(|address| Origin::at(address, script));
    let proxy = Edge::to(format!("{}\", \"{}", mortal.address, other.address))
        .upstream("outlier = { enabled = false }\n[upstreams.app.health]\npath = \"/health\"\ninterval = \"100ms\"\nfall = 2\nrise = 2")
        .start();
    let _traffic = Traffic::to(proxy.addr("web"));
    let Some(mut tab) = Tab::open(&format!("http://{}/", proxy.admin())) else { return };
    let state = |state: &str| {
        format!("document.querySelector('[data-endpoint=\"{}\"]')?.dataset.state === '{state}'", mortal.address)
    };
    tab.until(&state("up"));
    // Real traffic, as a curve and as a number.
    tab.until("document.documentElement.dataset.state === 'live'");
    tab.until("parseFloat(document.querySelector('[data-key=Requests] b')?.textContent) > 0");
    tab.until("document.querySelectorAll('#plot-requests path.area').length > 0");
    tab.until("document.querySelector('[data-route=all] .bar span').textContent !== '– /s'");

    mortal.stop();
    tab.until(&state("down"));
    tab.until("document.documentElement.dataset.tone === 'bad'");
    tab.until(&format!("document.getElementById('lede').textContent.includes('{}')", mortal.address));
    tab.until(&format!("document.getElementById('announce').textContent.includes('{}')", mortal.address));
    tab.until("document.getElementById('events').textContent.includes('went down')");

    let _again = Origin::at(mortal.address, script);
    tab.until(&state("up"));
    tab.until("document.getElementById('events').textContent.includes('is well again')");
    assert_eq!(tab.problems, Vec::<String>::new(), "nothing went wrong in the page, and its policy refused nothing");
}

#[test]
fn the_browser_is_asked_for_the_token_and_says_when_nobody_answers() {
    let token = "correct-horse-battery";
    let mut proxy =
        Edge::to("127.0.0.1:1").more(&format!("[admin]\naddress = \"127.0.0.1:0\"\ntoken = \"{token}\"")).start();
    let Some(mut tab) = Tab::open(&format!("http://{}/", proxy.admin())) else { return };
    tab.until("document.getElementById('ask').hidden === false && document.activeElement.id === 'token'");
    let enter = |token: &str| {
        format!(
            "document.getElementById('token').value = '{token}'; document.getElementById('token-form').requestSubmit()"
        )
    };
    tab.evaluate(&enter("wrong"));
    tab.until("document.getElementById('token-wrong').textContent !== ''");
    tab.evaluate(&enter(token));
    tab.until("document.getElementById('ask').hidden && !document.getElementById('main').hidden");
    tab.until("document.getElementById('lede').textContent.includes('Nothing has come yet')");
    // Once is not enough: the first press only asks.
    let press = "document.querySelector('[data-action=drain]').click()";
    assert_eq!(
        tab.evaluate(&format!("{press}; document.querySelector('[data-action=drain]').textContent")),
        "drain, sure?"
    );
    tab.evaluate(&format!("{press}; {press}"));
    tab.until("document.querySelector('[data-endpoint]').dataset.state === 'draining'");
    proxy.term();
    proxy.wait();
    tab.until("document.documentElement.dataset.state === 'stale' && !document.getElementById('stale').hidden");
    tab.until("document.getElementById('stale').textContent.includes('What you see is of')");
}
