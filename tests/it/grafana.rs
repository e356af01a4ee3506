//! The dashboard for Grafana, against the schema that Grafana publishes (`dashboard_types.gen.ts` of `@grafana/schema`): what it does not know is
//! refused here, which an import would leave out without a word.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Folder, outcome, tool};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "what is read is there for its type")]
struct Dashboard {
    title: String,
    uid: String,
    tags: Vec<String>,
    schema_version: u16,
    version: u32,
    editable: bool,
    graph_tooltip: u8,
    refresh: String,
    time: Range,
    timezone: String,
    templating: List<Variable>,
    annotations: List<Annotation>,
    panels: Vec<Panel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List<T> {
    list: Vec<T>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Source {
    r#type: String,
    uid: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields, rename_all = "lowercase")]
#[allow(dead_code, reason = "what is read is there for its type")]
enum Variable {
    Datasource {
        name: String,
        query: String,
        label: String,
    },
    #[serde(rename_all = "camelCase")]
    Query {
        name: String,
        datasource: Source,
        query: VariableQuery,
        definition: String,
        refresh: u8,
        include_all: bool,
        multi: bool,
        all_value: Option<String>,
        current: Option<Current>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "what is read is there for its type")]
struct VariableQuery {
    query: String,
    ref_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "what is read is there for its type")]
struct Current {
    text: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code, reason = "what is read is there for its type")]
struct Annotation {
    name: String,
    datasource: Source,
    enable: bool,
    icon_color: String,
    expr: String,
    title_format: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields, rename_all = "lowercase")]
