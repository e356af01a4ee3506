//! Content as sites have it: words by how often they come, markup and names that repeat, numbers and hashes that do not. The same in every
//! run, and as dense as what it stands for: gzip makes a fifth to a tenth of it.

/// One kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A page of a shop.
    Html,
    /// An answer of an API.
    Json,
    /// A bundle, as tools write it.
    Js,
    /// A style sheet.
    Css,
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }

    /// One of them, the first ones more often, as words are in a language.
    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let place = self.next(words.len()) * self.next(1000) / 1000;
        words[place]
    }

    fn text(&mut self, words: usize) -> String {
        let mut text = String::new();
        for place in 0..words {
            if place > 0 {
                text.push_str(if self.next(9) == 0 { ", " } else { " " });
            }
            text.push_str(self.of(WORDS));
            if self.next(6) == 0 {
                text.push_str(self.of(ENDINGS));
            }
        }
        text
    }

    fn hash(&mut self) -> String {
        format!("{:08x}", self.next(usize::MAX) as u32)
    }
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Html, Self::Json, Self::Js, Self::Css];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::Js => "JS",
            Self::Css => "CSS",
        }
    }

    /// So many octets of it.
    pub(crate) fn sample(self, octets: usize) -> String {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mut text = String::with_capacity(octets + 1024);
        if self == Self::Html {
            text.push_str("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Harbour</title></head><body>\n");
        }
        let mut number = 0;
        while text.len() < octets {
            number += 1;
            text.push_str(&match self {
                Self::Html => html(&mut chance, number),
                Self::Json => json(&mut chance, number),
                Self::Js => js(&mut chance, number),
                Self::Css => css(&mut chance, number),
            });
        }
        text.truncate(octets);
        text
    }
}

fn html(chance: &mut Chance, number: usize) -> String {
    let (id, price, stars) = (chance.hash(), chance.next(90_000), chance.next(50));
    let (title, line, long) = (chance.text(4), chance.text(9), 15 + chance.next(40));
    let (tag, about) = (chance.of(WORDS), chance.text(long));
    format!(
        "    <article class=\"card card--{tag}\" id=\"item-{number}\" data-id=\"{id}\">\n\
         \x20     <a class=\"card__link\" href=\"/catalogue/{tag}/{id}?ref=list-{number}\">\n\
         \x20       <img class=\"card__image\" src=\"/media/{id}-320.webp\" srcset=\"/media/{id}-640.webp 2x\" alt=\"{title}\" loading=\"lazy\">\n\
         \x20       <h2 class=\"card__title\">{title}</h2>\n      </a>\n      <p class=\"card__line\">{line}</p>\n\
         \x20     <p class=\"card__about\">{about}.</p>\n\
         \x20     <span class=\"card__price\">&euro; {}.{:02}</span><span class=\"card__stars\" title=\"{}.{}\"></span>\n    </article>\n",
        price / 100,
        price % 100,
        stars / 10,
        stars % 10,
    )
}

fn json(chance: &mut Chance, number: usize) -> String {
    let (id, price, stock) = (chance.hash(), chance.next(90_000), chance.next(400));
    let (name, about, tags) = (chance.text(3), chance.text(12), [chance.of(WORDS), chance.of(WORDS)]);
    format!(
        "{{\"id\":{number},\"key\":\"{id}\",\"name\":\"{name}\",\"description\":\"{about}\",\"price\":{{\"amount\":{price},\"currency\":\"EUR\"}},\
         \"stock\":{stock},\"active\":{},\"tags\":[\"{}\",\"{}\"],\"createdAt\":\"2026-{:02}-{:02}T{:02}:{:02}:00Z\",\"parent\":null}},\n",
        stock > 20,
        tags[0],
        tags[1],
        1 + chance.next(12),
        1 + chance.next(28),
        chance.next(24),
        chance.next(60),
    )
}

