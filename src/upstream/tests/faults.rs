//! What is wrong with endpoints, and when.

use super::super::balance::Draw;

/// A millisecond and a second of the simulation's clock.
pub(super) const MS: u64 = 1_000;
pub(super) const SECOND: u64 = 1_000_000;

/// What is wrong with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ailment {
    /// So many of 100 requests are answered with 503, and all slower.
    BrownOut(u64),
    /// It answers, so much later.
    Gray(u64),
    /// Nobody listens.
    Dead,
    /// It takes requests and never answers.
    Silent,
    /// It resets each connection.
    Resets,
}

/// A time in which something is wrong with an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spell {
    pub(super) place: usize,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) ailment: Ailment,
}

/// The kinds of bad days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// One endpoint is bad, in one way, for a while.
    OneBad,
    /// One endpoint fails a part of its requests.
    BrownOut,
    /// One endpoint answers late.
    Gray,
    /// One endpoint dies and lives, again and again.
    Flapping,
    /// All endpoints reset connections, while there is more load than usual.
    RetryStorm,
    /// All endpoints die at once, or all but one.
    MassDeath,
    /// Anything, anywhere, at the same time.
    Mixed,
}

impl Day {
    pub(super) const ALL: [Self; 7] =
        [Self::OneBad, Self::BrownOut, Self::Gray, Self::Flapping, Self::RetryStorm, Self::MassDeath, Self::Mixed];

    /// What goes wrong among so many endpoints, and when it is over.
    pub(super) fn spells(self, endpoints: usize, draw: &mut Draw) -> Vec<Spell> {
        let place = draw.below(endpoints as u64) as usize;
        let from = SECOND + draw.below(3 * SECOND);
        let until = from + 3 * SECOND + draw.below(9 * SECOND);
        let one = |ailment| vec![Spell { place, from, until, ailment }];
        match self {
            Self::OneBad => one([Ailment::Dead, Ailment::Silent, Ailment::Resets][draw.below(3) as usize]),
            Self::BrownOut => one(Ailment::BrownOut(30 + draw.below(65))),
            Self::Gray => one(Ailment::Gray(300 * MS + draw.below(500) * MS)),
            Self::Flapping => {
                let (dead, alive) = (50 * MS + draw.below(2 * SECOND), 50 * MS + draw.below(2 * SECOND));
                let times = (until - from) / (dead + alive) + 1;
                let begin = |time| from + time * (dead + alive);
                let spell = |at| Spell { place, from: at, until: at + dead, ailment: Ailment::Dead };
                (0..times).map(begin).map(spell).collect()
            }
            Self::RetryStorm => {
                (0..endpoints).map(|place| Spell { place, from, until, ailment: Ailment::Resets }).collect()
            }
            Self::MassDeath => {
                let spared = draw.below(2 * endpoints as u64) as usize;
                let dead = (0..endpoints).filter(|place| *place != spared);
                dead.map(|place| Spell { place, from, until, ailment: Ailment::Dead }).collect()
            }
            Self::Mixed => (0..1 + draw.below(5)).map(|_| any(endpoints, draw)).collect(),
        }
    }
}

fn any(endpoints: usize, draw: &mut Draw) -> Spell {
    let ailment = match draw.below(5) {
        0 => Ailment::BrownOut(5 + draw.below(95)),
        1 => Ailment::Gray(draw.below(1500) * MS),
        2 => Ailment::Dead,
        3 => Ailment::Silent,
        _ => Ailment::Resets,
    };
    let from = draw.below(10 * SECOND);
    let place = draw.below(endpoints as u64) as usize;
    Spell { place, from, until: from + draw.below(12 * SECOND), ailment }
}