enum Panel {
    Row {
        id: u32,
        title: String,
        collapsed: bool,
        #[serde(rename = "gridPos")]
        at: Place,
        panels: Vec<Value>,
    },
    Stat(Drawn),
    Timeseries(Drawn),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Drawn {
    id: u32,
    title: String,
    datasource: Source,
    #[serde(rename = "gridPos")]
    at: Place,
    field_config: FieldConfig,
    options: BTreeMap<String, Value>,
    targets: Vec<Target>,
}

#[derive(Deserialize, Clone, Copy, Debug)]
#[serde(deny_unknown_fields)]
struct Place {
    x: u32,
    y: u32,
    w: u32,
    h: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldConfig {
    defaults: Defaults,
    overrides: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "what is read is there for its type")]
struct Defaults {
    unit: String,
    min: Option<f64>,
    max: Option<f64>,
    custom: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Target {
    ref_id: String,
    datasource: Source,
    expr: String,
    legend_format: String,
}

/// Units of `@grafana/data` that are used here.
const UNITS: [&str; 8] = ["short", "s", "d", "bytes", "Bps", "reqps", "cps", "percentunit"];
/// What the two kinds of panels have as options and as settings of their fields.
const OPTIONS: [&str; 3] = ["legend", "tooltip", "reduceOptions"];
const CUSTOM: [&str; 4] = ["fillOpacity", "lineWidth", "showPoints", "stacking"];

fn dashboard() -> Dashboard {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/observability/grafana.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

impl Panel {
    fn place(&self) -> (u32, Place) {
        match self {
            Self::Row { id, at, .. } => (*id, *at),
            Self::Stat(drawn) | Self::Timeseries(drawn) => (drawn.id, drawn.at),
        }
    }

    fn drawn(&self) -> Option<&Drawn> {
        match self {
            Self::Row { .. } => None,
            Self::Stat(drawn) | Self::Timeseries(drawn) => Some(drawn),
        }
    }
}

impl Variable {
    fn name(&self) -> &str {
        match self {
            Self::Datasource { name, .. } | Self::Query { name, .. } => name,
        }
    }
}

impl Place {
    fn overlaps(self, other: Self) -> bool {
        let apart = self.x + self.w <= other.x || other.x + other.w <= self.x;
        !apart && self.y < other.y + other.h && other.y < self.y + self.h
    }
}

/// Names behind a `$` or in `${}`; those that Grafana has itself begin with two underscores.
fn variables(text: &str) -> Vec<&str> {
    let name = |part: &'_ str| part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
    let parts = text.split('$').skip(1).map(|part| part.strip_prefix('{').unwrap_or(part));
    parts.map(|part| &part[..name(part)]).filter(|name| !name.starts_with("__")).collect()
}

#[test]
fn the_dashboard_is_what_the_schema_says() {
    let dashboard = dashboard();
    assert!(dashboard.schema_version >= 36 && (8..=40).contains(&dashboard.uid.len()));
    assert!(dashboard.graph_tooltip <= 2 && dashboard.time.to == "now" && dashboard.time.from.starts_with("now-"));
    let source = Source { r#type: "prometheus".to_owned(), uid: "${datasource}".to_owned() };
    assert!(matches!(&dashboard.templating.list[0], Variable::Datasource { name, query, .. }
        if name == "datasource" && query == "prometheus"));
    for (place, variable) in dashboard.templating.list.iter().enumerate().skip(1) {
        let Variable::Query { name, datasource, query, definition, refresh, .. } = variable else { panic!("twice") };
        assert_eq!((datasource, &query.query, refresh), (&source, definition, &2), "{name}");
        // One that is used comes before.
        let before: Vec<_> = dashboard.templating.list[..place].iter().map(Variable::name).collect();
        assert!(variables(definition).iter().all(|used| before.contains(used)), "{name}");
    }
    let known: BTreeSet<_> = dashboard.templating.list.iter().map(Variable::name).collect();
    for drawn in dashboard.panels.iter().filter_map(Panel::drawn) {
        let Drawn { title, datasource, field_config, options, targets, .. } = drawn;
        assert!(!title.is_empty() && !targets.is_empty() && field_config.overrides.is_empty(), "{title}");
        assert_eq!(datasource, &source, "{title}");
        assert!(UNITS.contains(&&*field_config.defaults.unit), "{title}: {}", field_config.defaults.unit);
        assert!(options.keys().all(|key| OPTIONS.contains(&&**key)), "{title}");
        assert!(field_config.defaults.custom.keys().all(|key| CUSTOM.contains(&&**key)), "{title}");
        let ids: BTreeSet<_> = targets.iter().map(|target| &target.ref_id).collect();
        assert_eq!(ids.len(), targets.len(), "{title}");
        for target in targets {
            assert_eq!(target.datasource, source, "{title}");
            assert!(variables(&target.expr).iter().all(|used| known.contains(used)), "{title}: {}", target.expr);
            // A legend names labels that the expression leaves there.
            let labels = target.legend_format.split("{{").skip(1).filter_map(|part| part.split("}}").next());
            let by = target.expr.split(" by (").nth(1).and_then(|rest| rest.split(')').next());
            let left = |label: &str| by.is_none_or(|by| by.split(", ").any(|kept| kept == label));
            assert!(labels.into_iter().all(left), "{title}: {}", target.legend_format);
        }
    }
    let rows = dashboard.panels.iter().filter(|panel| panel.drawn().is_none());
    assert!(
        rows.clone().count() >= 4
            && rows.clone().all(|row| matches!(row, Panel::Row { title, collapsed, panels, at, .. }
        if !title.is_empty() && !collapsed && panels.is_empty() && (at.x, at.w, at.h) == (0, 24, 1)))
    );
}

#[test]
fn panels_of_the_dashboard_lie_side_by_side_without_gaps() {
    let panels: Vec<_> = dashboard().panels.iter().map(Panel::place).collect();
    let ids: BTreeSet<_> = panels.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), panels.len(), "an id twice");
    for (place, (id, at)) in panels.iter().enumerate() {
        assert!(at.h > 0 && at.w > 0 && at.x + at.w <= 24, "{id}");
        let over = panels[..place].iter().find(|(_, other)| at.overlaps(*other));
        assert!(over.is_none(), "{id} lies over {over:?}");
        // Grafana would move it up.
        let rests = at.y == 0 || panels.iter().any(|(_, other)| other.y + other.h == at.y);
        assert!(rests, "{id} hangs in the air");
    }
}

#[test]
fn every_expression_of_the_dashboard_can_be_parsed() {
    let Some(mut promtool) = tool("promtool") else { return };
    let dashboard = dashboard();
    let panels = dashboard.panels.iter().filter_map(Panel::drawn).flat_map(|drawn| &drawn.targets);
    let queries = panels.map(|target| &target.expr).chain(dashboard.annotations.list.iter().map(|one| &one.expr));
    // Each as a rule, which every version of promtool can check.
    let plain = |query: &String| query.replace("$__rate_interval", "1m").replace('$', "");
    let rule = |(place, query)| json!({ "record": format!("panel:{place}"), "expr": plain(query) });
    let rules: Vec<_> = queries.enumerate().map(rule).collect();
    let count = rules.len();
    let folder = Folder::new();
    let file = folder.write("rules.json", json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string());
    let (code, said, wrong) = outcome(promtool.args(["check", "rules"]).arg(file));
    assert!(code == 0 && said.contains(&format!("{count} rules found")), "{said}{wrong}");
}