fn js(chance: &mut Chance, number: usize) -> String {
    let (name, other, third) = (chance.of(WORDS), chance.of(WORDS), chance.of(WORDS));
    let letters = ["e", "t", "n", "r", "i", "o", "a", "s"];
    let (one, two) = (chance.of(&letters), chance.of(&letters));
    let limit = chance.next(5000);
    match chance.next(4) {
        0 => format!(
            "function {name}{number}({one},{two}){{if(!{one}||{one}.length>{limit})return null;const l={one}.map(({two}=>({{...{two},{other}:!0}})));\
             return l.filter(Boolean).sort((({one},{two})=>{one}.{third}-{two}.{third}))}}\n"
        ),
        1 => format!(
            "var {other}{number}=e=>{{let t=this.state.{name}||[];return e.preventDefault(),this.setState({{{third}:t.concat([\"{name}-{other}\"])}}),void 0}};\n"
        ),
        2 => format!(
            "Object.defineProperty(exports,\"{name}{number}\",{{enumerable:!0,get:function(){{return _{other}.default}}}});\n"
        ),
        _ => format!(
            "case\"{name}/{other}\":{{const{{{third}:{one}}}={two};return{{...{two},{other}:{one}?{limit}:void 0,error:null}}}}\n"
        ),
    }
}

fn css(chance: &mut Chance, number: usize) -> String {
    let (name, part, colour) = (chance.of(WORDS), chance.of(WORDS), chance.next(0x00ff_ffff));
    let (size, space, wide) = (chance.next(40), chance.next(24), 320 + 80 * chance.next(12));
    match chance.next(3) {
        0 => format!(
            ".{name}__{part}{{display:flex;align-items:center;padding:{space}px {size}px;color:#{colour:06x};font-size:{size}px}}\n"
        ),
        1 => format!(
            "@media (min-width:{wide}px){{.{name}-{number}{{margin:0 auto {space}px;max-width:{wide}px;border-radius:{space}px}}}}\n"
        ),
        _ => format!(
            ".{name}:hover .{part},.{name}:focus-within .{part}{{background-color:#{colour:06x};transition:opacity .{size}s ease-in-out}}\n"
        ),
    }
}

const ENDINGS: &[&str] = &["s", "ing", "ed", "er", "ly", "ness"];

const WORDS: &[&str] = &[
    "the", "and", "with", "for", "from", "that", "this", "harbour", "light", "water", "item", "view", "value", "stone",
    "north", "small", "open", "early", "paper", "green", "river", "market", "second", "letter", "window", "garden",
    "silver", "morning", "travel", "engine", "button", "option", "number", "simple", "yellow", "record", "island",
    "bridge", "copper", "winter", "summer", "anchor", "basket", "candle", "doctor", "eleven", "family", "gather",
    "height", "inside", "jacket", "kitchen", "ladder", "mirror", "needle", "orange", "pencil", "quarter", "ribbon",
    "saddle", "tailor", "useful", "valley", "wallet", "almost", "border", "circle", "danger", "effort", "figure",
    "golden", "handle", "indeed", "joined", "kindly", "league", "manner", "nearly", "object", "palace", "reason",
    "school", "throat", "unless", "vessel", "wonder", "answer", "before", "chance", "design", "escape", "follow",
    "ground", "hidden", "impact", "junior", "keeper", "linen", "method", "notice", "obtain", "planet", "remain",
    "signal", "ticket", "update", "vision", "weight", "account", "balance", "capital", "deliver", "evening", "forward",
    "general", "history", "imagine", "journey", "knowing", "leather", "machine", "natural", "outside", "picture",
    "quality", "respect", "station", "teacher", "upright", "village", "weather", "against", "between", "compare",
    "develop", "explain", "feature", "genuine", "however", "improve", "justice", "kingdom", "library", "measure",
    "neither", "operate", "package", "quickly", "receive", "service", "through", "uniform", "variety", "western",
    "already", "brought",
];
