//! The terminal: takes it, draws, follows keys, and gives it back as it was, whatever ends the program.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Hide;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::{DefaultTerminal, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{self, Signal};
use tokio::signal::unix::{SignalKind, signal};

use super::answers::Answers;
use super::draw::draw;
use super::look::Look;
use super::watched::{Pressed, Watched};
use crate::cli::args::TopArgs;
use crate::cli::ask::AdminAddress;
use crate::cli::terminal::{colour, fail};

/// How often the program is asked.
const ROUND: Duration = Duration::from_secs(1);
/// How long a key may wait to be seen.
const BLINK: Duration = Duration::from_millis(100);
/// How long after a signal the terminal may take to be given back.
const GRACE: Duration = Duration::from_secs(2);

/// What comes from elsewhere.
enum Came {
    Answers(Box<Result<Answers, String>>),
    /// Somebody wants this program to end.
    End,
    /// Somebody wants it to stop for a while.
    Stop,
    /// It was stopped, and goes on.
    Continue,
}

/// `tidegate top`
pub(in crate::cli) fn run(args: &TopArgs) -> ExitCode {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return fail("top draws on a terminal; for a pipe there is `tidegate tap`, and /api of the admin address");
    }
    let admin = AdminAddress::of(&args.admin);
    let mut watched = Watched::new(admin.to_string());
    let (send, came) = channel();
    let (ask, asked) = channel();
    if let Err(error) = listen(send.clone()).and_then(|()| question(admin, asked, send)) {
        return fail(&format!("cannot start a thread: {error}"));
    }
    let look = Look { colour: colour(&io::stdout()) };
    // From here on the terminal is given back at the end, also by a panic.
    let mut terminal = match ratatui::try_init() {
        Ok(terminal) => terminal,
        Err(error) => return fail(&format!("cannot draw on this terminal: {error}")),
    };
    let ended = watch(&mut terminal, &mut watched, look, &came, &ask);
    // Where the terminal is gone there is nothing to give back and nobody to tell; whatever is dropped would try to print all the same.
    if ended.is_err() || ratatui::try_restore().is_err() {
        std::process::exit(1);
    }
    ExitCode::SUCCESS
}

fn watch(
    terminal: &mut DefaultTerminal,
    watched: &mut Watched,
    look: Look,
    came: &Receiver<Came>,
    ask: &Sender<u64>,
) -> io::Result<()> {
    let mut stale = true;
    // The thread that asks ends with this one.
    let _ = ask.send(0);
    loop {
        while let Ok(came) = came.try_recv() {
            match came {
                Came::End => return Ok(()),
                Came::Stop => suspend(terminal)?,
                Came::Continue => take_again(terminal)?,
                Came::Answers(said) => {
                    watched.hear(*said, Instant::now());
                    let _ = ask.send(watched.since());
                }
            }
            stale = true;
        }
        if std::mem::replace(&mut stale, false) {
            terminal.draw(|frame| draw(frame, watched, look, Instant::now()))?;
        }
        wait_for_key()?;
        // It knows of a new size of the terminal too, so it is asked in any case.
        if !event::poll(Duration::ZERO)? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => match watched.press(key) {
                Pressed::Quit => return Ok(()),
                Pressed::Suspend => {
                    suspend(terminal)?;
                    stale = true;
                }
                Pressed::Redraw => stale = true,
                Pressed::Nothing => {}
            },
            Event::Resize(..) => stale = true,
            _ => {}
        }
    }
}

/// Gives the terminal back and stops, until a shell says to go on. Where there is no shell to say so, it does nothing.
fn suspend(terminal: &mut DefaultTerminal) -> io::Result<()> {
    // A shell with job control is the leader of the session, and gives each job a group of its own.
    if process::getpgid(None)? == process::getsid(None)? {
        return Ok(());
    }
    terminal.show_cursor()?;
    ratatui::try_restore()?;
    // The whole job: whoever called this program in a script would wait for it, and the shell for both.
    process::kill_current_process_group(Signal::STOP)?;
    take_again(terminal)
}

/// Takes the terminal after somebody else had it, and forgets what was drawn.
fn take_again(terminal: &mut DefaultTerminal) -> io::Result<()> {
    // What is remembered of its settings may not be true any more.
    disable_raw_mode()?;
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), Hide)?;
    // To clear it by its own means would be to ask where the cursor is, and to wait for the answer.
    *terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    Ok(())
}

/// Waits a little for a key. The library that reads keys does not see that a terminal has gone, and would read nothing from it for ever.
fn wait_for_key() -> io::Result<()> {
    let stdin = io::stdin();
    let mut looked = [PollFd::new(&stdin, PollFlags::IN)];
    let blink = Timespec { tv_sec: 0, tv_nsec: BLINK.subsec_nanos().into() };
    match poll(&mut looked, Some(&blink)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    if looked[0].revents().intersects(gone) { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// Asks as often as it is told to, and waits between.
fn question(admin: AdminAddress, asked: Receiver<u64>, came: Sender<Came>) -> io::Result<()> {
    let ask = move || {
        while let Ok(since) = asked.recv() {
            let begun = Instant::now();
            let said = Answers::ask(&admin, since).map_err(|error| error.to_string());
            if came.send(Came::Answers(Box::new(said))).is_err() {
                return;
            }
            std::thread::sleep(ROUND.saturating_sub(begun.elapsed()));
        }
    };
    std::thread::Builder::new().name("ask".to_owned()).spawn(ask).map(drop)
}

/// Signals that end or stop the program do it as the keys do: the terminal is given back first.
fn listen(came: Sender<Came>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let wait = move || {
        runtime.block_on(async {
            let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
            let [Ok(mut terminate), Ok(mut hangup), Ok(mut interrupt)] = kinds else { return };
            let pauses = [Signal::TSTP, Signal::CONT].map(|kind| signal(SignalKind::from_raw(kind.as_raw())));
            let [Ok(mut stop), Ok(mut go_on)] = pauses else { return };
            loop {
                let pause = tokio::select! {
                    _ = terminate.recv() => return,
                    _ = hangup.recv() => return,
                    _ = interrupt.recv() => return,
                    _ = stop.recv() => Came::Stop,
                    _ = go_on.recv() => Came::Continue,
                };
                let _ = came.send(pause);
            }
        });
        // Nobody is there any more: then it ends already.
        let _ = came.send(Came::End);
        // And where the other thread is held up, by a terminal that takes nothing, this one ends the program.
        std::thread::sleep(GRACE);
        let _ = ratatui::try_restore();
        std::process::exit(1);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}
