//! `tidegate top` on a terminal.

use serde_json::Value;

use crate::support::{Edge, Origin, Proxy, ok, outcome, python};

/// Runs a program on a terminal of 80 by 24, waits until it shows a text, ends it by a key or a signal, and says how it left the terminal.
const TERMINAL: &str = r#"
import fcntl, json, os, select, signal, struct, subprocess, sys, termios, time
wanted, way, command = sys.argv[1], sys.argv[2], sys.argv[3:]
terminal, side = os.openpty()
fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
variables = dict(os.environ, TERM="xterm-256color")
child = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, start_new_session=True, env=variables)
shown, end, sent = b"", time.monotonic() + 60, False
while time.monotonic() < end:
    if select.select([terminal], [], [], 0.1)[0]:
        shown += os.read(terminal, 65536)
    if not sent and wanted.encode() in shown:
        sent = True
        if way == "gone":
            os.close(side), os.close(terminal)
            print(json.dumps({"status": child.wait(30)}))
            sys.exit()
        os.write(terminal, b"q") if way == "key" else child.send_signal(signal.SIGTERM)
    if child.poll() is not None:
        break
else:
    child.kill()
    sys.exit(f"it never showed {wanted!r}, or did not end: {shown!r}")
while select.select([terminal], [], [], 0.1)[0]:
    shown += os.read(terminal, 65536)
settings = termios.tcgetattr(side)[3]
print(json.dumps({
    "status": child.returncode,
    "screen": shown.rfind(b"\x1b[?1049l") > shown.rfind(b"\x1b[?1049h") >= 0,
    "cursor": shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l"),
    "echo": bool(settings & termios.ECHO) and bool(settings & termios.ICANON),
}))
"#;

/// A shell with job control on a terminal of 80 by 24: it runs a program as a job and lets it go on whenever it stops. By a key, by a signal
/// and by one that cannot be caught the program is stopped; this says in what state the terminal was meanwhile.
const SHELL: &str = r#"
import fcntl, json, os, pty, select, signal, struct, sys, termios, time
wanted, command = sys.argv[1].encode(), sys.argv[2:]
(told, tells), (heard, hears) = os.pipe(), os.pipe()
shell, terminal = pty.fork()
if shell == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.environ["TERM"] = "xterm-256color"
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(command[0], command)
    os.write(tells, b"%d\n" % job)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        settings = termios.tcgetattr(0)
        cooked = bool(settings[3] & termios.ECHO) and bool(settings[3] & termios.ICANON)
        stopped = os.WIFSTOPPED(status)
        os.write(tells, json.dumps([stopped, cooked, status]).encode() + b"\n")
        if not stopped:
            os._exit(0)
        os.read(heard, 1)
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)
said = os.fdopen(told)
job, shown = int(said.readline()), b""
def until(*parts):
    global shown
    end = time.monotonic() + 60
    while not all(part in shown for part in parts):
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            os.killpg(job, signal.SIGKILL)
            sys.exit(f"it never showed {parts!r}: {shown!r}")
        shown += os.read(terminal, 65536)
def state(restores):
    # The kernel hands on what was written to a terminal in its own time, also after its writer has stopped.
    global shown
    stopped, cooked, status = json.loads(said.readline())
    end = time.monotonic() + (60 if restores else 0)
    screen = cursor = False
    try:
        while not (screen and cursor) and select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            shown += os.read(terminal, 65536)
            screen = shown.rfind(b"\x1b[?1049l") > shown.rfind(b"\x1b[?1049h") >= 0
            cursor = shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
    except OSError:
        pass # Nobody is there any more.
    return {"stopped": stopped, "echo": cooked, "screen": screen, "cursor": cursor, "status": status}
states = []
for way in ["key", "signal", "by force"]:
    until(b"\x1b[?1049h", wanted)
    if way == "key":
        os.write(terminal, b"\x1a")
    else:
        os.kill(job, signal.SIGTSTP if way == "signal" else signal.SIGSTOP)
    states.append(dict(state(way != "by force"), way=way))
    shown = b""
    os.write(hears, b".")
until(b"\x1b[?1049h", wanted)
os.write(terminal, b"q")
states.append(dict(state(True), way="end"))
print(json.dumps(states))
"#;

#[test]
fn it_stops_with_its_terminal_in_order_and_draws_again_when_it_goes_on() {
    let Some(mut python) = python("pty") else { return };
    python.args(["-c", SHELL, "nobody answers", env!("CARGO_BIN_EXE_tidegate"), "top", "--admin", "127.0.0.1:1"]);
    let (code, said, wrong) = outcome(&mut python);
    assert_eq!(code, 0, "{said}{wrong}");
    let states: Value = serde_json::from_str(&said).unwrap();
    let [key, signal, force, end] = &states.as_array().unwrap()[..] else { panic!("{states}") };
    for state in [key, signal, end] {
        for what in ["echo", "screen", "cursor"] {
            assert_eq!(state[what], true, "{what}: {state}");
        }
    }
    assert!([key, signal, force].iter().all(|state| state["stopped"] == true), "{states}");
    assert_eq!((&end["stopped"], &end["status"]), (&false.into(), &0.into()), "{end}");
}

fn on_a_terminal(wanted: &str, way: &str, admin: &str, variables: &[(&str, &str)]) -> Option<Value> {
    let mut python = python("termios")?;
    python.args(["-c", TERMINAL, wanted, way, env!("CARGO_BIN_EXE_tidegate"), "top", "--admin", admin]);
    let (code, said, wrong) = outcome(python.envs(variables.iter().copied()));
    assert_eq!(code, 0, "{said}{wrong}");
    Some(serde_json::from_str(&said).unwrap())
}

#[test]
fn it_shows_routes_and_gives_the_terminal_back() {
    let origin = Origin::answering(ok("x"));
    let toml = Edge::to(origin.address).toml().replace("name = \"all\"", "name = \"shopfront\"");
    let proxy = Proxy::start(&toml);
    assert_eq!(proxy.get("/").status(), 200);
    let admin = proxy.admin().to_string();
    for way in ["key", "signal"] {
        let Some(left) = on_a_terminal("shopfront", way, &admin, &[]) else { return };
        for what in ["screen", "cursor", "echo"] {
            assert_eq!(left[what], true, "{way}: {what}");
        }
        assert_eq!(left["status"], 0, "{way}");
    }
}

#[test]
fn it_says_that_nobody_answers_and_needs_a_terminal() {
    let Some(left) = on_a_terminal("nobody answers", "key", "127.0.0.1:1", &[("NO_COLOR", "1")]) else { return };
    assert_eq!((&left["screen"], &left["echo"], &left["status"]), (&true.into(), &true.into(), &0.into()));
    let mut piped = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let (code, _, wrong) = outcome(piped.args(["top", "--admin", "127.0.0.1:1"]));
    assert!(code == 1 && wrong.contains("top draws on a terminal"), "{code} {wrong}");
}

#[test]
fn it_ends_with_its_terminal() {
    let Some(left) = on_a_terminal("nobody answers", "gone", "127.0.0.1:1", &[]) else { return };
    assert_eq!(left["status"], 1);
}
