//! Colours, and what stands for them where there are none: weight, and signs.

use ratatui::style::{Color, Modifier, Style};

/// How it looks on this terminal.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// Whether the terminal has colours, and the operator wants them.
    pub(super) colour: bool,
}

impl Look {
    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    pub(super) fn soft(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn tide(self) -> Style {
        self.paint(Color::Cyan, Modifier::empty())
    }

    pub(super) fn good(self) -> Style {
        self.paint(Color::Green, Modifier::empty())
    }

    pub(super) fn warn(self) -> Style {
        self.paint(Color::Yellow, Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Style {
        self.paint(Color::Red, Modifier::BOLD)
    }

    /// Something chosen among others.
    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    fn paint(self, colour: Color, without: Modifier) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new().add_modifier(without) }
    }

    /// The sign and the style of an endpoint's state.
    pub(super) fn state(self, state: &str) -> (&'static str, Style) {
        match state {
            "up" => ("●", self.good()),
            "down" => ("✕", self.bad()),
            "ejected" => ("▲", self.bad()),
            "draining" => ("↓", self.warn()),
            _ => ("○", self.soft()),
        }
    }

    /// The style of a status.
    pub(super) fn status(self, status: Option<u64>) -> Style {
        match status {
            Some(..400) => self.good(),
            Some(400..500) => self.warn(),
            _ => self.bad(),
        }
    }
}
