//! What a config comes to, setting by setting, with the defaults filled in: for telling two of them apart.
//!
//! It is made from the key tables, so a new key is told apart without another word.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use super::env::{Environment, fill};
use super::fields::join;
use super::keys::ROOT;
use super::kind::{Default, Key, Kind, Section};
use super::raw::{Entry, Node, Shape, Table};
use super::scalar::{self, show_size};
use super::source::Sources;

/// Settings by key path. A route, an endpoint and the like stand under their name: `routes.api.timeout`,
/// `upstreams.app.endpoints[10.0.0.8:9000].weight`.
pub type Outline = BTreeMap<String, Setting>;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As TOML would have it, in one spelling: `"1m30s"` for 90 seconds, whatever the file says. Without what is secret.
    pub value: String,
    /// Tells two values apart that are shown alike, because they are secret.
    pub secret: Option<String>,
    /// Whether the file says nothing, and this is the default.
    pub default: bool,
    /// Whether it is a section, whose settings stand below it.
    pub section: bool,
    /// Whether it is a thing with a name of its own: a listener, an upstream, a route.
    pub thing: bool,
    /// The file that a path names.
    pub file: Option<PathBuf>,
}

/// A number for each listener, upstream, route and section, by its path, that tells whether it says and names the same: files by what is in them.
pub type Prints = BTreeMap<String, u64>;

/// A section that says nothing.
static NOTHING: Table = Table { entries: Vec::new() };
/// What stands in their place.
const HIDDEN: &str = "(hidden)";

/// The settings of a file that was read.
pub(super) fn outline(table: &Table, sources: &Sources, env: &Environment<'_>) -> Outline {
    let mut walk = Walk { sources, env, out: Outline::new(), prints: None, secret: false };
    walk.root(table);
    walk.out
}

/// Likewise, in one number for each thing: a large config is told apart without being written out.
pub(super) fn prints(table: &Table, sources: &Sources, env: &Environment<'_>) -> Prints {
    let mut walk = Walk { sources, env, out: Outline::new(), prints: Some(Prints::new()), secret: false };
    walk.root(table);
    walk.prints.unwrap_or_default()
}

struct Walk<'a> {
    sources: &'a Sources,
    env: &'a Environment<'a>,
    out: Outline,
    /// Where only these are wanted, `out` holds no more than one thing.
    prints: Option<Prints>,
    /// All that is looked at is kept from all eyes.
    secret: bool,
}

