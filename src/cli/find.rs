//! Which file is the config.

use std::fmt;
use std::path::{Path, PathBuf};

use super::args::ConfigFile;

/// Where a config is looked for when none is named, the first place first.
const PLACES: [&str; 2] = ["tidegate.toml", "/etc/tidegate/tidegate.toml"];

/// None is named and none is where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoConfig;

impl fmt::Display for NoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no config: neither ./{} nor {} exists; name one with `-c FILE`, or begin with `tidegate defaults > {}`",
            PLACES[0], PLACES[1], PLACES[0]
        )
    }
}

impl std::error::Error for NoConfig {}

/// The file that is named, else the first that exists.
///
/// # Errors
/// [`NoConfig`], in one sentence for the operator. A file that is named need not exist: reading it says so.
pub fn config_file(args: &ConfigFile) -> Result<PathBuf, NoConfig> {
    choose(args.config.as_deref(), Path::exists)
}

fn choose(named: Option<&Path>, exists: impl Fn(&Path) -> bool) -> Result<PathBuf, NoConfig> {
    let found = || PLACES.iter().map(Path::new).find(|place| exists(place));
    named.or_else(found).map(Path::to_path_buf).ok_or(NoConfig)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_one_then_here_then_etc() {
        let choose = |named: Option<&str>, there: &[&str]| {
            choose(named.map(Path::new), |place| there.iter().any(|one| Path::new(one) == place))
        };
        assert_eq!(choose(Some("a.toml"), &PLACES), Ok("a.toml".into()));
        assert_eq!(choose(None, &PLACES), Ok("tidegate.toml".into()));
        assert_eq!(choose(None, &PLACES[1..]), Ok("/etc/tidegate/tidegate.toml".into()));
        assert_eq!(choose(None, &[]), Err(NoConfig));
        assert!(NoConfig.to_string().contains("./tidegate.toml nor /etc/tidegate/tidegate.toml"));
    }
}
