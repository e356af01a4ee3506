//! A config and what containers say, as one.

use std::sync::Arc;

use super::docker::{Service, services, text};
use super::env::Environment;
use super::include::Read;
use super::load::{Loaded, judge};
use super::model::{Container, Labelled, Unheard};
use super::problem::{Problems, Severity};

/// What stands for a file in messages.
const NAME: &str = "docker";

/// A config as it was read: what it comes to may still change with what is found out beside it. Clones are the same.
#[derive(Clone, Debug)]
pub struct Written(Arc<Read>);

impl Written {
    pub(super) fn new(read: Read) -> Self {
        Self(Arc::new(read))
    }

    /// Whether it asks for containers. One that does not means what it means alone.
    pub fn asks(&self) -> bool {
        self.0.table.find("discovery").is_some()
    }

    /// What it means alone.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn alone(self, env: &Environment<'_>) -> Result<Loaded, Problems> {
        judge(Arc::unwrap_or_clone(self.0), env)
    }

    /// What it means, together with containers where it asks for them. What a container has wrong concerns nobody else, and is given back beside it.
    ///
    /// # Errors
    /// Every problem of the config itself.
    pub fn joined(&self, env: &Environment<'_>, containers: &[Container]) -> Result<(Loaded, Labelled), Problems> {
        let alone = judge(Read::clone(&self.0), env)?;
        let Some(settings) = &alone.model.docker else { return Ok((alone, Labelled::default())) };
        let (services, mut unheard) = services(containers, settings, &alone.model);
        if services.is_empty() {
            return Ok((alone, Labelled { endpoints: Vec::new(), unheard }));
        }
        let with = |services: &[Service]| judge(Read::clone(&self.0).with(NAME, &text(services, &alone.model)), env);
        match with(&services) {
            Ok(loaded) => Ok((loaded, labelled(&services, unheard))),
            Err(_) => {
                // Somebody asks for what cannot be, such as a listener that is not there: one after the other.
                let mut good: Vec<Service> = Vec::new();
                let mut whole = None;
                for service in services {
                    good.push(service);
                    match with(&good) {
                        Ok(loaded) => whole = Some(loaded),
                        Err(problems) => unheard.extend(good.pop().iter().flat_map(|bad| refused(bad, &problems))),
                    }
                }
                unheard.sort();
                Ok((whole.unwrap_or(alone), labelled(&good, unheard)))
            }
        }
    }
}

fn labelled(services: &[Service], unheard: Vec<Unheard>) -> Labelled {
    let of = |service: &Service| {
        let name = service.name().clone();
        let endpoints = service.endpoints.clone().into_iter();
        endpoints.map(move |(container, at, _)| (container, name.clone(), at.to_string())).collect::<Vec<_>>()
    };
    Labelled { endpoints: services.iter().flat_map(of).collect(), unheard }
}

/// All containers of a service, with what is wrong with it.
fn refused(service: &Service, problems: &Problems) -> Vec<Unheard> {
    let first = problems.iter().find(|problem| problem.severity == Severity::Error);
    let message = first.map_or_else(String::new, |problem| format!("{}: {}", problem.key_path, problem.message));
    let one = |(container, ..): &(String, std::net::SocketAddr, u32)| Unheard {
        container: container.clone(),
        label: "tidegate.*".to_owned(),
        message: message.clone(),
    };
    service.endpoints.iter().map(one).collect()
}