impl Walk<'_> {
    fn root(&mut self, table: &Table) {
        let defaults = table.find("defaults").and_then(|entry| entry.node.table());
        for key in ROOT.keys().filter(|key| !matches!(key.name, "defaults" | "include")) {
            let under = if key.name == "routes" { defaults } else { None };
            match (table.find(key.name), &key.kind) {
                (Some(entry), kind) => self.value(key.name.to_owned(), &entry.node, (kind, key.secret), under),
                // These have their defaults without being there.
                (None, Kind::Table(section)) if key.name != "admin" => {
                    self.open(key.name, section, (&NOTHING, None), false);
                }
                (None, _) => {}
            }
            self.fold(key.name, false);
        }
    }

    /// Makes one number of what is there, where that is wanted.
    fn fold(&mut self, path: &str, with_files: bool) {
        let Some(prints) = &mut self.prints else { return };
        let mut hasher = DefaultHasher::new();
        for (path, setting) in std::mem::take(&mut self.out) {
            let Setting { value, secret, default: _, section: _, thing: _, file } = setting;
            (path, value, secret).hash(&mut hasher);
            // What is no plain file may have no end.
            let file = file.filter(|file| with_files && std::fs::metadata(file).is_ok_and(|meta| meta.is_file()));
            file.and_then(|file| std::fs::read(file).ok()).hash(&mut hasher);
        }
        prints.insert(path.to_owned(), hasher.finish());
    }

    /// All keys of a section; what it does not say, `under` says, or the default.
    fn section(&mut self, path: &str, section: &Section, (table, under): (&Table, Option<&Table>)) {
        for key in section.keys() {
            let there = |table: &Table| table.find(key.name).cloned();
            let path = join(path, key.name);
            match there(table).or_else(|| under.and_then(there)) {
                Some(Entry { node, .. }) => self.value(path, &node, (&key.kind, key.secret), None),
                None => self.default(path, key),
            }
        }
    }

    fn default(&mut self, path: String, key: &Key) {
        let value = match key.default {
            Default::Text(text) => canonical(text, &key.kind),
            Default::Integer(number) => number.to_string(),
            Default::Boolean(value) => value.to_string(),
            Default::Texts(texts) => format!("{texts:?}"),
            Default::Absent | Default::Required => return,
        };
        self.put(path, Setting { value, secret: None, default: true, section: false, thing: false, file: None });
    }

    fn put(&mut self, path: String, setting: Setting) {
        self.out.insert(path, setting);
    }

    fn value(&mut self, path: String, node: &Node, (kind, secret): (&Kind, bool), under: Option<&Table>) {
        match (&node.shape, kind) {
            (Shape::Table(table), Kind::Named(section)) => {
                for entry in &table.entries {
                    let path = join(&path, &entry.key);
                    let table = entry.node.table().unwrap_or(&NOTHING);
                    self.open(&path, section, (table, None), true);
                    self.fold(&path, true);
                }
            }
            (Shape::List(list), Kind::Repeated(section)) => {
                for (place, one) in list.iter().enumerate() {
                    let Some(table) = one.table() else { continue };
                    let unnamed = || format!("{}-{}", path.trim_end_matches('s'), place + 1);
                    let name = table.text("name").map_or_else(unnamed, str::to_owned);
                    let path = join(&path, &name);
                    self.open(&path, section, (table, under), true);
                    self.fold(&path, true);
                }
            }
            (Shape::List(list), kind) if kind.inner().is_some() => self.items(&path, list, kind),
            (Shape::Table(table), kind) => match kind.inner() {
                Some(section) => {
                    let around = self.secret;
                    self.secret |= secret;
                    self.open(&path, section, (table, None), false);
                    self.secret = around;
                }
                None => table.entries.iter().for_each(|entry| {
                    let kind = kind.of_map().unwrap_or(kind);
                    self.value(join(&path, &entry.key), &entry.node, (kind, secret), None);
                }),
            },
            // `true` is the section with its defaults.
            (Shape::Boolean(true), kind) if kind.inner().is_some() => {
                if let Some(section) = kind.inner() {
                    self.open(&path, section, (&NOTHING, None), false);
                }
            }
            _ => self.scalar(path, node, (kind, secret)),
        }
    }

    fn open(&mut self, path: &str, section: &Section, (table, under): (&Table, Option<&Table>), thing: bool) {
        let value = "set".to_owned();
        let here = Setting { value, secret: None, default: false, section: true, thing, file: None };
        self.put(path.to_owned(), here);
        self.section(path, section, (table, under));
    }

    /// The tables of a list, each by what tells it from the others; a text among them is the first of the keys.
    fn items(&mut self, path: &str, list: &[Node], kind: &Kind) {
        let Some(section) = kind.inner() else { return };
        for (place, node) in list.iter().enumerate() {
            let (name, table) = match &node.shape {
                Shape::Table(table) => {
                    let named = ["name", "address", "upstream", "cert"].into_iter().find_map(|key| table.text(key));
                    (named.map(str::to_owned), table)
                }
                Shape::Text(text) => (Some(text.clone()), &NOTHING),
                _ => (None, &NOTHING),
            };
            let name = name.map_or_else(|| place.to_string(), |name| self.fill(&name));
            self.open(&format!("{path}[{name}]"), section, (table, None), false);
        }
    }

    fn scalar(&mut self, path: String, node: &Node, (kind, secret): (&Kind, bool)) {
        let file = match (&node.shape, kind) {
            (Shape::Text(text), Kind::Path) => Some(self.sources.resolve(node.span.file, &self.fill(text))),
            _ => None,
        };
        let value = self.show(node, kind);
        let (value, secret) = if secret || self.secret { (HIDDEN.to_owned(), Some(value)) } else { (value, None) };
        self.put(path, Setting { value, secret, default: false, section: false, thing: false, file });
    }

    fn show(&self, node: &Node, kind: &Kind) -> String {
        match &node.shape {
            Shape::Text(text) => canonical(&self.fill(text), kind),
            Shape::Integer(number) if matches!(kind.simple(), Kind::Size(..)) => {
                format!("{:?}", show_size(u64::try_from(*number).unwrap_or_default()))
            }
            Shape::Integer(number) => number.to_string(),
            Shape::Boolean(value) => value.to_string(),
            Shape::Float | Shape::Datetime | Shape::Nothing => self.sources.slice(node.span).to_owned(),
            Shape::List(list) => {
                let item = if let Kind::List(item) = kind { item } else { kind };
                let items: Vec<_> = list.iter().map(|one| self.show(one, item)).collect();
                format!("[{}]", items.join(", "))
            }
            Shape::Table(table) => {
                let pair = |entry: &Entry| format!("{} = {}", entry.key, self.show(&entry.node, kind));
                let pairs: Vec<_> = table.entries.iter().map(pair).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }

    fn fill(&self, text: &str) -> String {
        fill(text, self.env).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
    }
}

/// A text in the one spelling that means the same.
fn canonical(text: &str, kind: &Kind) -> String {
    let same = match kind.simple() {
        Kind::Duration | Kind::Timeout => {
            scalar::duration(text).ok().map(|time| time.map_or_else(|| "off".to_owned(), scalar::show_duration))
        }
        Kind::Size(..) => scalar::size(text).ok().map(show_size),
        _ if text == "true" || text == "false" || text.parse::<i64>().is_ok() => return text.to_owned(),
        _ => None,
    };
    format!("{:?}", same.as_deref().unwrap_or(text))
}

impl Node {
    fn table(&self) -> Option<&Table> {
        match &self.shape {
            Shape::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl Table {
    fn text(&self, key: &str) -> Option<&str> {
        match &self.find(key)?.node.shape {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Kind {
    /// The section that a value is or may be, or that the items of a list are.
    fn inner(&self) -> Option<&'static Section> {
        match self {
            Self::Table(section) => Some(section),
            Self::Either(kinds) => kinds.iter().find_map(Self::inner),
            Self::List(item) => item.inner(),
            _ => None,
        }
    }

    /// What the values of a map are.
    fn of_map(&self) -> Option<&'static Self> {
        match self {
            Self::Map(value) => Some(value),
            Self::Either(kinds) => kinds.iter().find_map(Self::of_map),
            _ => None,
        }
    }

    /// Of several kinds the one that has a spelling of its own.
    fn simple(&self) -> &Self {
        match self {
            Self::Either(kinds) => {
                let spelled = |kind: &&Self| matches!(kind, Self::Duration | Self::Timeout | Self::Size(..));
                kinds.iter().find(spelled).unwrap_or(self)
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    fn outline(text: &str) -> super::Outline {
        let env = |name: &str| (name == "PORT").then(|| "9000".to_owned());
        parse("t.toml", text, &env).unwrap_or_else(|problems| panic!("{}", problems.render(false))).outline(&env)
    }

    const LEAST: &str = "[listeners.web]\naddress = \"127.0.0.1:8080\"\n";

    #[test]
    fn what_means_the_same_reads_the_same() {
        let pairs = [
            ("[server]\ndrain_timeout = \"30s\"\n", ""),
            ("[server]\ndrain_timeout = \"1m30s\"\n", "[server]\ndrain_timeout = \"90s\"\n"),
            ("[[routes]]\nrespond = {}\nmax_body = \"16MiB\"\n", "[[routes]]\nrespond = {}\nmax_body = \"16384KiB\"\n"),
            ("[[routes]]\nrespond = {}\ncompress = true\n", "[defaults]\ncompress = {}\n[[routes]]\nrespond = {}\n"),
            (
                "[upstreams.a]\nendpoints = [\"a:${PORT}\"]\n[[routes]]\nupstream = \"a\"\n",
                "[upstreams.a]\nendpoints = [{ address = \"a:9000\", weight = 1 }]\n[[routes]]\nupstream = \"a\"\n",
            ),
        ];
        for (one, other) in pairs {
            let [mut one, mut other] = [one, other].map(|text| outline(&format!("{text}{LEAST}")));
            // Whether the file says it or not is no difference in what it means.
            for setting in one.values_mut().chain(other.values_mut()) {
                setting.default = false;
            }
            one.remove("upstreams.a.endpoints[a:9000].address");
            other.remove("upstreams.a.endpoints[a:9000].address");
            one.retain(|_, setting| !setting.section);
            other.retain(|_, setting| !setting.section);
            assert_eq!(one, other);
        }
    }

    #[test]
    fn settings_stand_under_names_and_secrets_are_hidden() {
        let found = outline(&format!(
            "{LEAST}[upstreams.app]\nendpoints = [\"b:1\"]\nsticky = {{ cookie = \"c\", secret = \"0123456789abcdef\" }}\n\
             [[routes]]\nname = \"api\"\nupstream = \"app\"\npath_prefix = \"/v1\"\nheaders = {{ \"x-env\" = \"canary\" }}\n[[routes]]\nrespond = {{}}\n"
        ));
        let value = |path: &str| found.get(path).map(|setting| setting.value.as_str());
        assert_eq!(value("upstreams.app.endpoints[b:1].weight"), Some("1"));
        assert_eq!(value("routes.api.headers.x-env"), Some("(hidden)"));
        assert_eq!(value("routes.api.path_prefix"), Some("\"/v1\""));
        assert_eq!(value("routes.route-2.respond.status"), Some("200"));
        assert_eq!(value("upstreams.app.sticky.secret"), Some("(hidden)"));
        assert!(found.values().all(|setting| !setting.value.contains("0123456789abcdef")));
    }
}
