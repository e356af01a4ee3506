//! The edge of all routes: what they share is one, and what stays as it was keeps what it remembers.

use std::sync::Arc;

use super::{CompileProblem, Snapshot};
use crate::config::model::Route;
use crate::edge::Edge;
use crate::edge::auth::Auth;
use crate::edge::auth::jwks::Remotes;
use crate::edge::limit::{Limit, LimitRule};

/// What the edges of a config in the making share.
pub(super) struct Shared<'a> {
    previous: &'a [Arc<Limit>],
    /// Rate limits, in the order of the config.
    pub(super) limits: Vec<Arc<Limit>>,
    /// The keys of tokens that are fetched.
    pub(super) remotes: Remotes<'a>,
}

impl<'a> Shared<'a> {
    /// None yet; `previous` is the snapshot in force.
    pub(super) fn after(previous: Option<&'a Snapshot>) -> Self {
        Self {
            previous: previous.map_or(&[], |previous| &previous.limits),
            limits: Vec::new(),
            remotes: Remotes::after(previous.map_or(&[], |previous| &previous.remotes)),
        }
    }

    /// The edge of a route.
    pub(super) fn edge(&mut self, route: &Route, problems: &mut Vec<CompileProblem>) -> Option<Arc<Edge>> {
        let policies = &route.policies.edge;
        let limits = self.limits_of(route, problems);
        let auth = policies.auth.as_ref().and_then(|auth| {
            let compiled = Auth::compile(auth, &mut self.remotes);
            let compiled = compiled.map_err(|found| {
                problems.extend(found.into_iter().map(|problem| CompileProblem {
                    label: problem.label,
                    key: format!("routes.{}.auth.{}", route.name, problem.key),
                    message: problem.message,
                    help: problem.help,
                }));
            });
            compiled.ok()
        });
        Edge::compile(policies, limits, auth)
    }

    fn limits_of(&mut self, route: &Route, problems: &mut Vec<CompileProblem>) -> Vec<LimitRule> {
        let models = &route.policies.edge.rate_limits;
        let mut rules = Vec::with_capacity(models.len());
        for (place, model) in models.iter().enumerate() {
            let own = || if place == 0 { route.name.clone() } else { format!("{}#{}", route.name, place + 1).into() };
            let name = model.name.clone().unwrap_or_else(own);
            let shared = model.name.is_some();
            let default = || if place == 0 { "default".into() } else { format!("default-{}", place + 1).into() };
            let label = model.name.clone().unwrap_or_else(default);
            let there = self.limits.iter().find(|limit| *limit.name == *name && limit.shared == shared);
            let limit = match there {
                Some(limit) if limit.is(&name, shared, model) => limit.clone(),
                Some(_) => {
                    problems.push(CompileProblem {
                        label: "limit_differs",
                        key: format!("routes.{}.rate_limit", route.name),
                        message: format!("another route has a limit named {name:?} with other values"),
                        help: "limits of one name are one limit: give both the same values, or another name".to_owned(),
                    });
                    continue;
                }
                None => {
                    let before = self.previous.iter().find(|limit| limit.is(&name, shared, model));
                    let limit = before.cloned().unwrap_or_else(|| Limit::new(name, shared, model));
                    self.limits.push(limit.clone());
                    limit
                }
            };
            rules.push(LimitRule { limit, label, dry_run: model.dry_run, fields: model.fields });
        }
        rules
    }
}
